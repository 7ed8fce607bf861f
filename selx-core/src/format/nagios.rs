//! The plugin interface: `SELX STATUS - text | performance data`, then details.
//!
//! What reads this is old and strict: a bar begins performance data, a line end begins details, some readers take the
//! two characters `\n` for a line end and some know ASCII only. Texts of others are changed until none of this can
//! happen.

use std::collections::HashMap;

use super::counts::{self, Row};
use crate::escape::ascii;
use crate::finding::{Finding, Severity};
use crate::measure::Unit;
use crate::report::{Measured, Report, Status};

/// The most that stands before the bar: monitoring systems show and send this much.
const MOST_TEXT: usize = 200;
/// The most that is written: what the plugin interface promises to read.
const MOST_BYTES: usize = 8 * 1024;
/// The most that performance data may take of it, so that the worst details have room.
const MOST_DATA: usize = 5 * 1024;
/// The room that the note on what was left out needs.
const NOTE: usize = 96;

pub(super) fn render(report: &Report) -> String {
    let mut rows = counts::rows(report);
    let mut out = cut(&first_line(report, &rows), MOST_TEXT);
    let (data, data_left) = perfdata(&rows);
    if !data.is_empty() {
        out.push_str(" | ");
        out.push_str(&data);
    }
    out.push('\n');
    rows.sort_by_key(order);
    let mut details: Vec<String> = report.notices.iter().map(notice).collect();
    match rows.as_slice() {
        [row] => details.extend(parts(row)),
        rows => details.extend(rows.iter().map(detail)),
    }
    let mut lines_left = 0;
    for line in details {
        if lines_left > 0 || out.len() + line.len() + 1 + NOTE > MOST_BYTES {
            lines_left += 1;
        } else {
            out.push_str(&line);
            out.push('\n');
        }
    }
    if lines_left + data_left > 0 {
        out.push_str(&format!(
            "({lines_left} lines and {data_left} values left out: 8 KiB is the most that is read)\n"
        ));
    }
    out
}

fn first_line(report: &Report, rows: &[Row<'_>]) -> String {
    let status = report.status();
    let text = match (counts::nothing_seen(rows), rows) {
        // The monitoring system knows which check it asked for.
        (_, [row]) => line(row),
        (Some(nothing), _) => {
            let counts: Vec<String> = counts::count(rows).into_iter().map(|(_, text)| text).collect();
            if counts.is_empty() { nothing.to_owned() } else { format!("{nothing}: {}", counts.join(", ")) }
        }
        (None, rows) => {
            let counts: Vec<String> = counts::count(rows).into_iter().map(|(_, text)| text).collect();
            let worst = rows.iter().min_by_key(|row| order(row));
            match worst.filter(|row| row.status >= Status::Warning) {
                Some(row) => format!("{}: {}", counts.join(", "), one(row)),
                None => counts.join(", "),
            }
        }
    };
    // A notice that makes the run worse than its checks is what the line has to tell.
    let checks = rows.iter().map(|row| row.status).max().unwrap_or(Status::Skipped);
    let louder = report
        .notices
        .iter()
        .filter(|notice| notice.severity > Severity::Info)
        .max_by_key(|notice| notice.severity)
        .filter(|notice| Status::from(notice.severity) > checks);
    let text = match louder {
        Some(notice) => format!("{}; {text}", safe(&sentence(notice))),
        None => text,
    };
    format!("SELX {} - {text}", status.as_str().to_ascii_uppercase())
}

/// The worst first, and a cause before what follows from it.
fn order(row: &Row<'_>) -> (u8, bool) {
    (counts::place(row.status), row.entry.caused_by.is_some())
}

fn one(row: &Row<'_>) -> String {
    format!("{}: {}", safe(&row.name), line(row))
}

/// Writes the headline, and what could not be seen where it tells of something else.
fn line(row: &Row<'_>) -> String {
    let mut line = row.entry.headline();
    if let Some(fault) = counts::untold_fault(row.entry) {
        line.push_str("; not seen: ");
        line.push_str(&fault.message);
    }
    safe(&line)
}

/// Writes what the first line does not tell of a single check: its other findings, and what could not be seen.
fn parts(row: &Row<'_>) -> Vec<String> {
    let bad = row.entry.judgement.findings.iter().filter(|finding| finding.severity > Severity::Info);
    let mut lines: Vec<String> = bad.map(notice).collect();
    let faults = row.entry.faults.iter();
    lines.extend(faults.map(|fault| {
        let word = fault.status().as_str().to_ascii_uppercase();
        cut(&format!("[{word}] not seen: {}", safe(&fault.message)), 1_000)
    }));
    if lines.len() > 1 { lines } else { Vec::new() }
}

fn detail(row: &Row<'_>) -> String {
    let word = row.status.as_str().to_ascii_uppercase();
    cut(&format!("[{word}] {}", one(row)), 1_000)
}

fn notice(notice: &Finding) -> String {
    let word = notice.severity.to_string().to_ascii_uppercase();
    cut(&format!("[{word}] {}", safe(&sentence(notice))), 1_000)
}

fn sentence(notice: &Finding) -> String {
    let gap = if notice.subject.is_empty() { "" } else { " " };
    format!("{}{gap}{}", notice.subject, notice.message)
}

/// Writes foreign text in ASCII without a bar and without anything that reads as a line end.
fn safe(text: &str) -> String {
    let text = text.replace(['\n', '\r', '\t'], " ").replace('|', "!");
    ascii(&text).replace("\\n", "/n")
}

/// Cuts a text that is ASCII already.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let head: String = text.chars().take(most.saturating_sub(3)).collect();
    format!("{head}...")
}

/// Writes the performance data, and counts the values for which there was no room. The worst checks come first.
fn perfdata(rows: &[Row<'_>]) -> (String, usize) {
    let several = rows.len() > 1;
    let mut sorted: Vec<&Row<'_>> = rows.iter().collect();
    sorted.sort_by_key(|row| order(row));
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut out = String::new();
    let mut left = 0;
    for row in sorted {
        for measured in &row.entry.measures {
            if out.len() >= MOST_DATA {
                left += 1;
                continue;
            }
            let label = label(several.then_some(row.name.as_str()), measured, &mut seen);
            let value = value(&label, measured);
            if out.len() + value.len() + 1 > MOST_DATA {
                left += 1;
                continue;
            }
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(&value);
        }
    }
    (out, left)
}

/// Makes a label that does not occur twice. An equals sign may not stand in it even between quotes.
fn label(check: Option<&str>, measured: &Measured, seen: &mut HashMap<String, usize>) -> String {
    let parts = [check, Some(&*measured.measure.name), Some(&*measured.measure.subject)];
    let text: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    let mut label = cut(&safe(&text.join(" ")).replace('=', "_"), 120);
    loop {
        let times = seen.entry(label.clone()).or_insert(0);
        *times += 1;
        if *times == 1 {
            return label;
        }
        let number = *times;
        label.push_str(&format!(" #{number}"));
    }
}

fn value(label: &str, measured: &Measured) -> String {
    let measure = &measured.measure;
    let (unit, factor) = match measure.unit {
        Unit::Bytes => ("B", 1.0),
        Unit::Seconds => ("s", 1.0),
        Unit::Ratio => ("%", 100.0),
        // The interface has no units for rates; `c` would be a counter.
        Unit::Count | Unit::PerSecond | Unit::BytesPerSecond => ("", 1.0),
    };
    let quoted = label.replace('\'', "''");
    if !measure.value.is_finite() {
        return format!("'{quoted}'=U");
    }
    let range = |range: &Option<String>| {
        let range = range.as_deref().unwrap_or_default();
        scaled(range, factor).unwrap_or_default()
    };
    let whole = measure.whole.filter(|whole| whole.is_finite() && measure.value >= 0.0);
    let (least, most) = match (whole, measure.unit) {
        (Some(whole), _) => ("0".to_owned(), number(whole * factor)),
        (None, Unit::Ratio) if (0.0..=1.0).contains(&measure.value) => ("0".to_owned(), "100".to_owned()),
        _ => (String::new(), String::new()),
    };
    let all = format!(
        "'{quoted}'={}{unit};{};{};{least};{most}",
        number(measure.value * factor),
        range(&measured.ranges.0),
        range(&measured.ranges.1),
    );
    all.trim_end_matches(';').to_owned()
}

/// Multiplies the ends of a range.
fn scaled(range: &str, factor: f64) -> Option<String> {
    let (at, body) = match range.strip_prefix('@') {
        Some(body) => ("@", body),
        None => ("", range),
    };
    let end = |text: &str| match text {
        "" | "~" => Some(text.to_owned()),
        text => text.parse::<f64>().ok().filter(|end| end.is_finite()).map(|end| number(end * factor)),
    };
    Some(match body.split_once(':') {
        Some((low, high)) => format!("{at}{}:{}", end(low)?, end(high)?),
        None => format!("{at}{}", end(body)?),
    })
}

/// Writes a number without an exponent and without the dust of binary fractions.
fn number(value: f64) -> String {
    // Beyond this there are no fractions, and rounding would overflow.
    if value.abs() >= 9e9 {
        return format!("{value:.0}");
    }
    let rounded = (value * 1e6).round() / 1e6;
    // Not `-0`.
    format!("{}", rounded + 0.0)
}
