//! The settings.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use selx_core::{ByteSize, Severity, TimeSpan};
use serde::{Deserialize, Deserializer};

use crate::postgres::Name;
use crate::postgres::server::settings;

settings! {
    /// What is asked of which server. One of `query` and `preset` is needed.
    pub struct Settings {
        /// One statement of SQL that reads. Names are looked up in `pg_catalog` and in `schemas`.
        #[serde(default)]
        query: Option<Sql>,
        /// A question about the tasks of an application: `tasks-failure-rate`, `tasks-by-day`, `tasks-by-month`,
        /// `users-by-month`.
        #[serde(default)]
        preset: Option<Preset>,
        /// Schemas in which the names of `query` are looked up after `pg_catalog`. Default: none, so that nobody who
        /// may make functions can put one in the place of another; then tables are written with their schema.
        #[serde(default)]
        schemas: Vec<Name>,
        /// The longest that the server may take, from 10ms to 10m. Default: 5s.
        #[serde(default)]
        statement_timeout: Option<TimeSpan>,
        /// The most rows that are read, from 1 to 10000. Default: 100.
        #[serde(default)]
        max_rows: Option<Rows>,
        /// The most bytes that are read, up to 64MiB. Default: 1MiB.
        #[serde(default)]
        max_bytes: Option<ByteSize>,
        /// What it means if there is nothing: no row, or no task. `ok`, `warning` or `critical`. Default: `warning`.
        #[serde(default)]
        when_empty: WhenEmpty,
        /// The time zone in which days begin and in which times without a zone are meant. Default: `UTC`.
        #[serde(default)]
        zone: Option<Zone>,
        /// The schema of the table of a preset. Default: `public`.
        #[serde(default)]
        table_schema: Option<Name>,
        /// The table of a preset. Default: `tasks`, or `users`.
        #[serde(default)]
        table: Option<Name>,
        /// The column that says when a task was made. Default: `created_at`.
        #[serde(default)]
        time_column: Option<Name>,
        /// The column that says what became of a task. Default: `status`.
        #[serde(default)]
        status_column: Option<Name>,
        /// What stands there for a task that failed. Default: `["FAILED"]`.
        #[serde(default)]
        failed: Option<Vec<Sql>>,
        /// Columns whose stored size `tasks-by-month` adds up, which reads every row. Default: none.
        #[serde(default)]
        size_columns: Vec<Name>,
    }
}

/// What is asked of which server.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "Settings")]
pub struct Config(pub(super) Settings);

/// A question that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Which share of the tasks of the last 24 hours failed.
    TasksFailureRate,
    /// How many tasks there were on each of the last 7 days, and how many failed.
    TasksByDay,
    /// How many tasks there were in each of the last 6 months.
    TasksByMonth,
    /// How many users came in each of the last 6 months.
    UsersByMonth,
}

/// What it means if there is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WhenEmpty {
    /// That is as it should be.
    Ok,
    /// Somebody is to look at it in working hours.
    #[default]
    Warning,
    /// Somebody is to look at it now.
    Critical,
}

impl WhenEmpty {
    pub(super) fn severity(self) -> Severity {
        match self {
            Self::Ok => Severity::Info,
            Self::Warning => Severity::Warning,
            Self::Critical => Severity::Critical,
        }
    }
}

/// A text of SQL: not empty, and without a zero byte, which would end it on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sql(pub(super) String);

impl<'de> Deserialize<'de> for Sql {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.trim().is_empty() || text.len() > 64 << 10 || text.contains('\0') {
            return Err(serde::de::Error::custom("a text of 1 byte to 64 KiB without zero bytes is needed"));
        }
        Ok(Self(text))
    }
}

impl JsonSchema for Sql {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sql".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 65536 })
    }
}

/// A number of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows(pub(super) u32);

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            rows @ 1..=10_000 => Ok(Self(rows)),
            _ => Err(serde::de::Error::custom("from 1 to 10000 rows are read")),
        }
    }
}

impl JsonSchema for Rows {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rows".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": 10_000 })
    }
}

/// The name of a time zone as the server takes it, such as `Europe/Berlin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(pub(super) String);

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "/_+-:".contains(letter);
        if text.is_empty() || text.len() > 63 || !text.chars().all(allowed) {
            return Err(serde::de::Error::custom("a time zone is written such as `UTC` or `Europe/Berlin`"));
        }
        Ok(Self(text))
    }
}

impl JsonSchema for Zone {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Zone".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9/_+:-]{1,63}$" })
    }
}

impl TryFrom<Settings> for Config {
    type Error = String;

    fn try_from(settings: Settings) -> Result<Self, String> {
        match (&settings.query, settings.preset) {
            (Some(_), Some(_)) => return Err("`query` and `preset` are two questions; set one of them".to_owned()),
            (None, None) => return Err("nothing to ask; set `query` or `preset`".to_owned()),
            _ => {}
        }
        let millis = settings.statement_timeout.map_or(5000, |time| time.get().as_millis());
        if !(10..=600_000).contains(&millis) {
            return Err("`statement-timeout` is from 10ms to 10m".to_owned());
        }
        if settings.max_bytes.is_some_and(|size| !(1024..=64 << 20).contains(&size.get())) {
            return Err("`max-bytes` is from 1KiB to 64MiB".to_owned());
        }
        if settings.failed.as_ref().is_some_and(Vec::is_empty) {
            return Err("`failed` names at least one status".to_owned());
        }
        Ok(Self(settings))
    }
}

impl Settings {
    pub(super) fn rows(&self) -> u32 {
        self.max_rows.map_or(100, |rows| rows.0)
    }

    pub(super) fn bytes(&self) -> usize {
        self.max_bytes.map_or(1 << 20, |size| usize::try_from(size.get()).unwrap_or(usize::MAX))
    }

    pub(super) fn zone(&self) -> &str {
        self.zone.as_ref().map_or("UTC", |zone| &zone.0)
    }
}
