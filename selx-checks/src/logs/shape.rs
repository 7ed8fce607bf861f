//! The shape of a message: what is left of it when everything that changes from line to line is taken out.
//!
//! The time, the level and the names at the beginning go first. Then, from left to right: a word with a digit in it, a
//! quoted text, an address, a path with digits, a long row of hexadecimal letters become one `*` each; rows of `*` become
//! one. Two lines of the same shape were written by the same statement of a program, as a rule.

/// How much of a message is looked at.
const REACH: usize = 2048;
/// How long a shape may be.
const LONGEST: usize = 160;

/// Returns the shape of a line.
pub fn shape(line: &[u8]) -> String {
    let message = message(line);
    let message = message.get(..REACH).unwrap_or(message);
    let mut shape = Shape::default();
    let mut rest = message;
    while let Some((first, behind)) = rest.split_first() {
        if shape.text.len() > LONGEST * 4 {
            break;
        }
        match first {
            b'"' | b'`' => rest = quoted(behind, *first, &mut shape),
            // An apostrophe within a word, as in "can't", is none that opens.
            b'\'' if !shape.ends_in_a_letter() => rest = quoted(behind, *first, &mut shape),
            byte if is_word(*byte) => {
                let length = rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len());
                let (word, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                shape.word(word);
                rest = behind;
            }
            byte => {
                shape.other(*byte);
                rest = behind;
            }
        }
    }
    let text = shape.text.trim_end();
    let text = text.strip_prefix("* ").unwrap_or(text);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

#[derive(Default)]
struct Shape {
    text: String,
}

impl Shape {
    fn ends_in_a_letter(&self) -> bool {
        self.text.ends_with(|letter: char| letter.is_alphanumeric())
    }

    fn word(&mut self, word: &[u8]) {
        let digits = word.iter().any(u8::is_ascii_digit);
        let hexadecimal = word.len() >= 8 && word.iter().all(u8::is_ascii_hexdigit);
        let at = word.contains(&b'@');
        if digits || hexadecimal || at {
            self.star();
        } else {
            self.text.push_str(&String::from_utf8_lossy(word));
        }
    }

    fn star(&mut self) {
        // A list, a date and a time are one thing that changes, whatever stands between its parts.
        let before = self.text.trim_end_matches([' ', ':', ',', ';', '|']);
        if before.ends_with('*') && self.text.len() - before.len() <= 2 {
            let length = before.len();
            self.text.truncate(length);
        } else {
            self.text.push('*');
        }
    }

    fn other(&mut self, byte: u8) {
        let byte = if byte.is_ascii_control() { b' ' } else { byte };
        if byte == b' ' && (self.text.is_empty() || self.text.ends_with(' ')) {
            return;
        }
        if byte == b'*' { self.star() } else { self.text.push(char::from(byte)) }
    }
}

/// Bytes of words: letters, digits, what numbers, addresses and names are made of, and all that is not ASCII.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'@' | b'%' | b'+' | b'~')
        || byte >= 0x80
}

/// Takes a quoted text for one star, if it ends.
fn quoted<'a>(behind: &'a [u8], quote: u8, shape: &mut Shape) -> &'a [u8] {
    match memchr::memchr(quote, behind).and_then(|end| behind.get(end + 1..)) {
        Some(rest) => {
            shape.star();
            rest
        }
        None => {
            shape.text.push(char::from(quote));
            behind
        }
    }
}

/// Returns the message of a line: a field of JSON, or what stands behind the time.
fn message(line: &[u8]) -> &[u8] {
    if line.first() == Some(&b'{') {
        for name in ["message", "msg", "event", "error", "log"] {
            for found in memchr::memmem::find_iter(line, name.as_bytes()) {
                if let Some(text) =
                    super::level::value_of(line, found, name.len()).and_then(|value| value.strip_prefix(b"\""))
                {
                    return text.get(..end_of_string(text)).unwrap_or(text);
                }
            }
        }
    }
    line
}

fn end_of_string(text: &[u8]) -> usize {
    let mut escaped = false;
    for (index, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_changes_is_taken_out() {
        for (one, other, expected) in [
            (
                "2026-11-20 10:00:00,123 [ERROR] worker: task 9f3c2d1e failed after 12.5s",
                "2026-11-21 11:30:09,001 [ERROR] worker: task 0badcafe failed after 3s",
                "[ERROR] worker: task * failed after *",
            ),
            (
                "FATAL:  password authentication failed for user \"bob\"",
                "FATAL:  password authentication failed for user \"alice\"",
                "FATAL: password authentication failed for user *",
            ),
            (
                "{\"ts\":1,\"level\":\"error\",\"msg\":\"can't reach 10.0.0.1\"}",
                "{\"ts\":2,\"level\":\"error\",\"msg\":\"can't reach 10.0.0.2\"}",
                "can't reach *",
            ),
            (
                "Failed password for root from 192.0.2.1 port 22",
                "Failed password for root from 2.2.2.2 port 9",
                "Failed password for root from * port *",
            ),
        ] {
            assert_eq!(shape(one.as_bytes()), shape(other.as_bytes()));
            assert_eq!(shape(one.as_bytes()), expected);
        }
        assert_ne!(shape(b"disk full"), shape(b"disk failed"));
    }

    proptest! {
        #[test]
        fn a_shape_is_short_and_stable(line in proptest::collection::vec(any::<u8>(), 0..4000)) {
            let one = shape(&line);
            prop_assert!(one.chars().count() <= LONGEST + 1, "{}", one.len());
            prop_assert!(!one.contains('\n'));
            prop_assert_eq!(shape(&line), one);
        }
    }
}
