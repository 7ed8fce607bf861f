//! Lines without the colours that programs write for terminals, also where nobody looks.

use std::borrow::Cow;

use memchr::{memchr, memmem};

const ESCAPE: u8 = 0x1b;

/// Tells whether there are colours in a line or in a log, also in a record of a container engine.
pub(super) fn are_in(bytes: &[u8]) -> bool {
    memchr(ESCAPE, bytes).is_some() || memmem::find(bytes, b"\\u001").is_some()
}

/// Takes the sequences out that set colours, and others like them.
pub(super) fn without(line: &[u8]) -> Cow<'_, [u8]> {
    if memchr(ESCAPE, line).is_none() {
        return Cow::Borrowed(line);
    }
    let mut plain = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = memchr(ESCAPE, rest) {
        let (before, sequence) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        plain.extend_from_slice(before);
        rest = match sequence {
            // Parameters, then one letter that says what is to be done.
            [_, b'[', parameters @ ..] => {
                let length = parameters.iter().position(|byte| !matches!(byte, 0x20..=0x3f));
                length.and_then(|length| parameters.get(length + 1..)).unwrap_or_default()
            }
            [_, rest @ ..] => rest,
            [] => &[],
        };
    }
    plain.extend_from_slice(rest);
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_taken_out_and_nothing_else() {
        for (line, plain) in [
            ("2026 \u{1b}[31mCRITICAL\u{1b}[0m boom", "2026 CRITICAL boom"),
            ("\u{1b}[2m2026\u{1b}[0m \u{1b}[1;38;5;9mERROR\u{1b}[0m x", "2026 ERROR x"),
            ("no colours [31m", "no colours [31m"),
            ("cut \u{1b}[31", "cut "),
            ("alone \u{1b}", "alone "),
            ("another \u{1b}7kind", "another 7kind"),
        ] {
            assert_eq!(String::from_utf8_lossy(&without(line.as_bytes())), plain);
        }
    }
}
