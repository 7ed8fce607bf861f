//! Making foreign text safe to show: what would steer a terminal, or hide from the reader, becomes visible.
//!
//! Log lines, container names, certificates and file names are written by others. An escape sequence in one of them
//! could clear the screen, a carriage return could paint a fine line over a bad one, and a direction mark could turn
//! a name around. All of them are shown as what they are: `\x1b`, `\r`, `\u{202e}`.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Tells whether a character steers the output or takes no place in it, so that a reader would not see it.
///
/// These are the control characters (C0, DEL and C1), line and paragraph separators, direction marks, characters of
/// no width, invisible fillers, variation selectors and tags. A backslash is not one of them.
pub fn is_hidden(c: char) -> bool {
    match c {
        ' '..='~' => false,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        _ => matches!(c,
            // Soft hyphen, grapheme joiner, Arabic letter mark, Hangul and Khmer fillers, Mongolian selectors.
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            // No width, directions, separators, invisible operators, isolates.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            // Another filler, variation selectors, byte order mark, half-width filler, annotations.
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            // Musical and shorthand controls, tags, more variation selectors.
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'),
    }
}

/// Makes every hidden character visible: `\n`, `\r`, `\t`, `\x1b`, `\u{202e}`.
///
/// The result is one line whatever the text was. Text without hidden characters comes back as it is.
///
/// ```
/// use selx_core::escape::visible;
/// assert_eq!(visible("evil\r\u{1b}[32mok"), r"evil\r\x1b[32mok");
/// assert_eq!(visible("münchen"), "münchen");
/// ```
pub fn visible(text: &str) -> Cow<'_, str> {
    replace(text, is_hidden, escape)
}

/// Makes hidden characters visible and writes everything in ASCII.
///
/// Typographic characters get their usual stand-ins (`→` is `->`, `·` is `-`, `…` is `...`); others are shown by
/// their number: `m\u{fc}nchen`.
///
/// ```
/// use selx_core::escape::ascii;
/// assert_eq!(ascii("a → b…"), "a -> b...");
/// assert_eq!(ascii("münchen"), r"m\u{fc}nchen");
/// ```
pub fn ascii(text: &str) -> Cow<'_, str> {
    replace(
        text,
        |c| !matches!(c, ' '..='~'),
        |c, out| match stand_in(c) {
            Some(stand_in) => out.push_str(stand_in),
            None => escape(c, out),
        },
    )
}

fn replace(text: &str, is_bad: fn(char) -> bool, write: fn(char, &mut String)) -> Cow<'_, str> {
    let Some(first) = text.find(is_bad) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len() + 16);
    let (clean, rest) = text.split_at(first);
    out.push_str(clean);
    for c in rest.chars() {
        if is_bad(c) {
            write(c, &mut out);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn escape(c: char, out: &mut String) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\0'..='\u{7f}' => {
            let _ = write!(out, "\\x{:02x}", u32::from(c));
        }
        _ => {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
    }
}

fn stand_in(c: char) -> Option<&'static str> {
    Some(match c {
        '→' => "->",
        '←' => "<-",
        '·' | '–' | '—' | '−' | '‐' | '‑' => "-",
        '…' => "...",
        '‘' | '’' => "'",
        '“' | '”' | '„' => "\"",
        '×' => "x",
        '≤' => "<=",
        '≥' => ">=",
        '≈' => "~",
        'µ' | 'μ' => "u",
        '\u{a0}' | '\u{2009}' | '\u{202f}' => " ",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_steers_or_hides_is_shown() {
        for (text, shown) in [
            ("\0", r"\x00"),
            ("\u{7}", r"\x07"),
            ("\u{8}", r"\x08"),
            ("a\r\nb\tc", r"a\r\nb\tc"),
            ("\u{1b}]52;c;aGk=\u{7}", r"\x1b]52;c;aGk=\x07"),
            ("\u{7f}", r"\x7f"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("\u{202e}gpj.exe", r"\u{202e}gpj.exe"),
            ("zero\u{200b}width", r"zero\u{200b}width"),
            ("\u{feff}bom", r"\u{feff}bom"),
            ("soft\u{ad}hyphen", r"soft\u{ad}hyphen"),
            ("\u{2028}", r"\u{2028}"),
            ("\u{e0041}tag", r"\u{e0041}tag"),
            ("plain \\n text", "plain \\n text"),
        ] {
            assert_eq!(visible(text), shown);
        }
        assert!(matches!(visible("größe 漢字 🦀"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left(text in any::<String>()) {
            prop_assert!(!visible(&text).chars().any(is_hidden));
            prop_assert!(ascii(&text).bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        }
    }
}
