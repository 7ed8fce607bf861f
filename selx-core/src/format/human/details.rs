//! What `-v` adds under a check: every finding with what proves it, measures with their limits, attempts.

use super::page::{Page, Paint, span};
use super::{Layout, Row, first_advice, length};
use crate::finding::{Evidence, Finding, Severity};
use crate::report::{Attempt, Entry, Failure, Measured, Outcome, Status};
use crate::show;

impl Layout {
    /// Where details begin: a little inside, so that the names can be run over.
    fn detail(&self) -> usize {
        self.name + 2
    }

    /// Writes the details of a check whose line has been written.
    pub(super) fn details(&self, page: &mut Page, row: &Row<'_>, headline: &str) {
        let entry = row.entry;
        if let Outcome::Skipped(failure) | Outcome::Failed(failure) = &entry.outcome {
            self.fact(page, "reason", failure.kind.as_str());
            if failure.advice.is_some() || row.status >= Status::Warning {
                self.advice(page, self.detail() + 2, &first_advice(entry));
            }
        }
        if !entry.judgement.summary.is_empty() && entry.judgement.summary != headline {
            self.fact(page, "seen", &entry.judgement.summary);
        }
        let mut findings: Vec<&Finding> = entry.judgement.findings.iter().collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        for finding in findings {
            self.finding(page, entry, finding, headline);
        }
        for fault in &entry.faults {
            self.fault(page, fault);
        }
        self.evidence(page, self.detail(), &entry.judgement.evidence);
        for measured in &entry.measures {
            self.measure(page, measured);
        }
        for (index, attempt) in entry.attempts.iter().enumerate() {
            self.attempt(page, index + 1, attempt);
        }
    }

    fn finding(&self, page: &mut Page, entry: &Entry, finding: &Finding, headline: &str) {
        // What the line of the check says already is not said again.
        let told = headline.strip_prefix(finding.subject.as_str()).map(str::trim_start) == Some(&*finding.message);
        let (subject, message) = if told { ("", "") } else { (&*finding.subject, &*finding.message) };
        let text =
            [span(Paint::Plain, subject), span(Paint::Plain, message), span(Paint::Dim, format!("[{}]", finding.code))];
        let mark = match finding.severity {
            Severity::Info => span(Paint::Dim, "i"),
            severity => self.short_mark(page, Status::from(severity)),
        };
        page.row(&[(self.detail(), &[mark]), (self.detail() + 2, &text)]);
        if finding.severity == Severity::Info && self.verbosity < 2 {
            return;
        }
        self.evidence(page, self.detail() + 2, &finding.evidence);
        if let Some(advice) = entry.advice(finding) {
            self.advice(page, self.detail() + 2, advice);
        }
        if let Some(fix) = &finding.fix {
            let text = format!("mended by the action `{fix}`");
            self.advice(page, self.detail() + 2, &text);
        }
    }

    fn fault(&self, page: &mut Page, fault: &Failure) {
        let text = [
            span(Paint::Plain, "not seen:"),
            span(Paint::Plain, fault.message.as_str()),
            span(Paint::Dim, format!("[{}]", fault.kind)),
        ];
        let mark = self.short_mark(page, fault.status());
        page.row(&[(self.detail(), &[mark]), (self.detail() + 2, &text)]);
        if let Some(advice) = &fault.advice {
            self.advice(page, self.detail() + 2, advice);
        }
    }

    /// Writes pairs.
    pub(super) fn evidence(&self, page: &mut Page, column: usize, pairs: &[Evidence]) {
        for pair in pairs {
            self.pair(page, column, &pair.label, span(Paint::Dim, pair.value.as_str()));
        }
    }

    /// Writes a label and, behind it, a value whose further lines stand under its first, where there is room for that.
    fn pair(&self, page: &mut Page, column: usize, label: &str, value: super::Span<'_>) {
        const ROOM: usize = 30;
        let label = [span(Paint::Dim, format!("{label}:"))];
        let behind = column + page.measure(&label[0].1) + 1;
        let behind = if page.width().saturating_sub(behind) < ROOM { column + 2 } else { behind };
        page.row(&[(column, &label), (behind, &[value])]);
    }

    fn measure(&self, page: &mut Page, measured: &Measured) {
        let measure = &measured.measure;
        let limits: Vec<String> = [("warning", &measured.warning), ("critical", &measured.critical)]
            .into_iter()
            .filter_map(|(name, limit)| Some(format!("{name} {}", limit.as_ref()?)))
            .collect();
        let limits = if limits.is_empty() { String::new() } else { format!("(limits: {})", limits.join(", ")) };
        let text = [
            span(Paint::Dim, measure.name.as_ref()),
            span(Paint::Dim, measure.subject.as_str()),
            span(Paint::Plain, show::measure(measure)),
            span(Paint::Dim, limits),
        ];
        page.row(&[(self.detail(), &text)]);
    }

    fn attempt(&self, page: &mut Page, number: usize, attempt: &Attempt) {
        let text = format!("{}, {} ({})", attempt.status.as_str(), attempt.reason, length(attempt.took));
        self.fact(page, &format!("attempt {number}"), &text);
    }

    fn fact(&self, page: &mut Page, label: &str, value: &str) {
        self.pair(page, self.detail(), label, span(Paint::Plain, value));
    }

    fn short_mark(&self, page: &Page, status: Status) -> super::Span<'static> {
        let narrow = Self { words: false, ..*self };
        narrow.mark(page, status)
    }
}
