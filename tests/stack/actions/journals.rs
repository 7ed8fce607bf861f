//! The journal of a host. That of this machine may be empty or somebody's: the test has one of its own, which the tools of
//! systemd write and read.

#[path = "../../vacuum/journal.rs"]
#[expect(dead_code, reason = "what other tests need of it")]
mod journal;

use self::journal::{BOOT, MACHINE, archive, entries, write};
use crate::actions::{Desk, names};
use crate::stack::Stack;

const VACUUM: &str = "journal-vacuum.host";

#[test]
fn w19_journal_vacuum() {
    let stack = Stack::shared();
    let desk = Desk::of(&stack);
    let folder = desk.path("journal").join(MACHINE);
    std::fs::create_dir(&folder).unwrap();
    let closed = |days: (i64, i64)| archive(&write(&folder.join("system.journal"), days, BOOT));
    let old = [closed((60, 51)), closed((50, 41))];
    closed((29, 21));
    // It was begun long ago, and has entries of today.
    closed((40, 0));
    write(&folder.join("system.journal"), (35, 0), BOOT);
    let (all, known) = (names(&folder), entries(&desk.path("journal")));
    let shown =
        desk.plan(VACUUM).says(&[&old[0], &old[1], "2 steps, destructive", "being written, with entries since"]);
    assert_eq!(names(&folder), all, "a plan changes nothing");
    desk.apply(VACUUM, &shown);
    let left: Vec<String> = all.into_iter().filter(|name| !old.contains(name)).collect();
    assert_eq!(names(&folder), left);
    // An entry was written every hour. What is left is read as before.
    assert_eq!(entries(&desk.path("journal")), known - 2 * (9 * 24 + 1));
    desk.nothing(VACUUM);
}
