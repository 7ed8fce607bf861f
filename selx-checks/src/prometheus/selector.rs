//! The series selectors in a query: what its answer depends on.
//!
//! The answer to a query bears the time of the question, not that of the samples, and a server goes on answering with
//! the last sample for minutes. How old the data is can only be asked of each selector.

/// The most selectors of one query that are asked for.
pub(super) const MAX_SELECTORS: usize = 16;

/// A selector, without `offset`, `@` and range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selector {
    /// The selector, such as `up{job="shop"}`.
    pub(super) text: String,
    /// The range behind it, such as `1h`.
    pub(super) range: Option<String>,
}

/// One piece of a query.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    Number,
    Text,
    Braces(&'a str),
    Brackets(&'a str),
    Sign(char),
}

/// Returns the selectors of a query, each once, in order. A query that does not parse gives some or none: the server
/// says what is wrong with it.
pub(super) fn selectors(query: &str) -> Vec<Selector> {
    let tokens = tokens(query);
    let word = |at: usize| match tokens.get(at) {
        Some(Token::Word(word)) => word.to_ascii_lowercase(),
        _ => String::new(),
    };
    let mut found: Vec<Selector> = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        let text = match token {
            Token::Braces(braces) => (*braces).to_owned(),
            Token::Word(name) => {
                let lower = name.to_ascii_lowercase();
                if matches!(lower.as_str(), "by" | "without" | "on" | "ignoring" | "group_left" | "group_right") {
                    at = behind_list(&tokens, at);
                    continue;
                }
                let is_called = tokens.get(at) == Some(&Token::Sign('('));
                let is_operator =
                    matches!(lower.as_str(), "and" | "or" | "unless" | "bool" | "offset" | "atan2" | "inf" | "nan");
                // `sum by (job) (…)`: the list stands before the arguments.
                if is_called || is_operator || matches!(word(at).as_str(), "by" | "without") {
                    continue;
                }
                match tokens.get(at) {
                    Some(Token::Braces(braces)) => {
                        at += 1;
                        format!("{name}{braces}")
                    }
                    _ => (*name).to_owned(),
                }
            }
            _ => continue,
        };
        let range = match tokens.get(at) {
            Some(Token::Brackets(range)) => range.split(':').next().map(|range| range.trim().to_owned()),
            _ => None,
        };
        let selector = Selector { text, range };
        if !found.contains(&selector) {
            found.push(selector);
        }
    }
    found
}

/// Returns the place behind a list of labels in parentheses, if one stands here.
fn behind_list(tokens: &[Token<'_>], at: usize) -> usize {
    if tokens.get(at) != Some(&Token::Sign('(')) {
        return at;
    }
    let length = tokens.iter().skip(at).position(|token| *token == Token::Sign(')'));
    length.map_or(tokens.len(), |length| at + length + 1)
}

fn tokens(query: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        let (length, token) = match first {
            '#' => (rest.find('\n').unwrap_or(rest.len()), None),
            '"' | '\'' | '`' => (behind_text(rest, first), Some(Token::Text)),
            '{' => {
                let length = behind_closing(rest, '}');
                (length, rest.get(..length).map(Token::Braces))
            }
            '[' => {
                let length = behind_closing(rest, ']');
                let inner = rest.get(1..length.saturating_sub(1)).unwrap_or_default();
                (length, Some(Token::Brackets(inner)))
            }
            first if first.is_ascii_digit() || first == '.' => {
                (while_is(rest, |letter| letter.is_ascii_alphanumeric() || letter == '.'), Some(Token::Number))
            }
            first if first.is_ascii_alphabetic() || matches!(first, '_' | ':') => {
                let length = while_is(rest, |letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':'));
                (length, rest.get(..length).map(Token::Word))
            }
            first if first.is_whitespace() => (first.len_utf8(), None),
            first => (first.len_utf8(), Some(Token::Sign(first))),
        };
        tokens.extend(token);
        rest = rest.get(length.max(first.len_utf8())..).unwrap_or_default();
    }
    tokens
}

fn while_is(text: &str, of: impl Fn(char) -> bool) -> usize {
    text.find(|letter| !of(letter)).unwrap_or(text.len())
}

/// Returns the length of the quoted text at the front, with its quotes.
fn behind_text(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if letter == '\\' && quote != '`' {
            escaped = true;
        } else if letter == quote {
            return at + letter.len_utf8();
        }
    }
    text.len()
}

/// Returns the length up to the closing sign, quoted texts and comments passed over.
fn behind_closing(text: &str, closing: char) -> usize {
    let mut at = 1;
    while let Some(rest) = text.get(at..) {
        let Some(first) = rest.chars().next() else { break };
        at += match first {
            '"' | '\'' | '`' => behind_text(rest, first),
            '#' => rest.find('\n').unwrap_or(rest.len()),
            first if first == closing => return at + first.len_utf8(),
            first => first.len_utf8(),
        };
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(query: &str) -> Vec<String> {
        let shown = |selector: Selector| match selector.range {
            Some(range) => format!("{}[{range}]", selector.text),
            None => selector.text,
        };
        selectors(query).into_iter().map(shown).collect()
    }

    #[test]
    fn selectors_are_told_from_functions_labels_and_numbers() {
        for (query, want) in [
            ("up", &["up"][..]),
            ("up == 0", &["up"]),
            (r#"up{job="a}\"b",x=~'c[d'}"#, &[r#"up{job="a}\"b",x=~'c[d'}"#]),
            (r#"{__name__=~"a.*"}"#, &[r#"{__name__=~"a.*"}"#]),
            (r#"{"my.metric", job="x"}"#, &[r#"{"my.metric", job="x"}"#]),
            (
                "sum by (job, instance) (rate(errors_total[5m])) / sum by(job,instance)(rate(all:total[5m]))",
                &["errors_total[5m]", "all:total[5m]"],
            ),
            ("SUM WITHOUT (x) (a) + on(y) group_left(z) b", &["a", "b"]),
            ("sum(a) by (job)", &["a"]),
            ("a and ignoring (x) b unless c or vector(0)", &["a", "b", "c"]),
            ("x offset 5m @ 1609746000.5 > bool 1e3", &["x"]),
            ("x @ end() offset -1h30m", &["x"]),
            ("histogram_quantile(0.95, sum(rate(h_bucket[1h])) by (le)) > Inf", &["h_bucket[1h]"]),
            ("max_over_time(deriv(a[5m])[1h:1m])", &["a[5m]"]),
            ("up[1h:5m]", &["up[1h]"]),
            ("a + a + a[5m]", &["a", "a[5m]"]),
            ("absent(a) # b\n + c", &["a", "c"]),
            ("time() - 3", &[]),
            ("vector(1)", &[]),
            ("\"text with up\"", &[]),
            ("count_values(\"version\", build_info)", &["build_info"]),
            ("-a ^ -b", &["a", "b"]),
        ] {
            assert_eq!(found(query), want, "{query}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), more in "[a-z{}\\[\\]()\"'`#\\\\ :=~é]{0,40}") {
            let _ = (selectors(&text), selectors(&more));
        }
    }
}
