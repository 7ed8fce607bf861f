//! From the inner report to its frozen form. A field that moves inside is mended here, never in the form.

use super::{
    Attempt, Counts, Entry, Evidence, Failure, Finding, Level, Measure, Outcome, Report, Severity, Status, VERSION,
};
use crate::finding;
use crate::limit;
use crate::measure::Unit;
use crate::report;

impl From<&report::Report> for Report {
    fn from(report: &report::Report) -> Self {
        let entries: Vec<Entry> = report.entries.iter().map(Entry::from).collect();
        let mut counts = Counts::default();
        for entry in &entries {
            *match entry.status {
                Status::Critical => &mut counts.critical,
                Status::Unknown => &mut counts.unknown,
                Status::Warning => &mut counts.warning,
                Status::Ok => &mut counts.ok,
                Status::Skipped => &mut counts.skipped,
            } += 1;
        }
        Self {
            version: VERSION,
            selx: env!("CARGO_PKG_VERSION").to_owned(),
            run: report.run.clone(),
            routine: report.routine.clone(),
            host: report.host.clone(),
            started: report.started.at,
            took_s: report.took.as_secs_f64(),
            status: report.status().into(),
            counts,
            entries,
            notices: report.notices.iter().map(|notice| Finding::of(notice, notice.advice.as_deref())).collect(),
        }
    }
}

impl From<&report::Entry> for Entry {
    fn from(entry: &report::Entry) -> Self {
        let (outcome, failure) = match &entry.outcome {
            report::Outcome::Seen => (Outcome::Seen, None),
            report::Outcome::Skipped(failure) => (Outcome::Skipped, Some(failure.into())),
            report::Outcome::Failed(failure) => (Outcome::Failed, Some(failure.into())),
        };
        Self {
            kind: entry.meta.id.to_string(),
            name: entry.name.clone(),
            status: entry.status().into(),
            outcome,
            failure,
            headline: entry.headline(),
            summary: entry.judgement.summary.clone(),
            findings: entry
                .judgement
                .findings
                .iter()
                .map(|finding| Finding::of(finding, entry.advice(finding)))
                .collect(),
            evidence: evidence(&entry.judgement.evidence),
            measures: entry.measures.iter().map(Measure::from).collect(),
            faults: entry.faults.iter().map(Failure::from).collect(),
            attempts: entry.attempts.iter().map(Attempt::from).collect(),
            caused_by: entry.caused_by.clone(),
            started: entry.started.at,
            took_s: entry.took.as_secs_f64(),
            docs: entry.meta.id.to_string(),
        }
    }
}

impl Finding {
    fn of(finding: &finding::Finding, advice: Option<&str>) -> Self {
        Self {
            code: finding.code.to_string(),
            severity: finding.severity.into(),
            subject: finding.subject.clone(),
            message: finding.message.clone(),
            advice: advice.map(str::to_owned),
            evidence: evidence(&finding.evidence),
            fix: finding.fix.as_deref().map(str::to_owned),
        }
    }
}

fn evidence(pairs: &[finding::Evidence]) -> Vec<Evidence> {
    let pair = |pair: &finding::Evidence| Evidence { label: pair.label.to_string(), value: pair.value.clone() };
    pairs.iter().map(pair).collect()
}

impl From<&report::Measured> for Measure {
    fn from(measured: &report::Measured) -> Self {
        let measure = &measured.measure;
        Self {
            name: measure.name.to_string(),
            subject: measure.subject.clone(),
            value: Some(measure.value).filter(|value| value.is_finite()),
            unit: unit(measure.unit).to_owned(),
            whole: measure.whole.filter(|whole| whole.is_finite()),
            window_s: measure.window.map(|window| window.as_secs_f64()),
            level: measured.level.map(Level::from),
            warning: measured.warning.clone(),
            critical: measured.critical.clone(),
        }
    }
}

const fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Bytes => "bytes",
        Unit::Seconds => "seconds",
        Unit::Ratio => "ratio",
        Unit::Count => "count",
        Unit::PerSecond => "per-second",
        Unit::BytesPerSecond => "bytes-per-second",
    }
}

impl From<&report::Failure> for Failure {
    fn from(failure: &report::Failure) -> Self {
        Self { kind: failure.kind.to_string(), message: failure.message.clone(), advice: failure.advice.clone() }
    }
}

impl From<&report::Attempt> for Attempt {
    fn from(attempt: &report::Attempt) -> Self {
        Self { status: attempt.status.into(), reason: attempt.reason.clone(), took_s: attempt.took.as_secs_f64() }
    }
}

/// Maps the variants of an inner enum to those of the frozen one, by name.
macro_rules! frozen {
    ($inner:ty => $outer:ident { $($variant:ident),+ }) => {
        impl From<$inner> for $outer {
            fn from(value: $inner) -> Self {
                match value { $(<$inner>::$variant => Self::$variant),+ }
            }
        }
    };
}

frozen!(report::Status => Status { Skipped, Ok, Warning, Unknown, Critical });
frozen!(finding::Severity => Severity { Info, Warning, Unknown, Critical });
frozen!(limit::Level => Level { Ok, Warning, Critical });
