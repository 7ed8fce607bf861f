//! Running a check of any kind, and looking at what came out.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use selx_core::report::Entry;
use selx_core::{
    Context, DynCheck, Instance, Judging, Limits, Measure, Moment, Previous, Registry, Runner, Selection, Settings,
    Severity, Status,
};
use serde_json::{Value, json};

use crate::cluster::{Cluster, PASSWORD};

/// How long one check may take where it should not matter.
pub(crate) const LONG: Duration = Duration::from_secs(20);
/// How long one check may take where a test waits for that time to be up.
pub(crate) const SHORT: Duration = Duration::from_millis(600);

/// Makes a check of its settings.
pub(crate) fn check(kind: &str, with: &Value) -> Arc<dyn DynCheck> {
    let mut registry = Registry::new();
    selx_checks::register(&mut registry).unwrap();
    registry.get(kind).unwrap().build_json(with).unwrap()
}

/// Runs one check through the runner, without limits: how fast a busy machine is must not decide a test.
pub(crate) async fn look(kind: &str, with: Value, timeout: Duration) -> Entry {
    let mut instance = Instance::new(check(kind, &with), "one");
    instance.limits = Limits::default();
    run(instance, timeout).await
}

/// Runs one check with the limits of the kind.
pub(crate) async fn look_with_limits(kind: &str, with: Value) -> Entry {
    run(Instance::new(check(kind, &with), "one"), LONG).await
}

pub(crate) async fn run(instance: Instance, timeout: Duration) -> Entry {
    let mut entries = run_all(vec![instance], timeout).await;
    assert_eq!(entries.len(), 1);
    entries.remove(0)
}

/// Runs checks together.
pub(crate) async fn run_all(instances: Vec<Instance>, timeout: Duration) -> Vec<Entry> {
    let settings = Settings {
        concurrency: 8,
        timeout,
        deadline: Duration::from_secs(60),
        retries: 0,
        retry_delay: Duration::ZERO,
        state: None,
        history: false,
        retention: Duration::from_secs(60),
        action_timeout: Duration::from_secs(60),
    };
    let selection = Selection { instances, routine: None };
    Runner::new(settings).run(&selection).await.entries
}

/// Says everything that a report would say about a check.
pub(crate) fn words(entry: &Entry) -> String {
    let findings = entry.judgement.findings.iter().map(|finding| {
        let evidence: Vec<String> =
            finding.evidence.iter().map(|pair| format!("{}: {}", pair.label, pair.value)).collect();
        let (severity, advice) = (finding.severity, finding.advice.as_deref().unwrap_or_default());
        format!(
            "{severity:?} {} {} {} {advice} {}",
            finding.code,
            finding.subject,
            finding.message,
            evidence.join("; ")
        )
    });
    let faults = entry
        .faults
        .iter()
        .map(|fault| format!("fault {} {}", fault.message, fault.advice.as_deref().unwrap_or_default()));
    let evidence = entry.judgement.evidence.iter().map(|pair| format!("{}: {}", pair.label, pair.value));
    let all: Vec<String> = findings.chain(faults).chain(evidence).collect();
    format!("{:?}: {} | {} | {}", entry.status(), entry.headline(), entry.judgement.summary, all.join(" | "))
}

/// Asserts the status, the codes above information, and words.
#[track_caller]
pub(crate) fn assert_is(entry: &Entry, status: Status, codes: &[&str], expected: &[&str]) {
    let said = words(entry);
    assert_eq!(entry.status(), status, "{said}");
    let findings = entry.judgement.findings.iter().filter(|finding| finding.severity > Severity::Info);
    let mut found: Vec<&str> = findings.map(|finding| finding.code.as_ref()).collect();
    found.sort_unstable();
    assert_eq!(found, codes, "{said}");
    for word in expected {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
    assert!(!said.contains(PASSWORD), "{said}");
}

/// Returns the value of a measure.
#[track_caller]
pub(crate) fn measure(entry: &Entry, name: &str, subject: &str) -> f64 {
    let mut found = entry.measures.iter().map(|measured| &measured.measure);
    let found = found.find(|measure| measure.name == name && measure.subject == subject);
    found.unwrap_or_else(|| panic!("no measure {name}@{subject}: {}", words(entry))).value
}

/// Looks twice with something in between, and returns the measures of the second look.
pub(crate) async fn twice(kind: &str, with: Value, between: impl AsyncFnOnce()) -> Vec<Measure> {
    let check = check(kind, &with);
    let seen = async || {
        let cx = Context::new(LONG);
        (check.probe(&cx).await.unwrap(), Moment::of(cx.clock()))
    };
    let (facts, seen_at) = seen().await;
    between().await;
    let (later, now) = seen().await;
    let judging = Judging { now, previous: Some(Previous { facts, seen: seen_at }) };
    check.judge(&later, &judging).unwrap().measures
}

/// Puts the password where a check may read it.
pub(crate) fn password(folder: &Path, text: &str) -> String {
    let path = folder.join(format!("password-{}", text.len()));
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    format!("file:{}", path.display())
}

/// The settings of a check of a role with its password over TCP.
pub(crate) fn as_role(cluster: &Cluster, user: &str) -> Value {
    json!({
        "target": cluster.address(), "user": user, "database": "shop", "password": password(cluster.folder(), PASSWORD),
    })
}

/// The same settings with more of them.
pub(crate) fn and(mut with: Value, more: Value) -> Value {
    with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    with
}
