//! Lines without the passwords that programs write into them, as far as what stands before one tells that it is one.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};

/// What stands before a secret, the secret, and what stands behind it.
static FORMS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let forms = [
        // The password in an address.
        r"(://[^/\s:@]*:)[^@\s/]+(@)",
        // A name for a secret, and its value; what it is said to be is a name of a scheme, perhaps.
        concat!(
            r#"((?i:passw(?:or)?d|passwd|pwd|secret|token|api[_-]?key|authorization|cookie)["']?\s*[=:]\s*["']?"#,
            r#"(?:(?i:bearer|basic)\s+)?)[^\s"'&,;]+()"#
        ),
        r"((?i:bearer|basic)\s)[A-Za-z0-9._~+/=-]{12,}()",
        r"()\bgh[pousr]_[A-Za-z0-9]{16,}()",
    ];
    forms.iter().filter_map(|form| RegexBuilder::new(form).unicode(false).build().ok()).collect()
});

/// How much of a line is looked at; more of it is neither shown nor kept.
const REACH: usize = 8 << 10;

/// Returns the beginning of a line, which is all of most, without what looks like a secret.
pub(super) fn without(line: &[u8]) -> Cow<'_, [u8]> {
    let line = line.get(..REACH).unwrap_or(line);
    FORMS.iter().fold(Cow::Borrowed(line), |line, form| match form.replace_all(&line, b"${1}[hidden]${2}".as_slice()) {
        Cow::Borrowed(_) => line,
        Cow::Owned(hidden) => Cow::Owned(hidden),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_by_what_stands_before_them() {
        assert_eq!(FORMS.len(), 4);
        for (line, hidden) in [
            ("connect postgres://shop:hunter2@db/shop failed", "connect postgres://shop:[hidden]@db/shop failed"),
            ("login password=hunter2 user=bob", "login password=[hidden] user=bob"),
            (r#"{"api_key": "hunter2", "a": 1}"#, r#"{"api_key": "[hidden]", "a": 1}"#),
            ("Authorization: Bearer hunter2hunter2", "Authorization: Bearer [hidden]"),
            ("sent bearer hunter2hunter2", "sent bearer [hidden]"),
            ("PGPASSWORD=hunter2 psql", "PGPASSWORD=[hidden] psql"),
            ("with ghp_0123456789abcdefghij", "with [hidden]"),
        ] {
            assert_eq!(String::from_utf8_lossy(&without(line.as_bytes())), hidden);
        }
        for line in ["password authentication failed for user \"shop\"", "http://shop:8000/x@y is down", "no token"] {
            assert_eq!(String::from_utf8_lossy(&without(line.as_bytes())), line);
        }
    }
}
