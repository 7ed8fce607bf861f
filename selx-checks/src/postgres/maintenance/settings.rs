//! The settings that the actions share, and their types.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use selx_core::{ByteSize, TimeSpan};
use serde::{Deserialize, Deserializer};

use crate::postgres::Name;
use crate::postgres::server::Server;
use crate::setting::NamePattern;

/// How many databases one action may be about.
const MOST: usize = 32;

/// Which databases an action is about. In a file it is `"all"` or a list of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Databases {
    /// The one of the target.
    #[default]
    Target,
    /// All of the server but its templates and those that let nobody in.
    All,
    /// These.
    Named(Vec<Name>),
}

impl<'de> Deserialize<'de> for Databases {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Word(String),
            Names(Vec<Name>),
        }
        let wrong = |text: &str| Err(serde::de::Error::custom(text));
        match Form::deserialize(deserializer)? {
            Form::Word(word) if word == "all" => Ok(Self::All),
            Form::Word(_) => wrong("write `\"all\"` or a list of names"),
            Form::Names(names) if names.is_empty() => wrong("an empty list is no database; leave the setting out"),
            Form::Names(names) if names.len() > MOST => wrong("an action is about 32 databases at most"),
            Form::Names(mut names) => {
                let mut seen = std::collections::HashSet::new();
                names.retain(|name| seen.insert(name.as_str().to_owned()));
                Ok(Self::Named(names))
            }
        }
    }
}

impl JsonSchema for Databases {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Databases".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let name = json_schema!({ "type": "string", "minLength": 1, "maxLength": 63 });
        json_schema!({ "oneOf": [
            { "const": "all" },
            { "type": "array", "items": name, "minItems": 1, "maxItems": MOST },
        ] })
    }
}

/// A length of time between two bounds, in milliseconds: a server takes zero for no limit at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span<const LEAST: u64, const MOST: u64>(Duration);

impl<const LEAST: u64, const MOST: u64> Span<LEAST, MOST> {
    /// Takes whole milliseconds; what is outside of the bounds is put on them.
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(if millis < LEAST {
            LEAST
        } else if millis > MOST {
            MOST
        } else {
            millis
        }))
    }

    /// Returns the length.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl<'de, const LEAST: u64, const MOST: u64> Deserialize<'de> for Span<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let length = TimeSpan::deserialize(deserializer)?.get();
        let (least, most) = (Duration::from_millis(LEAST), Duration::from_millis(MOST));
        if (least..=most).contains(&length) {
            return Ok(Self(length));
        }
        let (least, most) = (TimeSpan::from(least), TimeSpan::from(most));
        Err(serde::de::Error::custom(format!("a length of time from {least} to {most} is needed")))
    }
}

impl<const LEAST: u64, const MOST: u64> JsonSchema for Span<LEAST, MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        TimeSpan::json_schema(generator)
    }
}

/// How long a lock may be waited for.
pub type LockTimeout = Span<10, 600_000>;
/// How long a statement may take.
pub type StatementTimeout = Span<1_000, 604_800_000>;
/// How old a transaction may be that a rebuild would wait for.
pub type TransactionAge = Span<100, 86_400_000>;

/// How often a busy table is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries(u32);

impl Retries {
    /// The default.
    pub(in crate::postgres) const fn three() -> Self {
        Self(3)
    }

    /// Returns how often.
    pub(in crate::postgres) const fn get(self) -> u32 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Retries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            retries @ 0..=20 => Ok(Self(retries)),
            _ => Err(serde::de::Error::custom("0 to 20 retries are possible")),
        }
    }
}

impl JsonSchema for Retries {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Retries".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": 20 })
    }
}

pub(in crate::postgres) const fn hundred_gib() -> ByteSize {
    ByteSize(100 << 30)
}

/// What an action is about, and its limits.
#[derive(Clone, Copy)]
pub(in crate::postgres) struct Scope<'a> {
    pub(in crate::postgres) server: Server<'a>,
    pub(in crate::postgres) databases: &'a Databases,
    pub(in crate::postgres) include: &'a [NamePattern],
    pub(in crate::postgres) exclude: &'a [NamePattern],
    pub(in crate::postgres) lock_timeout: Duration,
    pub(in crate::postgres) statement_timeout: Duration,
    pub(in crate::postgres) retries: u32,
}

impl Scope<'_> {
    /// Returns the rule by which a name is left out, if it is; `name` is `SCHEMA.TABLE`, without quotes.
    pub(in crate::postgres) fn leaves_out(&self, names: &[String]) -> Option<&'static str> {
        let is_in = |patterns: &[NamePattern]| names.iter().any(|name| patterns.iter().any(|one| one.matches(name)));
        if is_in(self.exclude) {
            return Some("named in `exclude`");
        }
        (!self.include.is_empty() && !is_in(self.include)).then_some("not named in `include`")
    }

    /// Returns what nobody else may change meanwhile. Whoever spells the address of the same server in another way is kept
    /// away by the lock in the server.
    pub(in crate::postgres) fn resource(&self) -> String {
        format!("postgres:{}", self.server.target)
    }
}

/// Writes the settings of an action: those that all have, and its own.
macro_rules! settings {
    ($(#[$about:meta])* pub struct $name:ident { $($(#[$field_about:meta])* $field:ident: $type:ty,)* }) => {
        crate::postgres::server::settings! {
            $(#[$about])*
            pub struct $name {
                /// Which databases: a list of names, or `"all"` for all but the templates. Default: the one of the target.
                #[serde(default)]
                databases: crate::postgres::maintenance::Databases,
                /// Which tables: patterns of `SCHEMA.TABLE`, such as `public.*`. Default: all.
                #[serde(default)]
                include: Vec<crate::setting::NamePattern>,
                /// Which tables are left alone all the same, in the same form. Default: none.
                #[serde(default)]
                exclude: Vec<crate::setting::NamePattern>,
                /// How often a table is tried again that somebody holds, after a wait that doubles each time: 0 to 20.
                /// Then it is left alone, and told who held it. Default: 3.
                #[serde(default = "crate::postgres::maintenance::Retries::three")]
                retries: crate::postgres::maintenance::Retries,
                $($(#[$field_about])* $field: $type,)*
            }
        }

        impl $name {
            pub(super) fn scope(&self) -> crate::postgres::maintenance::Scope<'_> {
                crate::postgres::maintenance::Scope {
                    server: self.server(),
                    databases: &self.databases,
                    include: &self.include,
                    exclude: &self.exclude,
                    lock_timeout: self.lock_timeout.get(),
                    statement_timeout: self.statement_timeout.get(),
                    retries: self.retries.get(),
                }
            }
        }
    };
}
pub(in crate::postgres) use settings;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_read_in_their_forms() {
        let read = |text: &str| serde_json::from_str::<Databases>(text);
        assert_eq!(read("\"all\"").unwrap(), Databases::All);
        let named = Databases::Named(vec![Name::new("shop").unwrap(), Name::new("a\"b").unwrap()]);
        assert_eq!(read(r#"["shop", "a\"b", "shop"]"#).unwrap(), named);
        for text in ["\"shop\"", "[]", "[\"\"]", "1"] {
            assert!(read(text).is_err(), "{text}");
        }
        let many = serde_json::to_string(&(0..33).map(|n| n.to_string()).collect::<Vec<_>>()).unwrap();
        assert!(read(&many).is_err());
    }

    #[test]
    fn no_limit_is_none() {
        let read = |text: &str| serde_json::from_str::<LockTimeout>(text);
        assert_eq!(read("\"500ms\"").unwrap().get(), Duration::from_millis(500));
        for text in ["\"0s\"", "\"5ms\"", "\"1d\"", "5"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Retries>("21").is_err());
    }
}
