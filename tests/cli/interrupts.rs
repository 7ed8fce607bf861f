//! Signals during a run.

use std::io::Read as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::process::Place;

const HUNG: &str = r#"
[runner]
timeout = "30s"

[check.command.fine]
with = { program = "/usr/bin/true", format = "exit-code" }

[check.command.hung]
retries = 0
with = { program = "/usr/bin/sleep", args = ["30"] }
"#;

/// Asks until there is an answer.
pub(crate) fn eventually<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < until, "it did not happen within ten seconds");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn hung(place: &Place) -> Child {
    let mut command = place.command(&["run", "daily", "--no-history"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The child that hangs is there: so are the handlers, which are set before the first check begins.
    let children = format!("/proc/{0}/task", child.id());
    eventually(|| {
        let tasks = std::fs::read_dir(&children).ok()?;
        tasks.flatten().find(|task| {
            std::fs::read_to_string(task.path().join("children")).is_ok_and(|text| {
                text.split_whitespace().any(|pid| {
                    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sleep")
                })
            })
        })
    });
    child
}

fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

fn ended(mut child: Child) -> (Option<i32>, String, Duration) {
    let began = Instant::now();
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    (child.wait().unwrap().code(), out, began.elapsed())
}

#[test]
fn an_interrupted_run_reports_what_it_has() {
    let place = Place::with(HUNG);
    for signal in [Signal::INT, Signal::TERM] {
        let child = hung(&place);
        send(&child, signal);
        let (code, out, took) = ended(child);
        assert_eq!(code, Some(3), "{out}");
        assert!(out.contains("command.fine") && out.contains("command.hung") && out.contains("cancelled"), "{out}");
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let place = Place::with(HUNG);
    let child = hung(&place);
    send(&child, Signal::INT);
    send(&child, Signal::TERM);
    let (code, out, took) = ended(child);
    assert_eq!(code, Some(3), "{out}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

/// The report is more than a pipe holds, and nobody reads it.
#[test]
fn an_interrupt_ends_a_run_whose_reader_is_stuck() {
    let mut text = "[runner]\nretries = 0\n".to_owned();
    for index in 0..800 {
        text.push_str(&format!("[check.command.c{index}]\nwith = {{ program = \"/nowhere/{}\" }}\n", "x".repeat(200)));
    }
    let place = Place::with(&text);
    let mut command = place.command(&["run", "command", "--no-history"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // The pipe is full, so it waits in the write.
    let mut child = child;
    let out = child.stdout.take().unwrap();
    eventually(|| (rustix::io::ioctl_fionread(&out).unwrap() >= 65_536).then_some(()));
    send(&child, Signal::TERM);
    let began = Instant::now();
    let code = eventually(|| child.try_wait().unwrap()).code();
    assert_eq!(code, Some(3), "{:?}", began.elapsed());
}
