//! For people: worst first, one line a check, what to do under it, a summary at the end.

pub(super) mod action;
mod details;
mod page;

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use self::page::{Page, Paint, Span, span};
use super::Style;
use super::counts::{self, Row};
use crate::finding::{Finding, Severity};
use crate::quantity::TimeSpan;
use crate::report::{Entry, Outcome, Report, Status};

/// From this on the time that a check took is worth a word.
const SLOW: Duration = Duration::from_secs(1);

/// What stands before a check that is folded under another.
const BRANCH: (&str, &str) = ("└", "`-");

/// From this width on a status is shown in words beside its mark.
const ROOM_FOR_WORDS: usize = 72;

pub(super) fn render(report: &Report, style: &Style) -> String {
    let rows = counts::rows(report);
    let mut page = Page::new(style);
    let groups = groups(&rows);
    let layout = Layout::new(&page, &rows, style);
    for notice in &report.notices {
        layout.notice(&mut page, notice);
    }
    if !report.notices.is_empty() && !rows.is_empty() {
        page.gap();
    }
    for group in &groups {
        layout.entry(&mut page, group.cause, false);
        for follower in &group.followers {
            layout.entry(&mut page, follower, true);
        }
    }
    if !report.notices.is_empty() || !rows.is_empty() {
        page.gap();
    }
    summary(&mut page, report, &rows);
    page.finish()
}

/// A check with the ones whose failure it explains.
struct Group<'a> {
    cause: &'a Row<'a>,
    followers: Vec<&'a Row<'a>>,
}

impl Group<'_> {
    /// A cause stands where its worst follower belongs.
    fn place(&self) -> u8 {
        self.followers
            .iter()
            .map(|follower| counts::place(follower.status))
            .fold(counts::place(self.cause.status), u8::min)
    }
}

/// Puts followers under their causes and the worst groups first. No entry is left out: one that follows itself, a
/// stranger, or a follower stands alone.
fn groups<'a>(rows: &'a [Row<'a>]) -> Vec<Group<'a>> {
    let mut causes: HashMap<&str, usize> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        if row.entry.caused_by.is_none() {
            causes.entry(&row.name).or_insert(index);
        }
    }
    let cause = |row: &Row<'_>| causes.get(row.entry.caused_by.as_deref()?).copied();
    let mut followers: HashMap<usize, Vec<&Row<'_>>> = HashMap::new();
    for row in rows {
        if let Some(cause) = cause(row) {
            followers.entry(cause).or_default().push(row);
        }
    }
    let mut groups: Vec<Group<'_>> = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| cause(row).is_none())
        .map(|(index, row)| Group { cause: row, followers: followers.remove(&index).unwrap_or_default() })
        .collect();
    for group in &mut groups {
        group.followers.sort_by_key(|follower| counts::place(follower.status));
    }
    groups.sort_by_cached_key(Group::place);
    groups
}

/// Where the columns are.
struct Layout {
    /// Whether the status stands in words beside its mark.
    words: bool,
    /// Where names begin.
    name: usize,
    /// Where the line of a check begins.
    text: usize,
    verbosity: u8,
}

impl Layout {
    fn new(page: &Page, rows: &[Row<'_>], style: &Style) -> Self {
        let words = page.width() >= ROOM_FOR_WORDS;
        let name = if words { 12 } else { 2 };
        // One very long name must not push all others to the right.
        let most = (page.width() / 3).clamp(8, 40);
        let branch = page.glyph(BRANCH.0, BRANCH.1);
        let widest = rows
            .iter()
            .map(|row| {
                page.measure(&row.name) + if row.entry.caused_by.is_some() { page.measure(branch) + 1 } else { 0 }
            })
            .filter(|wide| *wide <= most)
            .max()
            .unwrap_or(0);
        Self { words, name, text: name + widest.max(8) + 2, verbosity: style.verbosity }
    }

    fn entry(&self, page: &mut Page, row: &Row<'_>, follows: bool) {
        let entry = row.entry;
        let (name_paint, text_paint) = match row.status {
            Status::Critical => (Paint::Strong, Paint::Strong),
            Status::Unknown | Status::Warning => (Paint::Strong, Paint::Plain),
            Status::Ok => (Paint::Plain, Paint::Dim),
            Status::Skipped => (Paint::Dim, Paint::Dim),
        };
        let branch = page.glyph(BRANCH.0, BRANCH.1);
        let mut name = Vec::new();
        if follows {
            name.push(span(Paint::Dim, branch));
        }
        name.push(span(name_paint, row.name.as_str()));
        let headline = entry.headline();
        let text = [span(text_paint, headline.as_str()), span(Paint::Dim, remark(entry))];
        let mark = [self.mark(page, row.status)];
        page.row(&[(0, &mark), (self.name, &name), (self.text, &text)]);
        if self.verbosity > 0 {
            self.details(page, row, &headline);
        } else if row.status >= Status::Warning {
            // What to do about a follower is what to do about its cause.
            if !follows {
                self.advice(page, self.text, &first_advice(entry));
            }
            self.unseen(page, entry);
        }
    }

    /// Names parts that could not be seen where the line of the check tells of something else.
    fn unseen(&self, page: &mut Page, entry: &Entry) {
        let Some(fault) = counts::untold_fault(entry) else {
            return;
        };
        let more = match entry.faults.len() {
            1 => String::new(),
            count => format!("({count} parts in all)"),
        };
        let text =
            [span(Paint::Plain, "not seen:"), span(Paint::Plain, fault.message.as_str()), span(Paint::Dim, more)];
        page.row(&[(self.text, &text)]);
        if let Some(advice) = &fault.advice {
            self.advice(page, self.text, advice);
        }
    }

    fn notice(&self, page: &mut Page, notice: &Finding) {
        let status = Status::from(notice.severity);
        let mark = match notice.severity {
            Severity::Info if self.words => span(Paint::Dim, "i note"),
            Severity::Info => span(Paint::Dim, "i"),
            _ => self.mark(page, status),
        };
        let paint = if notice.severity > Severity::Info { Paint::Strong } else { Paint::Plain };
        let text = [span(paint, notice.subject.as_str()), span(Paint::Plain, notice.message.as_str())];
        page.row(&[(0, &[mark]), (self.name, &text)]);
        if let Some(advice) = &notice.advice {
            self.advice(page, self.name, advice);
        }
        if self.verbosity > 0 {
            self.evidence(page, self.name, &notice.evidence);
        }
    }

    fn advice(&self, page: &mut Page, column: usize, advice: &str) {
        let arrow = page.glyph("→", "->");
        let after = column + page.measure(arrow) + 1;
        page.row(&[(column, &[span(Paint::Dim, arrow)]), (after, &[span(Paint::Plain, advice)])]);
    }

    fn mark(&self, page: &Page, status: Status) -> Span<'static> {
        let (paint, mark) = match status {
            Status::Critical => (Paint::Critical, page.glyph("✗", "x")),
            Status::Unknown => (Paint::Unknown, "?"),
            Status::Warning => (Paint::Warning, "!"),
            Status::Ok => (Paint::Ok, page.glyph("✓", "+")),
            Status::Skipped => (Paint::Dim, page.glyph("–", "-")),
        };
        if self.words { span(paint, format!("{mark} {}", status.as_str())) } else { span(paint, mark) }
    }
}

/// What is to be said about how the check went: slow, or not at the first attempt.
fn remark(entry: &Entry) -> String {
    let slow = (entry.took >= SLOW).then(|| length(entry.took));
    let attempts = match entry.attempts.len() {
        0 => None,
        count => Some(format!("{} attempts", count + 1)),
    };
    let parts: Vec<String> = attempts.into_iter().chain(slow).collect();
    if parts.is_empty() { String::new() } else { format!("({})", parts.join(", ")) }
}

/// Returns what to do about what the headline says.
fn first_advice(entry: &Entry) -> Cow<'_, str> {
    let advice = match &entry.outcome {
        Outcome::Seen => match entry.worst() {
            Some(finding) => entry.advice(finding),
            None => entry.faults.first().and_then(|fault| fault.advice.as_deref()),
        },
        Outcome::Skipped(failure) | Outcome::Failed(failure) => failure.advice.as_deref(),
    };
    match advice {
        Some(advice) => Cow::Borrowed(advice),
        None => Cow::Owned(format!("see `selx explain {}`", entry.meta.id)),
    }
}

/// Shows a length of time in seconds as long as that reads well.
fn length(took: Duration) -> String {
    match took.as_secs() {
        0..60 => format!("{:.2}s", took.as_secs_f64()),
        seconds => TimeSpan::from(Duration::from_secs(seconds)).to_string(),
    }
}

fn summary(page: &mut Page, report: &Report, rows: &[Row<'_>]) {
    let mut spans = Vec::new();
    match rows.len() {
        0 => {}
        1 => spans.push(span(Paint::Plain, "1 check:")),
        count => spans.push(span(Paint::Plain, format!("{count} checks:"))),
    }
    let counts = counts::count(rows);
    let nothing = counts::nothing_seen(rows);
    for (index, (status, text)) in counts.iter().enumerate() {
        let paint = match status {
            Status::Critical => Paint::Critical,
            Status::Unknown => Paint::Unknown,
            Status::Warning => Paint::Warning,
            Status::Ok => Paint::Ok,
            Status::Skipped => Paint::Dim,
        };
        let comma = match (index + 1 == counts.len(), nothing) {
            (false, _) => ",",
            (true, Some(_)) => ";",
            (true, None) => "",
        };
        spans.push(span(paint, format!("{text}{comma}")));
    }
    if let Some(nothing) = nothing {
        spans.push(span(Paint::Unknown, format!("{nothing}: {}", report.status().as_str())));
    }
    let checks = rows.iter().map(|row| row.status).max();
    if nothing.is_none() && checks.is_some_and(|checks| report.status() > checks) {
        spans.push(span(Paint::Warning, format!("- the run itself: {}", report.status().as_str())));
    }
    let when = report.started.at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let parts = [report.routine.clone(), Some(report.host.clone()), Some(when), Some(length(report.took))];
    let dot = page.glyph("·", "-");
    let mut tail = Vec::new();
    for part in parts.into_iter().flatten() {
        tail.push(span(Paint::Dim, dot));
        tail.push(span(Paint::Dim, part));
    }
    let wide: usize = spans.iter().chain(&tail).map(|(_, text)| page.measure(text) + 1).sum();
    if wide > page.width() {
        // Two whole lines read better than a date that is torn.
        page.row(&[(0, &spans)]);
        page.row(&[(0, tail.get(1..).unwrap_or_default())]);
    } else {
        spans.append(&mut tail);
        page.row(&[(0, &spans)]);
    }
}
