//! `SIGKILL` before every system call by which an action reaches files, changes them or makes it last, and what `recover`
//! makes of it.
//!
//! `SELX_ROUNDS=20 cargo test -p selx --test actions -- struck::kills` goes through all of them twenty times.

use std::path::{Path, PathBuf};
use std::process::Command;

use selx_core::action::Outcome;

use super::blow::{Blow, Of, struck};
use super::subjects::{Subject, World};
use super::{folder, numbers, rounds};

/// Where the child finds which action it is, at which call it is killed, and what it works on.
const CHILD: &str = "SELX_TEST_CHILD";

/// The child: it plans and applies, and is killed somewhere in between. Without the test's word it does nothing.
#[test]
fn the_child_of_a_kill() {
    let Ok(said) = std::env::var(CHILD) else { return };
    let [name, number, of, folder] = said.splitn(4, ' ').collect::<Vec<_>>()[..] else { panic!("{said}") };
    let (subject, folder) = (Subject::of(name), PathBuf::from(folder));
    let of = if of == "All" { Of::All } else { Of::Changes };
    let (came, _) = struck(&folder, Blow::Kill(number.parse().unwrap(), of), || subject.act(&folder));
    assert_eq!(came.unwrap().outcome, Outcome::Done);
}

/// Runs an action as a child that is killed before its call of that number. Returns whether it was: if not, it has not so
/// many.
pub(super) fn killed_at(subject: Subject, number: u32, of: Of, folder: &Path) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    #[expect(clippy::disallowed_methods, reason = "a process that is killed at a system call")]
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "struck::kills::the_child_of_a_kill", "--test-threads=1"])
        .env(CHILD, format!("{} {number} {of:?} {}", subject.name(), folder.display()))
        .output()
        .unwrap();
    match (child.status.code(), child.status.signal()) {
        (Some(0), _) => false,
        (_, Some(9)) => true,
        other => panic!("{other:?}: {}", String::from_utf8_lossy(&child.stdout)),
    }
}

#[expect(clippy::print_stdout, reason = "a campaign is told how large it was")]
fn at_every_call(subject: Subject) -> u32 {
    let mut kills = 0;
    for _ in 0..rounds() {
        for number in numbers(2) {
            let (_whole, folder) = folder();
            subject.lay(&folder);
            let before = World::of(&folder);
            let killed = killed_at(subject, number, Of::All, &folder);
            subject.holds(&folder, &before, &format!("killed at call {number}"));
            let left = subject.left(&folder);
            assert_eq!(left, [""; 0], "{} killed at call {number}", subject.name());
            if !killed {
                break;
            }
            kills += 1;
        }
    }
    println!("{}: {kills} kills", subject.name());
    kills / rounds()
}

#[test]
fn l01_i19_killed_at_every_call_of_logs_clean_it_is_recovered() {
    assert!(at_every_call(Subject::Clean) > 100);
}

#[test]
fn l01_killed_at_every_call_of_a_rotation_each_log_is_there_once() {
    assert!(at_every_call(Subject::Rotate) > 80);
}

#[test]
fn l01_killed_at_every_call_of_backup_prune_no_backup_is_lost() {
    assert!(at_every_call(Subject::Prune) > 100);
}
