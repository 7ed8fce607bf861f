//! `logs-rotate`: what is due gets another name, nothing is lost, and who writes opens a new file.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use selx_checks::logs::rotate::LogsRotate;
use selx_core::action::{Ground as _, Outcome, SavedPlan};
use selx_core::contract;
use serde_json::{Value, json};

use super::{Machine, run};

/// A program that writes numbered lines into a log, and opens it anew when it is told to; it ends with its test.
struct Writer(Child);

impl Writer {
    fn start(machine: &Machine, log: &str, on_signal: &str) -> Self {
        let path = machine.folder.join(log);
        let script = format!(
            "f='{}'; exec >>$f; trap '{on_signal}' USR1; n=0; while :; do n=$((n+1)); echo line $n; sleep 0.01; done",
            path.display()
        );
        #[expect(clippy::disallowed_methods, reason = "the writer is another program")]
        let writer = Self(Command::new("/bin/bash").args(["-c", &script]).spawn().expect("bash is there"));
        until(|| std::fs::read_to_string(&path).is_ok_and(|text| text.contains("line 5\n")));
        writer
    }

    fn tell(&self) -> Value {
        json!(["/bin/bash", "-c", format!("kill -USR1 {}", self.0.id())])
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until(mut see: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !see() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not come");
        std::thread::yield_now();
    }
}

fn with(machine: &Machine, more: &[(&str, Value)]) -> Value {
    let mut with = json!({ "path": machine.folder, "larger-than": "20B" });
    for (key, value) in more {
        with[*key] = value.clone();
    }
    with
}

fn targets(plan: &SavedPlan) -> Vec<&str> {
    plan.plan.steps.iter().map(|step| step.target.as_str()).collect()
}

fn kept(plan: &SavedPlan, words: &str) -> Vec<String> {
    let each = plan.plan.kept.iter().filter(|kept| kept.why.contains(words));
    each.flat_map(|kept| kept.examples.clone()).collect()
}

/// Returns the numbers of the lines of all files of a log, the rotated ones first.
fn lines(machine: &Machine, log: &str) -> Vec<u64> {
    let mut names: Vec<String> = machine.names().into_iter().filter(|name| name.starts_with(log)).collect();
    names.sort_by_key(|name| (name == log, name.clone()));
    let texts = names.iter().map(|name| std::fs::read_to_string(machine.folder.join(name)).unwrap());
    let text: String = texts.collect();
    text.lines().map(|line| line.strip_prefix("line ").unwrap().parse().unwrap()).collect()
}

#[test]
fn w16_what_is_due_is_rotated_its_writer_is_told_and_no_line_is_lost() {
    let machine = Machine::new();
    let writer = Writer::start(&machine, "app.log", "exec >>$f");
    machine.file("idle.log", 100);
    machine.file("small.log", 10);
    machine.file("app.log.1", 100);
    machine.file("notes.txt", 100);
    let with = with(&machine, &[("reopen", writer.tell())]);
    let plan = machine.plan::<LogsRotate>(&with).unwrap();
    assert_eq!(targets(&plan), ["app.log", "idle.log", "/bin/bash"], "{plan:#?}");
    assert!(plan.plan.steps[0].what.contains("more than 20 B") && plan.plan.steps[2].what.contains("1 of them"));
    assert_eq!(kept(&plan, "not due"), ["small.log"]);
    assert_eq!(kept(&plan, "rotated already"), ["app.log.1"]);
    let report = machine.apply::<LogsRotate>(&plan);
    assert_eq!(report.outcome, Outcome::Done, "{report:#?}");
    std::fs::remove_file(machine.folder.join("app.log.1")).unwrap();
    // It goes on in the new file, and what it wrote is there without a hole.
    until(|| std::fs::metadata(machine.folder.join("app.log")).unwrap().len() > 50);
    drop(writer);
    let all = lines(&machine, "app.log");
    assert_eq!(all, (1..=all.len() as u64).collect::<Vec<_>>());
    let rotated: Vec<String> = machine.names().into_iter().filter(|name| name.contains(".log-2")).collect();
    assert_eq!(rotated.len(), 2, "{rotated:?}");
    assert_eq!(std::fs::metadata(machine.folder.join("idle.log")).unwrap().len(), 0);
    // Nothing is due any more but what was written since, and the old files are parts of their logs.
    let plan = machine.plan::<LogsRotate>(&with).unwrap();
    assert_eq!(kept(&plan, "rotated already").len(), 2, "{plan:#?}");
}

#[test]
fn a_log_that_somebody_has_open_stays_if_nobody_can_tell_him() {
    let machine = Machine::new();
    let _writer = Writer::start(&machine, "app.log", "exec >>$f");
    let plan = machine.plan::<LogsRotate>(&with(&machine, &[])).unwrap();
    assert_eq!((targets(&plan).len(), kept(&plan, "`reopen` does not say")), (0, vec!["app.log".to_owned()]));
}

#[test]
fn what_is_due_by_its_age_or_by_force() {
    let machine = Machine::new();
    machine.file("app.log", 10);
    machine.file("empty.log", 0);
    let settings = [("larger-than", json!("1MiB")), ("older-than", json!("7d"))];
    assert_eq!(targets(&machine.plan::<LogsRotate>(&with(&machine, &settings)).unwrap()), [""; 0]);
    machine.days_pass(8);
    let plan = machine.plan::<LogsRotate>(&with(&machine, &settings)).unwrap();
    assert!(targets(&plan) == ["app.log"] && plan.plan.steps[0].what.contains("begun 8d"), "{plan:#?}");
    let force = [("larger-than", json!("1MiB")), ("force", json!(true)), ("keep", json!(["app*"]))];
    machine.file("other.log", 1);
    let plan = machine.plan::<LogsRotate>(&with(&machine, &force)).unwrap();
    assert_eq!(targets(&plan), ["other.log"], "what is empty or kept is never due");
    let few = [("max-files", json!(1)), ("force", json!(true))];
    let refused = machine.plan::<LogsRotate>(&with(&machine, &few)).unwrap().plan.refused;
    assert!(refused[0].why.contains("2 logs would be rotated, and `max-files` is 1"), "{refused:?}");
}

#[test]
fn a_writer_that_is_not_reached_is_told_and_loses_nothing() {
    for (on_signal, reopen, words) in
        [("exec >>$f", Some("exit 3"), "Code(3)"), ("", None, "is still open in the program")]
    {
        let machine = Machine::new();
        let writer = Writer::start(&machine, "app.log", on_signal);
        let tell = reopen.map_or(writer.tell(), |line| json!(["/bin/bash", "-c", line]));
        let plan = machine.plan::<LogsRotate>(&with(&machine, &[("reopen", tell)])).unwrap();
        let report = machine.apply::<LogsRotate>(&plan);
        assert_eq!(report.outcome, Outcome::Leftover, "{report:#?}");
        assert!(format!("{report:?}").contains(words), "{report:#?}");
        drop(writer);
        let all = lines(&machine, "app.log");
        assert_eq!(all, (1..=all.len() as u64).collect::<Vec<_>>());
        assert!(machine.ground().open().unwrap().is_empty());
    }
}

#[test]
fn logs_rotate_keeps_to_the_contract_of_a_life() {
    let machine = Machine::new();
    machine.file("app.log", 100);
    machine.file("deep/api.log", 100);
    let broken = run(contract::life::<LogsRotate>(&with(&machine, &[]), &machine.ground(), &machine.context()));
    assert_eq!(broken, [""; 0]);
}

#[test]
fn who_was_not_told_is_told_by_the_next_run() {
    let machine = Machine::new();
    machine.file("app.log", 0);
    let writer = Writer::start(&machine, "app.log", "exec >>$f");
    // A run that ended between the rotation and the telling.
    let rotated = machine.folder.join("app.log-20261127T020000Z");
    std::fs::rename(machine.folder.join("app.log"), &rotated).unwrap();
    machine.file("app.log", 0);
    // One who only reads what was rotated is not to be told.
    machine.file("read.log-20261127T020000Z", 10);
    let _reader = std::fs::File::open(machine.folder.join("read.log-20261127T020000Z")).unwrap();
    let plan = machine.plan::<LogsRotate>(&with(&machine, &[("larger-than", json!("1GiB"))])).unwrap();
    assert!(plan.plan.steps.is_empty());
    assert!(plan.plan.kept.iter().any(|kept| kept.why.contains("a program writes on into it")), "{plan:#?}");
    let with = with(&machine, &[("larger-than", json!("1GiB")), ("reopen", writer.tell())]);
    let plan = machine.plan::<LogsRotate>(&with).unwrap();
    assert_eq!(plan.plan.steps.len(), 1, "{plan:#?}");
    let report = machine.apply::<LogsRotate>(&plan);
    assert_eq!(report.outcome, Outcome::Done, "{report:#?}");
    until(|| std::fs::read_to_string(machine.folder.join("app.log")).is_ok_and(|text| text.contains("line ")));
    assert!(machine.plan::<LogsRotate>(&with).unwrap().plan.steps.is_empty());
}

#[test]
fn what_a_program_starts_when_it_is_told_keeps_no_lock() {
    let machine = Machine::new();
    machine.file("app.log", 100);
    let open = std::fs::File::options().append(true).open(machine.folder.join("app.log")).unwrap();
    let pid = machine.folder.join("daemon.pid");
    let script = format!("setsid sleep 60 </dev/null >/dev/null 2>&1 & echo $! > '{}'", pid.display());
    let with = with(&machine, &[("reopen", json!(["/bin/bash", "-c", script]))]);
    let plan = machine.plan::<LogsRotate>(&with).unwrap();
    drop(open);
    machine.apply::<LogsRotate>(&plan);
    let again = machine.plan::<LogsRotate>(&with).unwrap();
    assert_ne!(machine.apply::<LogsRotate>(&again).outcome, Outcome::Locked);
    if let Ok(pid) = std::fs::read_to_string(&pid) {
        let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}
