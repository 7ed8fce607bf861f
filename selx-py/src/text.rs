//! Results as texts, for logs and for tests that fail: what, why, and what to do.

use selx_core::escape::visible;
use selx_core::report::v1::{Entry, Finding, Report, Status};

use crate::html::{WORST_FIRST, said};
use crate::objects::word;

/// Writes a report: how many there are of each status, and those that are not ok, the worst first.
pub(crate) fn report(report: &Report) -> String {
    let counts = &report.counts;
    let mut lines = vec![format!(
        "{} on {}: {} critical, {} unknown, {} warning, {} ok, {} skipped",
        word(report.status),
        visible(&report.host),
        counts.critical,
        counts.unknown,
        counts.warning,
        counts.ok,
        counts.skipped
    )];
    report.notices.iter().for_each(|notice| finding(&mut lines, notice));
    for (status, _) in WORST_FIRST {
        let wanted = status != Status::Ok;
        report
            .entries
            .iter()
            .filter(|entry| wanted && entry.status == status)
            .for_each(|entry| push(&mut lines, entry));
    }
    lines.join("\n")
}

/// Writes one result.
pub(crate) fn result(entry: &Entry) -> String {
    let mut lines = Vec::new();
    push(&mut lines, entry);
    lines.join("\n")
}

fn push(lines: &mut Vec<String>, entry: &Entry) {
    let Entry { kind, name, headline, .. } = entry;
    lines.push(format!("{kind}.{name} is {}: {}", word(entry.status), visible(headline)));
    if let Some(advice) = entry.failure.as_ref().and_then(|failure| failure.advice.as_deref()) {
        lines.push(format!("    -> {}", visible(advice)));
    }
    for found in &entry.findings {
        // The worst one is the headline already, as a rule.
        if *headline == said(found) { advice(lines, found) } else { finding(lines, found) }
    }
}

fn finding(lines: &mut Vec<String>, finding: &Finding) {
    lines.push(format!("  {}: {}", word(finding.severity), visible(&said(finding))));
    advice(lines, finding);
}

fn advice(lines: &mut Vec<String>, finding: &Finding) {
    if let Some(advice) = &finding.advice {
        lines.push(format!("    -> {}", visible(advice)));
    }
}
