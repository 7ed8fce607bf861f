//! Something that is wrong, before it is known how its file is shown; and the words for what the parser says.

use std::ops::Range;

/// Something that is wrong in one file.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    /// The number of the file.
    pub(super) file: usize,
    /// Where, in bytes; `None` if it is about the file as a whole.
    pub(super) span: Option<Range<usize>>,
    /// What is wrong.
    pub(super) message: String,
    /// What to do.
    pub(super) hint: Option<String>,
    /// Whether what stands there may be a secret.
    pub(super) secret: bool,
}

impl Problem {
    pub(super) fn new(file: usize, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { file, span: Some(span), message: message.into(), hint: None, secret: false }
    }

    pub(super) fn whole(file: usize, message: impl Into<String>) -> Self {
        Self { file, span: None, message: message.into(), hint: None, secret: false }
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(super) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

/// A place in one of the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: usize,
    pub(super) span: Range<usize>,
}

/// Names the nearest right word, or all of them if they are few.
pub(super) fn suggest(word: &str, known: &[&str]) -> Option<String> {
    if let Some(near) = crate::nearest(word, known.iter().copied()) {
        return Some(format!("is `{near}` meant?"));
    }
    (!known.is_empty()).then(|| format!("there {}", are(known)))
}

fn are(known: &[&str]) -> String {
    let shown: Vec<String> = known.iter().take(12).map(|word| format!("`{word}`")).collect();
    let more = known.len().saturating_sub(shown.len());
    let verb = if known.len() == 1 { "is" } else { "are" };
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{verb} {}{rest}", shown.join(", "))
}

/// Says what the deserializer says in words of a reader of the file. Values are not repeated: they may be secrets.
pub(super) fn reword(message: &str) -> (String, Option<String>) {
    let words = backticked(message);
    let known: Vec<&str> = words.iter().skip(1).copied().collect();
    if let Some(field) = words.first() {
        if message.starts_with("unknown field") {
            return (format!("unknown setting `{field}`"), suggest(field, &known));
        }
        if message.starts_with("unknown variant") {
            return (format!("`{field}` is none of the values it takes"), suggest(field, &known));
        }
        if message.starts_with("missing field") {
            return (format!("the setting `{field}` is missing"), None);
        }
    }
    if let Some(rest) = message.strip_prefix("invalid type: ")
        && let Some((found, expected)) = rest.rsplit_once(", expected ")
    {
        return (format!("expected {}, found {}", expected_words(expected), found_words(found)), None);
    }
    for (start, middle) in [("invalid value: ", "out of range"), ("invalid length ", "not the right length")] {
        if let Some(rest) = message.strip_prefix(start)
            && let Some((_, expected)) = rest.rsplit_once(", expected ")
        {
            return (format!("{middle}: expected {}", expected_words(expected)), None);
        }
    }
    match message {
        "duplicate key" => (
            "this key is set twice".to_owned(),
            Some("each key and each table may stand once; put the settings together".to_owned()),
        ),
        "string values must be quoted, expected literal string" => {
            ("a text stands in quotes".to_owned(), Some("write `\"…\"`".to_owned()))
        }
        "cannot extend value of type inline table with a dotted key" => (
            "the table that this belongs to stands in braces, and nothing can be added to it behind them".to_owned(),
            Some("put all of that table in one place: inside the braces, or under a heading of its own".to_owned()),
        ),
        "wanted string or table" => ("expected a text or a table".to_owned(), None),
        "integer number overflowed" | "floating-point number overflowed" => {
            ("the number is larger than any setting can be".to_owned(), None)
        }
        other => (other.to_owned(), None),
    }
}

/// Returns the texts between backticks.
fn backticked(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

fn found_words(found: &str) -> String {
    let word = match found.split_whitespace().next().unwrap_or_default() {
        "string" | "character" => "a text",
        "integer" => "a whole number",
        "floating" => "a number with a fraction",
        "boolean" => "true or false",
        "sequence" | "array" | "tuple" => "an array",
        "map" => "a table",
        "unit" | "Option" => "nothing",
        _ => return "something else".to_owned(),
    };
    word.to_owned()
}

fn expected_words(expected: &str) -> String {
    let whole = |low: &str, high: &str| format!("a whole number from {low} to {high}");
    match expected {
        "a string" | "string" | "str" | "a borrowed string" | "path string" => "a text".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "an array".to_owned(),
        "a map" => "a table".to_owned(),
        "u8" => whole("0", "255"),
        "u16" | "a nonzero u16" => whole("0", "65535"),
        "u32" | "a nonzero u32" => whole("0", "4294967295"),
        "u64" | "usize" | "a nonzero u64" => "a whole number, not negative".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        other if other.starts_with("struct ") => "a table".to_owned(),
        other if other.starts_with("enum ") => "one of its words".to_owned(),
        other => other.to_owned(),
    }
}
