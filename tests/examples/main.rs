//! Every example is built and run: the programs, the crontab and the Nagios commands.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "these tests start programs")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// Builds the examples and the program once, and returns the folder of this build's programs.
fn built() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        // Whoever has just built them says so.
        if std::env::var_os("SELX_TEST_BUILT").is_none() {
            let status = Command::new(env!("CARGO"))
                .args(["build", "--quiet", "--examples", "--bins"])
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .status()
                .expect("cargo starts");
            assert!(status.success(), "the examples do not build");
        }
        let this = std::env::current_exe().expect("this program");
        this.ancestors().nth(2).expect("the folder above deps").to_owned()
    })
}

fn example(name: &str, arguments: &[&str]) -> Output {
    Command::new(built().join("examples").join(name)).args(arguments).output().expect("the example starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn one_check_from_rust() {
    let output = example("one_check", &["/"]);
    let said = text(&output.stdout);
    assert!(said.contains("used ") && said.contains(" of "), "{said}{}", text(&output.stderr));
    assert!(matches!(output.status.code(), Some(0..=2)), "{:?}", output.status);

    let output = example("one_check", &["/no/such/folder"]);
    assert_eq!(output.status.code(), Some(2), "a path that is not there is critical: {}", text(&output.stdout));
}

#[test]
fn an_action_of_ones_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let (page, config) = (folder.path().join("page.html"), folder.path().join("selx.toml"));
    let text_of =
        format!("[action.maintenance-page.shop]\nwith = {{ page = '{}', text = 'Back at five.' }}\n", page.display());
    std::fs::write(&config, text_of).expect("the configuration");
    let state = folder.path().join("state").display().to_string();
    let act = |more: &[&str]| {
        let config = config.display().to_string();
        let mut arguments = vec!["act", "shop", "--config", &config, "--state-dir", &state];
        arguments.extend(more);
        example("own_action", &arguments)
    };
    let planned = act(&[]);
    let said = text(&planned.stdout);
    assert_eq!(planned.status.code(), Some(10), "{said}{}", text(&planned.stderr));
    assert!(said.contains("show the page") && !page.exists(), "{said}");
    let hash = said.split("--apply ").nth(1).and_then(|rest| rest.get(..9)).expect("the hash is shown");
    assert_eq!(act(&["--apply", hash]).status.code(), Some(0));
    assert_eq!(std::fs::read_to_string(&page).expect("the page"), "Back at five.");
    assert!(text(&act(&[]).stdout).contains("nothing to do"));
}

#[test]
fn a_kind_of_ones_own() {
    let output = example("own_kind", &["check", "load-file", "--path", "/proc/loadavg", "--format", "nagios"]);
    let said = text(&output.stdout);
    assert!(said.contains("number"), "{said}{}", text(&output.stderr));
    assert!(matches!(output.status.code(), Some(0..=2)), "{:?}", output.status);

    let output = example("own_kind", &["explain", "load-file"]);
    assert!(text(&output.stdout).contains("number at the beginning of a file") || output.status.success());
    let output = example("own_kind", &["list"]);
    let said = text(&output.stdout);
    assert!(said.contains("load-file") && said.contains("host-disk"), "{said}");

    let output = example("own_kind", &["check", "load-file", "--path", "/proc/version", "--format", "nagios"]);
    assert_eq!(output.status.code(), Some(2), "garbage is critical: {}", text(&output.stdout));
}

/// Ends the service when the test does.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_health_endpoint() {
    let mut child = Command::new(built().join("examples/health_endpoint"))
        .arg("127.0.0.1:0")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the example starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let _service = Service(child);
    let address = line.trim().strip_prefix("listening on ").expect("the address").to_owned();

    let get = |path: &str| {
        let mut stream = TcpStream::connect(&address).expect("the service answers");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit");
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    let answer = get("/health");
    let body = answer.split("\r\n\r\n").nth(1).expect("a body");
    let report: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
    let status = report.get("status").and_then(|status| status.as_str()).expect("a status").to_owned();
    let fine = matches!(status.as_str(), "ok" | "warning");
    assert_eq!(answer.starts_with("HTTP/1.1 200"), fine, "{answer}");
    assert!(get("/other").starts_with("HTTP/1.1 404"));
}

#[test]
fn a_scheduler() {
    let mut child = Command::new(built().join("examples/scheduler"))
        .arg("0.2")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the example starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let first: Vec<String> = lines.by_ref().take(3).map(|line| line.expect("a line")).collect();
    for (line, check) in first.iter().zip(["host-disk.root", "host-cpu.load", "host-memory.memory"]) {
        assert!(line.starts_with(&format!("{check}: new -> ")), "{first:?}");
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it is there");
    assert!(child.wait().expect("it ends").success(), "an interrupt ends it as it should");
    for wrong in ["0", "-1", "NaN", "soon"] {
        let said = Command::new(built().join("examples/scheduler")).arg(wrong).output().expect("the example starts");
        let text = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.code() == Some(1) && !text.contains("panicked"), "{wrong}: {text}");
    }
}

/// Runs a line as cron does: an empty environment, `sh -c`, no standard input.
fn as_cron(line: &str) -> Output {
    Command::new("/usr/bin/env")
        .args(["-i", "PATH=/usr/bin:/bin", "HOME=/", "SHELL=/bin/sh", "LOGNAME=root", "/bin/sh", "-c", line])
        .stdin(Stdio::null())
        .output()
        .expect("sh starts")
}

#[test]
fn the_crontab() {
    let scratch = tempfile::tempdir().expect("a folder");
    let crontab = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/crontab")).expect("it");
    let selx = built().join("selx").display().to_string();
    let prom = scratch.path().join("selx.prom");
    let mut lines = 0;
    for line in crontab.lines().filter(|line| line.contains("/usr/local/bin/selx")) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(fields.get(5), Some(&"root"), "five times, a user, a command: {line}");
        let command = fields.get(6..).expect("a command").join(" ");
        // The state goes to the test's folder, so that this machine's own account of runs is left alone.
        let command = command
            .replace(
                "/usr/local/bin/selx",
                &format!("SELX_STATE_DIR={} {selx}", scratch.path().join("state").display()),
            )
            .replace("/var/lib/selx-metrics", &scratch.path().join("metrics").display().to_string())
            .replace("/var/lib/node_exporter/selx.prom", &prom.display().to_string());
        let output = as_cron(&command);
        let code = output.status.code().expect("a code");
        assert!((0..=3).contains(&code), "{command}: {code}\n{}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("error"), "{command}: {}", text(&output.stderr));
        if code == 0 && !command.contains("--output") {
            assert!(output.stdout.is_empty(), "`--quiet` is silent while all is well: {}", text(&output.stdout));
        }
        lines += 1;
    }
    assert_eq!(lines, 3);
    let metrics = std::fs::read_to_string(&prom).expect("the textfile");
    assert!(metrics.contains("selx_check_status{"), "{metrics}");
}

#[test]
fn the_nagios_commands() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/nagios/commands.cfg");
    let file = std::fs::read_to_string(path).expect("the commands");
    let selx = built().join("selx").display().to_string();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    drop(silent);
    let mut commands = 0;
    for line in file.lines().filter_map(|line| line.trim().strip_prefix("command_line")) {
        let command = line
            .trim()
            .replace("/usr/local/bin/selx", &selx)
            .replace("$HOSTADDRESS$", "127.0.0.1")
            .replace("$ARG1$", "/")
            .replace("$ARG2$", "75%")
            .replace("$ARG3$", "85%");
        let output = as_cron(&command);
        let said = text(&output.stdout);
        let code = output.status.code().expect("a code");
        assert!((0..=3).contains(&code), "{command}: {code}");
        let word = ["OK", "WARNING", "CRITICAL", "UNKNOWN"][usize::try_from(code).expect("a code")];
        assert!(said.lines().next().unwrap_or_default().contains(word), "{command}: {said}{}", text(&output.stderr));
        assert!(text(&output.stderr).is_empty(), "{command}: {}", text(&output.stderr));
        commands += 1;
    }
    assert_eq!(commands, 3);
}
