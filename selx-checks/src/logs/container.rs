//! Lines of containers, as the engine's usual driver writes them: `{"log":"…\n","stream":"stderr","time":"…"}`.

use super::stamp::Reader;
use super::stamp::Zones;

/// Returns what the program wrote, unescaped into `scratch`; `None` if the record is not one.
pub(super) fn message<'a>(record: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    let text = record.strip_prefix(b"{\"log\":\"")?;
    let end = end(text)?;
    let text = text.get(..end)?;
    // Most lines have no other escape than that of their end.
    let bare = text.strip_suffix(b"\\n").unwrap_or(text);
    if !bare.contains(&b'\\') {
        return Some(bare);
    }
    scratch.clear();
    unescape(text, scratch);
    let written = scratch.strip_suffix(b"\n").unwrap_or(scratch);
    Some(written.strip_suffix(b"\r").unwrap_or(written))
}

/// Returns when the engine got a line, in microseconds since 1970.
pub(super) fn received(record: &[u8]) -> Option<i64> {
    let text = record.strip_prefix(b"{\"log\":\"")?;
    let behind = text.get(end(text)? + 1..)?;
    let at = memchr::memmem::find(behind, b"\"time\":\"")?;
    let mut reader = Reader::new(Zones::new(jiff::tz::TimeZone::UTC, jiff::Timestamp::MAX));
    reader.read(behind.get(at + 8..)?).map(|stamp| stamp.at)
}

fn end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let found = at + memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text.get(found) == Some(&b'"') {
            return Some(found);
        }
        at = found + 2;
    }
}

fn unescape(text: &[u8], into: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(found) = memchr::memchr(b'\\', rest) {
        into.extend_from_slice(rest.get(..found).unwrap_or_default());
        let escape = rest.get(found + 1).copied().unwrap_or(b'\\');
        let mut taken = 2;
        match escape {
            b'n' => into.push(b'\n'),
            b't' => into.push(b'\t'),
            b'r' => into.push(b'\r'),
            b'b' => into.push(8),
            b'f' => into.push(12),
            b'u' => {
                let unit = |at: usize| {
                    let digits = rest.get(at..at + 4).and_then(|digits| std::str::from_utf8(digits).ok())?;
                    u32::from_str_radix(digits, 16).ok()
                };
                let first = unit(found + 2).unwrap_or(0xFFFD);
                taken = 6;
                // Letters beyond the first 65,536 are written as two.
                let second = rest.get(found + 6..found + 8) == Some(b"\\u");
                let code = match unit(found + 8).filter(|_| second && (0xD800..0xDC00).contains(&first)) {
                    Some(low) if (0xDC00..0xE000).contains(&low) => {
                        taken = 12;
                        0x10000 + ((first - 0xD800) << 10) + (low - 0xDC00)
                    }
                    _ => first,
                };
                let letter = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                into.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => into.push(other),
        }
        rest = rest.get(found + taken..).unwrap_or_default();
    }
    into.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_opened() {
        let record =
            br#"{"log":"a \"b\" \u003cc\u003e \ud83d\ude00\tx\r\n","stream":"stderr","time":"2026-11-20T10:00:00.5Z"}"#;
        let mut scratch = Vec::new();
        assert_eq!(message(record, &mut scratch), Some("a \"b\" <c> 😀\tx".as_bytes()));
        assert_eq!(received(record), Some(1_795_168_800_500_000));
        assert_eq!(message(b"{\"log\":\"cut", &mut scratch), None);
        assert_eq!(message(b"plain", &mut scratch), None);
    }

    #[test]
    fn escapes_cut_short_do_not_panic() {
        for text in ["\\", "\\u", "\\u12", "\\ud83d", "\\ud83d\\u", "\\ud83d\\u12"] {
            let mut into = Vec::new();
            unescape(text.as_bytes(), &mut into);
        }
    }
}
