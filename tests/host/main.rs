//! The kinds of the machine against real mounts and processors, and against trees of `/proc` in odd states.
//!
//! The tests mount file systems in folders of their own and need the right to do so (root). Without it they fail.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod cpu;
mod disk;
mod memory;
mod memory_of_runs;
mod mount;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use memory_of_runs::MemoryOfRuns;
use selx_core::{Entry, Host, Instance, Registry, Runner, Selection, Settings, Status};
use serde_json::Value;

/// One check of a kind with settings.
fn instance(kind: &str, with: Value) -> Instance {
    let mut registry = Registry::new();
    selx_checks::register(&mut registry).expect("every name is taken once");
    let check = registry.get(kind).expect("the kind is registered").build_json(&with).expect("the settings are right");
    Instance::new(check, "test")
}

/// Runs a check once for every call, and remembers.
struct Looks {
    runner: Runner,
    instance: Instance,
}

impl Looks {
    fn of(kind: &str, with: Value, host: Host) -> Self {
        let settings = Settings {
            concurrency: 4,
            timeout: Duration::from_secs(2),
            deadline: Duration::from_secs(10),
            retries: 0,
            retry_delay: Duration::ZERO,
            state: None,
            history: true,
            retention: Duration::from_secs(3600),
            action_timeout: Duration::from_secs(60),
        };
        let runner = Runner::new(settings).host(host).history(Arc::new(MemoryOfRuns::default()));
        Self { runner, instance: instance(kind, with) }
    }

    async fn look(&self) -> Entry {
        // A routine always knows the last look.
        let routine = Some(("daily".to_owned(), selx_core::Routine::default()));
        let selection = Selection { instances: vec![self.instance.clone()], routine };
        let mut report = self.runner.run(&selection).await;
        assert!(report.notices.is_empty(), "{:?}", report.notices);
        report.entries.remove(0)
    }
}

/// Runs a check once.
async fn look(kind: &str, with: Value, host: Host) -> Entry {
    Looks::of(kind, with, host).look().await
}

/// Holds an entry to a status and to words of its headline, summary, findings and faults.
#[track_caller]
fn says(entry: &Entry, status: Status, words: &[&str]) {
    let mut text = format!("{}\n{}\n", entry.headline(), entry.judgement.summary);
    for finding in &entry.judgement.findings {
        text.push_str(&format!("{} {}: {}\n", finding.code, finding.subject, finding.message));
    }
    for fault in &entry.faults {
        text.push_str(&format!("{}\n", fault.message));
    }
    assert_eq!(entry.status(), status, "{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` is not in:\n{text}");
    }
}

/// Returns a measure of an entry.
#[track_caller]
fn measure(entry: &Entry, name: &str, subject: &str) -> f64 {
    let found = entry.measures.iter().find(|one| one.measure.name == name && one.measure.subject == subject);
    found.unwrap_or_else(|| panic!("no `{name}` on `{subject}`: {:?}", entry.measures)).measure.value
}

/// Writes a file of a tree of `/proc` or `/sys`, with its folders.
fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder can be made");
    std::fs::write(path, text).expect("a file can be written");
}

/// Runs a program of the machine that says the same.
fn output(program: &str, arguments: &[&str]) -> String {
    #[expect(clippy::disallowed_methods, reason = "a test compares with a program of the machine")]
    let output = std::process::Command::new(program).args(arguments).env("LC_ALL", "C").output();
    let output = output.unwrap_or_else(|error| panic!("`{program}` cannot be started: {error}"));
    assert!(output.status.success(), "`{program}` failed");
    String::from_utf8(output.stdout).expect("it writes text")
}

#[tokio::test]
async fn without_proc_nothing_is_fine() {
    let root = tempfile::tempdir().expect("a folder");
    for (kind, file) in [("host-cpu", "stat"), ("host-disk", "self/mountinfo"), ("host-memory", "meminfo")] {
        let entry = look(kind, Value::Null, Host::below(root.path())).await;
        says(&entry, Status::Unknown, &[file, "does not exist"]);
    }
}

#[tokio::test]
async fn garbage_in_proc_is_not_fine() {
    let files = [("host-cpu", "stat"), ("host-disk", "self/mountinfo"), ("host-memory", "meminfo")];
    for garbage in ["", "\0\0\0", "cpu  1 2", "MemTotal: many kB\n", "1 2 3", &"9".repeat(100_000)] {
        for (kind, file) in files {
            let root = tempfile::tempdir().expect("a folder");
            write(root.path(), &format!("proc/{file}"), garbage);
            let entry = look(kind, Value::Null, Host::below(root.path())).await;
            says(&entry, Status::Unknown, &[&format!("/proc/{file}"), "does not read"]);
        }
    }
}

#[tokio::test]
async fn this_machine_is_seen_by_every_kind() {
    for kind in ["host-cpu", "host-disk", "host-memory"] {
        let entry = look(kind, Value::Null, Host::default()).await;
        assert!(matches!(entry.status(), Status::Skipped | Status::Ok | Status::Warning | Status::Critical), "{kind}");
        assert!(entry.faults.is_empty(), "{kind}: {:?}", entry.faults);
        // Even without optimisation and on a machine with other work it is done at once.
        let mut quickest = entry.took;
        for _ in 0..20 {
            quickest = quickest.min(look(kind, Value::Null, Host::default()).await.took);
        }
        println!("{kind}: {quickest:?}");
        assert!(quickest < Duration::from_millis(10), "{kind}: {quickest:?}");
    }
}

#[tokio::test]
async fn each_kind_proposes_itself() {
    let mut registry = Registry::new();
    selx_checks::register(&mut registry).expect("every name is taken once");
    for kind in ["host-cpu", "host-disk", "host-memory"] {
        let cx = selx_core::Context::new(Duration::from_secs(2));
        let found = registry.get(kind).expect("registered").discover(&cx).await;
        let selx_core::Discovery::Found(proposals) = found else { panic!("{kind}: {found:?}") };
        assert_eq!((proposals.len(), proposals[0].name.as_str(), proposals[0].with.as_str()), (1, "local", ""));
    }
}
