//! Files that are named as dumps and do not begin as those of a database do: what failed to become one, or what another
//! program calls a dump, such as that of a heap or of threads. Pure.

use super::custom;

/// The text of an error is short.
const LONGEST_ERROR: u64 = 4096;

/// How dumps in SQL begin, as far as it takes to tell them from other texts.
const BEGINNINGS: &[&[u8]] = &[
    b"--\n-- PostgreSQL database dump\n--\n",
    b"--\n-- PostgreSQL database cluster dump\n--\n",
    b"-- MySQL dump ",
    b"-- MariaDB dump ",
    b"/*M!999999\\- enable the sandbox mode */",
];

/// Words of which one stands in what a dumping program, a shell or a system says when a dump fails.
const ERRORS: &[&str] = &[
    "pg_dump",
    "mysqldump",
    "mariadb-dump",
    "psql:",
    "mysql:",
    "error",
    "fatal",
    "failed",
    "failure",
    "denied",
    "refused",
    "not found",
    "no such",
    "no space",
    "disk full",
    "disk is full",
    "could not",
    "cannot",
    "unable to",
    "timed out",
    "timeout",
    "out of memory",
    "killed",
    "terminated",
    "usage:",
];

/// Says why a file is what a dump of a database leaves behind that failed, if it is. Of a short one `start` is the whole.
pub(super) fn failed(start: &[u8], bytes: u64) -> Option<&'static str> {
    if start.iter().all(|byte| *byte == 0) {
        // What a machine leaves that lost power before the data were written.
        return Some("it begins with zeros instead of a dump");
    }
    let is_whole = bytes <= start.len() as u64;
    let is_beginning = |whole: &&[u8]| is_whole && !start.is_empty() && whole.starts_with(start);
    if BEGINNINGS.iter().any(is_beginning) || is_beginning(&custom::MAGIC) {
        return Some("it ends inside of the beginning of a dump");
    }
    if bytes > LONGEST_ERROR {
        return None;
    }
    let text = String::from_utf8_lossy(start).to_lowercase();
    let is_error = ERRORS.iter().any(|word| text.contains(word));
    is_error.then_some("it does not begin as a dump does, and reads like an error")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_told_from_what_is_another_dump() {
        for text in [
            "pg_dump: error: connection to server failed",
            "disk full\n",
            "sh: 1: pg_dump: not found\n",
            "mysqldump: Got error: 1045",
            "--\n-- Postgre",
            "PGD",
            "\0\0\0\0\0",
        ] {
            assert!(failed(text.as_bytes(), text.len() as u64).is_some(), "{text}");
        }
        let threads = "2026-11-26 02:00:01\nFull thread dump OpenJDK 64-Bit Server VM (17.0.9 mixed mode):\n";
        assert_eq!(failed(threads.as_bytes(), threads.len() as u64), None);
        assert_eq!(failed(b"JAVA PROFILE 1.0.2\0", 1 << 30), None);
        assert_eq!(failed(&b"error in a trace\n".repeat(60), 1 << 20), None);
    }
}
