//! What went wrong with the file, in words that help.

use std::path::Path;

use selx_core::{Error, ErrorKind};

/// Maps an error of SQLite by its result code.
pub(super) fn from_sqlx(error: sqlx::Error, path: &Path) -> Error {
    let shown = path.display();
    let damaged = || {
        (
            ErrorKind::Local,
            format!("the history in `{shown}` is damaged and was left as it is"),
            format!("put it aside by `mv {shown} {shown}.damaged`; a new one begins with the next run"),
        )
    };
    let code = match &error {
        sqlx::Error::Database(database) => database.code().and_then(|code| code.parse::<i32>().ok()),
        // Values of another type than the schema gives them.
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::RowNotFound => Some(11),
        _ => None,
    };
    // The low byte is the kind; the rest tells where in SQLite it happened.
    let (kind, message, advice) = match code.map(|code| code & 0xff) {
        Some(5 | 6) => (
            ErrorKind::Local,
            format!("the history in `{shown}` is locked by another process"),
            format!("`fuser {shown}` names it; selx itself holds the lock for moments only"),
        ),
        Some(8) => (
            ErrorKind::Denied,
            format!("no right to write to the history in `{shown}`"),
            "look whether its file system is mounted read-only, and at the mode of the file and its folder".to_owned(),
        ),
        Some(10) => (
            ErrorKind::Local,
            format!("reading or writing the history in `{shown}` failed"),
            "look at the free space, and for disk errors in the kernel log".to_owned(),
        ),
        Some(13) => (
            ErrorKind::Local,
            format!("no space left for the history in `{shown}`"),
            "free space on its disk, or lower `retention` in `[history]`".to_owned(),
        ),
        Some(14 | 3 | 23) => (
            ErrorKind::Denied,
            format!("the history in `{shown}`, or its journal beside it, cannot be opened"),
            "look at the mode of the folder, its free space, and the limit of open files".to_owned(),
        ),
        Some(1 | 11 | 19 | 20 | 24 | 26) => damaged(),
        _ => (
            ErrorKind::Local,
            format!("the history in `{shown}` could not be used"),
            "look at the limits of memory and threads".to_owned(),
        ),
    };
    Error::new(kind, message).advice(advice).source_error(error)
}
