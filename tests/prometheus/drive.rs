//! Running a check of the kind `prometheus-query`, and looking at what came out.

use std::sync::Arc;
use std::time::Duration;

use selx_checks::prometheus::{Config, PrometheusQuery};
use selx_core::limit::{Limit, Threshold};
use selx_core::report::Entry;
use selx_core::{Check as _, Instance, Runner, Selection, Settings, Severity, Status, Typed, Unit};
use serde_json::Value;

/// How long one check may take where a test waits for that time to be up.
pub(crate) const SHORT: Duration = Duration::from_millis(400);
/// How long one check may take where it should not matter.
pub(crate) const LONG: Duration = Duration::from_secs(20);

fn settings(timeout: Duration) -> Settings {
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

/// Runs one check through the runner.
pub(crate) async fn look(with: Value, timeout: Duration) -> Entry {
    run(instance(with), timeout).await
}

/// Runs one check with a critical limit.
pub(crate) async fn limited(with: Value, measure: &str, unit: Unit, critical: &str) -> Entry {
    let mut check = instance(with);
    let limit = Limit { critical: Some(Threshold::parse(critical, unit).expect("a limit")), ..Limit::default() };
    check.limits = check.limits.set(measure, limit);
    run(check, LONG).await
}

fn instance(with: Value) -> Instance {
    let config: Config = serde_json::from_value(with).expect("settings of the kind");
    Instance::new(Arc::new(Typed::new(PrometheusQuery::new(config))), "one")
}

async fn run(check: Instance, timeout: Duration) -> Entry {
    let selection = Selection { instances: vec![check], routine: None };
    let mut report = Runner::new(settings(timeout)).run(&selection).await;
    assert_eq!(report.entries.len(), 1);
    report.entries.remove(0)
}

/// Says everything that a report would say about a check.
pub(crate) fn words(entry: &Entry) -> String {
    let mut all = vec![format!("{:?}: {} | {}", entry.status(), entry.headline(), entry.judgement.summary)];
    for finding in &entry.judgement.findings {
        all.push(format!("{:?} {} {} {}", finding.severity, finding.code, finding.subject, finding.message));
        all.extend(finding.evidence.iter().map(|pair| format!("{}: {}", pair.label, pair.value)));
    }
    all.extend(entry.faults.iter().map(|fault| fault.message.clone()));
    all.extend(entry.judgement.evidence.iter().map(|pair| format!("{}: {}", pair.label, pair.value)));
    all.join(" | ")
}

/// Asserts the status, the only code above information, and words.
#[track_caller]
pub(crate) fn assert_is(entry: &Entry, status: Status, code: &str, expected: &[&str]) {
    let said = words(entry);
    assert_eq!(entry.status(), status, "{said}");
    let found = entry.judgement.findings.iter().filter(|finding| finding.severity > Severity::Info);
    let codes: Vec<&str> = found.map(|finding| finding.code.as_ref()).collect();
    assert_eq!(codes, [code], "{said}");
    for word in expected {
        assert!(said.contains(word), "`{word}` is missing in: {said}");
    }
}

/// Asserts that a check is fine, and words.
#[track_caller]
pub(crate) fn assert_ok(entry: &Entry, expected: &[&str]) {
    let said = words(entry);
    assert_eq!(entry.status(), Status::Ok, "{said}");
    for word in expected {
        assert!(said.contains(word), "`{word}` is missing in: {said}");
    }
}

/// Returns the number of a measure on a subject.
#[track_caller]
pub(crate) fn measured(entry: &Entry, name: &str, subject: &str) -> f64 {
    let found = entry.measures.iter().find(|one| one.measure.name == name && one.measure.subject == subject);
    found.unwrap_or_else(|| panic!("no `{name}` on `{subject}`: {}", words(entry))).measure.value
}
