//! Results as a table in a notebook: worst first, with what is to be done under each.

use std::fmt::Write as _;

use selx_core::escape::visible;
use selx_core::report::v1::{Entry, Finding, Report, Status};

use crate::objects::word;

/// More rows than this nobody reads, and a browser would not show soon.
const MOST: usize = 10_000;
/// How many findings of one check are shown.
const FINDINGS: usize = 50;

/// The statuses with their marks, in the order of a terminal.
pub(crate) const WORST_FIRST: [(Status, &str); 5] = [
    (Status::Critical, "✗"),
    (Status::Unknown, "?"),
    (Status::Warning, "!"),
    (Status::Ok, "✓"),
    (Status::Skipped, "–"),
];

/// What the page around does not say. Colours are read on white and on black.
const STYLE: &str = "<style>\
    .selx td,.selx th{text-align:left!important;vertical-align:top;white-space:normal}\
    .selx small{display:block;opacity:.75}\
    .selx .critical{color:#d32f2f}.selx .unknown{color:#9c4dcc}.selx .warning{color:#b26a00}\
    .selx .ok{color:#2e7d32}.selx .skipped{opacity:.6}\
    .selx caption{text-align:left;caption-side:top;color:inherit}.selx td:first-child{font-weight:600}\
    .selx td:first-child,.selx td:nth-child(2),.selx td:last-child{white-space:nowrap}</style>";

/// Writes a report.
pub(crate) fn report(report: &Report) -> String {
    let mut out = String::with_capacity(1024 + report.entries.len().min(MOST) * 256);
    let counts = &report.counts;
    out.push_str(STYLE);
    out.push_str("<table class=\"selx tex2jax_ignore mathjax_ignore\"><caption>");
    status(&mut out, report.status, "span");
    let counts = [counts.critical, counts.unknown, counts.warning, counts.ok, counts.skipped];
    let parts = counts.iter().zip(WORST_FIRST).filter(|(count, _)| **count > 0);
    let parts: Vec<String> = parts.map(|(count, (status, _))| format!("{count} {}", word(status))).collect();
    push(&mut out, &format!(" {} on {} ({:.2} s)", parts.join(", "), report.host, report.took_s));
    out.push_str("</caption>");
    head(&mut out);
    for notice in &report.notices {
        out.push_str("<tr><td></td><td></td><td>");
        finding(&mut out, notice);
        out.push_str("</td><td></td></tr>");
    }
    let mut entries: Vec<&Entry> = report.entries.iter().collect();
    entries.sort_by_key(|entry| rank(entry.status));
    entries.iter().take(MOST).for_each(|entry| row(&mut out, entry));
    let more = entries.len().saturating_sub(MOST);
    if more > 0 {
        let _ = write!(out, "<tr><td></td><td></td><td>and {more} more</td><td></td></tr>");
    }
    out.push_str("</tbody></table>");
    out
}

/// Writes one result.
pub(crate) fn result(entry: &Entry) -> String {
    let mut out = String::from(STYLE);
    out.push_str("<table class=\"selx tex2jax_ignore mathjax_ignore\">");
    head(&mut out);
    row(&mut out, entry);
    out.push_str("</tbody></table>");
    out
}

/// Writes a text that is laid out already, such as a plan.
pub(crate) fn text(text: &str) -> String {
    let mut out = String::from("<pre class=\"selx tex2jax_ignore mathjax_ignore\">");
    for (index, line) in text.trim_end().split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        push(&mut out, line);
    }
    out.push_str("</pre>");
    out
}

fn head(out: &mut String) {
    out.push_str("<thead><tr><th>status</th><th>check</th><th>what</th><th>seconds</th></tr></thead><tbody>");
}

fn rank(status: Status) -> usize {
    WORST_FIRST.iter().position(|(other, _)| *other == status).unwrap_or(0)
}

fn row(out: &mut String, entry: &Entry) {
    out.push_str("<tr>");
    status(out, entry.status, "td");
    out.push_str("<td>");
    push(out, &entry.kind);
    out.push('.');
    push(out, &entry.name);
    out.push_str("</td><td>");
    push(out, &entry.headline);
    if let Some(advice) = entry.failure.as_ref().and_then(|failure| failure.advice.as_deref()) {
        small(out, "→ ", advice);
    }
    for found in entry.findings.iter().take(FINDINGS) {
        // The worst one is the headline already, as a rule.
        if entry.headline != said(found) {
            small(out, "", &format!("{}: {}", word(found.severity), said(found)));
        }
        advice(out, found);
    }
    let more = entry.findings.len().saturating_sub(FINDINGS);
    if more > 0 {
        small(out, "", &format!("and {more} more"));
    }
    let _ = write!(out, "</td><td>{:.2}</td></tr>", entry.took_s);
}

fn finding(out: &mut String, finding: &Finding) {
    small(out, "", &format!("{}: {}", word(finding.severity), said(finding)));
    advice(out, finding);
}

/// Returns what a finding says, in the words of a headline.
pub(crate) fn said(finding: &Finding) -> String {
    let gap = if finding.subject.is_empty() { "" } else { " " };
    format!("{}{gap}{}", finding.subject, finding.message)
}

fn advice(out: &mut String, finding: &Finding) {
    if let Some(advice) = &finding.advice {
        small(out, "→ ", advice);
    }
}

fn small(out: &mut String, before: &str, text: &str) {
    out.push_str("<small>");
    out.push_str(before);
    push(out, text);
    out.push_str("</small>");
}

fn status(out: &mut String, status: Status, tag: &str) {
    let mark = WORST_FIRST.get(rank(status)).map_or("", |(_, mark)| mark);
    let name = word(status);
    let _ = write!(out, "<{tag} class=\"{name}\">{mark} {name}</{tag}>");
}

/// Writes foreign text: nothing of it is a tag, and nothing of it is hidden.
fn push(out: &mut String, text: &str) {
    for c in visible(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Notebooks take texts between two of them for formulas, where the classes do not keep them from it.
            '$' => out.push_str("&#36;"),
            c => out.push(c),
        }
    }
}
