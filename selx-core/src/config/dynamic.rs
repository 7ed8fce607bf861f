//! Settings that have no Rust type, such as those of kinds written in another language.

use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, Visitor};
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeValue, Error, ValueDeserializer};

use super::gather::to_json;

/// Returns settings as JSON, for whoever reads them by other means than their Rust type.
///
/// # Errors
///
/// The first value that JSON cannot say, with its span.
pub fn settings_json(with: &Spanned<DeValue<'_>>) -> Result<Value, Error> {
    let mut wrongs = Vec::new();
    let value = to_json(with, &mut wrongs);
    match wrongs.into_iter().next() {
        None => Ok(value),
        Some(wrong) => Err(at(wrong.span, &wrong.message)),
    }
}

/// Returns what [`Factory::build`](crate::Factory::build) is to say of one of such settings. `path` leads to it by keys and
/// numbers of items; as far as it leads nowhere, its last place is told.
///
/// The messages of serde are reworded with the nearest right word, whoever writes them: ``unknown field `x`, expected one of
/// `a`, `b` `` with the path of the unknown key, ``missing field `x` `` with that of the table.
pub fn wrong_setting(with: &Spanned<DeValue<'_>>, path: &[String], message: &str) -> Error {
    let mut span = with.span();
    let mut value = with.get_ref();
    for (index, step) in path.iter().enumerate() {
        let is_last = index + 1 == path.len();
        let next = match value {
            DeValue::Table(table) => {
                table.iter().find(|(key, _)| key.get_ref() == step.as_str()).map(|(key, value)| {
                    let of_key = is_last && message.starts_with("unknown field");
                    (if of_key { key.span() } else { value.span() }, value.get_ref())
                })
            }
            DeValue::Array(items) => {
                let item = step.parse().ok().and_then(|index: usize| items.get(index));
                item.map(|item| (item.span(), item.get_ref()))
            }
            _ => None,
        };
        let Some(next) = next else { break };
        (span, value) = next;
    }
    at(span, message)
}

/// Makes an error with a place, which only the deserializer itself can give it.
fn at(span: Range<usize>, message: &str) -> Error {
    struct Fails<'a>(&'a str);

    impl<'de> Visitor<'de> for Fails<'_> {
        type Value = std::convert::Infallible;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }

        fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Self::Value, E> {
            Err(E::custom(self.0))
        }
    }

    impl<'de> DeserializeSeed<'de> for Fails<'_> {
        type Value = std::convert::Infallible;

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
            deserializer.deserialize_any(self)
        }
    }

    let value = Spanned::new(span, DeValue::Boolean(true));
    match Fails(message).deserialize(ValueDeserializer::from(value)) {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_place_of_what_is_wrong() {
        let text = "{ path = \"/a\", inner = { list = [1, 22] }, other = 3 }";
        let with = DeValue::parse(text).unwrap();
        let shown = |path: &[&str], message: &str| {
            let path: Vec<String> = path.iter().map(|step| (*step).to_owned()).collect();
            let error = wrong_setting(&with, &path, message);
            assert_eq!(error.message(), message);
            text[error.span().unwrap()].to_owned()
        };
        assert_eq!(shown(&["inner", "list", "1"], "too much"), "22");
        assert_eq!(shown(&["path"], "no"), "\"/a\"");
        assert_eq!(shown(&["other"], "unknown field `other`, expected `path`"), "other");
        assert_eq!(shown(&["inner", "nowhere"], "no"), "{ list = [1, 22] }");
        assert_eq!(shown(&[], "missing field `x`"), text);
        assert_eq!(settings_json(&with).unwrap()["inner"]["list"][1], 22);
        let endless = DeValue::parse("{ number = inf }").unwrap();
        assert!(settings_json(&endless).unwrap_err().span().is_some());
    }
}
