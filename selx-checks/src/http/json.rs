//! JSON without names that stand twice.
//!
//! Readers differ in which of two equal names counts, so `{"status":"down","status":"ok"}` is fine to one and not to the
//! other. To a check it is garbage.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Reads a body.
///
/// # Errors
///
/// What is wrong, with line and column.
pub(super) fn parse(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice::<Unambiguous>(body).map(|value| value.0).map_err(|error| error.to_string())
}

struct Unambiguous(Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any).map(Self)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unambiguous(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let Unambiguous(value) = entries.next_value()?;
            if map.insert(name, value).is_some() {
                // The name is the peer's; it is not repeated in a message.
                return Err(A::Error::custom("a name stands twice in one object"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::parse;

    #[test]
    fn a_name_that_stands_twice_is_refused_at_any_depth() {
        for text in [r#"{"status":"down","status":"ok"}"#, r#"[{"a":{"b":1,"b":1}}]"#, r#"{"a":1,"\u0061":2}"#] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(error.contains("a name stands twice") && error.contains("line 1 column"), "{error}");
        }
        assert!(parse(br#"{"a":{"x":1},"b":{"x":2}}"#).is_ok());
    }

    #[test]
    fn nesting_without_end_is_refused() {
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
        assert!(parse(b"").is_err() && parse(b"{} {}").is_err());
    }

    proptest! {
        #[test]
        fn it_reads_what_serde_reads(text in any::<String>(), number in any::<f64>(), flag in any::<Option<i64>>()) {
            let body = serde_json::json!({ "text": text, "list": [number, flag, true, [{ "deep": text }]] }).to_string();
            prop_assert_eq!(parse(body.as_bytes()).unwrap(), serde_json::from_str::<serde_json::Value>(&body).unwrap());
        }
    }
}
