//! Who is expected to answer.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Who is expected to answer: so many, or these.
#[derive(Clone, Debug, PartialEq)]
pub enum Expect {
    /// At least so many.
    Count(u32),
    /// Each of these names; a pattern expects one or more.
    Names(Vec<Name>),
}

/// The name of a worker, or a pattern of names.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    text: String,
    pattern: glob::Pattern,
}

impl Name {
    /// Returns it as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Tells whether a worker of this name is meant.
    pub fn matches(&self, node: &str) -> bool {
        self.text == node || self.pattern.matches(node)
    }

    /// Returns the name if it is no pattern.
    pub(super) fn literal(&self) -> Option<&str> {
        (!self.text.contains(['*', '?', '['])).then_some(&self.text)
    }
}

impl Expect {
    /// Returns what of it is not among those who answered.
    pub(super) fn missing(&self, nodes: &BTreeSet<&str>) -> Vec<&str> {
        match self {
            Self::Count(_) => Vec::new(),
            Self::Names(names) => {
                let here = |name: &&Name| nodes.iter().any(|node| name.matches(node));
                names.iter().filter(|name| !here(name)).map(Name::as_str).collect()
            }
        }
    }
}

struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = Expect;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of workers from 1, or a list of names such as `celery@web1` or `celery@*`")
    }

    fn visit_u64<E: serde::de::Error>(self, count: u64) -> Result<Expect, E> {
        match u32::try_from(count) {
            Ok(0) => Err(E::custom("0 workers cannot be missed; leave the setting out")),
            Ok(count) => Ok(Expect::Count(count)),
            Err(_) => Err(E::custom("so many workers no broker has")),
        }
    }

    fn visit_i64<E: serde::de::Error>(self, count: i64) -> Result<Expect, E> {
        match u64::try_from(count) {
            Ok(count) => self.visit_u64(count),
            Err(_) => Err(E::custom("a number of workers is at least 1")),
        }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Expect, E> {
        // From the command line everything is a text.
        match text.parse() {
            Ok(count) => self.visit_u64(count),
            Err(_) => Ok(Expect::Names(vec![name(text)?])),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Expect, A::Error> {
        let mut names = Vec::new();
        while let Some(text) = list.next_element::<String>()? {
            names.push(name(&text)?);
        }
        if names.is_empty() {
            return Err(A::Error::custom("an empty list expects nobody; leave the setting out"));
        }
        Ok(Expect::Names(names))
    }
}

fn name<E: serde::de::Error>(text: &str) -> Result<Name, E> {
    if text.is_empty() {
        return Err(E::custom("the name of a worker is not empty"));
    }
    let pattern = glob::Pattern::new(text).map_err(|error| E::custom(format!("`{text}` is no pattern: {error}")))?;
    Ok(Name { text: text.to_owned(), pattern })
}

impl<'de> Deserialize<'de> for Expect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Expect {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Expect".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [
            { "type": "integer", "minimum": 1, "maximum": u32::MAX },
            { "type": "string", "minLength": 1 },
            { "type": "array", "items": { "type": "string", "minLength": 1 }, "minItems": 1 },
        ] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Settings {
        expect: Expect,
    }

    #[test]
    fn expectations_are_read() {
        let read = |text: &str| toml::from_str::<Settings>(text).map(|settings| settings.expect);
        assert_eq!(read("expect = 2").unwrap(), Expect::Count(2));
        assert_eq!(read("expect = '3'").unwrap(), Expect::Count(3));
        let names = read("expect = ['celery@web1', 'scrape@*']").unwrap();
        assert_eq!(names.missing(&BTreeSet::from(["celery@web1", "scrape@x"])), Vec::<&str>::new());
        assert_eq!(names.missing(&BTreeSet::from(["celery@web2"])), ["celery@web1", "scrape@*"]);
        for (wrong, words) in [
            ("expect = 0", "leave the setting out"),
            ("expect = -1", "at least 1"),
            ("expect = []", "leave the setting out"),
            ("expect = ['']", "not empty"),
            ("expect = ['[']", "no pattern"),
            ("expect = true", "a number of workers"),
            ("expect = 99999999999", "so many"),
        ] {
            let error = read(wrong).unwrap_err();
            assert!(error.message().contains(words), "{wrong}: {error}");
        }
    }
}
