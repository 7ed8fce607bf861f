//! What a check found, and how bad it is.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::meta::Id;

/// How bad what was seen is. Whether it could be seen at all is another question: see
/// [`Outcome`](crate::report::Outcome).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing, nothing to do.
    Info,
    /// Look at it in working hours.
    Warning,
    /// Part of what was to be judged could not be seen.
    Unknown,
    /// Look at it now.
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Critical => "critical",
        })
    }
}

/// One thing that a check has to say about one subject.
///
/// ```
/// use selx_core::Finding;
/// let finding = Finding::warning("read-only", "/var", "was remounted read-only")
///     .advice("look for disk errors in the kernel log")
///     .evidence("options", "ro,relatime");
/// assert_eq!(finding.subject, "/var");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The documented code, such as `expires-soon`.
    pub code: Cow<'static, str>,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: a mount point, an address, a file. Empty if it is about the whole check.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// One line, a lower-case fragment that reads well after the subject.
    pub message: String,
    /// What to do. Without it the advice of the code stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// Pairs that prove it, shown on request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// The action that mends it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<Cow<'static, str>>,
}

/// One pair that proves a finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What the value is, such as `issuer`.
    pub label: Cow<'static, str>,
    /// The value, as it was seen. It is escaped when it is shown.
    pub value: String,
}

impl Finding {
    /// Makes a finding; the three texts are the least that a reader needs.
    pub fn new(severity: Severity, code: &'static str, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code),
            severity,
            subject: subject.into(),
            message: message.into(),
            advice: None,
            evidence: Vec::new(),
            fix: None,
        }
    }

    /// Makes a finding that is worth knowing.
    pub fn info(code: &'static str, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Info, code, subject, message)
    }

    /// Makes a finding for working hours.
    pub fn warning(code: &'static str, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, subject, message)
    }

    /// Makes a finding that says that part of the subject could not be seen.
    pub fn unknown(code: &'static str, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Unknown, code, subject, message)
    }

    /// Makes a finding for right now.
    pub fn critical(code: &'static str, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Critical, code, subject, message)
    }

    /// Adds what to do, where the code's own advice is not exact enough.
    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Adds a pair that proves it.
    #[must_use]
    pub fn evidence(mut self, label: &'static str, value: impl fmt::Display) -> Self {
        self.evidence.push(Evidence { label: Cow::Borrowed(label), value: value.to_string() });
        self
    }

    /// Names the action that mends it.
    #[must_use]
    pub fn fix(mut self, action: Id) -> Self {
        self.fix = Some(Cow::Borrowed(action.as_str()));
        self
    }
}

/// What a look came to: one line for the reader, and what is to be said beside the limits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// One line that tells what was seen, healthy or not: "3 file systems, fullest / at 41 %".
    pub summary: String,
    /// What was found, in any order. Limits on measures are judged apart, by the core.
    pub findings: Vec<Finding>,
    /// Pairs worth showing on request, whatever the verdict.
    pub evidence: Vec<Evidence>,
}

impl Judgement {
    /// Begins with the line that tells what was seen.
    pub fn new(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), ..Self::default() }
    }

    /// Adds a finding.
    #[must_use]
    pub fn with(mut self, finding: Finding) -> Self {
        self.findings.push(finding);
        self
    }

    /// Adds a pair worth showing on request.
    #[must_use]
    pub fn evidence(mut self, label: &'static str, value: impl fmt::Display) -> Self {
        self.evidence.push(Evidence { label: Cow::Borrowed(label), value: value.to_string() });
        self
    }
}
