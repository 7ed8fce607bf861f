//! The settings of the kind.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use selx_core::{Severity, TimeSpan};
use serde::{Deserialize, Deserializer};

use super::reading::{Meaning, Reduce};
use super::selector::selectors;
use super::server::Server;
use crate::http::Authorization;

/// The most points of one series that a server computes for a range.
const MAX_POINTS: u128 = 11_000;
/// The most bytes that a query may be long.
const MAX_QUERY: usize = 8192;

/// The settings of a `prometheus-query` check.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "Settings")]
pub struct Config(pub(super) Settings);

/// The settings of a `prometheus-query` check. One of `query` and `preset` is needed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Where the server is: a URL with the path before `/api`, such as `http://127.0.0.1:9090` or
    /// `https://mon.example.org/prometheus`; an address, whose usual port is 9090; `unix:/PATH`; or
    /// `{ compose = FILE, service = NAME }`.
    pub(super) target: Server,
    /// The query in PromQL. Default: that of the preset.
    #[serde(default)]
    pub(super) query: Option<Query>,
    /// A query that is known: `targets-up` asks `up`, and a target that is down is critical. Default: none.
    #[serde(default)]
    pub(super) preset: Option<Preset>,
    /// How far back to look: a range query, each series of which is judged by `reduce`. Default: none, the query is
    /// asked for now.
    #[serde(default)]
    pub(super) range: Option<TimeSpan>,
    /// The time between two points of a range. Default: a sixtieth of `range`, at least `1s`.
    #[serde(default)]
    pub(super) step: Option<TimeSpan>,
    /// What of several points is judged: `last`, `avg`, `min`, `max`, or a quantile such as `p95`. Default: `last`.
    #[serde(default)]
    pub(super) reduce: Reduce,
    /// What the numbers are, which names the measure and says how a limit is written: `value`, `seconds`, `bytes`,
    /// `share` (0 to 1) or `percent` (0 to 100, measured as `share`). Default: `value`.
    #[serde(default)]
    pub(super) unit: Meaning,
    /// The labels whose values name a series in messages and limits. Default: all labels in which the series differ.
    #[serde(default)]
    pub(super) labels: Vec<String>,
    /// How many series there have to be, 1 to 10000. Default: 1.
    #[serde(default)]
    pub(super) at_least: Few,
    /// What it means that there are fewer: `ok`, `warning`, `critical` or `unknown`. Default: `unknown`.
    #[serde(default)]
    pub(super) absent: Absent,
    /// How many series are judged, 1 to 10000; if there are more, that is told and unknown. Default: 100.
    #[serde(default)]
    pub(super) max_series: Many,
    /// How old the newest sample may be, at most `1d`; `off` does not ask for it. Default: `5m`.
    #[serde(default)]
    pub(super) max_age: MaxAge,
    /// The selector whose samples tell how old the data is, such as `up{job="shop"}`. Default: those in the query.
    #[serde(default)]
    pub(super) fresh_by: Option<Query>,
    /// Credentials: `{ bearer = "env:NAME" }` or `{ basic = { user = "NAME", password = "file:/PATH" } }`. Default: none.
    #[serde(default)]
    pub(super) authorization: Option<Authorization>,
    /// A file of root certificates (PEM) that are trusted instead of those of this machine.
    #[serde(default)]
    pub(super) ca_file: Option<PathBuf>,
    /// How long one address may take to accept a connection. Default: `3s`.
    #[serde(default = "connect_timeout")]
    pub(super) connect_timeout: TimeSpan,
}

const fn connect_timeout() -> TimeSpan {
    TimeSpan::secs(3)
}

impl TryFrom<Settings> for Config {
    type Error = String;

    fn try_from(mut settings: Settings) -> Result<Self, String> {
        match (&settings.query, settings.preset) {
            (None, None) => return Err("nothing is asked; set `query` or `preset`".to_owned()),
            (Some(_), Some(_)) => return Err("`preset` has its own query; set one of `query` and `preset`".to_owned()),
            (None, Some(Preset::TargetsUp)) => {
                if settings.range.is_some() {
                    return Err("`targets-up` asks for now; take `range` out, or write the `query`".to_owned());
                }
                if settings.labels.is_empty() {
                    settings.labels = vec!["job".to_owned(), "instance".to_owned()];
                }
            }
            (Some(_), None) => {}
        }
        if let Some(range) = settings.range {
            let step = settings.step();
            if range.get() < Duration::from_secs(1) || step < Duration::from_millis(1) || step > range.get() {
                return Err("`range` is at least 1s, and `step` is between 1ms and `range`".to_owned());
            }
            let points = range.get().as_millis() / step.as_millis().max(1) + 1;
            if points > MAX_POINTS {
                return Err(format!(
                    "{points} points are more than the {MAX_POINTS} that a server computes; raise `step`"
                ));
            }
        } else if settings.step.is_some() {
            return Err("`step` is for a `range`, and there is none".to_owned());
        }
        if let Some(Query(text)) = &settings.fresh_by
            && !matches!(selectors(text).as_slice(), [one] if one.text == *text && one.range.is_none())
        {
            return Err("`fresh-by` is one selector, such as `up{job=\"shop\"}`, and nothing else".to_owned());
        }
        if settings.at_least.0 > settings.max_series.0 {
            return Err("`at-least` is more than the `max-series` that are looked at".to_owned());
        }
        Ok(Self(settings))
    }
}

impl Settings {
    /// Returns what is asked.
    pub(super) fn asked(&self) -> &str {
        self.query.as_ref().map_or("up", |query| &query.0)
    }

    /// Returns the time between two points.
    pub(super) fn step(&self) -> Duration {
        let sixtieth = || self.range.map_or(Duration::ZERO, |range| Duration::from_secs((range.get() / 60).as_secs()));
        self.step.map_or_else(|| sixtieth().max(Duration::from_secs(1)), TimeSpan::get)
    }
}

/// A text in PromQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query(pub(super) String);

impl<'de> Deserialize<'de> for Query {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let text = text.trim();
        if text.is_empty() {
            return Err(serde::de::Error::custom("the query is empty"));
        }
        if text.len() > MAX_QUERY {
            return Err(serde::de::Error::custom(format!("the query is longer than {MAX_QUERY} bytes")));
        }
        Ok(Self(text.to_owned()))
    }
}

impl JsonSchema for Query {
    fn schema_name() -> Cow<'static, str> {
        "PromQuery".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": MAX_QUERY, "examples": ["up{job=\"shop\"}"] })
    }
}

/// A query that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Every target that the server scrapes is up.
    TargetsUp,
}

/// What it means that series are not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Absent {
    /// That is how it should be.
    Ok,
    /// A warning.
    Warning,
    /// Critical.
    Critical,
    /// Nobody knows.
    #[default]
    Unknown,
}

impl Absent {
    /// Returns how bad that is; nothing if it is as it should be.
    pub(super) const fn severity(self) -> Option<Severity> {
        match self {
            Self::Ok => None,
            Self::Warning => Some(Severity::Warning),
            Self::Critical => Some(Severity::Critical),
            Self::Unknown => Some(Severity::Unknown),
        }
    }
}

/// A number of series, with its default.
macro_rules! series {
    ($(#[$doc:meta])* $type:ident, $default:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
        #[serde(try_from = "u32")]
        pub struct $type(pub(super) u32);

        impl Default for $type {
            fn default() -> Self {
                Self($default)
            }
        }

        impl TryFrom<u32> for $type {
            type Error = String;

            fn try_from(number: u32) -> Result<Self, String> {
                if (1..=10_000).contains(&number) {
                    Ok(Self(number))
                } else {
                    Err(format!("{number} is not a number of series between 1 and 10000"))
                }
            }
        }

        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "integer", "minimum": 1, "maximum": 10_000 })
            }
        }
    };
}

series! {
    /// How many series there have to be.
    Few, 1
}
series! {
    /// How many series are judged.
    Many, 100
}

/// How old the newest sample may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxAge(pub(super) Option<TimeSpan>);

impl Default for MaxAge {
    fn default() -> Self {
        Self(Some(TimeSpan::secs(300)))
    }
}

impl<'de> Deserialize<'de> for MaxAge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "off" {
            return Ok(Self(None));
        }
        let span: TimeSpan = text.parse().map_err(serde::de::Error::custom)?;
        if !(Duration::from_secs(1)..=Duration::from_secs(86_400)).contains(&span.get()) {
            return Err(serde::de::Error::custom("the age is between `1s` and `1d`, or `off`"));
        }
        Ok(Self(Some(span)))
    }
}

impl JsonSchema for MaxAge {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "MaxAge".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "examples": ["5m", "off"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &str) -> Result<Config, String> {
        toml::from_str::<Config>(&format!("target = 'http://127.0.0.1:9090'\n{more}"))
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn slips_are_refused_with_the_reason() {
        for (more, words) in [
            ("", "set `query` or `preset`"),
            ("query = 'up'\npreset = 'targets-up'", "one of `query` and `preset`"),
            ("preset = 'targets-up'\nrange = '1h'", "asks for now"),
            ("query = ' '", "empty"),
            ("query = 'up'\nstep = '1m'", "there is none"),
            ("query = 'up'\nrange = '1m'\nstep = '1h'", "`step` is between"),
            ("query = 'up'\nrange = '30d'\nstep = '1s'", "raise `step`"),
            ("query = 'up'\nreduce = 'p101'", "quantile such as `p95`"),
            ("query = 'up'\nreduce = 'median'", "quantile such as `p95`"),
            ("query = 'up'\nunit = 'ms'", "unknown variant"),
            ("query = 'up'\nat-least = 0", "between 1 and 10000"),
            ("query = 'up'\nat-least = 101", "`max-series`"),
            ("query = 'up'\nmax-age = '2d'", "between `1s` and `1d`"),
            ("query = 'up'\nfresh-by = 'max(up)'", "one selector"),
            ("query = 'up'\nfresh-by = 'up[5m]'", "one selector"),
            ("query = 'up'\nauthorization = { bearer = 'hunter2' }", "env:NAME"),
            ("query = 'up'\nurl = 'http://x'", "unknown field"),
        ] {
            let error = read(more).unwrap_err();
            assert!(error.contains(words), "{more}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn every_way_to_say_where_a_server_is() {
        for (target, shown) in [
            ("'http://127.0.0.1:9090'", "http://127.0.0.1:9090/"),
            ("'https://mon.example.org/prometheus/'", "https://mon.example.org/prometheus/"),
            ("'mon.internal'", "mon.internal:9090"),
            ("'[::1]:9091'", "[::1]:9091"),
            ("'unix:/run/prometheus.sock'", "unix:/run/prometheus.sock"),
            ("{ compose = '/srv/a.yml', service = 'prometheus' }", "service prometheus of srv/a.yml"),
        ] {
            let config: Config = toml::from_str(&format!("target = {target}\nquery = 'up'")).unwrap();
            assert_eq!(config.0.target.to_string(), shown);
        }
        for (target, words) in [
            ("'ftp://x'", "neither"),
            ("'http://ann:hunter2@x'", "authorization"),
            ("'http://x/api/v1'", "before `/api/v1`"),
            ("'http://x/?a=b'", "without a query"),
            ("3", "a URL, an address, or a table"),
        ] {
            let error = toml::from_str::<Config>(&format!("target = {target}\nquery = 'up'")).unwrap_err();
            assert!(error.message().contains(words), "{target}: {error}");
            assert!(!error.message().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_step_follows_from_the_range() {
        let step = |more: &str| read(&format!("query = 'up'\n{more}")).unwrap().0.step();
        assert_eq!(step("range = '6h'"), Duration::from_secs(360));
        assert_eq!(step("range = '10s'"), Duration::from_secs(1));
        assert_eq!(step("range = '1m'\nstep = '500ms'"), Duration::from_millis(500));
    }
}
