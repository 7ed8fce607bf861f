//! `SIGKILL` at every system call by which an action changes anything, and what `recover` makes of it.
//!
//! `SELX_ROUNDS=100 cargo test -p selx --test actions -- kills` repeats it a hundred times.

use std::path::{Path, PathBuf};
use std::process::Command;

use selx_checks::logs::clean::LogsClean;
use selx_core::action::journal::{self, Event};
use selx_core::action::{Ground as _, Outcome, recover};
use serde_json::json;

use super::{Machine, run};

/// How a process reaches files, changes them, and makes it last.
const CALLS: [&str; 10] =
    ["openat2", "renameat2", "unlinkat", "mkdirat", "mkdir", "flock", "fallocate", "fdatasync", "fsync", "statx"];
/// Where the child finds the machine of the test.
const CHILD: &str = "SELX_TEST_CHILD";
/// Which logs there are: as many are old as are not the newest.
const LOGS: [&str; 6] = ["a.log", "a.log.1", "a.log.2", "b/b.log", "b/b.log.1", "b/b.log.2"];
const OLD: usize = 4;

fn machine_of(folder: &Path) -> Machine {
    let mut machine = Machine::new();
    machine.folder = folder.join("logs");
    machine.state = folder.join("state");
    machine.days_pass(31);
    machine
}

/// The child: it plans and applies, and is killed somewhere in between. Without the test's word it does nothing.
#[test]
fn the_child_of_a_kill() {
    let Some(folder) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let machine = machine_of(&folder);
    let with = json!({ "path": machine.folder, "older-than": "30d", "max-share": "100%" });
    let plan = machine.plan::<LogsClean>(&with).unwrap();
    assert_eq!(machine.apply::<LogsClean>(&plan).outcome, Outcome::Done);
}

/// Runs a test as a child, killed at the call of that name and number. Returns whether it was.
pub(crate) fn killed_at((variable, folder): (&str, &Path), test: &str, call: &str, number: u32) -> bool {
    let child = std::env::current_exe().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a process that is killed at a system call")]
    let status = Command::new("/usr/bin/strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")])
        .arg(format!("--inject={call}:signal=KILL:when={number}"))
        .arg(child)
        .args(["--exact", test, "--test-threads=1"])
        .env(variable, folder)
        .output()
        .expect("strace is there");
    use std::os::unix::process::ExitStatusExt as _;
    match (status.status.code(), status.status.signal()) {
        (Some(0), _) => false,
        (Some(137), _) | (_, Some(9)) => true,
        other => panic!("{other:?}: {}", String::from_utf8_lossy(&status.stdout)),
    }
}

#[test]
fn l01_i19_killed_at_every_call_of_logs_clean_it_is_recovered() {
    let rounds: u32 = std::env::var("SELX_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut kills = 0_u32;
    for call in CALLS.iter().cycle().take(CALLS.len() * rounds as usize) {
        for number in 1..10_000 {
            let whole = tempfile::tempdir().unwrap();
            let folder = whole.path().canonicalize().unwrap();
            for name in LOGS.iter().rev() {
                let path = folder.join("logs").join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, name).unwrap();
            }
            let killed = killed_at((CHILD, &folder), "kills::the_child_of_a_kill", call, number);
            kills += u32::from(killed);
            holds(&folder, &format!("{call} {number}"));
            if !killed {
                break;
            }
        }
    }
    assert!(kills > 150 * rounds, "{kills} kills");
    println!("{kills} kills");
}

/// Recovers what was left, and looks that nothing is lost, half done or unexplained.
fn holds(folder: &Path, call: &str) {
    let machine = machine_of(folder);
    let ground = machine.ground();
    let standing = || LOGS.iter().filter(|name| machine.folder.join(name).exists()).count();
    let with = json!({ "path": machine.folder, "older-than": "30d", "max-share": "100%" });
    // What is gone was written down before.
    let intended: Vec<String> = journals(&machine.state).iter().flat_map(|bytes| intents(bytes)).collect();
    for name in LOGS {
        let gone = !machine.folder.join(name).exists();
        assert!(!gone || intended.iter().any(|target| target == name), "{call}: {name} is gone without an intent");
    }
    for open in ground.open().unwrap() {
        let begun = open.read.as_ref().expect("it is whole").begin().is_some();
        let action = machine.action::<LogsClean>(&with);
        let report = run(recover(&open, &action, false, &ground, &machine.context()));
        let fine = matches!(report.outcome, Outcome::Done | Outcome::Skips | Outcome::Failed);
        assert!(fine, "{call}: {report:?}");
        assert!(begun || report.outcome == Outcome::Done, "{call}: {report:?}");
    }
    assert!(ground.open().unwrap().is_empty(), "{call}: a run is still open");
    for entry in walk(&machine.folder) {
        let content = std::fs::read_to_string(machine.folder.join(&entry)).unwrap();
        assert_eq!(content, entry, "{call}: each file is where it was, with what was in it");
    }
    // Whatever happened, the next run does the rest.
    let plan = machine.plan::<LogsClean>(&with).unwrap();
    assert_eq!(plan.plan.steps.len(), standing() - (LOGS.len() - OLD), "{call}");
    assert_eq!(machine.apply::<LogsClean>(&plan).outcome, Outcome::Done, "{call}");
    assert_eq!(walk(&machine.folder).len(), LOGS.len() - OLD, "{call}");
    assert!(!machine.folder.join(".selx-removal").exists(), "{call}: an empty folder of ours is left");
}

fn walk(folder: &Path) -> Vec<String> {
    let machine = Machine { folder: folder.to_owned(), ..Machine::new() };
    machine.names()
}

/// The bytes of every journal there is.
fn journals(state: &Path) -> Vec<Vec<u8>> {
    let folders = [state.join("journal"), state.join("journal/closed")];
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    entries.filter(|entry| entry.path().is_file()).map(|entry| std::fs::read(entry.path()).unwrap()).collect()
}

/// The files that a journal says are about to be deleted.
fn intents(bytes: &[u8]) -> Vec<String> {
    let read = journal::read(bytes).expect("a torn end is no damage");
    let Some(begin) = read.begin() else { return Vec::new() };
    let steps = read.records.iter().filter_map(|record| match &record.event {
        Event::Intent { steps } => Some(steps),
        _ => None,
    });
    steps.flatten().map(|step| begin.plan.plan.steps[*step].target.clone()).collect()
}
