//! What a server did wrong, as an error of an action.

use selx_core::{Error, ErrorKind};

use crate::net::FailureKind;
use crate::postgres::refusal::{Ended, Trouble};

/// `lock_not_available`, and the deadlock that waiting for one came to.
const BUSY: [&str; 2] = ["55P03", "40P01"];

/// Tells whether a lock could not be had in time.
pub(in crate::postgres) fn is_busy(ended: &Ended) -> bool {
    code(ended).is_some_and(|code| BUSY.contains(&code))
}

/// Tells whether the server ended the statement because it took too long, or because it was told to.
pub(in crate::postgres) fn is_ended(ended: &Ended) -> bool {
    code(ended) == Some("57014")
}

/// Tells whether what was named is not there: a schema, a table or an index.
pub(in crate::postgres) fn is_gone(ended: &Ended) -> bool {
    matches!(code(ended), Some("42P01" | "3F000" | "42704" | "42809"))
}

/// Says that the server left a table alone without an error.
pub(in crate::postgres) fn left(notices: &[String]) -> Error {
    let why = if notices.is_empty() { "it does not say why".to_owned() } else { notices.join("; ") };
    Error::new(ErrorKind::Rejected, format!("the server left it alone: {why}"))
}

/// Tells whether the database is not there.
pub(in crate::postgres) fn is_without_database(ended: &Ended) -> bool {
    code(ended) == Some("3D000")
}

/// Tells whether a statement failed by what it is about and not by the state of the server: rows that are equal and may not
/// be, a function of an index that fails, a right that was taken away. It fails for this table, and others can go on.
pub(in crate::postgres) fn is_of_content(ended: &Ended) -> bool {
    const CLASSES: [&str; 6] = ["21", "22", "23", "38", "42", "P0"];
    code(ended).is_some_and(|code| CLASSES.iter().any(|class| code.starts_with(class)))
}

fn code(ended: &Ended) -> Option<&str> {
    match ended {
        Ended::Peer(Trouble::Refused(error)) => Some(&error.code),
        _ => None,
    }
}

/// Says it as an error; `doing` is what was being done.
pub(in crate::postgres) fn error(ended: Ended, doing: &str) -> Error {
    let trouble = match ended {
        Ended::Ours(error) => return error,
        Ended::Peer(trouble) => trouble,
    };
    let kind = match &trouble {
        Trouble::Broken(failure) => match failure.kind {
            FailureKind::TimedOut => ErrorKind::NoAnswer,
            FailureKind::Malformed | FailureKind::TooLarge => ErrorKind::Protocol,
            FailureKind::Tls => ErrorKind::Rejected,
            _ => ErrorKind::Unreachable,
        },
        Trouble::Refused(error) => match error.code.as_str() {
            "42501" => ErrorKind::Denied,
            "57014" | "55P03" => ErrorKind::TimedOut,
            _ => ErrorKind::Rejected,
        },
        Trouble::UnknownMethod(_) | Trouble::WeakMethod(_) => ErrorKind::Rejected,
    };
    let error = Error::new(kind, format!("{doing}: {}", trouble.words()));
    match trouble {
        Trouble::Refused(told) => match told.hint {
            Some(hint) => error.advice(hint),
            None => error,
        },
        _ => error,
    }
}
