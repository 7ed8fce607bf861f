//! The settings that the kinds of this folder share, and the way to the broker.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use selx_core::{Context, Result, TimeSpan};
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer};

use super::keys::{Names, SEPARATOR};
use crate::redis::client::{Connection, Redis, Server, Trouble};
use crate::target::Target;

/// The broker of an application.
#[derive(Clone, Debug)]
pub(super) struct Broker {
    pub(super) server: Server,
    pub(super) names: Names,
    pub(super) patience: Duration,
}

impl Broker {
    /// Makes it of the settings that every kind has.
    pub(super) fn new(
        server: Server,
        key_prefix: String,
        fanout_prefix: &FanoutPrefix,
        control_exchange: String,
        answer_within: TimeSpan,
    ) -> Self {
        let of_url = match &server.target {
            Target::Address(address, _) => address.database.as_deref().and_then(|text| text.parse().ok()),
            Target::Compose(_) => None,
        };
        let database: u32 = server.database.or(of_url).unwrap_or(0);
        let fanout = fanout_prefix.0.replace("{db}", &database.to_string());
        let separator = SEPARATOR.to_owned();
        let steps = PrioritySteps::default().0;
        let names = Names { prefix: key_prefix, fanout, control: control_exchange, separator, steps };
        Self { server, names, patience: answer_within.get() }
    }

    /// Opens a connection.
    pub(super) async fn open(&self, cx: &Context) -> Result<Result<Connection, Trouble>> {
        self.server.connect(cx).await
    }

    /// What findings are about where no worker or queue is named.
    pub(super) fn subject(&self) -> String {
        self.server.target.to_string()
    }
}

/// A setting of `target`, for the configuration of each kind.
pub(super) type Where = Target<Redis>;

pub(super) const fn answer_within() -> TimeSpan {
    TimeSpan::secs(2)
}

pub(super) fn control_exchange() -> String {
    "celery".to_owned()
}

/// What stands before channels: the default of Celery, nothing, or a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FanoutPrefix(String);

impl Default for FanoutPrefix {
    fn default() -> Self {
        Self("/{db}.".to_owned())
    }
}

impl<'de> Deserialize<'de> for FanoutPrefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = FanoutPrefix;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, or a text such as `/{db}.`")
            }

            fn visit_bool<E: serde::de::Error>(self, on: bool) -> Result<FanoutPrefix, E> {
                Ok(if on { FanoutPrefix::default() } else { FanoutPrefix(String::new()) })
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<FanoutPrefix, E> {
                // From the command line everything is a text.
                match text {
                    "true" => self.visit_bool(true),
                    "false" => self.visit_bool(false),
                    text => Ok(FanoutPrefix(text.to_owned())),
                }
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for FanoutPrefix {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "FanoutPrefix".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [{ "type": "boolean" }, { "type": "string" }] })
    }
}

/// The steps of priority, from 0 upwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrioritySteps(pub(super) Vec<u8>);

impl Default for PrioritySteps {
    fn default() -> Self {
        Self(vec![0, 3, 6, 9])
    }
}

impl<'de> Deserialize<'de> for PrioritySteps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let steps: Vec<u8> = Vec::deserialize(deserializer)?;
        let rising = steps.windows(2).all(|pair| matches!(pair, [one, next] if one < next));
        if steps.first() != Some(&0) || !rising || steps.len() > 32 {
            return Err(D::Error::custom("the steps rise from 0, such as [0, 3, 6, 9], and there are at most 32"));
        }
        Ok(Self(steps))
    }
}

impl JsonSchema for PrioritySteps {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PrioritySteps".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array", "items": { "type": "integer", "minimum": 0, "maximum": 255 }, "minItems": 1, "maxItems": 32,
        })
    }
}

/// What joins the name of a queue and a step of priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Separator(pub(super) String);

impl Default for Separator {
    fn default() -> Self {
        Self(SEPARATOR.to_owned())
    }
}

impl<'de> Deserialize<'de> for Separator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() || text.len() > 16 {
            return Err(D::Error::custom("a separator has 1 to 16 bytes"));
        }
        Ok(Self(text))
    }
}

impl JsonSchema for Separator {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Separator".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 16 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        #[serde(default)]
        fanout: FanoutPrefix,
        #[serde(default)]
        steps: PrioritySteps,
        #[serde(default)]
        separator: Separator,
    }

    #[test]
    fn settings_are_read() {
        let read = |text: &str| toml::from_str::<Settings>(text);
        assert_eq!(read("").unwrap().fanout.0, "/{db}.");
        assert_eq!(read("fanout = true").unwrap().fanout.0, "/{db}.");
        assert_eq!(read("fanout = false").unwrap().fanout.0, "");
        assert_eq!(read("fanout = 'x.'").unwrap().fanout.0, "x.");
        assert_eq!(read("steps = [0, 5]").unwrap().steps.0, [0, 5]);
        assert_eq!(read("separator = ':'").unwrap().separator.0, ":");
        for (wrong, words) in [
            ("fanout = 3", "true, false, or a text"),
            ("steps = []", "rise from 0"),
            ("steps = [3, 0]", "rise from 0"),
            ("steps = [0, 3, 3]", "rise from 0"),
            ("separator = ''", "1 to 16"),
        ] {
            let error = read(wrong).unwrap_err();
            assert!(error.message().contains(words), "{wrong}: {error}");
        }
    }
}
