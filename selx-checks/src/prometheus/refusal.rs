//! What it means that Prometheus says no.

use selx_core::Finding;

use crate::http::named;

/// How much of a query is shown from where it is wrong.
const SHOWN: usize = 40;

/// Judges an error of the API.
pub(super) fn judge(query: &str, server: &str, status: u16, error_type: &str, error: &str) -> Finding {
    match error_type {
        "bad_data" => bad(query, server, error),
        // The server understood, and cannot: what the query would give, nobody knows.
        "execution" => Finding::unknown("query-failed", server, format!("cannot evaluate the query: {error}")),
        "timeout" => {
            let message = format!("gives the query up: {error}");
            let advice = "Ask for less: a narrower selector, a longer `step`, a recording rule; or raise `timeout`.";
            Finding::critical("query-failed", server, message).advice(advice)
        }
        _ => {
            let message = format!("answers {} with an error of type {error_type}: {error}", named(status));
            Finding::critical("query-failed", server, message)
        }
    }
}

fn bad(query: &str, server: &str, error: &str) -> Finding {
    let Some((line, column, what)) = place(error) else {
        return Finding::unknown("bad-query", server, format!("refuses the query: {error}"));
    };
    let message = format!("cannot read the query at line {line}, column {column}: {what}");
    let finding = Finding::unknown("bad-query", server, message);
    let there: String = query
        .lines()
        .nth(line.saturating_sub(1))
        .map(|line| line.chars().skip(column.saturating_sub(1)).take(SHOWN).collect())
        .unwrap_or_default();
    if there.is_empty() { finding.evidence("there", "the end of the query") } else { finding.evidence("there", there) }
}

/// Takes `1:7: parse error: …` apart.
fn place(error: &str) -> Option<(usize, usize, &str)> {
    let (before, what) = error.split_once(": parse error: ")?;
    let mut parts = before.rsplit([' ', ':']);
    let column = parts.next()?.parse().ok()?;
    let line = parts.next()?.parse().ok()?;
    Some((line, column, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_an_error_is_found() {
        let error = r#"invalid parameter "query": 1:7: parse error: unclosed left parenthesis"#;
        assert_eq!(place(error), Some((1, 7, "unclosed left parenthesis")));
        assert_eq!(place("2:11: parse error: x"), Some((2, 11, "x")));
        for other in ["", "parse error: x", "a:b: parse error: x", "unknown", "1: parse error: x"] {
            assert_eq!(place(other), None, "{other}");
        }
    }
}
