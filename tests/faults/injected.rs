//! System calls that fail as no test can make them fail from outside: `strace` puts errors into the real program.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::http_peer::REPLY;
use crate::peer::{self, Peer, answer};
use crate::process::{Place, Ran, binary, without_numbers};

/// Runs the program with faults put into its system calls, and tells how many there were.
fn injected(place: &Place, faults: &[&str], arguments: &[&str]) -> (Ran, usize) {
    let log = place.path().join("strace.log");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(&log);
    // Where a path is given, only calls that have to do with it fail.
    for fault in faults {
        match fault.split_once('=') {
            Some(("path", path)) => strace.args(["-P", path]),
            _ => strace.args(["-e", &format!("inject={fault}")]),
        };
    }
    strace.arg(binary()).args(arguments).current_dir(place.path()).env_clear();
    strace.env("PATH", "/usr/bin:/bin").env("SELX_STATE_DIR", place.path().join("state"));
    let ran = Ran::of(&mut strace);
    let calls = std::fs::read_to_string(&log).expect("`strace` is needed for these tests: `apt-get install strace`");
    (ran, calls.matches("(INJECTED)").count())
}

/// One attempt only: a second one would hide what the first one made of the fault.
fn suite(kind: &str, with: &str) -> Place {
    Place::with(&format!("[check.{kind}.it]\nretries = 0\ntimeout = \"5s\"\nwith = {with}\n"))
}

const RUN: &[&str] = &["run", "it", "--format", "nagios", "--no-history"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a13_interrupted_calls_do_not_change_the_verdict() {
    let peer = Peer::tcp(peer::split_at(REPLY, 30)).await;
    let good = suite("http", &format!(r#"{{ url = "{}" }}"#, peer.url("/")));
    let cut = Peer::tcp(peer::cut_at(REPLY, 30)).await;
    let bad = suite("http", &format!(r#"{{ url = "{}" }}"#, cut.url("/")));
    let address = peer::refusing().await;
    let refused = suite("http", &format!(r#"{{ url = "http://{address}/" }}"#));
    for (place, code) in [(&good, 0), (&bad, 2), (&refused, 2)] {
        let plain = without_numbers(&place.selx(RUN).code(code).out);
        for fault in [
            "socket:error=EINTR:when=1",
            "connect:error=EINTR:when=1..3",
            "sendto:error=EINTR:when=1..3",
            "recvfrom:error=EINTR:when=1+2",
            "getsockopt,setsockopt,shutdown:error=EINTR:when=1",
            "epoll_wait:error=EINTR:when=1+2",
            "poll:error=EINTR:when=1",
            "futex:error=EINTR:when=1+2",
            // The peer says more, or ends: the kernel tells of it again.
            "recvfrom:error=EAGAIN:when=1",
        ] {
            let (ran, count) = injected(place, &[fault], RUN);
            let out = ran.code(code).out;
            // Numbers are times; which of them a line has does not change.
            let verdict = |text: &str| text.split(" in #").next().unwrap_or_default().to_owned();
            assert_eq!(verdict(&without_numbers(&out)), verdict(&plain), "{fault}");
            // A connection that was refused sends and reads nothing.
            assert!(count > 0 || code == 2, "{fault} did not happen");
        }
    }
}

/// Refused by a security module or a filter of system calls: nothing is fine, the right is named, nothing is repeated.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn n12_what_a_security_module_refuses_is_unknown() {
    let peer = Peer::tcp(answer(REPLY)).await;
    let site = format!(r#"{{ url = "{}" }}"#, peer.url("/"));
    let endpoint = format!(r#"{{ endpoints = ["{}"] }}"#, peer.address);
    for (kind, with, faults, said) in [
        ("http", &*site, &["socket:error=EPERM"][..], "may not connect"),
        ("http", &site, &["connect:error=EACCES"], "may not connect"),
        ("tls-certificate", &endpoint, &["connect:error=EPERM"], "may not connect"),
        ("host-disk", r#"{ paths = ["/"] }"#, &["statfs:error=EPERM"], "could not be looked at"),
        ("host-disk", "{}", &["path=/proc/self/mountinfo", "openat:error=EPERM"], "no right to read"),
        ("host-memory", "{}", &["path=/proc/meminfo", "openat:error=EACCES"], "no right to read"),
        ("host-cpu", "{}", &["path=/proc/stat", "openat:error=EPERM"], "no right to read"),
        (
            "command",
            r#"{ program = "/usr/bin/true", format = "exit-code" }"#,
            &["clone,clone3,vfork,fork:error=EPERM"],
            "no right to run",
        ),
    ] {
        let (ran, count) = injected(&suite(kind, with), faults, RUN);
        let ran = ran.code(3);
        assert!(ran.out.contains(said), "{kind}: {ran:#?}");
        assert!((1..=4).contains(&count), "{kind}: {faults:?} happened {count} times");
    }
    assert_eq!(peer.log.connections(), 0);
    // A hint says where to look.
    let (ran, _) = injected(&suite("http", &site), &["connect:error=EPERM"], &["run", "it", "--no-history"]);
    ran.code(3).says(&["rights of the socket, or at the firewall"]);
}

/// A kernel, or what plays one, that does not know newer calls: the same verdict by older ones, or unknown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn n13_a_kernel_without_newer_calls_gives_the_same_or_unknown() {
    let peer = Peer::tcp(answer(REPLY)).await;
    let site = format!(r#"{{ url = "{}" }}"#, peer.url("/"));
    let program = r#"{ program = "/usr/bin/true", format = "exit-code" }"#;
    let newer = "statx,openat2,clone3,pidfd_open,pidfd_send_signal,close_range,getrandom,faccessat2:error=ENOSYS";
    for (kind, with) in [("http", &*site), ("host-disk", r#"{ paths = ["/"] }"#), ("command", program)] {
        let place = suite(kind, with);
        let usual = place.selx(RUN).code.expect("it ends by itself");
        assert!(usual < 3, "{kind}");
        let (ran, count) = injected(&place, &[newer], RUN);
        assert!(ran.code == Some(usual), "{kind}: {ran:#?}");
        assert!(count > 0, "{kind} uses none of them");
        // The history opens its files, and gives them their rights, by what there is.
        let (ran, _) = injected(&place, &[newer], &["run", "it", "--format", "nagios"]);
        assert!(ran.code == Some(usual), "{kind}: {ran:#?}");
    }
    // Where there is no older way, nothing is fine.
    for fault in ["statfs:error=ENOSYS", "epoll_create1:error=ENOSYS"] {
        let (ran, count) = injected(&suite("host-disk", r#"{ paths = ["/"] }"#), &[fault], RUN);
        ran.code(3);
        assert!(count > 0, "{fault} did not happen");
    }
}

/// A disk that takes seconds for every write does not hold a run up beyond what the history may cost.
#[test]
fn r7_a_slow_disk_does_not_hold_a_run_up() {
    let place = suite("host-memory", "{}");
    let run = &["run", "daily", "--format", "nagios"][..];
    let usual = place.selx(run);
    let began = Instant::now();
    let (ran, _) = injected(&place, &["fsync,fdatasync:delay_enter=4s"], run);
    assert_eq!(ran.code, usual.code, "{ran:#?}");
    assert!(ran.out.contains("history could not be used"), "{ran:#?}");
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    assert!(Path::new(&place.path().join("state/history.db")).is_file());
    // What the slow disk did not take does no harm to the next run.
    place.selx(run);
}

/// A disk that fails in the middle of a log: critical, with the place, whichever read it is.
#[test]
fn h10_a_disk_that_fails_under_a_log_is_critical() {
    use std::fmt::Write as _;
    const ALL: &str = "'events critical'=30000";
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("app.log");
    let now = jiff::Timestamp::now();
    let mut text = String::new();
    for number in 0..30_000 {
        let at = now - jiff::SignedDuration::from_secs(30_000 - number);
        writeln!(text, "{} [CRITICAL] {number}", at.strftime("%Y-%m-%dT%H:%M:%SZ")).expect("a text");
    }
    std::fs::write(&path, &text).expect("a file");
    let place = suite("logs-patterns", &format!("{{ paths = [\"{}\"] }}", path.display()));
    let whole = place.selx(RUN).code(1).out;
    assert!(whole.contains(ALL), "{whole}");
    // The first reads look at how the file begins and at the times in it; the others search.
    let mut failed = 0;
    for call in 1..40 {
        let path = format!("path={}", path.display());
        let (ran, count) = injected(&place, &[&path, &format!("pread64:error=EIO:when={call}")], RUN);
        if count == 0 {
            break;
        }
        failed += 1;
        // To look at the order of times twice is not needed to count; to read a line is.
        assert!(ran.out.contains("Input/output error") || ran.out.contains(ALL), "{call}: {}", ran.out);
        if ran.out.contains("Input/output error") {
            ran.code(2);
        }
    }
    assert!(failed > 10, "{failed}");
    let path = format!("path={}", path.display());
    let (ran, _) = injected(&place, &[&path, "pread64:error=EIO:when=1+"], RUN);
    let out = ran.code(2).out;
    assert!(out.contains("could not be read on") && out.contains("Input/output error"), "{out}");
    // Interrupted reads are read again.
    let (ran, count) = injected(&place, &[&path, "pread64:error=EINTR:when=1+2"], RUN);
    assert!(count > 5 && ran.code(1).out.contains(ALL));
}
