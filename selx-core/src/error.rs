//! The one error type: what, where, why, and whether trying again can help.

use std::error::Error as StdError;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it is. It decides the status of a check that could not finish.
///
/// | kind | what a report says |
/// |---|---|
/// | `NotApplicable`, `NeedsData` | skipped, with the reason; never fine |
/// | `Unreachable`, `NoAnswer`, `Protocol`, `Rejected` | critical: that is a finding about the subject |
/// | the others | unknown: selx could not look |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is nothing of this sort here to look at.
    NotApplicable,
    /// A rate or a trend that needs another look later.
    NeedsData,
    /// The subject refuses connections or is not found by name.
    Unreachable,
    /// The subject accepted and then did not answer in time.
    NoAnswer,
    /// The subject answered something that its protocol does not allow.
    Protocol,
    /// The subject answered and said no: a login, a name, a certificate.
    Rejected,
    /// This process lacks a right. The message names it.
    Denied,
    /// A program, file or setting of this host is missing.
    Missing,
    /// Something of this host failed: a read error, no descriptors left, no threads left.
    Local,
    /// A limit of selx was reached before the subject was seen whole.
    Limit,
    /// The time for this check ran out.
    TimedOut,
    /// The run was cancelled.
    Cancelled,
    /// A value of the configuration turned out to be wrong when it was used.
    Config,
    /// A bug of selx or of a plugin.
    Bug,
}

impl ErrorKind {
    /// Tells whether the failure is one of the subject, which makes it critical rather than unknown.
    pub const fn is_about_subject(self) -> bool {
        matches!(self, Self::Unreachable | Self::NoAnswer | Self::Protocol | Self::Rejected)
    }

    /// Tells whether the check is to be shown as skipped.
    pub const fn is_skip(self) -> bool {
        matches!(self, Self::NotApplicable | Self::NeedsData)
    }

    /// Returns the name used in reports, such as `not-applicable`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotApplicable => "not-applicable",
            Self::NeedsData => "needs-data",
            Self::Unreachable => "unreachable",
            Self::NoAnswer => "no-answer",
            Self::Protocol => "protocol",
            Self::Rejected => "rejected",
            Self::Denied => "denied",
            Self::Missing => "missing",
            Self::Local => "local",
            Self::Limit => "limit",
            Self::TimedOut => "timed-out",
            Self::Cancelled => "cancelled",
            Self::Config => "config",
            Self::Bug => "bug",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// It will fail the same way: a wrong setting, a missing right.
    Never,
    /// It may pass later: a refused connection, a slow peer.
    Later,
    /// It was tried again and failed again.
    Exhausted,
}

/// A failure with its kind, its context and its source.
///
/// `Display` is one line: the message, then the context, then the chain of sources. Secrets never enter it:
/// a [`Secret`](crate::Secret) has no `Display`.
///
/// ```
/// use selx_core::{Error, ErrorKind};
/// let error = Error::new(ErrorKind::Unreachable, "connection refused").with("address", "127.0.0.1:443");
/// assert_eq!(error.to_string(), "connection refused (address 127.0.0.1:443)");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    retry: Retry,
    message: String,
    advice: Option<String>,
    context: Vec<(&'static str, String)>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Makes an error. The message is a lower-case fragment without a full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let retry = match kind {
            ErrorKind::Unreachable | ErrorKind::NoAnswer | ErrorKind::TimedOut | ErrorKind::Local => Retry::Later,
            _ => Retry::Never,
        };
        Self(Box::new(Inner { kind, retry, message: message.into(), advice: None, context: Vec::new(), source: None }))
    }

    /// Adds a pair that tells where it happened.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((key, value.to_string()));
        self
    }

    /// Adds what the reader can do about it.
    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.0.advice = Some(advice.into());
        self
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn source_error(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Says whether trying again can help. The default follows from the kind.
    #[must_use]
    pub fn set_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns whether trying again can help.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// Returns the message without context and sources.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the advice, if there is one.
    pub fn advice_text(&self) -> Option<&str> {
        self.0.advice.as_deref()
    }

    /// Returns the context pairs.
    pub fn context(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.context.iter().map(|(key, value)| (*key, value.as_str()))
    }

    /// Maps an input or output error of this host's files: a missing right, a missing file, or a local failure.
    pub fn from_io(error: std::io::Error, what: impl fmt::Display) -> Self {
        use std::io::ErrorKind as Io;
        match error.kind() {
            // The system's own words would only say it again.
            Io::PermissionDenied => Self::new(ErrorKind::Denied, format!("no right to read {what}")),
            Io::NotFound => Self::new(ErrorKind::Missing, format!("{what} does not exist")),
            _ => Self::new(ErrorKind::Local, format!("reading {what} failed")).source_error(error),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if !self.0.context.is_empty() {
            f.write_str(" (")?;
            for (index, (key, value)) in self.0.context.iter().enumerate() {
                let comma = if index == 0 { "" } else { ", " };
                write!(f, "{comma}{key} {value}")?;
            }
            f.write_str(")")?;
        }
        let mut source = StdError::source(self);
        while let Some(error) = source {
            let text = error.to_string();
            // Many libraries repeat their source in their own text; once is enough.
            if !self.0.message.contains(&text) {
                write!(f, ": {text}")?;
            }
            source = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({:?}): {self}", self.0.kind, self.0.retry)?;
        if let Some(advice) = &self.0.advice {
            write!(f, "\n  advice: {advice}")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
