//! A process that is stopped in mid-run, by a person, or with its machine, and goes on long after its time.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use selx_core::action::Outcome;

use super::blow::{Blow, struck};
use super::folder;
use super::subjects::{Subject, World};

/// Where the child finds what it works on.
const CHILD: &str = "SELX_TEST_STOPPED";
/// How long it may take; it is stopped for longer.
const LIMIT: Duration = Duration::from_secs(6);

/// The child: it is stopped in mid-run, and says what it came to. Without the test's word it does nothing.
#[test]
fn the_child_that_is_stopped() {
    let Some(folder) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let (came, fell) = struck(&folder, Blow::Stop, || Subject::Clean.act_within(&folder, LIMIT));
    let report = came.unwrap();
    assert_eq!(fell.len(), 1, "it was not stopped");
    assert!(report.outcome != Outcome::Done, "{report:#?}");
    assert!(report.why.iter().any(|why| why.contains("is up")), "{report:#?}");
}

/// A process that may be stopped, and goes with its test.
struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn l15_who_was_stopped_for_longer_than_his_time_begins_no_further_step() {
    let (_whole, folder) = folder();
    Subject::Clean.lay(&folder);
    let before = World::of(&folder);
    #[expect(clippy::disallowed_methods, reason = "a process that is stopped")]
    let mut child = Stopped(
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "struck::stopped::the_child_that_is_stopped", "--test-threads=1", "--nocapture"])
            .env(CHILD, &folder)
            .spawn()
            .unwrap(),
    );
    let state = || {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", child.0.id())).unwrap_or_default();
        text.rsplit(") ").next().and_then(|rest| rest.chars().next())
    };
    let begun = Instant::now();
    while state() != Some('T') {
        assert!(begun.elapsed() < Duration::from_secs(30) && state().is_some_and(|state| state != 'Z'), "it runs on");
        std::thread::yield_now();
    }
    // The signal may reach it a moment after the call.
    let gone = before.gone(&folder);
    assert!(gone <= 1, "{gone} are gone");
    #[expect(clippy::disallowed_methods, reason = "the time of another process goes by")]
    std::thread::sleep(LIMIT);
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.0.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    assert!(child.0.wait().unwrap().success());
    // The file at hand was brought to its end, and the others stay. Where the first was gone already, the second was at hand:
    // the signal came between the look at the clock and the step.
    let after = before.gone(&folder);
    assert!((1..=gone + 1).contains(&after), "{gone} were gone when it was stopped, and {after} are");
    Subject::Clean.holds(&folder, &before, "after it was stopped");
}
