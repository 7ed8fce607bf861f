//! What came, and what it means. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use selx_core::{Finding, Judgement, Measure, Unit, show};

use super::config::{Preset, Settings};
use super::preset::statement;
use super::table::{lines, place};
use super::value::Sort;
use super::{Answer, Facts};
use crate::postgres::{ServerError, Trouble};

pub(super) fn judge(settings: &Settings, facts: &Facts, now: Timestamp) -> Judgement {
    let subject = settings.target.to_string();
    if let Some(trouble) = &facts.trouble {
        return Judgement::new(trouble.words()).with(failed(settings, facts, trouble, &subject));
    }
    let Some(answer) = &facts.answer else {
        return Judgement::new("nothing was asked").with(Finding::unknown(
            "query-failed",
            subject,
            "nothing was asked",
        ));
    };
    let mut judgement = match tasks(settings, answer) {
        Some((failed, total)) => rate(settings, failed, total, &subject),
        None => {
            let judgement = rows(settings, answer, &subject);
            match numberless(settings, answer, now, &subject) {
                Some(finding) => judgement.with(finding),
                None => judgement,
            }
        }
    };
    for line in lines(answer) {
        judgement = judgement.evidence("row", line);
    }
    if answer.more {
        let text = format!("there are more than the {} rows that were read; the rest is not judged", answer.rows.len());
        judgement = judgement.with(Finding::warning("more-rows", subject, text));
    }
    judgement.evidence("took", show::value(answer.took, Unit::Seconds))
}

fn failed(settings: &Settings, facts: &Facts, trouble: &Trouble, subject: &str) -> Finding {
    let Trouble::Refused(error) = trouble else { return trouble.finding_after(&facts.way, subject) };
    if facts.way.login.is_none() {
        return trouble.finding_after(&facts.way, subject);
    }
    let code = match error.code.as_str() {
        "57014" | "55P03" => "out-of-time",
        "42501" => "not-allowed",
        _ => "query-failed",
    };
    // A missing right is not the fault of what is looked at.
    let severity = if code == "not-allowed" { selx_core::Severity::Unknown } else { selx_core::Severity::Critical };
    let mut finding = Finding::new(severity, code, subject, trouble.words());
    if let Some(advice) = advice(settings, facts, error) {
        finding = finding.advice(advice);
    }
    if let Some((line, text, caret)) = error.position.and_then(|at| place(&statement(settings), at)) {
        let label = format!("line {line}");
        finding = finding.evidence("query", format!("{label}: {text}"));
        finding = finding.evidence("place", format!("{}{caret}", "\u{a0}".repeat(label.chars().count() + 2)));
    }
    match &error.hint {
        Some(hint) => finding.evidence("hint of the server", hint),
        None => finding,
    }
}

fn advice(settings: &Settings, facts: &Facts, error: &ServerError) -> Option<String> {
    let user = facts.way.user.replace('"', "\"\"");
    match error.code.as_str() {
        "42P01" | "42883" if settings.query.is_some() && settings.schemas.is_empty() => Some(
            "names are looked up in pg_catalog alone: write `public.NAME`, or set `schemas = [\"public\"]`".to_owned(),
        ),
        "42P01" | "42703" if settings.preset.is_some() => Some(
            "set `table-schema`, `table`, `time-column` and `status-column` as the application has them".to_owned(),
        ),
        "42501" => Some(format!("let the owner of the table say: GRANT SELECT ON TABLE … TO \"{user}\"")),
        "42601" if error.message.contains("multiple commands") => {
            Some("one check asks one question: make a check of each statement".to_owned())
        }
        "25006" => Some("checks only read; nothing was changed".to_owned()),
        "55P03" => Some("a lock on the table was waited for; look who has it with `postgres-activity`".to_owned()),
        _ => None,
    }
}

/// Takes the two numbers out of the answer of `tasks-failure-rate`.
fn tasks(settings: &Settings, answer: &Answer) -> Option<(f64, f64)> {
    if settings.preset != Some(Preset::TasksFailureRate) {
        return None;
    }
    let row = answer.rows.first()?;
    let number = |index: usize| row.get(index)?.as_deref()?.parse::<f64>().ok();
    Some((number(0)?, number(1)?))
}

fn rate(settings: &Settings, failed: f64, total: f64, subject: &str) -> Judgement {
    let count = |number: f64| show::value(number, Unit::Count);
    let window = format!("the last 24 hours (times without a zone taken as {})", settings.zone());
    if total <= 0.0 {
        let text = format!("not one task in {window}");
        let finding = Finding::new(settings.when_empty.severity(), "no-tasks", subject, &text);
        return Judgement::new(text).with(finding);
    }
    let share = show::value(failed / total, Unit::Ratio);
    Judgement::new(format!("{} of {} tasks failed ({share}) in {window}", whole(failed), whole(total)))
        .evidence("failed", count(failed))
        .evidence("total", count(total))
}

/// Shows a count whole: three digits are not enough for tasks.
fn whole(number: f64) -> String {
    format!("{number:.0}")
}

fn rows(settings: &Settings, answer: &Answer, subject: &str) -> Judgement {
    if answer.rows.is_empty() && answer.more {
        return Judgement::new("the first row is larger than what is read");
    }
    if answer.rows.is_empty() {
        let finding = Finding::new(settings.when_empty.severity(), "no-rows", subject, "the query gave no row");
        return Judgement::new("no row").with(finding);
    }
    let zone = settings.preset.map(|_| format!(", days in {}", settings.zone())).unwrap_or_default();
    let summary = match (&*answer.columns, &*answer.rows) {
        ([column], [row]) => {
            let value = row.first().and_then(Option::as_deref).unwrap_or("NULL");
            format!("{} is {}", column.name, value.chars().take(80).collect::<String>())
        }
        ([_], rows) => format!("{} rows of 1 column{zone}", rows.len()),
        (columns, [_]) => format!("1 row of {} columns{zone}", columns.len()),
        (columns, rows) => format!("{} rows of {} columns{zone}", rows.len(), columns.len()),
    };
    let summary = if answer.more { format!("{summary}, and more that were not read") } else { summary };
    Judgement::new(summary)
}

pub(super) fn measure(settings: &Settings, facts: &Facts, now: Timestamp) -> Vec<Measure> {
    let Some(answer) = &facts.answer else { return Vec::new() };
    let count = |name, value: f64| Measure::new(name, value, Unit::Count);
    let mut measures = vec![count("rows", answer.rows.len() as f64)];
    if let Some((failed, total)) = tasks(settings, answer) {
        if total > 0.0 {
            measures.push(Measure::new("failure-rate", failed / total, Unit::Ratio));
        }
        measures.extend([count("failed", failed), count("total", total)]);
    } else {
        measures.extend(
            values(answer, now)
                .into_iter()
                .filter_map(|value| Some(Measure::new(value.name, value.number?, value.unit).on(value.subject))),
        );
    }
    measures.push(Measure::new("took", answer.took, Unit::Seconds));
    measures
}

/// The number of one row.
struct Value {
    name: &'static str,
    unit: Unit,
    subject: String,
    /// Nothing where there is none, or where it cannot be read.
    number: Option<f64>,
}

/// Takes a number out of each row.
fn values(answer: &Answer, now: Timestamp) -> Vec<Value> {
    let columns = || answer.columns.iter().enumerate();
    let named = columns().find(|(_, column)| column.name == "value" && column.sort != Sort::Text);
    let numeric = || columns().find(|(_, column)| column.sort == Sort::Number);
    let Some((index, column)) = named.or_else(numeric).or_else(|| columns().find(|(_, c)| c.sort != Sort::Text)) else {
        return Vec::new();
    };
    let (name, unit) = match column.sort {
        Sort::Interval => ("duration", Unit::Seconds),
        Sort::Moment => ("age", Unit::Seconds),
        _ => ("value", Unit::Count),
    };
    let label = columns().find(|(_, column)| column.sort == Sort::Text).map(|(index, _)| index);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut values = Vec::new();
    for (number, row) in answer.rows.iter().enumerate() {
        let subject = match label.and_then(|label| row.get(label)) {
            Some(text) => text.as_deref().unwrap_or("NULL").chars().take(100).collect(),
            None if answer.rows.len() > 1 => format!("row {}", number + 1),
            None => String::new(),
        };
        // Two rows of one name are two subjects all the same.
        let times = seen.entry(subject.clone()).or_insert(0);
        *times += 1;
        let subject = if *times > 1 { format!("{subject} ({times})") } else { subject };
        let number = row.get(index).and_then(Option::as_deref).and_then(|text| column.sort.number(text, now));
        values.push(Value { name, unit, subject, number: number.filter(|number| number.is_finite()) });
    }
    values
}

/// Tells rows without a number: no limit could ever judge them.
fn numberless(settings: &Settings, answer: &Answer, now: Timestamp, subject: &str) -> Option<Finding> {
    let without: Vec<String> = values(answer, now)
        .into_iter()
        .filter(|value| value.number.is_none())
        .map(|value| if value.subject.is_empty() { "the value".to_owned() } else { format!("`{}`", value.subject) })
        .collect();
    let first = without.first()?;
    let more = if without.len() > 1 { format!(" and {} more", without.len() - 1) } else { String::new() };
    let text = format!("{first}{more} is NULL or no number, so that no limit can judge it");
    Some(Finding::new(settings.when_empty.severity(), "no-number", subject, text))
}
