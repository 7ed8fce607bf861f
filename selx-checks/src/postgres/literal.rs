//! Queries of others, shown without what stands in them: texts and numbers are what people have, not what is slow.

/// The most characters of a query that are shown.
const SHOWN: usize = 200;

/// Takes literals and comments out of a query, folds its spaces, and cuts it.
///
/// ```
/// use selx_checks::postgres::without_literals;
/// assert_eq!(without_literals("SELECT *\n FROM users WHERE mail = 'a@b.c' AND id > 7"), "SELECT * FROM users WHERE mail = ? AND id > ?");
/// ```
pub fn without_literals(query: &str) -> String {
    let mut out = String::new();
    let mut count = 0_usize;
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        if count >= SHOWN {
            out.push('…');
            break;
        }
        let word_before = out.chars().next_back().is_some_and(|last| last.is_alphanumeric() || "_\"$".contains(last));
        let (piece, after) = if let Some(body) = rest.strip_prefix("--") {
            (" ", body.split_once('\n').map_or("", |(_, after)| after))
        } else if let Some(body) = rest.strip_prefix("/*") {
            (" ", after_comment(body))
        } else if first == '\'' {
            // `E'…'` has backslashes; to take every backslash so can only take away too much.
            let escapes = out.ends_with(['e', 'E']);
            ("?", after_text(rest.get(1..).unwrap_or_default(), escapes))
        } else if let Some(after) = dollar(rest).filter(|_| !word_before) {
            ("?", after)
        } else if first.is_ascii_digit() && !word_before {
            ("?", rest.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || "._".contains(letter)))
        } else if first == '"' {
            let end = rest.get(1..).and_then(|body| body.find('"')).map_or(rest.len(), |at| at + 2);
            rest.split_at(end)
        } else if first.is_whitespace() || first.is_control() {
            (" ", rest.get(first.len_utf8()..).unwrap_or_default())
        } else {
            rest.split_at(first.len_utf8())
        };
        rest = after;
        if piece == " " && (out.is_empty() || out.ends_with(' ')) {
            continue;
        }
        out.push_str(piece);
        count += piece.chars().count();
    }
    let cut: String = out.trim_end().chars().take(SHOWN + 1).collect();
    cut
}

/// Returns what stands behind a text, or nothing if it was cut off.
fn after_text(body: &str, escapes: bool) -> &str {
    let mut letters = body.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' if escapes => {
                letters.next();
            }
            '\'' => {
                let after = body.get(at + 1..).unwrap_or_default();
                if after.starts_with('\'') {
                    letters.next();
                } else {
                    return after;
                }
            }
            _ => {}
        }
    }
    ""
}

/// Returns what stands behind a comment; they nest.
fn after_comment(body: &str) -> &str {
    let (mut depth, mut rest) = (1_u32, body);
    while let Some(at) = rest.find("*/") {
        let opened = rest.get(..at).unwrap_or_default().matches("/*").count();
        depth = depth.saturating_add(u32::try_from(opened).unwrap_or(u32::MAX)) - 1;
        rest = rest.get(at + 2..).unwrap_or_default();
        if depth == 0 {
            return rest;
        }
    }
    ""
}

/// Returns what stands behind `$tag$…$tag$`, if there is one.
fn dollar(text: &str) -> Option<&str> {
    let body = text.strip_prefix('$')?;
    let (tag, body) = body.split_once('$')?;
    if tag.starts_with(|letter: char| letter.is_ascii_digit())
        || tag.contains(|letter: char| !letter.is_alphanumeric() && letter != '_')
    {
        return None;
    }
    Some(body.split_once(&format!("${tag}$")).map_or("", |(_, after)| after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_have_is_taken_out() {
        for (query, shown) in [
            ("SELECT 1", "SELECT ?"),
            ("select 'it''s', E'a\\'b', 2", "select ?, E?, ?"),
            ("select $$secret$$, $x$ $$ $x$, $1", "select ?, ?, $1"),
            ("select col1 from t2 -- secret 5\n where a=1e5", "select col1 from t2 where a=?"),
            ("/* user 5 /* nested */ secret */ select 0xFF", "select ?"),
            ("select \"a'b\", 'cut off", "select \"a'b\", ?"),
            ("update t set a = -12.5", "update t set a = -?"),
            ("", ""),
        ] {
            assert_eq!(without_literals(query), shown, "{query}");
        }
        assert!(without_literals(&"select a, ".repeat(100)).chars().count() <= SHOWN + 1);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_or_grows(text in "\\PC{0,300}") {
            proptest::prop_assert!(without_literals(&text).chars().count() <= SHOWN + 1);
        }

        #[test]
        fn no_literal_is_left(secret in "[a-z]{8}", before in "[a-z =(]{0,20}") {
            let query = format!("{before} '{secret}' and x = $t${secret}$t$");
            proptest::prop_assert!(!without_literals(&query).contains(&secret) || before.contains(&secret));
        }
    }
}
