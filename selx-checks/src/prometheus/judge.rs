//! What an answer means.

use std::time::Duration;

use selx_core::{Finding, Judgement, Measure, Severity, TimeSpan, Unit, show};

use super::config::{Preset, Settings};
use super::facts::{Facts, Last, Outcome, Points, Reply, Series, Sort};
use super::reading::Reduce;
use super::subject::names;
use super::{fresh, refusal};
use crate::http::named;
use crate::net::{Failure, FailureKind, Phase};

/// How much of a query is shown in a line.
const SHOWN: usize = 80;

pub(super) fn judge(settings: &Settings, facts: &Facts) -> Judgement {
    let server = facts.server.as_str();
    let alone = |finding: Finding| Judgement::new(format!("{server} was not asked to the end")).with(finding);
    let judgement = match &facts.reply {
        Reply::Broken { failure, received } => {
            let finding = broken(failure, server).evidence("received", show::value(*received as f64, Unit::Bytes));
            alone(finding)
        }
        Reply::Foreign { status, why, excerpt } => alone(foreign(settings, server, *status, why, excerpt)),
        Reply::Unready { status } => {
            let status = named(*status);
            let message = format!("answers {status}: it starts or stops, and answers no queries yet");
            alone(Finding::critical("not-ready", server, message))
        }
        Reply::Refused { status, error_type, error } => {
            alone(refusal::judge(settings.asked(), server, *status, error_type, error))
        }
        Reply::Found(outcome) => found(settings, facts, outcome),
    };
    match &facts.container {
        Some(container) => judgement.evidence("container", container),
        None => judgement,
    }
}

/// Makes a finding of what broke off.
fn broken(failure: &Failure, server: &str) -> Finding {
    use FailureKind as Kind;
    let (severity, code, begin) = match (failure.phase, failure.kind) {
        (Phase::Resolve, _) => (Severity::Critical, "name-not-resolved", "cannot be found"),
        (Phase::Find | Phase::Connect, _) => (Severity::Critical, "not-connected", "cannot be connected to"),
        (Phase::Tls, _) | (_, Kind::Tls) => {
            (Severity::Critical, "tls-failed", "gives no encrypted connection that is trusted")
        }
        // It is our cap that was met: what the answer would have said, nobody knows.
        (Phase::Body, Kind::TooLarge) => (Severity::Unknown, "answer-too-large", "answers too much"),
        (_, Kind::Malformed | Kind::TooLarge) => {
            (Severity::Critical, "malformed-response", "answers against the protocol")
        }
        (_, Kind::Closed | Kind::Reset) => (Severity::Critical, "cut-off", "broke off"),
        _ => (Severity::Critical, "no-answer", "does not answer"),
    };
    Finding::new(severity, code, server, format!("{begin}: {} (phase: {})", failure.text, failure.phase))
}

fn foreign(settings: &Settings, server: &str, status: u16, why: &str, excerpt: &str) -> Finding {
    let shown = named(status);
    if matches!(status, 401 | 403 | 407) {
        let finding = Finding::critical("unauthorized", server, format!("answers {shown}"));
        return if settings.authorization.is_some() {
            finding.advice("Look whether the credentials were changed or have expired.")
        } else {
            finding
        };
    }
    let message = format!("answers {shown}, and not as Prometheus does: {why}");
    let finding = Finding::critical("not-prometheus", server, message).evidence("body", excerpt);
    match status {
        404 => finding.advice("Look at the path in `target`: a server with a route prefix has its API below it."),
        300..=399 => finding.advice("Put the URL to which it leads into `target`: redirects are not followed."),
        _ => finding,
    }
}

fn found(settings: &Settings, facts: &Facts, outcome: &Outcome) -> Judgement {
    let names = names(&outcome.series, &settings.labels);
    let mut judgement = Judgement::new(summary(settings, outcome));
    judgement.findings.extend(counted(settings, outcome));
    if outcome.sort == Sort::String {
        let message = "gives a text, in which there is no number to judge";
        judgement.findings.push(Finding::unknown("text", "", message));
    }
    let now = facts.freshness.as_ref().and_then(|freshness| freshness.now);
    for (series, name) in outcome.series.iter().zip(&names) {
        judgement.findings.extend(odd(settings, &series.points, name));
        judgement.findings.extend(ended(settings, series, name, now));
        if settings.preset == Some(Preset::TargetsUp) && series.points.last == Last::Number(0.0) {
            let message = "is down: the last scrape of it failed";
            judgement.findings.push(Finding::critical("target-down", name, message));
        }
    }
    // A series that has ended says it better than that its selector finds nothing.
    let told = judgement.findings.iter().any(|finding| finding.code == "stale");
    if !told {
        judgement.findings.extend(fresh::judge(settings, facts, outcome));
    }
    for warning in &outcome.warnings {
        // Remarks on the query are named so; anything else is about data that is missing.
        if warning.starts_with("PromQL ") || warning.starts_with("results truncated") {
            judgement = judgement.evidence("warning", warning);
        } else {
            let message = format!("answers, but perhaps not with all of it: {warning}");
            judgement.findings.push(Finding::unknown("partial-answer", facts.server.as_str(), message));
        }
    }
    for info in &outcome.infos {
        judgement = judgement.evidence("info", info);
    }
    judgement = fresh::evidence(facts, judgement);
    judgement.evidence("query", settings.asked())
}

/// Judges how many series there are.
fn counted(settings: &Settings, outcome: &Outcome) -> Option<Finding> {
    let (least, most) = (settings.at_least.0 as usize, settings.max_series.0 as usize);
    let query = shown(settings.asked());
    if outcome.total == 0 {
        let message = format!("no series for `{query}`");
        return settings.absent.severity().map(|severity| Finding::new(severity, "no-data", "", message));
    }
    if outcome.total < least && outcome.sort != Sort::String {
        let message = format!("{} series of the {least} that are expected for `{query}`", outcome.total);
        let severity = settings.absent.severity().unwrap_or(Severity::Warning);
        return Some(Finding::new(severity, "missing-series", "", message));
    }
    // A server that knows of the cap sends one more than it.
    let message = match outcome.total {
        total if total <= outcome.series.len() || outcome.sort == Sort::String => return None,
        total if total <= most + 1 => format!("more than {most} series, of which {} are judged", outcome.series.len()),
        total => format!("{total} series, of which {} are judged", outcome.series.len()),
    };
    Some(Finding::unknown("series-capped", "", message))
}

/// Names the points that are no numbers, as far as they matter to what is judged.
fn odd(settings: &Settings, points: &Points, name: &str) -> Option<Finding> {
    if settings.reduce == Reduce::Last {
        let (code, message) = match points.last {
            Last::Number(_) => return None,
            Last::Nan => ("nan", "the value is NaN, which is no number: often 0 divided by 0"),
            Last::PlusInfinity => ("infinite", "the value is +Inf: often a division by 0, or beyond the last bucket"),
            Last::MinusInfinity => ("infinite", "the value is -Inf: often a negative number divided by 0"),
            Last::Histogram => ("histogram", "the value is a histogram, which has no single number"),
        };
        return Some(Finding::unknown(code, name, message));
    }
    let of = |count: usize| format!("{count} of {} points", points.count);
    let (code, message) = match points {
        Points { histograms, .. } if *histograms > 0 => ("histogram", format!("{} are histograms", of(*histograms))),
        Points { nan, .. } if *nan > 0 => ("nan", format!("{} are NaN, which is no number", of(*nan))),
        Points { infinite, .. } if *infinite > 0 => ("infinite", format!("{} are infinite", of(*infinite))),
        _ if reduced(settings.reduce, points).is_none() => {
            ("nan", format!("has no {}: it was recorded with another `reduce`", settings.reduce))
        }
        _ => return None,
    };
    Some(Finding::unknown(code, name, message))
}

/// Tells of a series that ended within the range: what it says is not of now.
fn ended(settings: &Settings, series: &Series, name: &str, now: Option<f64>) -> Option<Finding> {
    let max_age = settings.max_age.0?.get();
    let age = now? - series.points.last_at;
    if age <= (max_age + settings.range.map_or(Duration::ZERO, |_| settings.step())).as_secs_f64() {
        return None;
    }
    let message = format!("ended {} ago: its last point is from then", show::value(age, Unit::Seconds));
    Some(Finding::unknown("stale", name, message))
}

/// Returns the number that stands for the points.
fn reduced(reduce: Reduce, points: &Points) -> Option<f64> {
    let value = match reduce {
        Reduce::Last => match points.last {
            Last::Number(number) => Some(number),
            _ => None,
        },
        Reduce::Avg => points.avg,
        Reduce::Min => points.min,
        Reduce::Max => points.max,
        Reduce::Quantile(share) => {
            points.quantile.filter(|(taken, _)| (taken - share).abs() < 1e-9).map(|(_, value)| value)
        }
    };
    value.filter(|value| value.is_finite())
}

fn summary(settings: &Settings, outcome: &Outcome) -> String {
    let query = shown(settings.asked());
    if settings.preset == Some(Preset::TargetsUp) {
        let up = outcome.series.iter().filter(|series| matches!(series.points.last, Last::Number(up) if up > 0.0));
        return format!("{} of {} targets are up", up.count(), outcome.total);
    }
    let (_, unit, factor) = settings.unit.measure();
    let values = outcome.series.iter().filter_map(|series| reduced(settings.reduce, &series.points));
    let values: Vec<f64> = values.map(|value| value / factor).collect();
    let (low, high) = (values.iter().copied().reduce(f64::min), values.iter().copied().reduce(f64::max));
    let how = match settings.reduce {
        Reduce::Last => String::new(),
        reduce => format!("{reduce} "),
    };
    let over = settings.range.map(|range| format!(" over {range}")).unwrap_or_default();
    match (low, high, outcome.total) {
        (_, _, 0) => format!("no series for `{query}`"),
        (Some(value), _, 1) => format!("{how}{} for `{query}`{over}", show::value(value, unit)),
        (Some(low), Some(high), total) => {
            format!(
                "{total} series, {how}{} to {} for `{query}`{over}",
                show::value(low, unit),
                show::value(high, unit)
            )
        }
        (_, _, total) => format!("{total} series without a number for `{query}`{over}"),
    }
}

/// Shortens a query to what fits a line.
pub(super) fn shown(query: &str) -> String {
    let line: Vec<&str> = query.split_whitespace().collect();
    let line = line.join(" ");
    let mut letters = line.chars();
    let begin: String = letters.by_ref().take(SHOWN).collect();
    if letters.next().is_some() { format!("{begin}…") } else { begin }
}

/// Takes the numbers out. Points that are no numbers give none: a mean of the rest would lie.
pub(super) fn measure(settings: &Settings, facts: &Facts) -> Vec<Measure> {
    let Reply::Found(outcome) = &facts.reply else {
        return Vec::new();
    };
    let mut measures = Vec::new();
    if outcome.sort != Sort::String {
        measures.push(Measure::new("series", outcome.total as f64, Unit::Count));
    }
    measures.extend(fresh::age(facts).map(|age| Measure::new("age", age, Unit::Seconds)));
    let (measure, unit, factor) = settings.unit.measure();
    for (series, name) in outcome.series.iter().zip(names(&outcome.series, &settings.labels)) {
        let points = &series.points;
        let Some(value) = reduced(settings.reduce, points).filter(|_| odd(settings, points, "").is_none()) else {
            continue;
        };
        let one = Measure::new(measure, value / factor, unit).on(name);
        let window = Duration::try_from_secs_f64(points.last_at - points.first_at).unwrap_or_default();
        measures.push(match settings.reduce {
            Reduce::Last | Reduce::Max => one,
            _ if window.is_zero() => one,
            _ => one.over(window),
        });
    }
    measures
}

/// Shows a length of time.
pub(super) fn span(length: Duration) -> TimeSpan {
    TimeSpan::from(length)
}
