//! How numbers are read: what of several points, and what they are.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use selx_core::Unit;
use serde::{Deserialize, Deserializer};

/// What of several points is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Reduce {
    /// The newest.
    #[default]
    Last,
    /// The mean.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The value that this share of the points does not exceed.
    Quantile(f64),
}

impl fmt::Display for Reduce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last => f.write_str("last"),
            Self::Avg => f.write_str("avg"),
            Self::Min => f.write_str("min"),
            Self::Max => f.write_str("max"),
            Self::Quantile(share) => write!(f, "p{}", (share * 1e6).round() / 1e4),
        }
    }
}

impl FromStr for Reduce {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "last" => Ok(Self::Last),
            "avg" => Ok(Self::Avg),
            "min" => Ok(Self::Min),
            "max" => Ok(Self::Max),
            _ => {
                let percent = text.strip_prefix('p').and_then(|percent| percent.parse::<f64>().ok());
                match percent.filter(|percent| (0.0..=100.0).contains(percent)) {
                    Some(percent) => Ok(Self::Quantile(percent / 100.0)),
                    None => Err(format!("`{text}` is not `last`, `avg`, `min`, `max` or a quantile such as `p95`")),
                }
            }
        }
    }
}

impl<'de> Deserialize<'de> for Reduce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Reduce {
    fn schema_name() -> Cow<'static, str> {
        "Reduce".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(last|avg|min|max|p[0-9]+(\\.[0-9]+)?)$" })
    }
}

/// What the numbers of a query are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// Plain numbers.
    #[default]
    Value,
    /// Seconds; limits are durations.
    Seconds,
    /// Bytes; limits are sizes.
    Bytes,
    /// Shares from 0 to 1; limits are percent.
    Share,
    /// Percent from 0 to 100; limits are percent.
    Percent,
}

impl Meaning {
    /// Returns the documented measure, its unit, and what a number is divided by.
    pub(super) const fn measure(self) -> (&'static str, Unit, f64) {
        match self {
            Self::Value => ("value", Unit::Count, 1.0),
            Self::Seconds => ("seconds", Unit::Seconds, 1.0),
            Self::Bytes => ("bytes", Unit::Bytes, 1.0),
            Self::Share => ("share", Unit::Ratio, 1.0),
            Self::Percent => ("share", Unit::Ratio, 100.0),
        }
    }
}
