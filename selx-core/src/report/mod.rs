//! What a run came to. Inside it is free to change; JSON leaves through the frozen [`v1`].

pub mod v1;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::check::{Moment, Previous};
use crate::error::{Error, ErrorKind, Retry};
use crate::finding::{Finding, Judgement, Severity};
use crate::limit::{Level, LimitState};
use crate::measure::Measure;
use crate::meta::Meta;

/// The status of an entry or of a run, from best to worst.
///
/// Skipped is not fine: a run in which everything was skipped is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// There was nothing to look at, or not yet.
    Skipped,
    /// It was looked at and is as it should be.
    Ok,
    /// Look at it in working hours.
    Warning,
    /// It could not be looked at, or not whole.
    Unknown,
    /// Look at it now.
    Critical,
}

impl Status {
    /// Returns the exit code of the plugin interface. Skipped is 3: nothing was looked at.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown | Self::Skipped => 3,
        }
    }

    /// Returns the name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Critical => "critical",
        }
    }
}

impl From<Severity> for Status {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Info => Self::Ok,
            Severity::Warning => Self::Warning,
            Severity::Unknown => Self::Unknown,
            Severity::Critical => Self::Critical,
        }
    }
}

/// An error in the form that a report keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure.
    pub kind: ErrorKind,
    /// The whole line: message, context, sources.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// Whether trying again can help.
    pub retry: Retry,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            message: error.to_string(),
            advice: error.advice_text().map(str::to_owned),
            retry: error.retry(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl Failure {
    /// Returns the status that this failure gives its check.
    pub fn status(&self) -> Status {
        if self.kind.is_skip() {
            Status::Skipped
        } else if self.kind.is_about_subject() {
            Status::Critical
        } else {
            Status::Unknown
        }
    }
}

/// Whether the subject could be seen. How bad it is, is another question: see [`Severity`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// It was seen and judged.
    Seen,
    /// There was nothing to see here, or not yet.
    Skipped(Failure),
    /// It could not be seen.
    Failed(Failure),
}

/// A measure with what its limit said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The number.
    pub measure: Measure,
    /// What its limit said; `None` if no limit holds for it, or if what it says cannot be told.
    pub level: Option<Level>,
    /// The warning threshold as it was written.
    pub warning: Option<String>,
    /// The critical threshold as it was written.
    pub critical: Option<String>,
    /// Both thresholds as ranges in the base unit, where they have that form.
    pub ranges: (Option<String>, Option<String>),
    /// What the limit has to remember.
    pub state: Option<LimitState>,
}

/// An attempt that did not count because another followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// What it came to.
    pub status: Status,
    /// Why, one line.
    pub reason: String,
    /// How long it took.
    pub took: Duration,
}

/// What one check came to.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The kind.
    pub meta: Meta,
    /// The name that the configuration gave it.
    pub name: String,
    /// When the look began.
    pub started: Moment,
    /// How long it took, all attempts together.
    pub took: Duration,
    /// The attempts before the one that counted.
    pub attempts: Vec<Attempt>,
    /// Whether it could be seen.
    pub outcome: Outcome,
    /// The line, the findings (those of limits among them) and the evidence.
    pub judgement: Judgement,
    /// The numbers.
    pub measures: Vec<Measured>,
    /// Parts of the subject that could not be seen.
    pub faults: Vec<Failure>,
    /// The check whose failure explains this one's, `kind.name`.
    pub caused_by: Option<String>,
    /// What was seen, as it is saved.
    pub facts: Option<Value>,
    /// The last look that the judgement knew.
    pub previous: Option<Previous<Value>>,
    /// The limits' memory that the judgement knew, by measure and subject.
    pub remembered: Vec<(String, String, LimitState)>,
    /// Whether there was no memory because the history could not be read, or none is kept.
    pub memory_unavailable: bool,
    /// The settings of the check as they were given, without runner settings.
    pub with: Value,
}

impl Entry {
    /// Returns `kind.name`, which is unique in a run.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.meta.id, self.name)
    }

    /// Returns the status: the worst of the outcome, the findings and the faults.
    pub fn status(&self) -> Status {
        let findings = self.judgement.findings.iter().map(|finding| Status::from(finding.severity));
        let faults = self.faults.iter().map(Failure::status).filter(|status| *status != Status::Skipped);
        let outcome = match &self.outcome {
            Outcome::Seen => Status::Ok,
            Outcome::Skipped(_) => Status::Skipped,
            Outcome::Failed(failure) => failure.status().max(Status::Unknown),
        };
        // An info finding beside a skip does not make the skip fine.
        let worst = findings.filter(|status| *status > Status::Ok).chain(faults).max();
        worst.map_or(outcome, |worst| worst.max(outcome))
    }

    /// Returns the line that tells the reader most: the failure, the worst finding, or the summary.
    pub fn headline(&self) -> String {
        match &self.outcome {
            Outcome::Skipped(failure) | Outcome::Failed(failure) => return failure.message.clone(),
            Outcome::Seen => {}
        }
        match self.worst() {
            Some(finding) => {
                let others = self.judgement.findings.iter().filter(|other| other.severity > Severity::Info).count() - 1;
                let more = match others {
                    0 => String::new(),
                    1 => " (and 1 more)".to_owned(),
                    count => format!(" (and {count} more)"),
                };
                let subject = if finding.subject.is_empty() { "" } else { &finding.subject };
                let gap = if subject.is_empty() { "" } else { " " };
                format!("{subject}{gap}{}{more}", finding.message)
            }
            None => match self.faults.first() {
                Some(fault) => fault.message.clone(),
                None => self.judgement.summary.clone(),
            },
        }
    }

    /// Returns the finding that the headline is about: the first of those that are as bad, as what a kind says of its
    /// subject stands before what its limits say.
    pub fn worst(&self) -> Option<&Finding> {
        let findings = self.judgement.findings.iter().rev();
        findings.max_by_key(|finding| finding.severity).filter(|finding| finding.severity > Severity::Info)
    }

    /// Returns the advice for a finding: its own, that of its code, or that of the measure its limit is on.
    pub fn advice<'a>(&'a self, finding: &'a Finding) -> Option<&'a str> {
        finding.advice.as_deref().or_else(|| self.meta.code(&finding.code).map(|code| code.advice)).or_else(|| {
            let name = finding.code.strip_prefix(LIMIT_CODE)?;
            self.meta.measure(name).map(|measure| measure.advice)
        })
    }
}

/// How the codes of findings begin that a limit made: `limit-used`.
pub const LIMIT_CODE: &str = "limit-";

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// The id of the run: time and a random part, sortable.
    pub run: String,
    /// The routine, if the run was one.
    pub routine: Option<String>,
    /// The name of this host.
    pub host: String,
    /// When it began.
    pub started: Moment,
    /// How long it took.
    pub took: Duration,
    /// The entries in the order of the configuration.
    pub entries: Vec<Entry>,
    /// What is to be said about the run itself: runs that were missed, a history that could not be opened.
    pub notices: Vec<Finding>,
}

impl Report {
    /// Returns the status of the run: the worst of its entries and notices. A run that saw nothing is unknown.
    pub fn status(&self) -> Status {
        let entries = self.entries.iter().map(Entry::status).max().unwrap_or(Status::Skipped);
        let notices = self.notices.iter().map(|notice| Status::from(notice.severity)).max().unwrap_or(Status::Ok);
        match entries {
            Status::Skipped => Status::Unknown.max(notices),
            status => status.max(notices),
        }
    }

    /// Returns the entries, worst first, in their own order where they are equal.
    pub fn worst_first(&self) -> Vec<&Entry> {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(rank(entry.status())));
        entries
    }

    /// Counts the entries of a status.
    pub fn count(&self, status: Status) -> usize {
        self.entries.iter().filter(|entry| entry.status() == status).count()
    }
}

/// Skipped is shown after what was looked at.
fn rank(status: Status) -> u8 {
    match status {
        Status::Critical => 4,
        Status::Unknown => 3,
        Status::Warning => 2,
        Status::Ok => 1,
        Status::Skipped => 0,
    }
}
