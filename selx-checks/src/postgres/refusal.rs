//! Why there was no answer: what the server said, or how the conversation broke.

use selx_core::{Error, Finding};
use serde::{Deserialize, Serialize};

use super::session::Way;
use crate::net::{Failure, Phase};

/// An error as the server tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ServerError {
    /// The five characters that name the error whatever language the server speaks; empty if it sent none.
    pub code: String,
    /// What it says.
    pub message: String,
    /// What it adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What it advises.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The character of the query that it is about, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
}

/// The most characters of one field that are kept.
const FIELD_CAP: usize = 500;

impl ServerError {
    /// Reads the fields of an error or a notice.
    pub(super) fn read(body: &[u8]) -> Self {
        let mut error = Self::default();
        for field in body.split(|byte| *byte == 0) {
            let Some((kind, text)) = field.split_first() else { break };
            let text: String = String::from_utf8_lossy(text).chars().take(FIELD_CAP).collect();
            match kind {
                b'C' => error.code = text,
                b'M' => error.message = text,
                b'D' => error.detail = Some(text),
                b'H' => error.hint = Some(text),
                b'P' => error.position = text.parse().ok(),
                _ => {}
            }
        }
        error
    }

    /// Says it in one line.
    pub fn words(&self) -> String {
        let mut words = self.message.clone();
        if let Some(detail) = self.detail.as_ref().filter(|detail| !detail.is_empty()) {
            words.push_str(&format!(" ({})", detail.trim_end_matches('.')));
        }
        if !self.code.is_empty() {
            words.push_str(&format!(", SQLSTATE {}", self.code));
        }
        words
    }
}

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// The conversation broke, or never began.
    Broken(Failure),
    /// The server said no.
    Refused(ServerError),
    /// The server asks for a way to log in that selx does not speak.
    UnknownMethod(String),
    /// The server asks for the password in a form that others could read on the way.
    WeakMethod(String),
}

impl Trouble {
    /// Says it in one line, with the phase where it matters.
    pub fn words(&self) -> String {
        match self {
            Self::Broken(failure) => {
                let begin = match failure.phase {
                    Phase::Find => "has no container to ask: ",
                    Phase::Resolve => "cannot be found: ",
                    Phase::Connect => "cannot be connected to: ",
                    _ => "",
                };
                format!("{begin}{} (phase: {})", failure.text, failure.phase)
            }
            Self::Refused(error) => format!("the server refused: {}", error.words()),
            Self::UnknownMethod(method) => {
                format!("the server asks for a way to log in that selx does not speak: {method}")
            }
            Self::WeakMethod(method) => {
                format!("the server asks for {method} over a line that others may read; the password was not sent")
            }
        }
    }

    /// Makes the finding of a kind that cannot look without a session.
    pub(super) fn finding_after(&self, way: &Way, subject: &str) -> Finding {
        let code = match self {
            _ if way.login.is_some() => "query-failed",
            Self::Broken(failure) if failure.phase == Phase::Login && way.method.is_some() => "not-logged-in",
            Self::Broken(_) => "not-connected",
            _ => "not-logged-in",
        };
        let finding = Finding::critical(code, subject, self.words());
        match self {
            Self::Refused(ServerError { hint: Some(hint), .. }) => finding.evidence("hint of the server", hint),
            _ => finding,
        }
    }
}

/// What ends a conversation early: what the peer did, or what this host could not do.
#[derive(Debug)]
pub(super) enum Ended {
    Peer(Trouble),
    Ours(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Peer(Trouble::Broken(failure))
    }
}

impl From<ServerError> for Ended {
    fn from(error: ServerError) -> Self {
        Self::Peer(Trouble::Refused(error))
    }
}

/// Separates what the peer did from what this host could not do.
pub(super) fn apart<T>(result: Result<T, Ended>) -> selx_core::Result<Result<T, Trouble>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Ended::Peer(trouble)) => Ok(Err(trouble)),
        Err(Ended::Ours(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_whatever_is_in_them() {
        let body = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0P12\0\0";
        let error = ServerError::read(body);
        assert_eq!((error.code.as_str(), error.position), ("57P03", Some(12)));
        assert_eq!(error.words(), "the database system is starting up, SQLSTATE 57P03");
        for damaged in [&b""[..], b"\0", b"M", b"\xff\xff\0\0", b"P-1\0"] {
            assert!(ServerError::read(damaged).code.is_empty());
        }
    }
}
