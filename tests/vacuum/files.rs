//! What goes and what stays, file by file.

use std::fs::File;
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use selx_checks::logs::vacuum::JournalVacuum;
use selx_core::action::{Applied, Outcome, Risk, StepState};
use selx_core::{Registry, contract};
use serde_json::json;

use crate::journal::{BOOT, Journal, day, entries, kept, run, targets};

#[test]
fn it_keeps_to_the_contract_of_actions() {
    let mut registry = Registry::new();
    registry.action::<JournalVacuum>().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("selx-checks/src/logs/vacuum");
    let found: Vec<String> =
        registry.actions().flat_map(|factory| contract::of_action(factory, &registry, &folder)).collect();
    assert_eq!(found, [""; 0]);
    let journal = Journal::new();
    for days in [(90, 81), (80, 71), (5, 1)] {
        journal.archive(days, BOOT);
    }
    let with = json!({ "folder": journal.folder().parent() });
    let found = run(contract::life::<JournalVacuum>(&with, &journal.ground(), &journal.context()));
    assert_eq!(found, [""; 0]);
    assert_eq!(journal.names().len(), 1);
}

#[test]
fn w19_old_closed_files_are_planned_shown_and_deleted_and_the_rest_is_read_as_before() {
    let journal = Journal::new();
    let oldest = journal.archive((60, 51), BOOT);
    let old = journal.archive((50, 41), BOOT);
    let young = journal.archive((29, 21), BOOT);
    // It was begun long ago, and has entries of today.
    let long = journal.archive((40, 0), BOOT);
    journal.write("system.journal", (35, 0), BOOT);
    std::fs::write(journal.folder().join("notes.txt"), "x").unwrap();
    let before = journal.entries();
    let names = journal.names();
    let plan = journal.plan(json!({}));
    assert_eq!(plan.plan.refused, []);
    assert_eq!(targets(&plan), [oldest.as_str(), &old], "the oldest first");
    let step = &plan.plan.steps[0];
    assert!(
        step.what.contains(&format!("MiB, {}", day(60))) && step.what.contains(&format!("to {}", day(51))),
        "{}",
        step.what
    );
    assert!(step.what.ends_with("51d old"), "{}", step.what);
    assert_eq!(step.risk, Risk::Destructive);
    assert!(step.bytes > Some(1 << 20));
    let mut stay = kept(&plan, "its newest entry is not older than 30d");
    stay.extend(kept(&plan, "within the last 7d of the journal"));
    assert_eq!(stay, [young.as_str(), &long]);
    assert_eq!(
        kept(&plan, &format!("being written, with entries since {}: `rotate` does not close it", day(35))),
        ["system.journal"]
    );
    assert_eq!(kept(&plan, "no file of a journal by its name"), ["notes.txt"]);
    assert_eq!(journal.names(), names, "a plan changes nothing");
    let gone: usize = plan.plan.steps.len() * (9 * 24 + 1);
    let report = journal.apply(&plan);
    assert_eq!(report.outcome, Outcome::Done, "{report:#?}");
    assert_eq!(report.space.len(), 1);
    assert_eq!(
        journal.names(),
        names.iter().filter(|name| **name != oldest && **name != old).cloned().collect::<Vec<_>>()
    );
    assert_eq!(journal.entries(), before - gone, "what is left is read as before");
    assert_eq!(targets(&journal.plan(json!({}))), [""; 0]);
    assert_eq!(journal.apply(&plan).outcome, Outcome::Stale);
}

#[test]
fn the_usual_way_deletes_entries_of_today() {
    let journal = Journal::new();
    let long = journal.archive((40, 0), BOOT);
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(journal.folder().join(&long), copy.path().join(&long)).unwrap();
    assert_eq!(targets(&journal.plan(json!({}))), [""; 0]);
    assert_eq!(entries(copy.path()), 40 * 24 + 1);
    let vacuum =
        Command::new("/usr/bin/journalctl").args(["--vacuum-time=30d", "--directory"]).arg(copy.path()).output();
    let vacuum = vacuum.unwrap();
    assert!(vacuum.status.success());
    assert!(!copy.path().join(&long).exists(), "{}", String::from_utf8_lossy(&vacuum.stderr));
}

#[test]
fn a_size_is_kept_by_the_oldest_first() {
    let journal = Journal::new();
    let files: Vec<String> =
        [(60, 51), (50, 41), (40, 31), (30, 21), (5, 4)].map(|days| journal.archive(days, BOOT)).into();
    journal.write("system.journal", (3, 0), BOOT);
    let takes: Vec<u64> = files
        .iter()
        .map(|name| std::os::unix::fs::MetadataExt::blocks(&journal.folder().join(name).metadata().unwrap()) * 512)
        .collect();
    let active =
        std::os::unix::fs::MetadataExt::blocks(&journal.folder().join("system.journal").metadata().unwrap()) * 512;
    let all = takes.iter().sum::<u64>() + active;
    // Without an age, exactly as many as are too much.
    let size = all - takes[0] - takes[1];
    let plan = journal.plan(json!({ "keep-size": size.to_string() }));
    assert_eq!(targets(&plan), [files[0].as_str(), &files[1]]);
    assert_eq!(kept(&plan, "the journal is not larger than").len(), 2);
    let plan = journal.plan(json!({ "keep-size": (size - 1).to_string() }));
    assert_eq!(targets(&plan).len(), 3);
    // With an age, one reason is enough.
    let plan = journal.plan(json!({ "keep-size": all.to_string(), "older-than": "45d" }));
    assert_eq!(targets(&plan), [files[0].as_str()]);
    // Whatever the size, the last seven days stay.
    let plan = journal.plan(json!({ "keep-size": "8MiB" }));
    assert_eq!(targets(&plan).len(), 4);
    assert_eq!(kept(&plan, "within the last 7d"), [files[4].as_str()]);
    assert_eq!(journal.apply(&plan).outcome, Outcome::Done);
    assert_eq!(journal.names().len(), 2);
}

#[test]
fn p14_files_that_are_not_understood_stay_and_are_told() {
    let journal = Journal::new();
    let mut made = (0..8).map(|number| journal.archive((60 + number, 50 + number), BOOT));
    let mut change = |at: u64, bytes: &[u8]| {
        let name = made.next().unwrap();
        File::options().write(true).open(journal.folder().join(&name)).unwrap().write_all_at(bytes, at).unwrap();
        name
    };
    let newer = change(12, &[0xff]);
    let online = change(16, &[1]);
    let backwards = change(192, &[0; 8]);
    let other = change(184, &[9; 4]);
    let garbage = change(0, b"garbage!");
    let good = change(0, b"L");
    let linked = change(0, b"L");
    std::fs::hard_link(journal.folder().join(&linked), journal.folder().join("elsewhere")).unwrap();
    let short = change(0, b"L");
    File::options().write(true).open(journal.folder().join(&short)).unwrap().set_len(100).unwrap();
    symlink(journal.folder().join(&good), journal.folder().join(good.replace("system@", "link@"))).unwrap();
    journal.write("system.journal", (1, 0), BOOT);
    let plan = journal.plan(json!({}));
    assert_eq!(targets(&plan), [good.as_str()], "{:#?}", plan.plan.kept);
    assert_eq!(kept(&plan, "it is written in a form that is newer"), [newer.as_str()]);
    assert_eq!(kept(&plan, "it is marked as being written"), [online.as_str()]);
    assert_eq!(kept(&plan, "its head does not say when"), [backwards.as_str()]);
    assert_eq!(kept(&plan, "its name and its head differ"), [other.as_str()]);
    assert_eq!(kept(&plan, "its head is not that of a journal"), [garbage.as_str()]);
    assert_eq!(kept(&plan, "it is shorter than its head"), [short.as_str()]);
    assert_eq!(kept(&plan, "it has another name"), [linked.as_str()]);
    assert_eq!(kept(&plan, "no file: a link"), [good.replace("system@", "link@").as_str()]);
    let names = journal.names();
    assert_eq!(journal.apply(&plan).outcome, Outcome::Done);
    assert_eq!(journal.names().len(), names.len() - 1);
}

#[test]
fn a_file_that_was_put_aside_counts_by_its_youngest_time() {
    let journal = Journal::new();
    let path = journal.write("system.journal", (60, 50), BOOT);
    let disposed = "system@00065bfeda25e000-0123456789abcdef.journal~";
    std::fs::rename(&path, path.with_file_name(disposed)).unwrap();
    journal.write("system.journal", (1, 0), BOOT);
    // It was made after the clock was.
    journal.clock.advance(Duration::from_secs(60));
    let plan = journal.plan(json!({}));
    assert_eq!(targets(&plan), [""; 0], "it was put aside today");
    assert_eq!(kept(&plan, "within the last 7d"), [disposed]);
}

#[test]
fn what_changes_after_the_plan_is_left() {
    let journal = Journal::new();
    let [changed, exchanged, gone, old] =
        [(90, 81), (80, 71), (70, 61), (60, 51)].map(|days| journal.archive(days, BOOT));
    journal.write("system.journal", (1, 0), BOOT);
    let plan = journal.plan(json!({}));
    assert_eq!(targets(&plan).len(), 4);
    let path = |name: &str| journal.folder().join(name);
    File::options().write(true).open(path(&changed)).unwrap().write_all_at(b"L", 0).unwrap();
    std::fs::copy(path(&exchanged), path("copy")).unwrap();
    std::fs::rename(path("copy"), path(&exchanged)).unwrap();
    std::fs::remove_file(path(&gone)).unwrap();
    let report = journal.apply(&plan);
    assert_eq!(report.outcome, Outcome::Skips, "{report:#?}");
    assert_eq!(report.count(|state| matches!(state, StepState::NotAsConfirmed(_))), 3);
    assert_eq!(report.count(|state| matches!(state, StepState::Applied(Applied::Changed(_)))), 1);
    let mut left = vec![changed, exchanged, "system.journal".to_owned()];
    left.sort();
    assert_eq!(journal.names(), left);
    assert!(!path(&old).exists());
}

#[test]
fn more_than_the_budget_is_none() {
    let journal = Journal::new();
    for days in [(90, 81), (80, 71), (70, 61), (5, 1)] {
        journal.archive(days, BOOT);
    }
    let names = journal.names();
    for (more, words) in [
        (json!({ "max-files": 2 }), "3 files would be deleted, and `max-files` is 2"),
        (json!({ "max-bytes": "1MiB" }), "and `max-bytes` is 1 MiB"),
        (json!({ "max-share": "74%" }), "3 of 4 closed files would be deleted, and `max-share` is 74%"),
    ] {
        let plan = journal.plan(more);
        assert!(plan.plan.refused.iter().any(|refused| refused.why.contains(words)), "{:?}", plan.plan.refused);
        assert_eq!(journal.apply(&plan).outcome, Outcome::Refused);
    }
    assert_eq!(journal.names(), names);
    journal.clock.set("2020-01-01T00:00:00Z".parse().unwrap());
    let plan = journal.plan(json!({}));
    assert!(plan.plan.refused[0].why.contains("before this program was made"), "{:?}", plan.plan.refused);
}
