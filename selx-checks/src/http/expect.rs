//! What an answer must be: the settings, and what of an answer they look at.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::field::FieldName;

/// What an answer must be.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expect {
    /// Which status is right: numbers, classes such as `"2xx"`, ranges such as `"200-204"`. Default: `["2xx"]`.
    pub status: Statuses,
    /// What values in a JSON body must be.
    pub json: Vec<JsonRule>,
    /// Texts that must all stand in the body. None of them is empty.
    #[serde(deserialize_with = "not_empty")]
    pub text: Vec<String>,
    /// Texts of which none may stand in the body. None of them is empty.
    #[serde(deserialize_with = "not_empty")]
    pub not_text: Vec<String>,
    /// Texts that headers of the answer must contain, by the name of the header; upper and lower case are one.
    pub headers: BTreeMap<FieldName, String>,
}

/// Refuses the empty text: it stands in every body, so expecting it says nothing.
fn not_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    if texts.iter().any(String::is_empty) {
        return Err(serde::de::Error::custom("an empty text stands in every body; write a text, or leave it out"));
    }
    Ok(texts)
}

impl Expect {
    /// Tells whether anything is expected of the body.
    pub fn looks_at_body(&self) -> bool {
        !(self.json.is_empty() && self.text.is_empty() && self.not_text.is_empty())
    }
}

/// What the values at a path must be. Without any rule, there must be at least one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct JsonRule {
    /// Where to look: a JSONPath of RFC 9535, such as `$.status`. A rule holds if every value there fulfils it.
    pub path: Path,
    /// What each value is, exactly.
    #[serde(default)]
    pub equals: Option<Value>,
    /// Whether there is a value at all. Default: `true`.
    #[serde(default)]
    pub exists: Option<bool>,
    /// The least that each number may be.
    #[serde(default)]
    pub at_least: Option<f64>,
    /// The most that each number may be.
    #[serde(default)]
    pub at_most: Option<f64>,
    /// How many values there are.
    #[serde(default)]
    pub count: Option<u32>,
}

impl JsonRule {
    /// Tells whether no value is right.
    pub fn allows_none(&self) -> bool {
        self.exists == Some(false) || self.count == Some(0)
    }
}

/// A JSONPath of RFC 9535, without its functions `match` and `search`.
#[derive(Clone, Debug)]
pub struct Path {
    text: String,
    path: serde_json_path::JsonPath,
}

impl Path {
    /// Finds the values.
    pub fn query<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        self.path.query(value).all()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for Path {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = serde_json_path::JsonPath::parse(text)
            .map_err(|error| format!("`{text}` is not a JSONPath such as `$.status`: {error}"))?;
        Ok(Self { text: text.to_owned(), path })
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Path {
    fn schema_name() -> Cow<'static, str> {
        "JsonPath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^\\$", "examples": ["$.status"] })
    }
}

/// Which statuses are right.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<StatusRange>")]
pub struct Statuses(Vec<StatusRange>);

impl Statuses {
    /// Tells whether a status is right.
    pub fn allow(&self, status: u16) -> bool {
        self.0.iter().any(|range| (range.first..=range.last).contains(&status))
    }
}

impl Default for Statuses {
    fn default() -> Self {
        Self(vec![StatusRange { first: 200, last: 299 }])
    }
}

impl TryFrom<Vec<StatusRange>> for Statuses {
    type Error = String;

    fn try_from(ranges: Vec<StatusRange>) -> Result<Self, String> {
        if ranges.is_empty() {
            return Err("`status` names at least one status; leave it out for `2xx`".into());
        }
        Ok(Self(ranges))
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{range}")?;
        }
        Ok(())
    }
}

impl JsonSchema for Statuses {
    fn schema_name() -> Cow<'static, str> {
        "Statuses".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array",
            "minItems": 1,
            "items": { "anyOf": [
                { "type": "integer", "minimum": 200, "maximum": 599 },
                { "type": "string", "pattern": "^([2-5]xx|[2-5][0-9]{2}(-[2-5][0-9]{2})?)$" },
            ] },
            "examples": [["2xx", 401]],
        })
    }
}

/// One status, a class of them, or a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRange {
    first: u16,
    last: u16,
}

impl StatusRange {
    fn between(first: u16, last: u16) -> Result<Self, String> {
        // 100 to 199 are interim answers; a final one is never among them.
        if !(200..600).contains(&first) || !(200..600).contains(&last) {
            return Err("a final status is between 200 and 599 (100 to 199 are interim answers)".into());
        }
        if first > last {
            return Err(format!("`{first}-{last}` begins above its end"));
        }
        Ok(Self { first, last })
    }
}

impl FromStr for StatusRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a status; write `200`, `2xx` or `200-204`");
        let number = |text: &str| text.trim().parse::<u16>().map_err(|_| wrong());
        if let Some(class) = text.strip_suffix("xx") {
            let class = number(class)?;
            if !(2..6).contains(&class) {
                return Err(wrong());
            }
            return Self::between(class * 100, class * 100 + 99);
        }
        match text.split_once('-') {
            Some((first, last)) => Self::between(number(first)?, number(last)?),
            None => Self::between(number(text)?, number(text)?),
        }
    }
}

impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

impl<'de> Deserialize<'de> for StatusRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = StatusRange;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status such as `200`, `\"2xx\"` or `\"200-204\"`")
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<StatusRange, E> {
                let number = u16::try_from(number).unwrap_or(u16::MAX);
                StatusRange::between(number, number).map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<StatusRange, E> {
                self.visit_u64(u64::try_from(number).unwrap_or(u64::MAX))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<StatusRange, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_read_as_they_are_written() {
        let statuses: Statuses = serde_json::from_str(r#"[204, "3xx", "401-403"]"#).unwrap();
        for (status, want) in [(200, false), (204, true), (308, true), (400, false), (402, true), (404, false)] {
            assert_eq!(statuses.allow(status), want, "{status}");
        }
        assert_eq!(statuses.to_string(), "204, 300-399, 401-403");
        assert!(Statuses::default().allow(299) && !Statuses::default().allow(300));
        for text in [r#"{"text":[""]}"#, r#"{"not-text":["a",""]}"#] {
            assert!(serde_json::from_str::<Expect>(text).is_err(), "{text}");
        }
        for text in ["[]", "[-1]", "[99999]", r#"["1xx"]"#, r#"["6xx"]"#, r#"["axx"]"#, r#"["2-3-4"]"#] {
            assert!(serde_json::from_str::<Statuses>(text).is_err(), "{text}");
        }
    }
}
