//! Whether the data is of now.
//!
//! The answer to a query bears the time of the question, whatever the age of the samples. A dashboard that shows the
//! last numbers of a dead exporter is the old trap; so is a query for errors that finds none because nothing is
//! collected any more.

use selx_core::{Finding, Judgement, Unit, show};

use super::config::Settings;
use super::facts::{Age, Facts, Outcome};
use super::judge::span;

/// Returns the age of the data: that of the selector whose newest sample is the oldest.
pub(super) fn age(facts: &Facts) -> Option<f64> {
    facts.freshness.as_ref()?.selectors.iter().filter_map(|age| age.seconds).reduce(f64::max)
}

/// Judges the age of what the query selects.
pub(super) fn judge(settings: &Settings, facts: &Facts, outcome: &Outcome) -> Vec<Finding> {
    let (Some(max_age), Some(freshness)) = (settings.max_age.0, &facts.freshness) else {
        return Vec::new();
    };
    if let Some(refused) = &freshness.refused {
        let message = format!("the server does not tell how old the data is: {refused}");
        return vec![Finding::unknown("age-unknown", facts.server.as_str(), message)];
    }
    let old = |seconds: f64| seconds > max_age.get().as_secs_f64();
    let ago = |seconds: f64| show::value(seconds, Unit::Seconds);
    let mut findings = Vec::new();
    let asked = freshness.selectors.len();
    if freshness.total > asked {
        let message = format!("the age is known of {asked} of {} selectors; the others may be old", freshness.total);
        findings.push(Finding::unknown("age-unknown", facts.server.as_str(), message));
    }
    for Age { selector, range, seconds, older } in &freshness.selectors {
        let message = match seconds {
            Some(seconds) if old(*seconds) => {
                format!("the newest sample is {} old, more than the {max_age} allowed", ago(*seconds))
            }
            Some(_) => continue,
            None if *older => {
                let range = range.as_deref().unwrap_or_default();
                format!("no sample is newer than {max_age}; what counts in [{range}] is older")
            }
            None => continue,
        };
        findings.push(Finding::unknown("stale", selector.as_str(), message));
    }
    let none_is_seen = !freshness.selectors.is_empty() && freshness.selectors.iter().all(|age| age.seconds.is_none());
    if !none_is_seen || !findings.is_empty() {
        return findings;
    }
    let asked = settings.fresh_by.is_some();
    // Nothing is there to have an age. Where that is as it should be, the server must at least be collecting.
    let message = match freshness.heartbeat {
        _ if outcome.total == 0 && settings.absent.severity().is_some() => return findings,
        _ if asked => format!("no sample is newer than {max_age}"),
        // `… or vector(0)`, or what `offset` and subqueries still find.
        _ if outcome.total > 0 => {
            let message =
                format!("none of the series has a sample newer than {max_age}: what the query gives is not theirs");
            let advice = "Look whether the series are still collected; where they may be absent, name one that never is with `fresh-by`.";
            findings.push(Finding::unknown("stale", facts.server.as_str(), message).advice(advice));
            return findings;
        }
        Some(beat) if !old(beat) => return findings,
        Some(beat) => format!(
            "none of the series is there, and the newest sample of `up` is {} old: the server collects nothing",
            ago(beat)
        ),
        None => "none of the series is there, nor is `up`: the server collects nothing".to_owned(),
    };
    let subject = match (asked, freshness.selectors.first()) {
        (true, Some(age)) => age.selector.as_str(),
        _ => facts.server.as_str(),
    };
    findings.push(Finding::unknown("stale", subject, message));
    findings
}

/// Adds what is worth showing on request.
pub(super) fn evidence(facts: &Facts, mut judgement: Judgement) -> Judgement {
    let Some(freshness) = &facts.freshness else {
        return judgement.evidence("age", "not asked");
    };
    for age in &freshness.selectors {
        let shown = age.seconds.map_or_else(|| "no sample".to_owned(), |seconds| show::value(seconds, Unit::Seconds));
        judgement = judgement.evidence("age", format!("{shown} of `{}`", age.selector));
    }
    if freshness.total > freshness.selectors.len() {
        let text = format!("asked of {} of {} selectors", freshness.selectors.len(), freshness.total);
        judgement = judgement.evidence("age", text);
    }
    if freshness.total == 0 && freshness.refused.is_none() {
        judgement = judgement.evidence("age", "the query reads no series");
    }
    if let Some(ahead) = freshness.ahead.filter(|ahead| ahead.abs() > 30.0) {
        let side = if ahead > 0.0 { "ahead of" } else { "behind" };
        let length = span(std::time::Duration::try_from_secs_f64(ahead.abs().round()).unwrap_or_default());
        judgement = judgement.evidence("clock", format!("the server is {length} {side} this host"));
    }
    judgement
}
