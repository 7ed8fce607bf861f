//! The kinds `redis-ping` and `redis-stats` against real servers, healthy and sick, and against peers that lie.
//!
//! They need the program redis-server, and fail without it.

#![expect(clippy::disallowed_methods, reason = "the server is started as any program is")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod breakages;
mod cost;
mod discovery;
mod encrypted;
mod hostile;
#[path = "../host/memory_of_runs.rs"]
mod memory_of_runs;
#[expect(dead_code, reason = "other tests use all of it")]
#[path = "../faults/peer.rs"]
mod peer;
mod replicas;
mod server;
mod since;

use std::sync::Arc;
use std::time::Duration;

use selx_core::{Entry, Host, Instance, Limits, Registry, Runner, Selection, Settings, Severity, Status};
use serde_json::Value;

use crate::memory_of_runs::MemoryOfRuns;

/// How long a check may take where a test waits for that time to be up.
const SHORT: Duration = Duration::from_millis(300);
/// How long it may take where it should not matter.
const LONG: Duration = Duration::from_secs(10);

/// One check of a kind, without limits: how fast a busy machine is must not decide a test.
fn instance(kind: &str, with: Value) -> Instance {
    let mut registry = Registry::new();
    selx_checks::register(&mut registry).expect("every name is taken once");
    let check = registry.get(kind).expect("the kind is registered").build_json(&with).expect("the settings are right");
    let mut instance = Instance::new(check, "test");
    instance.limits = Limits::default();
    instance
}

fn settings(timeout: Duration) -> Settings {
    Settings {
        concurrency: 128,
        timeout,
        deadline: Duration::from_secs(60),
        retries: 0,
        retry_delay: Duration::ZERO,
        state: None,
        history: true,
        retention: Duration::from_secs(3600),
        action_timeout: Duration::from_secs(60),
    }
}

/// Runs one check once.
async fn look(kind: &str, with: Value, timeout: Duration) -> Entry {
    let selection = Selection { instances: vec![instance(kind, with)], routine: None };
    Runner::new(settings(timeout)).run(&selection).await.entries.remove(0)
}

/// Runs a check once for every call, with its own limits, and remembers.
struct Looks {
    runner: Runner,
    instance: Instance,
}

impl Looks {
    fn of(kind: &str, with: Value) -> Self {
        let mut instance = instance(kind, with);
        instance.limits =
            instance.check.limits().overlaid(&Limits::default().set("latency", selx_core::Limit::default()));
        let runner = Runner::new(settings(LONG)).host(Host::default()).history(Arc::new(MemoryOfRuns::default()));
        Self { runner, instance }
    }

    async fn look(&self) -> Entry {
        // A routine always knows the last look.
        let routine = Some(("daily".to_owned(), selx_core::Routine::default()));
        let selection = Selection { instances: vec![self.instance.clone()], routine };
        self.runner.run(&selection).await.entries.remove(0)
    }
}

/// Says everything that a report would say.
fn words(entry: &Entry) -> String {
    let mut text = format!("{:?}: {}\n{}\n", entry.status(), entry.headline(), entry.judgement.summary);
    for finding in &entry.judgement.findings {
        let advice = entry.advice(finding).unwrap_or_default();
        text.push_str(&format!(
            "{} {} {}: {} | {advice}\n",
            finding.severity, finding.code, finding.subject, finding.message
        ));
    }
    for fault in &entry.faults {
        text.push_str(&format!("{}\n", fault.message));
    }
    for pair in &entry.judgement.evidence {
        text.push_str(&format!("{}: {}\n", pair.label, pair.value));
    }
    text
}

/// Holds an entry to a status, its only codes above information, and words.
#[track_caller]
fn says(entry: &Entry, status: Status, codes: &[&str], expected: &[&str]) {
    let text = words(entry);
    assert_eq!(entry.status(), status, "{text}");
    let serious = entry.judgement.findings.iter().filter(|finding| finding.severity > Severity::Info);
    let mut found: Vec<&str> = serious.map(|finding| finding.code.as_ref()).collect();
    found.sort_unstable();
    assert_eq!(found, codes, "{text}");
    for word in expected {
        assert!(text.contains(word), "`{word}` is not in:\n{text}");
    }
}

/// Returns a measure of an entry.
fn measure(entry: &Entry, name: &str) -> Option<f64> {
    entry.measures.iter().find(|one| one.measure.name == name).map(|one| one.measure.value)
}
