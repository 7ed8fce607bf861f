//! The texts that go into the head of a request.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use hyper::header::{HeaderName, HeaderValue};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

/// Gives a type that is read from a text its form in files.
macro_rules! from_text {
    ($type:ident, $schema:expr) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

pub(super) use from_text;

/// The name of a header, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldName(String);

/// The headers that the transport writes: with others, an answer could not be read.
const OWN: &[&str] = &["connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer", "expect"];

impl FieldName {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FieldName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = HeaderName::try_from(text).map_err(|_| format!("`{text}` is not the name of a header"))?;
        let name = name.as_str();
        if OWN.contains(&name) {
            return Err(format!("the header `{name}` is written by the transport itself"));
        }
        if matches!(name, "authorization" | "proxy-authorization") {
            return Err(format!("`{name}` would stand in the file as it is; use the setting `authorization`"));
        }
        Ok(Self(name.to_owned()))
    }
}

from_text!(
    FieldName,
    json_schema!({ "type": "string", "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", "examples": ["accept"] })
);

/// The value of a header: visible characters, spaces and tabulators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldText(HeaderValue);

impl FieldText {
    /// Returns the value as the transport takes it.
    pub fn value(&self) -> &HeaderValue {
        &self.0
    }
}

impl FromStr for FieldText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        HeaderValue::from_str(text)
            .map(Self)
            .map_err(|_| "the value of a header holds a character that it may not".into())
    }
}

from_text!(FieldText, json_schema!({ "type": "string", "pattern": "^[^\\x00-\\x08\\x0a-\\x1f\\x7f]*$" }));

/// The name of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User(String);

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for User {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.contains(':') || text.chars().any(char::is_control) {
            return Err("the name of a user is not empty and has no colon".into());
        }
        Ok(Self(text.to_owned()))
    }
}

from_text!(User, json_schema!({ "type": "string", "pattern": "^[^:]+$" }));
