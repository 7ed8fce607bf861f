//! The text of one file: how deep it nests, what of it is secret, where an offset is, and how a line is shown.

use std::ops::Range;
use std::sync::Arc;

use toml_parser::Source;
use toml_parser::lexer::{Token, TokenKind};
use unicode_width::UnicodeWidthChar as _;

use super::ConfigError;
use super::problem::Problem;

/// How many parts a dotted key may have. `check.http.api.with.expect.headers.name` has seven.
const MAX_PARTS: usize = 10;

/// How deep brackets may nest.
const MAX_NESTING: usize = 32;

/// How many columns of a line are shown.
const MAX_COLUMNS: usize = 100;

/// What stands in the place of a secret.
const HIDDEN: &str = "[hidden]";

/// Words in a key that say that its value is not to be shown.
const SECRET_WORDS: [&str; 9] =
    ["password", "passwd", "passphrase", "secret", "token", "key", "authorization", "credential", "cookie"];

/// Tells whether the value of a key is not to be shown.
pub(super) fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| key.contains(word))
}

/// One file.
pub(super) struct Text {
    /// Its name, as it is shown.
    pub(super) name: String,
    /// What is in it.
    pub(super) text: Arc<str>,
}

impl Text {
    pub(super) fn new(name: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// Finds what nests so deep that it must not reach the parser, whose tables would be dropped level by level on the
    /// stack.
    pub(super) fn too_deep(&self) -> Option<(Range<usize>, String)> {
        let (mut parts, mut nesting) = (1, 0_usize);
        for token in Source::new(&self.text).lex() {
            match token.kind() {
                TokenKind::Dot => parts += 1,
                TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => {
                    nesting += 1;
                    parts = 1;
                }
                TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                    nesting = nesting.saturating_sub(1);
                    parts = 1;
                }
                TokenKind::Equals | TokenKind::Comma | TokenKind::Newline => parts = 1,
                _ => {}
            }
            let span = range(&token);
            if parts > MAX_PARTS {
                return Some((span, format!("a key has more than {MAX_PARTS} parts")));
            }
            if nesting > MAX_NESTING {
                return Some((span, format!("brackets nest deeper than {MAX_NESTING} levels")));
            }
        }
        None
    }

    /// Finds the values that are not to be shown, however broken the text is: those of keys that name a secret, with
    /// everything inside them, and addresses that hold a password.
    pub(super) fn hidden(&self) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        // One frame for each open bracket: whether everything in it is secret.
        let mut frames: Vec<bool> = Vec::new();
        let (mut header, mut key, mut value) = (false, String::new(), false);
        let mut in_value = false;
        for token in Source::new(&self.text).lex() {
            let span = range(&token);
            let raw = self.text.get(span.clone()).unwrap_or_default();
            let around = frames.last().copied().unwrap_or(header);
            match token.kind() {
                TokenKind::Equals if !in_value => {
                    value = around || is_secret_key(&key);
                    in_value = true;
                }
                TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => {
                    if !in_value && frames.is_empty() && key.is_empty() {
                        // The header of a table: what follows is its path, up to the end of the line.
                        header = false;
                    } else {
                        frames.push(around || (in_value && value));
                        in_value = token.kind() == TokenKind::LeftSquareBracket;
                        key.clear();
                    }
                }
                TokenKind::RightSquareBracket if !in_value && frames.is_empty() => {
                    header = is_secret_key(&key);
                    key.clear();
                }
                TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                    frames.pop();
                    in_value = true;
                    value = frames.last().copied().unwrap_or(value);
                }
                TokenKind::Comma => {
                    // In an array another value follows, in a table another key; both are hidden if the frame is.
                    key.clear();
                    in_value = false;
                    value = around;
                }
                TokenKind::Newline if frames.is_empty() => {
                    key.clear();
                    in_value = false;
                    value = header;
                }
                TokenKind::Whitespace | TokenKind::Newline | TokenKind::Eof => {}
                TokenKind::Comment => {
                    if raw.split(['=', ':']).next().is_some_and(is_secret_key) {
                        found.push(span);
                    }
                }
                _ => {
                    if (in_value && value) || (around && !frames.is_empty()) || holds_password(raw) {
                        found.push(span);
                    } else if !in_value {
                        key.push_str(raw);
                    }
                }
            }
        }
        found
    }

    /// Makes of a problem what is shown of it, without the hidden ranges.
    pub(super) fn show(&self, problem: &Problem, hidden: &[Range<usize>]) -> ConfigError {
        let clean = |text: &str| escape(&self.without(text, hidden, problem.span.as_ref()), 600);
        let message = clean(&problem.message);
        let hint = problem.hint.as_deref().map(clean);
        let Some(span) = &problem.span else {
            return ConfigError {
                file: escape(&self.name, 400),
                line: 0,
                column: 0,
                message,
                hint,
                source: String::new(),
                indent: 0,
                width: 0,
            };
        };
        let start = self.floor(span.start);
        let end = self.floor(span.end.max(start));
        let before = self.text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let rest = self.text.get(line_start..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default().trim_end_matches('\r');
        let (source, indent, width) = shown_line(line, line_start, start..end, hidden);
        ConfigError {
            file: escape(&self.name, 400),
            line: before.matches('\n').count() + 1,
            column: self.text.get(line_start..start).unwrap_or_default().chars().count() + 1,
            message,
            hint,
            source,
            indent,
            width,
        }
    }

    /// Takes hidden values out of a message that may repeat them.
    fn without(&self, message: &str, hidden: &[Range<usize>], about: Option<&Range<usize>>) -> String {
        let mut message = message.to_owned();
        // A message repeats what stands at its place, or close to it; a hostile file may hide a million values.
        let Some(about) = about else { return message };
        let near = about.start.saturating_sub(2_000)..about.end.saturating_add(2_000);
        for range in overlapping(hidden, &near).iter().take(2_000) {
            let raw = self.text.get(range.clone()).unwrap_or_default();
            let touched = about.start < range.end && range.start < about.end;
            let decoded = toml::de::DeValue::parse(raw).ok();
            let decoded = decoded.as_ref().and_then(|value| value.get_ref().as_str());
            for form in [raw, raw.trim_matches(['"', '\'']), decoded.unwrap_or_default()] {
                let long = form.chars().count() >= 4;
                if !form.is_empty() && (long || touched) && message.contains(form) {
                    message = message.replace(form, HIDDEN);
                }
            }
        }
        message
    }

    /// Returns the nearest place that is not inside a character, at most the end.
    fn floor(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

fn range(token: &Token) -> Range<usize> {
    token.span().start()..token.span().end()
}

/// Puts ranges in order and joins those that overlap, so that one can be searched for.
pub(super) fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| range.start);
    let mut out: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}

/// Returns the ranges that overlap another one, of ranges that are in order and disjoint.
fn overlapping<'a>(ranges: &'a [Range<usize>], with: &Range<usize>) -> &'a [Range<usize>] {
    let from = ranges.partition_point(|range| range.end <= with.start);
    let to = ranges.partition_point(|range| range.start < with.end);
    ranges.get(from..to).unwrap_or_default()
}

/// Tells whether a text is an address with a password in it: `scheme://user:password@host`.
fn holds_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

/// Shows one line: escaped, hidden, cut. Returns it with the place and width of the caret, in columns.
fn shown_line(line: &str, line_start: usize, span: Range<usize>, hidden: &[Range<usize>]) -> (String, usize, usize) {
    // Only what is near can be shown, however long the line is.
    let near = |offset: usize| {
        let mut offset = offset.saturating_sub(line_start).min(line.len());
        while !line.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    };
    let (from, to) = (near(span.start.saturating_sub(600)), near(span.start.saturating_add(1_200)));
    let hidden = overlapping(hidden, &(line_start + from..line_start + to));
    // What is shown for which bytes, with its width.
    let mut pieces: Vec<(Range<usize>, String, usize)> = Vec::new();
    for (offset, character) in line.get(from..to).unwrap_or_default().char_indices() {
        let at = line_start + from + offset;
        let after = at + character.len_utf8();
        if let Some(range) = overlapping(hidden, &(at..after)).first() {
            match pieces.last_mut() {
                Some((last, shown, _)) if shown == HIDDEN && last.end > range.start => {
                    last.end = after;
                }
                _ => pieces.push((at..after, HIDDEN.to_owned(), HIDDEN.len())),
            }
            continue;
        }
        let shown = if character == '\t' { " ".to_owned() } else { escape_char(character) };
        let width = shown.chars().map(|c| c.width().unwrap_or(0)).sum();
        pieces.push((at..after, shown, width));
    }
    let indent: usize = pieces.iter().filter(|(at, ..)| at.end <= span.start).map(|piece| piece.2).sum();
    let width: usize =
        pieces.iter().filter(|(at, ..)| at.start < span.end && span.start < at.end).map(|piece| piece.2).sum();
    let total: usize = pieces.iter().map(|piece| piece.2).sum();
    let whole = from == 0 && to == line.len();
    if total <= MAX_COLUMNS && whole {
        let shown = pieces.into_iter().map(|piece| piece.1).collect();
        return (shown, indent, width.max(1));
    }
    // A long line is cut around the caret.
    let skip = indent.saturating_sub(MAX_COLUMNS / 2);
    let (mut column, mut shown, mut cut, mut shift, mut lead) = (0, String::new(), to < line.len(), 0, 0);
    for (_, piece, width) in pieces {
        if column >= skip && column + width <= skip + MAX_COLUMNS {
            if shown.is_empty() && (column > 0 || from > 0) {
                shown.push('…');
                shift = column.saturating_sub(1);
                lead = usize::from(column == 0);
            }
            shown.push_str(&piece);
        } else if column >= skip {
            cut = true;
        }
        column += width;
    }
    if cut {
        shown.push('…');
    }
    let indent = indent.saturating_sub(shift) + lead;
    let room = (MAX_COLUMNS + 2).saturating_sub(indent);
    (shown, indent, width.clamp(1, room.max(1)))
}

/// Shows a character that could move the cursor, turn the direction of writing or not be seen as its code.
fn escape_char(character: char) -> String {
    let unseen = matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    if character.is_control() || unseen { character.escape_unicode().to_string() } else { character.to_string() }
}

/// Escapes a text and cuts it to a number of characters.
pub(super) fn escape(text: &str, most: usize) -> String {
    let mut out: String = text.chars().take(most).map(escape_char).collect();
    if text.chars().nth(most).is_some() {
        out.push('…');
    }
    out
}
