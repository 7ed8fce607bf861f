//! Running a check of the kind, and looking at what came out.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use selx_checks::compose::{ComposeServices, Config};
use selx_core::report::Entry;
use selx_core::{Check as _, Instance, Limits, Runner, Selection, Settings, Severity, Status, Typed};
use serde_json::Value;

/// How long a check may take where it should not matter.
pub(crate) const LONG: Duration = Duration::from_secs(20);
/// How long it may take where a test waits for that time to be up.
pub(crate) const SHORT: Duration = Duration::from_millis(400);

/// Runs one check through the runner, without limits.
pub(crate) async fn look(mut with: Value, engine: &Path, timeout: Duration) -> Entry {
    with["engine"] = format!("unix:{}", engine.display()).into();
    let config: Config = serde_json::from_value(with).expect("settings of the kind");
    let mut check = Instance::new(Arc::new(Typed::new(ComposeServices::new(config))), "one");
    check.limits = Limits::default();
    let settings = Settings {
        concurrency: 4,
        timeout,
        deadline: Duration::from_secs(60),
        retries: 0,
        retry_delay: Duration::ZERO,
        state: None,
        history: false,
        retention: Duration::from_secs(60),
        action_timeout: Duration::from_secs(60),
    };
    let selection = Selection { instances: vec![check], routine: None };
    let mut report = Runner::new(settings).run(&selection).await;
    report.entries.remove(0)
}

/// Says everything that a report would say about a check.
pub(crate) fn words(entry: &Entry) -> String {
    let finding = |finding: &selx_core::Finding| {
        let evidence: Vec<String> =
            finding.evidence.iter().map(|pair| format!("{}={}", pair.label, pair.value)).collect();
        format!(
            "{:?} {} {} {} [{}]",
            finding.severity,
            finding.code,
            finding.subject,
            finding.message,
            evidence.join(", ")
        )
    };
    let findings: Vec<String> = entry.judgement.findings.iter().map(finding).collect();
    format!(
        "{:?}: {} | {} | {} | {:?}",
        entry.status(),
        entry.headline(),
        entry.judgement.summary,
        findings.join(" | "),
        entry.outcome
    )
}

/// Asserts the status, the codes above information, and words.
#[track_caller]
pub(crate) fn assert_is(entry: &Entry, status: Status, codes: &[&str], expected: &[&str]) {
    let said = words(entry);
    assert_eq!(entry.status(), status, "{said}");
    let mut seen: Vec<&str> = entry
        .judgement
        .findings
        .iter()
        .filter(|finding| finding.severity > Severity::Info)
        .map(|finding| finding.code.as_ref())
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, codes, "{said}");
    for word in expected {
        assert!(said.contains(word), "`{word}` is missing in: {said}");
    }
}
