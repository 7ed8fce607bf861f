//! What stays whatever is set: the journal of the incident at hand.

use std::time::Duration;

use selx_core::ErrorKind;
use selx_core::action::Outcome;
use serde_json::json;

use crate::journal::{BOOT, Journal, kept, targets, this_boot};

#[test]
fn p11_the_current_boot_and_the_last_seven_days_stay() {
    let journal = Journal::new();
    let earlier = journal.archive((60, 51), BOOT);
    let of_now = journal.archive((50, 41), &this_boot());
    let in_floor = journal.archive((30, 6), BOOT);
    journal.write("system.journal", (5, 0), &this_boot());
    let with = json!({ "older-than": "7d" });
    let plan = journal.plan(with.clone());
    assert_eq!(targets(&plan), [earlier.as_str()]);
    assert_eq!(kept(&plan, "it holds entries of the current boot, and `keep-boot` is set"), [of_now.as_str()]);
    assert_eq!(kept(&plan, "within the last 7d of the journal"), [in_floor.as_str()]);
    // A host that runs for a year may say otherwise; the seven days stay all the same.
    let mut more = with;
    more["keep-boot"] = json!(false);
    more["keep-size"] = json!("8MiB");
    let plan = journal.plan(more);
    assert_eq!(targets(&plan), [earlier.as_str(), &of_now]);
    assert_eq!(journal.apply(&plan).outcome, Outcome::Done);
    assert_eq!(journal.names().len(), 2);
}

#[test]
fn p11_a_clock_that_runs_ahead_or_a_journal_that_stopped_makes_nothing_old() {
    let journal = Journal::new();
    journal.archive((20, 11), BOOT);
    journal.write("system.journal", (10, 0), BOOT);
    // Ten years later, by the clock alone: of the journal it is still today.
    journal.clock.advance(Duration::from_secs(3_650 * 86_400));
    let plan = journal.plan(json!({}));
    assert_eq!(targets(&plan), [""; 0]);
    assert_eq!(kept(&plan, "its newest entry is not older than 30d").len(), 1);
    // The journal stopped 40 days ago: its last entries are those that are wanted.
    let journal = Journal::new();
    let old = journal.archive((90, 81), BOOT);
    let last = journal.archive((60, 41), BOOT);
    let plan = journal.plan(json!({}));
    assert_eq!(targets(&plan), [old.as_str()]);
    assert!(plan.plan.steps[0].what.ends_with("40d old"), "{}", plan.plan.steps[0].what);
    assert_eq!(kept(&plan, "within the last 7d of the journal"), [last.as_str()]);
}

#[test]
fn entries_of_the_future_are_told_and_count_for_nothing() {
    let journal = Journal::new();
    let old = journal.archive((90, 81), BOOT);
    let future = journal.archive((-10, -20), BOOT);
    journal.write("system.journal", (10, 0), BOOT);
    let plan = journal.plan(json!({}));
    assert_eq!(targets(&plan), [old.as_str()]);
    assert!(plan.plan.steps[0].what.ends_with("80d old") || plan.plan.steps[0].what.ends_with("81d old"));
    assert_eq!(kept(&plan, "its newest entry is from the future"), [future.as_str()]);
}

#[test]
fn a_folder_that_is_not_there_or_is_anybodys_is_no_empty_journal() {
    let journal = Journal::new();
    let error = journal.try_plan(json!({ "folder": "/nowhere/journal" })).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing, "{error:?}");
    let error = journal.try_plan(json!({ "folder": "/var/log/../log/journal" })).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    let error = journal.try_plan(json!({ "folder": "/var/lib" })).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
}
