//! PAX records: `length key=value`, one after the other. Pure.

use jiff::Timestamp;

/// What records say about the next member.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    /// The name of a file with holes; `path` then names a folder for its pieces.
    pub(super) sparse_name: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) modified: Option<Timestamp>,
    /// The size of a file with holes when it is unpacked.
    pub(super) real_size: Option<u64>,
    /// Whether the content begins with a map of holes.
    pub(super) map_inside: bool,
}

impl Records {
    /// Reads the content of a PAX header; the text says what is wrong with it.
    pub(super) fn read(mut content: &[u8]) -> Result<Self, String> {
        let mut records = Self::default();
        while !content.is_empty() {
            // Some programs fill the rest of the block with zeros and count them in.
            if content.iter().all(|byte| *byte == 0) {
                break;
            }
            let (key, value, rest) = record(content).ok_or("a PAX record does not have the length that it says")?;
            records.take(key, value)?;
            content = rest;
        }
        Ok(records)
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        let number = || {
            std::str::from_utf8(value)
                .ok()
                .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|text| text.parse::<u64>().ok())
                .filter(|number| *number <= i64::MAX as u64)
                .ok_or_else(|| format!("the PAX record `{}` is no number", String::from_utf8_lossy(key)))
        };
        if matches!(key, b"path" | b"linkpath" | b"GNU.sparse.name") && value.contains(&0) {
            let key = String::from_utf8_lossy(key);
            return Err(format!("the PAX record `{key}` has a zero byte inside: programs would read different names"));
        }
        match key {
            b"path" => self.path = Some(value.to_vec()),
            b"GNU.sparse.name" => self.sparse_name = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = Some(number()?),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.real_size = Some(number()?),
            b"GNU.sparse.major" => self.map_inside = value == b"1",
            b"mtime" => self.modified = time(value),
            _ => {}
        }
        Ok(())
    }

    /// Tells whether they say something that can only be true of one member.
    pub(super) fn is_of_one(&self) -> bool {
        self.path.is_some() || self.link.is_some() || self.size.is_some() || self.real_size.is_some()
    }
}

/// Splits the first record off: its key, its value, and the rest.
fn record(content: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = content.iter().take(21).position(|byte| *byte == b' ')?;
    let digits = content.get(..blank)?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let length: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let inner = content.get(blank + 1..length)?.strip_suffix(b"\n")?;
    let equal = inner.iter().position(|byte| *byte == b'=')?;
    Some((inner.get(..equal)?, inner.get(equal + 1..)?, content.get(length..)?))
}

/// Reads seconds with a fraction, also before 1970.
fn time(value: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(value).ok()?;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let negative = seconds.starts_with('-');
    let seconds: i64 = seconds.parse().ok()?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanos: i32 = digits.parse().ok()?;
    Timestamp::new(seconds, if negative { -nanos } else { nanos }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read() {
        let records = Records::read(b"12 path=a/b\n22 mtime=1795401000.5\n13 size=1234\n10 x=y=\nz\n").unwrap();
        assert_eq!(records.path.as_deref(), Some(&b"a/b"[..]));
        assert_eq!(records.size, Some(1234));
        assert_eq!(records.modified.unwrap().to_string(), "2026-11-23T02:30:00.5Z");
        assert!(records.is_of_one());
        assert!(!Records::read(b"12 comment=\n12 mtime=-1\n").unwrap().is_of_one());
        assert_eq!(time(b"-1.5").unwrap().to_string(), "1969-12-31T23:59:58.5Z");
    }

    #[test]
    fn records_that_lie_are_refused() {
        let wrong: &[&[u8]] = &[
            b"11 path=a/b\n",
            b"13 path=a/b\n",
            b"99999999999999999999999 path=a\n",
            b"path=a/b\n",
            b"10 size=-1\n",
            b"12 size=0x9\n",
            b"28 size=9223372036854775808\n",
            b"5 a\n\n",
            b" 12 path=a/b\n",
        ];
        for content in wrong {
            assert!(Records::read(content).is_err(), "{}", String::from_utf8_lossy(content));
        }
    }
}
