//! Cron, closed descriptors, and variables that steer other programs.

use std::os::unix::process::CommandExt as _;

use super::process::{Place, Ran, SUITE, as_nobody, binary, is_root, mode, without_numbers};

/// N1: cron's environment gives the same answer as a shell.
#[test]
fn cron_gets_what_a_shell_gets() {
    let place = Place::with(SUITE);
    let file = place.path().join("selx.toml");
    let file = file.to_str().unwrap();
    for arguments in [
        vec!["run", "daily", "weekly", "--config", file, "--no-history"],
        vec!["run", "daily", "--config", file, "--format", "nagios", "--no-history"],
        vec!["list", "--checks", "--config", file],
        vec!["check", "host-disk", "--paths", "/", "--no-history"],
    ] {
        let mut interactive = place.command(&arguments);
        interactive.env("TERM", "xterm-256color").env("LANG", "C").env("EDITOR", "vi").env("COLUMNS", "80");
        let interactive = Ran::of(&mut interactive);
        for mask in ["0", "077"] {
            let mut cron = std::process::Command::new("/usr/bin/setsid");
            cron.args([
                "--wait",
                "/usr/bin/env",
                "-i",
                "PATH=/usr/bin:/bin",
                "HOME=/",
                "SHELL=/bin/sh",
                "LOGNAME=root",
            ]);
            cron.args(["/bin/sh", "-c", &format!("umask {mask}; exec \"$@\""), "sh"]).arg(binary()).args(&arguments);
            cron.env_clear().current_dir("/");
            let cron = Ran::of(&mut cron);
            assert_eq!(cron.code, interactive.code, "{cron:#?}");
            assert_eq!(without_numbers(&cron.out), without_numbers(&interactive.out));
            assert_eq!(cron.err, interactive.err);
        }
    }
}

/// N1: a folder that may not be read is no reason to fail.
#[test]
fn a_folder_that_cannot_be_read_is_passed_over() {
    let place = Place::with(SUITE);
    let locked = place.path().join("locked");
    std::fs::create_dir(&locked).unwrap();
    mode(&locked, 0o000);
    let mut command = place.command(&["check", "host-disk", "--paths", "/", "--no-history", "--format", "human"]);
    // The folder is entered as root and left to a user who may not even list it.
    let line =
        format!("cd {} 2>/dev/null; exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"", locked.display());
    let ran = if is_root() {
        Ran::of(&mut place.shell(&line, &["check", "host-disk", "--paths", "/", "--no-history", "--format", "human"]))
    } else {
        Ran::of(&mut command)
    };
    mode(&locked, 0o755);
    assert!(ran.code.is_some_and(|code| code < 3), "{ran:#?}");
    ran.says(&["host-disk"]);
}

/// N2: what is opened first must not become standard output.
#[test]
fn closed_descriptors_are_no_trap() {
    let place = Place::with(SUITE);
    let before = std::fs::read(place.path().join("selx.toml")).unwrap();
    for closed in ["<&- >&- 2>&-", ">&-", "2>&-", "<&-"] {
        let line = format!("exec \"$@\" {closed}");
        Ran::of(&mut place.shell(&line, &["run", "daily", "-vv"])).code(0);
        Ran::of(&mut place.shell(&line, &["run", "weekly", "--log", "trace"])).code(2);
        Ran::of(&mut place.shell(&line, &["run", "--wrong"])).code(3);
    }
    assert_eq!(std::fs::read(place.path().join("selx.toml")).unwrap(), before);
    // No text of ours landed in the database.
    let history = std::fs::read(place.path().join("state/history.db")).unwrap();
    assert!(history.starts_with(b"SQLite format 3\0"));
    place.selx(&["run", "daily"]).code(0);
}

/// N4, N9: variables of other programs change nothing.
#[test]
fn variables_of_other_programs_change_nothing() {
    let place = Place::with(SUITE);
    let plain = place.selx(&["run", "daily", "weekly", "--format", "nagios", "--no-history"]).code(2);
    let mut odd = place.command(&["run", "daily", "weekly", "--format", "nagios", "--no-history"]);
    for name in [
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "http_proxy",
        "https_proxy",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "DOCKER_HOST",
        "PGHOST",
        "PYTHONPATH",
        "RUST_LOG",
        "RUST_BACKTRACE",
        "COLUMNS",
        "TZDIR",
    ] {
        odd.env(name, "/nonexistent/place");
    }
    let odd = Ran::of(&mut odd).code(2);
    assert_eq!(odd.out, plain.out);
    assert_eq!(odd.err, plain.err);
}

/// A program that may hold secrets leaves no core and cannot be traced by others.
#[test]
fn memory_is_hidden() {
    let place = Place::with(
        "[check.command.slow]\ntimeout = \"20s\"\nretries = 0\nwith = { program = \"/usr/bin/sleep\", args = [\"20\"] }\n",
    );
    let mut command = place.command(&["run", "slow", "--no-history"]);
    let mut child = as_nobody(&mut command).stdout(std::process::Stdio::null()).process_group(0).spawn().unwrap();
    let limits = std::path::PathBuf::from(format!("/proc/{}/limits", child.id()));
    let core = super::interrupts::eventually(|| {
        let text = std::fs::read_to_string(&limits).ok()?;
        let line = text.lines().find(|line| line.starts_with("Max core file size"))?.to_owned();
        (line.split_whitespace().nth(5) == Some("0")).then_some(line)
    });
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    if is_root() {
        // What cannot be dumped belongs to root in /proc, whoever runs it.
        use std::os::unix::fs::MetadataExt as _;
        assert_eq!(std::fs::metadata(format!("/proc/{}/environ", child.id())).unwrap().uid(), 0);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
