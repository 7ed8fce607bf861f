//! Running a check of the kind `http` against a peer, and looking at what came out.

use std::sync::Arc;
use std::time::Duration;

use selx_checks::http::{Config, Http};
use selx_core::report::Entry;
use selx_core::{Check as _, Finding, Instance, Limits, Runner, Selection, Settings, Status, Typed};
use serde_json::Value;

/// How long one check may take where a test waits for that time to be up.
pub(crate) const SHORT: Duration = Duration::from_millis(300);
/// How long one check may take where it should not matter.
pub(crate) const LONG: Duration = Duration::from_secs(10);

/// The settings of a runner that tries once.
pub(crate) fn settings(timeout: Duration) -> Settings {
    Settings {
        concurrency: 128,
        timeout,
        deadline: Duration::from_secs(60),
        retries: 0,
        retry_delay: Duration::ZERO,
        state: None,
        history: false,
        retention: Duration::from_secs(60),
        action_timeout: Duration::from_secs(60),
    }
}

/// Makes a check of its settings.
pub(crate) fn instance(name: impl Into<String>, with: Value) -> Instance {
    let config: Config = serde_json::from_value(with).expect("settings of the kind");
    Instance::new(Arc::new(Typed::new(Http::new(config))), name)
}

/// Runs one check through the runner, without limits: how fast a busy machine is must not decide a test.
pub(crate) async fn look(with: Value, timeout: Duration) -> Entry {
    let mut check = instance("one", with);
    check.limits = Limits::default();
    run(check, timeout).await
}

/// Runs one check through the runner, with the limits of the kind.
pub(crate) async fn look_in_time(with: Value) -> Entry {
    run(instance("one", with), LONG).await
}

async fn run(check: Instance, timeout: Duration) -> Entry {
    let selection = Selection { instances: vec![check], routine: None };
    let mut report = Runner::new(settings(timeout)).run(&selection).await;
    assert_eq!(report.entries.len(), 1);
    report.entries.remove(0)
}

/// Says everything that a report would say about a check.
pub(crate) fn words(entry: &Entry) -> String {
    let findings = entry.judgement.findings.iter().map(said);
    let faults = entry.faults.iter().map(|fault| fault.message.clone());
    let all: Vec<String> = findings.chain(faults).collect();
    format!("{:?}: {} | {} | {}", entry.status(), entry.headline(), entry.judgement.summary, all.join(" | "))
}

fn said(finding: &Finding) -> String {
    format!("{:?} {} {} {}", finding.severity, finding.code, finding.subject, finding.message)
}

/// Asserts the status, the only code above information, and words of the message.
#[track_caller]
pub(crate) fn assert_is(entry: &Entry, status: Status, code: &str, expected: &[&str]) {
    let said = words(entry);
    assert_eq!(entry.status(), status, "{said}");
    let codes: Vec<&str> = entry
        .judgement
        .findings
        .iter()
        .filter(|finding| finding.severity > selx_core::Severity::Info)
        .map(|finding| finding.code.as_ref())
        .collect();
    assert_eq!(codes, [code], "{said}");
    for word in expected {
        assert!(said.contains(word), "`{word}` is missing in: {said}");
    }
    // What is broken gives no numbers that a limit or a trend could take for the endpoint's.
    if status == Status::Critical && ["cut-off", "no-answer", "not-connected"].contains(&code) {
        assert!(entry.measures.is_empty(), "{said}");
    }
}

/// Asserts that a check is fine.
#[track_caller]
pub(crate) fn assert_ok(entry: &Entry) {
    assert_eq!(entry.status(), Status::Ok, "{}", words(entry));
}
