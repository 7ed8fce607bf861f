//! Whole processes: what cron and Nagios pay.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::scratch::Scratch;
use crate::server::Server;
use crate::{Row, median, program};

/// The exit codes of a look, whatever state this host is in; 3 is that there was none.
const LOOKED: RangeInclusive<i32> = 0..=2;

/// Builds the release binary, as `cargo build --release` gives it to users, and returns where it is.
pub(crate) fn release_binary() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--release", "-p", "selx-cli"]);
    for name in of_this_package() {
        build.env_remove(name);
    }
    let built = build.status().expect("cargo starts");
    assert!(built.success(), "the release binary does not build");
    let this = std::env::current_exe().expect("the path of this program");
    let folder = this.ancestors().nth(2).expect("the folder of release builds");
    folder.join("selx")
}

/// The variables that cargo sets for this program: with them, build scripts of dependencies would run again.
pub(crate) fn of_this_package() -> Vec<String> {
    let ours = |name: &String| {
        ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"].iter().any(|prefix| name.starts_with(prefix))
    };
    std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).filter(ours).collect()
}

/// Runs a command once, its output thrown away; returns milliseconds of wall time.
pub(crate) fn once(program: &Path, arguments: &[&str], expected: RangeInclusive<i32>) -> f64 {
    timed(Command::new(program).args(arguments), expected)
}

/// Runs a command that needs more than a program and arguments.
pub(crate) fn timed(command: &mut Command, expected: RangeInclusive<i32>) -> f64 {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let status = command.status().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let took = begun.elapsed().as_secs_f64() * 1e3;
    // Who fails at once is fast too.
    let code = status.code();
    let fine = code.is_some_and(|code| expected.contains(&code));
    assert!(fine, "the exit code of {command:?} is {code:?}");
    took
}

/// Runs two commands in turn, so that both meet the same noise; returns the medians.
pub(crate) fn in_turn(runs: usize, left: impl Fn() -> f64, right: impl Fn() -> f64) -> (f64, f64) {
    let (mut lefts, mut rights) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        left();
        right();
    }
    for _ in 0..runs {
        lefts.push(left());
        rights.push(right());
    }
    (median(&mut lefts), median(&mut rights))
}

pub(crate) fn rows(selx: &Path) -> Vec<Row> {
    let mut rows = host_checks(selx);
    rows.push(daily(selx));
    rows.push(memory(selx));
    rows
}

/// One host check beside the C plugin, a thousand starts of each.
fn host_checks(selx: &Path) -> Vec<Row> {
    let state = Scratch::new("state");
    let folder = state.path().display().to_string();
    let plugin = program("check_disk", "monitoring-plugins-basic");
    let plugin_arguments = ["-w", "25%", "-c", "15%", "-p", "/"];
    let row = |what: &str, arguments: &[&str], runs: usize, aim: &str| {
        let theirs = || once(&plugin, &plugin_arguments, LOOKED);
        let (ours, theirs) = in_turn(runs, || once(selx, arguments, LOOKED), theirs);
        Row {
            what: format!("{what}, whole process, {runs} starts"),
            selx: format!("{ours:.2} ms"),
            peer: format!("{theirs:.2} ms (check_disk)"),
            figure: format!("{:.2} ×{aim}", ours / theirs),
        }
    };
    let disk = ["check", "host-disk", "--paths", "/", "--format", "nagios"];
    let memory = ["check", "host-memory", "--format", "nagios", "--state-dir", &folder];
    vec![
        row("`selx check host-disk`", &disk, 1000, "; aim 2 × at most"),
        row("`selx check host-memory`, which also keeps and compares what it saw", &memory, 200, ""),
    ]
}

/// The lines that a guide gives for a daily look, as a script.
fn guide(server: &Server) -> String {
    let endpoint = server.endpoint(0);
    format!(
        "df -h\nfree -h\ntop -bn1 | head -n 15\ncurl -fsS --cacert {root} https://{endpoint}/\n\
         echo | openssl s_client -connect {endpoint} 2>/dev/null | openssl x509 -noout -dates\n",
        root = server.root
    )
}

/// A daily run beside the lines of a guide: disks, memory, processor, one page and its certificate.
fn daily(selx: &Path) -> Row {
    for (name, package) in [("df", "coreutils"), ("free", "procps"), ("curl", "curl"), ("openssl", "openssl")] {
        program(name, package);
    }
    let server = Server::start();
    let script = server.scratch.write("guide.sh", &guide(&server));
    let (endpoint, root) = (server.endpoint(0), &server.root);
    // A host that is busy with this measurement is not to be asked twice.
    let checks = format!(
        "[runner]\nretries = 0\n[check.host-disk.all]\n[check.host-memory.all]\n[check.host-cpu.all]\n\
         [check.http.page]\nwith = {{ url = \"https://{endpoint}/\", ca-file = \"{root}\" }}\n\
         [check.tls-certificate.page]\nwith = {{ endpoints = [\"{endpoint}\"], ca-file = \"{root}\" }}\n"
    );
    let file = server.scratch.write("selx.toml", &checks);
    let state = server.scratch.path().display().to_string();
    let run = ["run", "daily", "--config", &file, "--state-dir", &state];
    let script = [script.as_str()];
    let theirs = || once(Path::new("/bin/sh"), &script, 0..=0);
    let (ours, theirs) = in_turn(50, || once(selx, &run, LOOKED), theirs);
    Row {
        what: "`selx run daily`: disks, memory, processor, a page and its certificate, with the history".to_owned(),
        selx: format!("{ours:.1} ms"),
        peer: format!("{theirs:.1} ms (df, free, top, curl, openssl)"),
        figure: format!("{:.1} × faster, and judged", theirs / ours),
    }
}

/// The memory of a daily run, taken while two of its checks wait for a peer that is silent.
fn memory(selx: &Path) -> Row {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port of the loopback network");
    let port = silent.local_addr().expect("an address").port();
    let scratch = Scratch::new("memory");
    let checks = format!(
        "[runner]\nretries = 0\n[check.host-disk.all]\n[check.host-memory.all]\n[check.host-cpu.all]\n\
         [check.http.silent]\ntimeout = \"2s\"\nwith = {{ url = \"https://127.0.0.1:{port}/\" }}\n\
         [check.tls-certificate.silent]\ntimeout = \"2s\"\nwith = {{ endpoints = [\"127.0.0.1:{port}\"] }}\n"
    );
    let file = scratch.write("selx.toml", &checks);
    let mut child = Command::new(selx)
        .args(["run", "daily", "--config", &file, "--state-dir"])
        .arg(scratch.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("selx starts");
    let (mut own, mut all) = (0.0_f64, 0.0_f64);
    let begun = Instant::now();
    while child.try_wait().expect("the child is ours").is_none() && begun.elapsed() < Duration::from_secs(20) {
        let (now_own, now_all) = resident(child.id()).unwrap_or_default();
        own = own.max(now_own);
        all = all.max(now_all);
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
    assert!(begun.elapsed() >= Duration::from_secs(2), "the run did not wait for the silent peer");
    assert!(own > 0.0, "the memory of the run could not be read from /proc");
    Row {
        what: "private memory of a daily run, at most".to_owned(),
        selx: format!("{own:.1} MiB"),
        peer: format!("{all:.1} MiB with the pages of program and libraries, which processes share"),
        figure: "aim 16 MiB at most".to_owned(),
    }
}

/// Reads how much memory of a process is its own, and the most that it ever had with what it shares, in MiB.
fn resident(pid: u32) -> Option<(f64, f64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| -> Option<f64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<f64>().ok().map(|kib| kib / 1024.0)
    };
    Some((field("RssAnon:")?, field("VmHWM:")?))
}
