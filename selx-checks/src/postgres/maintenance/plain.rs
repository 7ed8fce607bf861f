//! Names and numbers as a plan shows them.

use selx_core::escape::visible;

use crate::postgres::Name;

/// What can be written for a reader and for a server.
pub(in crate::postgres) enum Plain {}

impl Plain {
    /// Returns a name with its schema as SQL: both in quotes, whatever stands in them.
    pub(in crate::postgres) fn quoted(schema: &str, name: &str) -> String {
        format!("{}.{}", Name::of_server(schema).quoted(), Name::of_server(name).quoted())
    }

    /// Returns a name with its schema for a reader, in one line: quoted only where it has to be.
    pub(in crate::postgres) fn shown(schema: &str, name: &str) -> String {
        format!("{}.{}", Self::part(schema), Self::part(name))
    }

    fn part(name: &str) -> String {
        let is_plain =
            name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
                && !name.starts_with(|letter: char| letter.is_ascii_digit())
                && !name.is_empty();
        if is_plain { name.to_owned() } else { visible(&Name::of_server(name).quoted()).into_owned() }
    }

    /// Returns a count with thin groups, such as `1 234 567`.
    pub(in crate::postgres) fn count(number: f64) -> String {
        let digits = format!("{:.0}", number.max(0.0));
        let mut text = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index) % 3 == 0 {
                text.push(' ');
            }
            text.push(digit);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_for_the_server_and_plain_for_the_reader() {
        assert_eq!(Plain::quoted("public", "a\"; DROP TABLE x; --"), "\"public\".\"a\"\"; DROP TABLE x; --\"");
        assert_eq!(Plain::shown("public", "orders_2026"), "public.orders_2026");
        assert_eq!(Plain::shown("public", "Zwei Wörter\n"), "public.\"Zwei Wörter\\n\"");
        assert_eq!(Plain::shown("", "1a"), "\"\".\"1a\"");
        assert_eq!(Plain::count(1_234_567.0), "1 234 567");
        assert_eq!(Plain::count(12.0), "12");
    }
}
