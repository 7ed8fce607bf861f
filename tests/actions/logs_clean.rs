//! `logs-clean`: what is old goes, and what has a reason to stay, stays.

use std::fs::File;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::time::Duration;

use selx_checks::logs::clean::LogsClean;
use selx_core::ErrorKind;
use selx_core::action::journal::{Begin, Event, Journal};
use selx_core::action::{Applied, DynAction as _, FORMAT, Ground as _, Outcome, SavedPlan, StepState, recover};
use serde_json::{Value, json};

use super::{Machine, run};

fn with(machine: &Machine, more: &[(&str, Value)]) -> Value {
    let mut with = json!({ "path": machine.folder, "older-than": "30d", "max-share": "100%" });
    for (key, value) in more {
        with[*key] = value.clone();
    }
    with
}

fn targets(plan: &SavedPlan) -> Vec<&str> {
    plan.plan.steps.iter().map(|step| step.target.as_str()).collect()
}

fn kept(plan: &SavedPlan) -> Vec<(&str, Vec<&str>)> {
    let each = plan.plan.kept.iter();
    each.map(|kept| (kept.why.as_str(), kept.examples.iter().map(String::as_str).collect())).collect()
}

#[test]
fn w18_old_logs_are_planned_shown_and_deleted() {
    let machine = Machine::new();
    for name in ["app.log.1", "app.log.2.gz", "app.log.3.gz", "deep/api-20260901.log", "deep/api-20260902.log"] {
        machine.file(name, 5_000);
    }
    machine.file("notes.txt", 10);
    machine.file("important.log.db", 10);
    machine.days_pass(31);
    machine.file("app.log", 10);
    // Time stamps are those of the real clock: what was just made is as old as the rest, and only its name is new.
    let plan = machine.plan::<LogsClean>(&with(&machine, &[])).unwrap();
    assert_eq!(plan.plan.refused, []);
    let targets = targets(&plan);
    assert_eq!(targets.len(), 4, "{targets:?}");
    assert!(!targets.contains(&"app.log"), "{targets:?}");
    assert!(plan.plan.steps[0].what.contains("8 KiB, 31d old"), "{}", plan.plan.steps[0].what);
    assert_eq!(plan.plan.bytes(), 4 * 8192);
    let kept = kept(&plan);
    assert_eq!(kept[0].0, "the newest of its log");
    assert_eq!(kept[0].1.len(), 2);
    assert_eq!(kept[1].0, "no log by its name");

    let before = machine.names();
    assert_eq!(before.len(), 8, "a plan changes nothing");
    assert!(!machine.state.exists(), "not even for itself");
    let report = machine.apply::<LogsClean>(&plan);
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    assert_eq!(machine.names().len(), 4);
    assert!(machine.names().contains(&"app.log".to_owned()));
    assert_eq!(report.space.len(), 1);
    assert!(report.findings.is_empty());
    // Once more: nothing is left to do.
    let again = machine.plan::<LogsClean>(&with(&machine, &[])).unwrap();
    assert!(again.plan.steps.is_empty());
    assert_eq!(machine.apply::<LogsClean>(&plan).outcome, Outcome::Stale);
}

#[test]
fn each_rule_that_keeps_a_file_is_named() {
    let machine = Machine::new();
    let outside = machine.folder.parent().unwrap().join("outside.log");
    std::fs::write(&outside, "x").unwrap();
    for letter in "abcdefg".chars() {
        machine.file(&format!("{letter}.log.1"), 10);
        // A second file of each log, so that the first is not kept as its newest.
        machine.file(&format!("{letter}.log"), 10);
    }
    std::fs::hard_link(&outside, machine.folder.join("linked.log")).unwrap();
    std::os::unix::fs::symlink(&outside, machine.folder.join("link.log")).unwrap();
    machine.file("public/x.log.1", 10);
    machine.file("public/x.log.2", 10);
    let mode = |name: &str, mode| {
        std::fs::set_permissions(machine.folder.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("public", 0o1777);
    mode("c.log.1", 0o1644);
    let future = File::options().write(true).open(machine.folder.join("d.log.1")).unwrap();
    future.set_modified(std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000)).unwrap();
    let held = File::options().append(true).open(machine.folder.join("e.log.1")).unwrap();
    machine.days_pass(31);
    let more = [("keep", json!(["f.log*", format!("{}/g.log.1", machine.folder.display())]))];
    let plan = machine.plan::<LogsClean>(&with(&machine, &more)).unwrap();
    let kept = kept(&plan);
    let of = |why: &str| {
        let found = kept.iter().find(|(known, _)| *known == why);
        found.unwrap_or_else(|| panic!("{why}: {kept:?}")).1.clone()
    };
    let mut named = of("named in `keep`");
    named.sort_unstable();
    assert_eq!(named, ["f.log", "f.log.1", "g.log.1"]);
    assert_eq!(of("it has another name elsewhere"), ["linked.log"]);
    assert_eq!(of("marked to be kept, by its sticky bit"), ["c.log.1"]);
    assert_eq!(of("it is from the future: is the clock right?"), ["d.log.1"]);
    assert_eq!(of("no file: a link, a pipe, a socket or a device"), ["link.log"]);
    assert_eq!(of("everybody may write to its folder").len(), 2);
    assert_eq!(of("a program has it open"), ["e.log.1"]);
    drop(held);
    // Whatever was kept, it is there afterwards.
    let report = machine.apply::<LogsClean>(&plan);
    assert!(matches!(report.outcome, Outcome::Done | Outcome::Skips | Outcome::Stale), "{report:?}");
    let names = machine.names();
    for (why, files) in kept {
        for file in files {
            assert!(names.iter().any(|name| name == file), "{file} was kept: {why}");
        }
    }
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "x");
}

#[test]
fn i06_i16_what_is_young_by_any_of_its_times_stays() {
    let machine = Machine::new();
    machine.file("a.log.1", 10);
    machine.file("a.log.2", 10);
    // Written long ago, by what it says; it came here today.
    for name in ["a.log.1", "a.log.2"] {
        let file = File::options().write(true).open(machine.folder.join(name)).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(86_400)).unwrap();
    }
    let short = [("older-than", json!("1s"))];
    machine.clock.advance(Duration::from_secs(60));
    let plan = machine.plan::<LogsClean>(&with(&machine, &short)).unwrap();
    assert!(plan.plan.steps.is_empty());
    assert_eq!(kept(&plan)[0].0, "written or changed within a day", "whatever the age is set to");
    machine.days_pass(30);
    let plan = machine.plan::<LogsClean>(&with(&machine, &[("older-than", json!("31d"))])).unwrap();
    assert_eq!(kept(&plan)[0].0, "not older than 31d");
    machine.days_pass(1);
    assert_eq!(machine.plan::<LogsClean>(&with(&machine, &[])).unwrap().plan.steps.len(), 1);
}

#[test]
fn budgets_and_clocks_that_jump_refuse_all_of_it() {
    let machine = Machine::new();
    for index in 0..20 {
        machine.file(&format!("app.log.{index}"), 10_000);
    }
    machine.days_pass(31);
    for (more, why) in [
        (vec![("max-files", json!(10))], "19 files would be deleted, and `max-files` is 10"),
        (vec![("max-bytes", json!("100KiB"))], "228 KiB would be deleted, and `max-bytes` is 100 KiB"),
        (vec![("max-share", json!("50%"))], "19 of 20 logs would be deleted, and `max-share` is 50%"),
    ] {
        let plan = machine.plan::<LogsClean>(&with(&machine, &more)).unwrap();
        let whys: Vec<&str> = plan.plan.refused.iter().map(|refused| refused.why.as_str()).collect();
        assert_eq!(whys, [why]);
        let report = machine.apply::<LogsClean>(&plan);
        assert_eq!((report.outcome, report.why), (Outcome::Refused, vec![why.to_owned()]));
    }
    machine.clock.set("2020-01-01T00:00:00Z".parse().unwrap());
    let plan = machine.plan::<LogsClean>(&with(&machine, &[])).unwrap();
    assert!(plan.plan.steps.is_empty(), "all of it is from the future");
    assert!(plan.plan.refused[0].why.starts_with("the clock is wrong"));
    assert_eq!(machine.names().len(), 20);
}

#[test]
fn i10_a_file_that_is_written_after_the_plan_stays_and_the_others_go() {
    let machine = Machine::new();
    for name in ["a.log.1", "a.log.2", "a.log.3", "a.log.4"] {
        machine.file(name, 10);
    }
    machine.days_pass(31);
    let plan = machine.plan::<LogsClean>(&with(&machine, &[])).unwrap();
    let first = plan.plan.steps[0].target.clone();
    std::fs::write(machine.folder.join(&first), "new").unwrap();
    let report = machine.apply::<LogsClean>(&plan);
    assert_eq!(report.outcome, Outcome::Skips, "{report:?}");
    assert!(matches!(report.steps[0].state, StepState::NotAsConfirmed(_)));
    assert_eq!(report.count(|state| matches!(state, StepState::Applied(Applied::Changed(_)))), 2);
    assert!(machine.names().contains(&first));
}

#[test]
fn a_folder_that_may_not_be_cleaned_is_an_error_and_no_plan() {
    let machine = Machine::new();
    for path in ["/var/log/../lib", "/etc", "/usr/share", "/var/lib"] {
        let error = machine.plan::<LogsClean>(&json!({ "path": path, "older-than": "30d" })).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{path}: {error}");
    }
    // What keeps files has to be said, and is never nothing.
    for with in [
        json!({ "path": "/var/log/x" }),
        json!({ "path": "/var/log/x", "older-than": "30d", "keep-newest": 0 }),
        json!({ "path": "/var/log/x", "older-than": "30d", "max-files": 0 }),
        json!({ "path": "/var/log/x", "older-than": "30d", "keep-mn": 3 }),
        json!({ "path": "var/log", "older-than": "30d" }),
        json!({ "path": "", "older-than": "30d" }),
    ] {
        assert!(serde_json::from_value::<selx_checks::logs::clean::Config>(with.clone()).is_err(), "{with}");
    }
}

#[test]
fn i19_a_run_that_was_killed_between_moving_and_deleting_is_finished() {
    let machine = Machine::new();
    for name in ["a.log.1", "a.log.2", "a.log.3", "a.log.4", "a.log.5"] {
        machine.file(name, 10);
    }
    machine.days_pass(31);
    let plan = machine.plan::<LogsClean>(&with(&machine, &[])).unwrap();
    assert_eq!(plan.plan.steps.len(), 4);
    // Four were about to be deleted: the first is gone, the second moved, and the rest as they were.
    let ground = machine.ground();
    let mut journal = Journal::begin(ground.journal("20261123T030000Z-00000001", 1 << 20).unwrap());
    let begin = Begin {
        format: FORMAT,
        run: "20261123T030000Z-00000001".to_owned(),
        pid: 1,
        user: 0,
        confirmed: "a test".to_owned(),
        resources: machine.action::<LogsClean>(&plan.with).resources(),
        plan: plan.clone(),
        steps: vec![0, 1, 2, 3],
    };
    let intent = Event::Intent { steps: vec![0, 1, 2, 3] };
    journal.write([Event::Begin(Box::new(begin)), intent], &*machine.clock).unwrap();
    let place = |step: usize| machine.folder.join(&plan.plan.steps[step].target);
    std::fs::remove_file(place(0)).unwrap();
    let print = plan.plan.steps[1].step["print"].clone();
    let aside = format!("{}-{}-{}", print["device"][0], print["device"][1], print["inode"]);
    let quarantine = machine.folder.join(".selx-removal");
    std::fs::DirBuilder::new().mode(0o700).create(&quarantine).unwrap();
    std::fs::rename(place(1), quarantine.join(&aside)).unwrap();
    // A rotation has made another file of its name since.
    std::fs::write(place(1), "new").unwrap();

    let again = || machine.apply::<LogsClean>(&machine.plan::<LogsClean>(&with(&machine, &[])).unwrap());
    assert_eq!(again().outcome, Outcome::Locked, "as long as it is alive");
    let open = ground.open().unwrap();
    let action = machine.action::<LogsClean>(&plan.with);
    let alive = run(recover(&open[0], &action, false, &ground, &machine.context()));
    assert!(alive.why[0].ends_with("its run is alive"), "{alive:?}");
    drop(journal);
    assert_eq!(again().outcome, Outcome::Unfinished);
    let report = run(recover(&open[0], &action, false, &ground, &machine.context()));
    assert_eq!(report.outcome, Outcome::Skips, "{report:?}");
    assert!(!quarantine.exists(), "the second one is deleted too");
    assert_eq!(std::fs::read_to_string(place(1)).unwrap(), "new");
    assert!(place(2).exists() && place(3).exists(), "what was not begun waits for the next plan");
    assert!(ground.open().unwrap().is_empty());
    let next = machine.plan::<LogsClean>(&with(&machine, &[])).unwrap();
    assert_eq!(next.plan.steps.len(), 3);
    assert_eq!(machine.apply::<LogsClean>(&next).outcome, Outcome::Done);
}

#[test]
fn i16_numbers_of_customers_are_no_counters_and_a_restore_makes_no_file_the_newest() {
    let machine = Machine::new();
    // The only log of each.
    for name in ["tenant-100001.log", "tenant-100002.log", "worker.1.log", "worker.2.log", "app-20260101.log"] {
        machine.file(name, 10);
    }
    // All came here at once, by a restore: the one that was written last is the newest.
    for (name, day) in [("b.log.1", 9), ("b.log.2", 8), ("b.log.3", 7), ("b.log.4", 6)] {
        let path = machine.file(name, 10);
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(day * 86_400)).unwrap();
    }
    machine.days_pass(31);
    let plan = machine.plan::<LogsClean>(&with(&machine, &[])).unwrap();
    let targets = targets(&plan);
    assert!(targets.iter().all(|name| name.starts_with("b.log.")), "{targets:?}");
    assert!(!targets.contains(&"b.log.1"), "{targets:?}");
    assert!(targets.len() >= 2, "{targets:?}");
}

#[test]
fn logs_clean_keeps_to_the_contract_of_a_life() {
    let machine = Machine::new();
    for name in ["app.log.1", "app.log.2", "deep/api.log.1"] {
        machine.file(name, 100);
    }
    machine.days_pass(31);
    let with = with(&machine, &[]);
    let broken = run(selx_core::contract::life::<LogsClean>(&with, &machine.ground(), &machine.context()));
    assert_eq!(broken, [""; 0]);
}

#[test]
fn names_that_are_no_text_share_no_log() {
    use std::os::unix::ffi::OsStrExt as _;
    let machine = Machine::new();
    for name in [b"cust\xfe.log".as_slice(), b"cust\xff.log"] {
        std::fs::write(machine.folder.join(std::ffi::OsStr::from_bytes(name)), "the only one").unwrap();
    }
    machine.file("x.log", 10);
    machine.days_pass(31);
    let with = json!({ "path": machine.folder, "older-than": "30d", "max-share": "100%" });
    let plan = machine.plan::<LogsClean>(&with).unwrap();
    assert!(plan.plan.steps.is_empty(), "{plan:#?}");
}

#[test]
fn of_equal_times_the_newest_by_its_name_stays() {
    let machine = Machine::new();
    let names = ["x-20261126.log", "x-20261123.log", "y.log.2", "y.log.1", "y.log.3"];
    let at = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for name in names {
        let path = machine.file(name, 10);
        File::options().append(true).open(path).unwrap().set_modified(at).unwrap();
    }
    machine.days_pass(31);
    let with = json!({ "path": machine.folder, "older-than": "30d", "max-share": "100%" });
    let plan = machine.plan::<LogsClean>(&with).unwrap();
    let gone: Vec<&str> = plan.plan.steps.iter().map(|step| step.target.as_str()).collect();
    // By when they were written they are equal; what was changed last stays as well.
    assert!(!gone.contains(&"x-20261126.log") && !gone.contains(&"y.log.1"), "{gone:?}");
    assert!(gone.contains(&"y.log.2"), "{gone:?}");
}
