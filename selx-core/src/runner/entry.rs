//! From facts to an entry: judgement, measures and limits. It is the same for a live run and for a replay.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::Value;

use crate::check::{Judging, Moment};
use crate::error::{Error, ErrorKind};
use crate::finding::{Finding, Judgement, Severity};
use crate::history::Remembered;
use crate::limit::{self, Level};
use crate::measure::Measure;
use crate::report::{Entry, Failure, LIMIT_CODE, Measured, Outcome};
use crate::show;
use crate::suite::Instance;

/// The code of a finding that says that one number needs another look later. A check in which nothing else was judged
/// is skipped for that reason.
pub(crate) const NEEDS_DATA: &str = "needs-data";

/// Judges facts, fresh or recorded, with the limits of an instance and what was remembered of them.
pub fn judge_facts(instance: &Instance, facts: Value, cx: Judging<Value>, remembered: &Remembered) -> Entry {
    judged(instance, facts, cx, remembered)
}

/// Makes the entry of a check that could not look.
pub(super) fn failed(instance: &Instance, now: Moment, error: Error) -> Entry {
    let mut entry = blank(instance, now);
    let failure = Failure::from(&error);
    entry.outcome = match failure.kind {
        // Only what may be absent is skipped; an operator who says `required` wants to hear of it.
        ErrorKind::NotApplicable if !instance.required => Outcome::Skipped(failure),
        ErrorKind::NeedsData => Outcome::Skipped(failure),
        _ => Outcome::Failed(failure),
    };
    entry
}

/// Makes the entry of a check that looked.
pub(super) fn judged(instance: &Instance, facts: Value, cx: Judging<Value>, remembered: &Remembered) -> Entry {
    let now = cx.now;
    let check = &instance.check;
    // A judgement is pure but not proved; a panic in it is a bug of one check, not the end of the run.
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check.judge(&facts, &cx)))
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Bug, "the judgement panicked")));
    let judged = match result {
        Ok(judged) => judged,
        Err(error) => {
            let mut entry = failed(instance, now, error);
            entry.facts = Some(facts);
            return entry;
        }
    };
    let mut entry = blank(instance, now);
    entry.judgement = judged.judgement;
    for measure in judged.measures {
        let (measured, findings) = measure_limit(instance, measure, now, remembered);
        entry.judgement.findings.extend(findings);
        entry.measures.push(measured);
    }
    let idle = idle_limits(instance, &entry);
    entry.judgement.findings.extend(idle);
    entry.facts = Some(facts);
    entry.previous = cx.previous;
    entry.remembered = remembered.limits.clone();
    entry.memory_unavailable = remembered.unavailable;
    if let Some(waiting) = waits_for_data(&entry.judgement) {
        entry.outcome = Outcome::Skipped(Failure::from(&Error::new(ErrorKind::NeedsData, waiting)));
    }
    entry
}

/// Returns why a check is to be skipped although it looked: it needs another look, and found nothing bad.
fn waits_for_data(judgement: &Judgement) -> Option<String> {
    if judgement.findings.iter().any(|finding| finding.severity > Severity::Info) {
        return None;
    }
    let waiting = judgement.findings.iter().find(|finding| finding.code == NEEDS_DATA)?;
    Some(waiting.message.clone())
}

/// Names the limits that somebody set and that had nothing to judge: a misspelt subject must not pass for a quiet one.
///
/// A limit on one subject is unknown then, and so is every one of a kind without limits of its own: what such a kind
/// measures is up to its settings. One on a measure that this host does not have, such as swap, is only told.
fn idle_limits(instance: &Instance, entry: &Entry) -> Vec<Finding> {
    let worst = entry.judgement.findings.iter().map(|finding| finding.severity).max();
    let waits = entry.judgement.findings.iter().any(|finding| finding.code == NEEDS_DATA);
    // Where something failed or is not known yet, that is the reason, and it is told.
    if waits || worst.is_some_and(|worst| worst >= Severity::Unknown) {
        return Vec::new();
    }
    let own = instance.check.limits();
    let mut idle = Vec::new();
    for (key, limit) in instance.limits.iter() {
        let (name, subject) = key.split_once('@').unwrap_or((key, ""));
        let of_kind = own.iter().any(|(own_key, own_limit)| own_key == key && own_limit == limit);
        let judges = limit.warning.is_some() || limit.critical.is_some();
        let measured =
            |one: &&Measured| one.measure.name == name && (subject.is_empty() || one.measure.subject == subject);
        if of_kind || !judges || entry.measures.iter().any(|one| measured(&one)) {
            continue;
        }
        let severity = if subject.is_empty() && !own.is_empty() { Severity::Info } else { Severity::Unknown };
        let subjects = entry.measures.iter().filter(|one| one.measure.name == name);
        let near = crate::nearest(subject, subjects.map(|one| &*one.measure.subject)).filter(|_| !subject.is_empty());
        let message = match (subject, near) {
            ("", _) => format!("`{name}` has a limit, but was not measured"),
            (_, Some(near)) => {
                format!("has a limit of its own (`{key}`), but no `{name}` was measured on it; is `{near}` meant?")
            }
            (_, None) => format!("has a limit of its own (`{key}`), but no `{name}` was measured on it"),
        };
        // Growth is measured from the second look on.
        let advice = match entry.previous {
            None if subject.is_empty() => {
                "some measures need an earlier look in the history to compare with: look again; if it stays so, correct \
                 the limit, or take it out"
            }
            _ => "`-v` shows what was measured; correct the limit, or take it out",
        };
        idle.push(of_limit(name, severity, subject, message).advice(advice));
    }
    idle
}

fn of_limit(measure: &str, severity: Severity, subject: &str, message: String) -> Finding {
    Finding {
        code: Cow::Owned(format!("{LIMIT_CODE}{measure}")),
        severity,
        subject: subject.to_owned(),
        message,
        advice: None,
        evidence: Vec::new(),
        fix: None,
    }
}

fn measure_limit(
    instance: &Instance,
    measure: Measure,
    now: Moment,
    remembered: &Remembered,
) -> (Measured, Vec<Finding>) {
    let limit = instance.limits.of(&measure.name, &measure.subject);
    let mut measured =
        Measured { level: None, warning: None, critical: None, ranges: (None, None), state: None, measure };
    let measure = &measured.measure;
    if !measure.value.is_finite() {
        let message = format!("the measure `{}` is not a number", measure.name);
        return (measured.clone(), vec![Finding::unknown("not-a-number", measure.subject.clone(), message)]);
    }
    let Some(limit) = limit else {
        return (measured, Vec::new());
    };
    let last = remembered
        .limits
        .iter()
        .find(|(name, subject, _)| *name == measure.name && *subject == measure.subject)
        .map(|(_, _, state)| *state);
    let verdict = limit::judge(limit, measure, now.at, last);
    let called = instance.meta().measure(&measure.name).map_or(&*measure.name, |doc| doc.called);
    let severity = match verdict.level {
        Level::Critical => Some(Severity::Critical),
        Level::Warning => Some(Severity::Warning),
        // A breach that has to last, and nobody knows how long it has: that is not fine.
        Level::Ok if !verdict.reason.is_empty() && remembered.unavailable => Some(Severity::Unknown),
        Level::Ok if !verdict.reason.is_empty() => Some(Severity::Info),
        Level::Ok => None,
    };
    let finding = |severity, message| of_limit(&measure.name, severity, &measure.subject, message);
    let mut findings: Vec<Finding> = Vec::new();
    if let Some(severity) = severity {
        let message = match severity {
            Severity::Unknown => format!(
                "{called} {}, {}; how long it has lasted cannot be told without a history",
                show::measure(measure),
                verdict.reason
            ),
            _ => format!("{called} {}, {}", show::measure(measure), verdict.reason),
        };
        findings.push(finding(severity, message));
    }
    let undecided = [("critical", Level::Critical, &limit.critical), ("warning", Level::Warning, &limit.warning)];
    let undecided = undecided.into_iter().find_map(|(name, level, threshold)| {
        let threshold = threshold.as_ref().filter(|threshold| threshold.undecided(measure))?;
        // A worse alarm stands already.
        (verdict.level < level).then_some((name, threshold))
    });
    if let Some((name, threshold)) = undecided {
        let message = format!(
            "{called} {}; whether it is outside the {name} limit of {threshold} cannot be told: the whole is not known",
            show::measure(measure)
        );
        findings.push(finding(Severity::Unknown, message).advice("set the limit without percent"));
    } else if verdict.level == Level::Ok
        && remembered.unavailable
        && let Some(recover) = limit.recover.as_ref().filter(|recover| recover.breached(measure))
        && findings.is_empty()
    {
        let message = format!(
            "{called} {}, not back inside {recover}; whether an alarm stood cannot be told without a history",
            show::measure(measure)
        );
        findings.push(finding(Severity::Unknown, message));
    }
    measured.ranges = (
        limit.warning.as_ref().and_then(|threshold| threshold.perfdata(&measured.measure)),
        limit.critical.as_ref().and_then(|threshold| threshold.perfdata(&measured.measure)),
    );
    measured.warning = limit.warning.as_ref().map(ToString::to_string);
    measured.critical = limit.critical.as_ref().map(ToString::to_string);
    // Where that cannot be told, `ok` would say fine.
    let untold = verdict.level == Level::Ok && findings.iter().any(|finding| finding.severity == Severity::Unknown);
    measured.level = (!untold).then_some(verdict.level);
    measured.state = Some(verdict.state);
    (measured, findings)
}

fn blank(instance: &Instance, now: Moment) -> Entry {
    Entry {
        meta: *instance.meta(),
        name: instance.name.clone(),
        started: now,
        took: Duration::ZERO,
        attempts: Vec::new(),
        outcome: Outcome::Seen,
        judgement: Judgement::default(),
        measures: Vec::new(),
        faults: Vec::new(),
        caused_by: None,
        facts: None,
        previous: None,
        remembered: Vec::new(),
        memory_unavailable: false,
        with: instance.with.clone(),
    }
}
