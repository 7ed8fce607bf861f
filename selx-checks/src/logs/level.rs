//! How grave a line says that it is.

use std::ops::RangeInclusive;

use memchr::memmem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::stamp::{DAYS, MONTHS};

/// How grave a line is, on the scale of syslog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// For whoever writes the program.
    Debug,
    /// What happens as it should.
    Info,
    /// What is worth knowing.
    Notice,
    /// What may become an error.
    Warning,
    /// Something failed.
    Error,
    /// The program, or a session of it, cannot go on: CRITICAL, FATAL.
    Critical,
    /// Somebody has to act at once.
    Alert,
    /// Nothing works: EMERGENCY, PANIC.
    Emergency,
}

/// How far into a line its level may stand.
const REACH: usize = 192;
/// How far into a line of JSON, or of `key=value`, its field of the level may stand.
const FIELD_REACH: usize = 4096;

/// The words that programs use. Those of PostgreSQL that introduce the rest of a message stand for nothing grave.
const WORDS: &[(&str, Level)] = &[
    ("emergency", Level::Emergency),
    ("emerg", Level::Emergency),
    ("panic", Level::Emergency),
    ("alert", Level::Alert),
    ("critical", Level::Critical),
    ("crit", Level::Critical),
    ("fatal", Level::Critical),
    ("severe", Level::Error),
    ("error", Level::Error),
    ("err", Level::Error),
    ("warning", Level::Warning),
    ("warn", Level::Warning),
    ("notice", Level::Notice),
    ("info", Level::Info),
    ("information", Level::Info),
    ("log", Level::Info),
    ("statement", Level::Info),
    ("detail", Level::Info),
    ("hint", Level::Info),
    ("context", Level::Info),
    ("debug", Level::Debug),
    ("trace", Level::Debug),
    ("verbose", Level::Debug),
];

/// What stands behind a level of three letters. Three letters are in many words: in small ones they are a level only in
/// brackets or as a value.
const BEHIND_SHORT: [u8; 3] = [b']', b':', b' '];

/// The numbers of loggers of Node.js, which are the only ones that stand in a field called `level`.
const NUMBERS: &[(&str, Level)] = &[
    ("60", Level::Critical),
    ("50", Level::Error),
    ("40", Level::Warning),
    ("30", Level::Info),
    ("20", Level::Debug),
    ("10", Level::Debug),
];

/// The names that fields of levels have.
const FIELDS: &[&str] = &["level", "severity", "lvl", "levelname", "log.level", "loglevel"];

impl Level {
    fn named(word: &[u8]) -> Option<Self> {
        // All small, all capital, or the first one: `eRRor` is no level.
        let rest = word.get(1..).unwrap_or_default();
        let is_one = rest.iter().all(u8::is_ascii_lowercase) || word.iter().all(u8::is_ascii_uppercase);
        let named = WORDS.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word));
        named.filter(|_| is_one).map(|(_, level)| *level)
    }

    fn numbered(number: &[u8]) -> Option<Self> {
        NUMBERS.iter().find(|(known, _)| known.as_bytes() == number).map(|(_, level)| *level)
    }

    /// Returns texts one of which is in every line that has one of these levels.
    pub(super) fn needles(range: &RangeInclusive<Self>) -> Vec<Vec<u8>> {
        let mut needles: Vec<String> = Vec::new();
        for (word, _) in WORDS.iter().filter(|(_, level)| range.contains(level)) {
            let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
            let upper = word.to_ascii_uppercase();
            match word.len() {
                ..=3 => {
                    needles.extend(BEHIND_SHORT.map(|behind| format!("{upper}{}", char::from(behind))));
                    // The value of a field may be the last of its line.
                    needles.extend(["=", "\""].map(|before| format!("{before}{upper}")));
                }
                _ => needles.push(upper),
            }
            for word in [(*word).to_owned(), format!("{}{rest}", first.to_ascii_uppercase())] {
                match word.len() {
                    ..=3 => needles.extend(["[", ":", "=", "\""].map(|before| format!("{before}{word}"))),
                    _ => needles.push(word),
                }
            }
        }
        for (number, _) in NUMBERS.iter().filter(|(_, level)| range.contains(level)) {
            needles.extend([format!("\":{number}"), format!("\": {number}")]);
        }
        needles.into_iter().map(String::into_bytes).collect()
    }
}

/// Returns the level that a line says it has.
///
/// It is the word at its beginning, behind the time and names in capitals or in brackets; or the field of a line of JSON
/// or of `key=value`. A word in the message, or in the address that a browser asked for, is none.
pub fn level(line: &[u8]) -> Option<Level> {
    if line.first() == Some(&b'{') {
        return json(line.get(..FIELD_REACH).unwrap_or(line));
    }
    let head = line.get(..REACH).unwrap_or(line);
    let mut depth = 0_usize;
    // What stands in brackets before the level may be anything, such as the number of a request.
    let quote = head.iter().position(|byte| {
        match byte {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && matches!(byte, b'"' | b'=')
    });
    // Behind a quote there is only what somebody else said.
    words(quote.and_then(|quote| head.get(..quote)).unwrap_or(head))
        .or_else(|| fields(line.get(..FIELD_REACH).unwrap_or(line)))
}

fn words(head: &[u8]) -> Option<Level> {
    let mut from = 0;
    while let Some(begin) = head.get(from..)?.iter().position(u8::is_ascii_alphabetic).map(|found| from + found) {
        let rest = head.get(begin..)?;
        let length = rest.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(rest.len());
        let word = rest.get(..length)?;
        let before = begin.checked_sub(1).and_then(|before| head.get(before)).copied().unwrap_or(b' ');
        let after = rest.get(length).copied().unwrap_or(b' ');
        let apart = matches!(before, b' ' | b'\t' | b'[' | b'(' | b'<' | b'|' | b':' | b'/')
            && matches!(after, b' ' | b'\t' | b']' | b')' | b'>' | b'|' | b':' | b'/' | b',');
        let is_ended = rest.get(length).is_some_and(|after| BEHIND_SHORT.contains(after));
        let apart = apart && (word.len() > 3 || is_ended);
        let capitals = word.iter().all(u8::is_ascii_uppercase);
        let bracketed = matches!(before, b'[' | b':') && after == b']';
        let column = before == b'\t' && after == b'\t' && word.len() > 3;
        let first = after == b':' && word.len() > 3 && is_front(head.get(..begin).unwrap_or_default());
        if apart
            && (capitals || bracketed || column || first)
            && let Some(level) = Level::named(word)
        {
            return Some(level);
        }
        from = begin + length;
    }
    None
}

/// Tells whether a message begins behind this: it is nothing, a time, what a service of Compose or the program of syslog
/// begins its lines with. `error: x` stands there as often as `ERROR: x`.
fn is_front(before: &[u8]) -> bool {
    // What is indented belongs to the message before.
    if before.first().is_some_and(u8::is_ascii_whitespace) {
        return false;
    }
    let before = before.trim_ascii_end();
    if before.ends_with(b"]:") || before.ends_with(b"|") {
        return true;
    }
    let mut words = before.split(|byte| !byte.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    let of_time = |word: &[u8]| {
        matches!(word, b"T" | b"Z" | b"UTC" | b"GMT" | b"AM" | b"PM") || MONTHS.contains(&word) || DAYS.contains(&word)
    };
    words.all(of_time)
}

/// `level=error`, `severity="fatal"`.
fn fields(head: &[u8]) -> Option<Level> {
    for name in FIELDS {
        for found in memmem::find_iter(head, name.as_bytes()) {
            let begins = found.checked_sub(1).is_none_or(|before| matches!(head.get(before), Some(b' ' | b'\t')));
            let quoted = head.get(..found).unwrap_or_default().iter().filter(|byte| **byte == b'"').count() % 2 == 1;
            let rest = head.get(found + name.len()..).unwrap_or_default();
            if begins
                && !quoted
                && let Some(value) = rest.strip_prefix(b"=")
            {
                let value = value.strip_prefix(b"\"").unwrap_or(value);
                return Level::named(alphabetic(value));
            }
        }
    }
    None
}

fn json(head: &[u8]) -> Option<Level> {
    for name in FIELDS {
        for found in memmem::find_iter(head, name.as_bytes()) {
            let Some(value) = value_of(head, found, name.len()) else { continue };
            if let Some(text) = value.strip_prefix(b"\"") {
                return Level::named(alphabetic(text));
            }
            let digits = value.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
            // As JSON is written: right behind the colon, or behind one space.
            let before = head.get(..head.len() - value.len()).unwrap_or_default();
            let is_usual = before.ends_with(b"\":") || before.ends_with(b"\": ");
            return Level::numbered(value.get(..digits)?).filter(|_| is_usual);
        }
    }
    None
}

/// Returns what follows the colon behind a key of JSON, if it is a key that begins at `found`.
pub(super) fn value_of(line: &[u8], found: usize, length: usize) -> Option<&[u8]> {
    let quote = found.checked_sub(1).filter(|quote| line.get(*quote) == Some(&b'"'))?;
    let before = line.get(..quote)?.trim_ascii_end().last();
    if !matches!(before, Some(b'{' | b',')) {
        return None;
    }
    let rest = line.get(found + length..)?.strip_prefix(b"\"")?.trim_ascii_start();
    Some(rest.strip_prefix(b":")?.trim_ascii_start())
}

fn alphabetic(text: &[u8]) -> &[u8] {
    let length = text.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(text.len());
    text.get(..length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_where_programs_write_it() {
        for (line, expected) in [
            ("2026-11-20 10:00:00 [CRITICAL] api: down", Level::Critical),
            ("[2026-11-20 10:00:00,000: ERROR/MainProcess] task failed", Level::Error),
            ("2026-11-20 10:00:00.000 UTC [1] FATAL:  password authentication failed", Level::Critical),
            ("2026-11-20 10:00:00.000 UTC [1] STATEMENT:  SELECT 'FATAL: x'", Level::Info),
            ("2026/11/20 10:00:00 [crit] 7#7: *1 SSL_do_handshake() failed", Level::Critical),
            ("[Fri Nov 20 10:00:00 2026] [core:error] [pid 5] text", Level::Error),
            ("{\"level\":\"fatal\",\"msg\":\"x\"}", Level::Critical),
            ("{\"time\":1,\"level\":50,\"msg\":\"x\"}", Level::Error),
            ("{\"msg\":\"a level\",\"severity\": \"Emergency\"}", Level::Emergency),
            ("time=\"2026-11-20T10:00:00Z\" level=error msg=\"x\"", Level::Error),
            ("ts=2026-11-20T10:00:00Z severity=\"panic\"", Level::Emergency),
            ("CRITICAL:root:text", Level::Critical),
            ("2026-11-20 10:00:00 INFO got ERROR from upstream", Level::Info),
            ("2026-11-20 10:00:00 WARNING non-FATAL problem", Level::Warning),
            ("api_1  | 2026-11-20 10:00:00 - root - CRITICAL - x", Level::Critical),
            ("2026-11-20 10:00:00 [req=7f3a, user=\"x\"] CRITICAL down", Level::Critical),
            ("2026-11-20T10:00:00Z\tcritical\tdown", Level::Critical),
            ("2026-11-20T10:00:00Z error: boom", Level::Error),
            ("Fri Nov 20 10:00:00 2026 Error: boom", Level::Error),
            ("Nov 20 10:00:00 host sshd[7]: fatal: no keys", Level::Critical),
            ("worker-1  | error: boom", Level::Error),
            ("fatal: not a repository", Level::Critical),
        ] {
            assert_eq!(level(line.as_bytes()), Some(expected), "{line}");
        }
    }

    #[test]
    fn a_word_in_the_message_is_no_level() {
        for line in [
            "192.0.2.1 - - [20/Nov/2026:10:00:00 +0000] \"GET /?level=FATAL HTTP/1.1\" 200 5",
            "192.0.2.1 - - [20/Nov/2026:10:00:00 +0000] \"GET /FATAL/x HTTP/1.1\" 200 5",
            "Nov 20 10:00:00 host app: a non-FATAL problem",
            "{\"msg\":\"level\",\"x\":\"CRITICAL\"}",
            "2026-11-20 10:00:00 started [arg=\"CRITICAL\"",
            "plain text, errors and criticals",
            "2026-11-20 10:00:00 the last error: none",
            "2026-11-20 10:00:00 error is a word",
            "  error: of the message before",
            "",
        ] {
            assert_eq!(level(line.as_bytes()), None, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_line_with_a_level_is_passed_over(
            parts in proptest::collection::vec(
                "(ERR|err|Err|ERROR|error|Fatal|\t|PANIC|crit|alert|\\[|\\]|:|=|\"| |level|lvl|\\{|,|60|50|/|x)", 1..12),
        ) {
            let line = parts.concat();
            if let Some(level) = level(line.as_bytes()).filter(|level| *level >= Level::Error) {
                let needles = Level::needles(&(level..=level));
                let found = needles.iter().any(|needle| memmem::find(line.as_bytes(), needle).is_some());
                proptest::prop_assert!(found, "{} is {:?}", line, level);
            }
        }
    }

    #[test]
    fn a_short_level_at_the_end_of_a_line_has_a_needle() {
        let needles = Level::needles(&(Level::Error..=Level::Error));
        for line in ["msg=x level=ERR", "msg=x level=\"ERR\"", "{\"level\":\"ERR\"}", "level=ERR\tx", "x [err] y"] {
            assert_eq!(level(line.as_bytes()), Some(Level::Error), "{line}");
            assert!(needles.iter().any(|needle| memmem::find(line.as_bytes(), needle).is_some()), "{line}");
        }
    }

    #[test]
    fn every_line_of_a_level_has_a_needle() {
        let needles = Level::needles(&(Level::Critical..=Level::Emergency));
        for line in [
            "x [crit] y",
            "x [Alert] y",
            "x [core:emerg] y",
            "FATAL: x",
            "{\"level\":60}",
            "{\"severity\": 60}",
            "{\"level\": \"Panic\"}",
            "level=alert",
            "severity=\"Critical\"",
        ] {
            assert!(level(line.as_bytes()).is_some_and(|level| level >= Level::Critical), "{line}");
            assert!(needles.iter().any(|needle| memmem::find(line.as_bytes(), needle).is_some()), "{line}");
        }
    }
}
