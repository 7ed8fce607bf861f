//! The time that a line of a log says.
//!
//! A line is dated by what stands at its beginning, or by a field of its own if it is JSON or `key=value`. Nothing is
//! guessed from the rest of the line: a time in a message is not the time of the message.

mod cursor;
mod forms;
mod zone;

use super::colours;
use memchr::memmem;

use cursor::Cursor;
pub(super) use cursor::{DAYS, MONTHS};
use forms::Reading;
pub use zone::{Stamp, Zones};

/// How far into a line its time may begin.
const REACH: usize = 96;
/// How far into a line of JSON its field of the time may stand.
const JSON_REACH: usize = 16 * 1024;
/// The names that fields of times have, the surest first.
const FIELDS: &[&str] =
    &["@timestamp", "timestamp", "time", "ts", "asctime", "datetime", "date", "eventTime", "t", "_time"];

/// Reads the times of the lines of one file.
#[derive(Clone, Debug)]
pub struct Reader {
    zones: Zones,
    /// Whether lines of this file have their time behind a few words, such as `INFO api: 2026-11-20 …`.
    behind_words: bool,
}

impl Reader {
    /// Makes a reader for times of a zone.
    pub fn new(zones: Zones) -> Self {
        Self { zones, behind_words: false }
    }

    /// Looks at lines of the file, to learn where they have their times: behind a few words only if that is the habit of
    /// the file, as a traceback may have a time there too. Returns how many of them have a time.
    pub fn learn<'a>(&mut self, lines: impl Iterator<Item = &'a [u8]>) -> usize {
        let (mut at_once, mut behind) = (0_usize, 0_usize);
        for line in lines {
            let line = &*colours::without(line);
            if self.leading(line).is_some() {
                at_once += 1;
            } else if self.behind_words(line).is_some() {
                behind += 1;
            }
        }
        self.behind_words = behind * 10 > at_once;
        if self.behind_words { at_once + behind } else { at_once }
    }

    /// Returns the time of a line, if it has one.
    pub fn read(&mut self, line: &[u8]) -> Option<Stamp> {
        let line = &*colours::without(line);
        let reading = match self.leading(line) {
            Some(reading) => reading,
            None if self.behind_words => self.behind_words(line)?,
            None => return None,
        };
        Some(match reading {
            Reading::Moment(at) => Stamp { at, twice: false },
            Reading::Wall(civil) => self.zones.place(civil),
            Reading::WallOfSomeYear(civil) => self.zones.place_in_some_year(civil),
        })
    }

    /// Reads a time in one of the places where a line of its form always has it.
    fn leading(&self, line: &[u8]) -> Option<Reading> {
        let zones = &self.zones;
        let first = *line.first()?;
        if matches!(first, b' ' | b'\t') {
            return None;
        }
        if first == b'{' {
            return json(line, zones);
        }
        let line = behind_marks(line);
        if let Some(reading) = forms::any(line, zones) {
            return Some(reading);
        }
        let head = line.get(..REACH * 4).unwrap_or(line);
        access(head, zones)
            .or_else(|| behind_service(head, zones))
            .or_else(|| redis(head, zones))
            .or_else(|| fields(head, zones))
    }

    /// Reads a time behind a few words that hold no quoted text.
    fn behind_words(&self, line: &[u8]) -> Option<Reading> {
        let head = line.get(..REACH).unwrap_or(line);
        let mut words = 0;
        for (index, byte) in head.iter().enumerate() {
            match byte {
                b'"' | b'\'' | b'`' | b'=' => return None,
                b' ' => words += 1,
                b'0'..=b'9' => {
                    let before = index.checked_sub(1).and_then(|before| head.get(before));
                    let begins = before.is_some_and(|before| matches!(before, b' ' | b'[' | b'(' | b':' | b'|'));
                    if begins && let Some(reading) = line.get(index..).and_then(|rest| forms::iso(rest, &self.zones)) {
                        return Some(reading);
                    }
                }
                _ => {}
            }
            if words > 6 {
                return None;
            }
        }
        None
    }
}

/// Goes past what may stand right before a time: `<34>1 ` of syslog, `[`, `(`.
fn behind_marks(line: &[u8]) -> &[u8] {
    let mut at = Cursor::new(line);
    if at.eat(b'<').is_some() {
        let digits = at.take_while(|byte| byte.is_ascii_digit());
        if digits.is_empty() || digits.len() > 3 || at.eat(b'>').is_none() {
            return line;
        }
        let mut versioned = at;
        if versioned.eat(b'1').is_some() && versioned.eat(b' ').is_some() {
            at = versioned;
        }
        return at.rest;
    }
    let _ = at.eat_one(|byte| matches!(byte, b'[' | b'('));
    at.rest
}

/// `192.0.2.1 - alice [20/Nov/2026:10:00:00 +0000] "GET …` of web servers, whatever stands before.
fn access(head: &[u8], zones: &Zones) -> Option<Reading> {
    for open in memchr::memchr_iter(b'[', head) {
        let quoted = head.get(..open).is_some_and(|before| before.contains(&b'"'));
        if quoted {
            return None;
        }
        let rest = head.get(open + 1..)?;
        // Only the form of web servers: other programs put other things in brackets.
        if rest.get(2) == Some(&b'/') && rest.get(6) == Some(&b'/') {
            return forms::any(rest, zones);
        }
    }
    None
}

/// `api_1  | 2026-11-20 …` as Compose writes it.
fn behind_service(head: &[u8], zones: &Zones) -> Option<Reading> {
    let mut at = Cursor::new(head);
    let name = at.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let gap = at.take_while(|byte| byte == b' ');
    if name.is_empty() || gap.is_empty() {
        return None;
    }
    at.eat(b'|')?;
    at.eat(b' ')?;
    let line = at.rest;
    if line.first() == Some(&b'{') {
        return json(line, zones);
    }
    forms::any(behind_marks(line), zones).or_else(|| access(line, zones))
}

/// `1:M 20 Nov 2026 10:00:00.123 * Ready` of Redis.
fn redis(head: &[u8], zones: &Zones) -> Option<Reading> {
    let mut at = Cursor::new(head);
    let pid = at.take_while(|byte| byte.is_ascii_digit());
    at.eat(b':')?;
    at.eat_one(|byte| matches!(byte, b'M' | b'S' | b'C' | b'X'))?;
    at.eat(b' ')?;
    if pid.is_empty() { None } else { forms::any(at.rest, zones) }
}

/// `level=info ts=2026-11-20T10:00:00Z`: `key=value`, where the keys come first.
fn fields(head: &[u8], zones: &Zones) -> Option<Reading> {
    let first = head.split(|byte| *byte == b' ').next()?;
    if !first.contains(&b'=') {
        return None;
    }
    for name in FIELDS {
        for found in memmem::find_iter(head, name.as_bytes()) {
            let begins = found.checked_sub(1).is_none_or(|before| head.get(before) == Some(&b' '));
            let mut at = Cursor::new(head.get(found + name.len()..)?);
            if begins && at.eat(b'=').is_some() {
                let _ = at.eat(b'"');
                return forms::any(at.rest, zones);
            }
        }
    }
    None
}

/// A field of a line of JSON.
fn json(line: &[u8], zones: &Zones) -> Option<Reading> {
    let head = line.get(..JSON_REACH).unwrap_or(line);
    for name in FIELDS {
        for found in memmem::find_iter(head, name.as_bytes()) {
            // `"name"` behind `{` or `,` is a key; anything else is text.
            let Some(quote) = found.checked_sub(1).filter(|quote| head.get(*quote) == Some(&b'"')) else { continue };
            let before = head.get(..quote).unwrap_or_default().trim_ascii_end().last();
            let mut at = Cursor::new(head.get(found + name.len()..)?);
            if !matches!(before, Some(b'{' | b',')) || at.eat(b'"').is_none() {
                continue;
            }
            at.take_while(|byte| matches!(byte, b' ' | b'\t'));
            if at.eat(b':').is_none() {
                continue;
            }
            at.take_while(|byte| matches!(byte, b' ' | b'\t'));
            let _ = at.eat(b'"');
            if let Some(reading) = forms::any(at.rest, zones) {
                return Some(reading);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
