//! The settings of `logs-patterns`.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use selx_core::TimeSpan;
use serde::Deserialize;

use super::containers::Containers;
use super::journal::Journal;
use super::preset::Preset;
use crate::logs::level::Level;
use crate::logs::matcher::compile;
use crate::setting::{NamePattern, PathPattern};

/// A regular expression that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Expression(pub(super) String);

impl TryFrom<String> for Expression {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match compile(&text, false) {
            Ok(expression) if expression.is_match(b"") => {
                Err(format!("`{text}` matches an empty line, so it would match every line; make a part of it required"))
            }
            Ok(_) => Ok(Self(text)),
            Err(regex::Error::CompiledTooBig(_)) => Err(format!("`{text}` is too large; make it two patterns")),
            Err(error) => {
                // The last line of the library's text says what is wrong; those before draw an arrow.
                let text_of = error.to_string();
                let why = text_of.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                Err(format!("`{text}` is not a regular expression: {why}"))
            }
        }
    }
}

impl JsonSchema for Expression {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Expression".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1, "examples": ["task [0-9a-f]+ timed out"] })
    }
}

/// A text that is not empty.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Text(pub(super) String);

impl TryFrom<String> for Text {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() {
            Err("an empty text is in every line; write what lines are to have".into())
        } else {
            Ok(Self(text))
        }
    }
}

impl JsonSchema for Text {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1, "examples": ["out of memory"] })
    }
}

/// Which lines count, by their time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Window {
    /// Those of this length of time before now.
    Last(TimeSpan),
    /// Those since midnight.
    Today,
    /// Those of the whole day before.
    Yesterday,
    /// Those that were not there at the last look.
    SinceLast,
}

impl TryFrom<String> for Window {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(match text.as_str() {
            "today" => Self::Today,
            "yesterday" => Self::Yesterday,
            "since-last" => Self::SinceLast,
            span => {
                let length: TimeSpan = span.parse().map_err(|_| {
                    let near = selx_core::nearest(span, ["today", "yesterday", "since-last"]);
                    let near = near.map(|near| format!("; is `{near}` meant?")).unwrap_or_default();
                    format!(
                        "`{text}` is neither a length of time such as `24h` nor `today`, `yesterday` or `since-last`{near}"
                    )
                })?;
                let longest = TimeSpan::secs(3660 * 86_400);
                if length.get().is_zero() || length > longest {
                    return Err(format!("`{text}` is not between a moment and ten years"));
                }
                Self::Last(length)
            }
        })
    }
}

impl JsonSchema for Window {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Window".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "examples": ["24h", "today", "yesterday", "since-last"] })
    }
}

/// A time zone by its name in the database of zones.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Zone(pub(super) TimeZone);

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let unknown =
            |_| format!("`{text}` is not a zone that this host knows; write one such as `Europe/Berlin` or `UTC`");
        if text == "UTC" { Ok(Self(TimeZone::UTC)) } else { TimeZone::get(&text).map(Self).map_err(unknown) }
    }
}

impl JsonSchema for Zone {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Zone".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "examples": ["UTC", "Europe/Berlin"] })
    }
}

/// What lines are to have, to count for a pattern.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PatternConfig {
    /// Texts, one of which a line has to have as it stands here. Default: none.
    pub(super) text: Vec<Text>,
    /// Regular expressions, one of which a line has to match, if no text is in it. They match bytes: `\w` and `\d` are
    /// those of ASCII. Default: none.
    pub(super) regex: Vec<Expression>,
    /// Texts that a line must not have. Default: none.
    pub(super) not_text: Vec<Text>,
    /// Regular expressions that a line must not match. Default: none.
    pub(super) not_regex: Vec<Expression>,
    /// Whether capital and small letters are the same, in all of these. Default: false.
    pub(super) ignore_case: bool,
    /// How grave a line has to be at least, by the word at its beginning or its field of JSON: `debug`, `info`, `notice`,
    /// `warning`, `error`, `critical`, `alert` or `emergency`. Default: whatever it is.
    pub(super) level: Option<Level>,
}

/// Patterns by name.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(try_from = "BTreeMap<String, PatternConfig>")]
#[schemars(with = "BTreeMap<String, PatternConfig>")]
pub struct Patterns(pub(super) BTreeMap<String, PatternConfig>);

impl TryFrom<BTreeMap<String, PatternConfig>> for Patterns {
    type Error = String;

    fn try_from(patterns: BTreeMap<String, PatternConfig>) -> Result<Self, String> {
        if patterns.len() > MOST_PATTERNS {
            return Err(format!(
                "there are {} patterns; at most {MOST_PATTERNS} are searched for at once",
                patterns.len()
            ));
        }
        for (name, pattern) in &patterns {
            if pattern.text.is_empty() && pattern.regex.is_empty() && pattern.level.is_none() {
                return Err(format!("pattern `{name}` would match every line; give it `text`, `regex` or `level`"));
            }
        }
        Ok(Self(patterns))
    }
}

/// How many patterns one check may have.
const MOST_PATTERNS: usize = 1_000;

/// A number of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct Samples(pub(super) usize);

impl Default for Samples {
    fn default() -> Self {
        Self(3)
    }
}

impl TryFrom<u64> for Samples {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        match usize::try_from(number) {
            Ok(number) if number <= 100 => Ok(Self(number)),
            _ => Err(format!("{number} lines would fill a report; at most 100 are kept of each pattern")),
        }
    }
}

impl JsonSchema for Samples {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Samples".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "minimum": 0, "maximum": 100 })
    }
}

/// Ready-made patterns, at least one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<Preset>")]
pub struct Presets(pub(super) Vec<Preset>);

impl TryFrom<Vec<Preset>> for Presets {
    type Error = String;

    fn try_from(presets: Vec<Preset>) -> Result<Self, String> {
        if presets.is_empty() {
            return Err(
                "an empty list has nothing to search for; leave it away: beside `patterns` there is none then".into()
            );
        }
        Ok(Self(presets))
    }
}

impl JsonSchema for Presets {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Presets".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "array", "items": generator.subschema_for::<Preset>(), "minItems": 1 })
    }
}

/// The settings of `logs-patterns`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    /// Files, folders (all `*.log` in them) and patterns such as `/srv/*/logs/**/*.log`. Default: `/var/log/syslog`,
    /// `/var/log/messages` and `/var/log/**/*.log`, as far as they are there, unless another source is named.
    pub(super) paths: Vec<PathPattern>,
    /// The logs of containers of a Compose project, as the engine's driver `json-file` writes them. Default: none.
    pub(super) containers: Option<Containers>,
    /// The journal of systemd. Default: it is not read.
    pub(super) journal: Option<Journal>,
    /// Leave these out: patterns of names or of whole paths. Default: none.
    pub(super) exclude: Vec<NamePattern>,
    /// Whether what rotation made of a log is a part of it: `x.log.1`, `x.log.2.gz`, `x.log-20261120.zst`. Default: true.
    pub(super) rotated: bool,
    /// Which lines count, by the time in them: a length of time before now, `today`, `yesterday`, or `since-last` for
    /// what was not there at the last look. Default: `24h`.
    pub(super) window: Window,
    /// The zone of times that name none. Default: that of this host.
    pub(super) zone: Option<Zone>,
    /// Ready-made patterns: `errors` (lines that are critical, and those that are errors) and `authentication` (failed
    /// logins of SSH, web servers, PostgreSQL and applications). Default: `errors`, unless there are `patterns`.
    pub(super) presets: Option<Presets>,
    /// Patterns of your own, by name. Default: none.
    pub(super) patterns: Patterns,
    /// How many lines of each pattern are kept as samples, the newest. Default: 3.
    pub(super) samples: Samples,
    /// Whether the shapes of messages are compared with those of the last look. Default: true.
    pub(super) shapes: bool,
    /// How many files may be read. Default: 10000.
    pub(super) most_files: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            containers: None,
            journal: None,
            exclude: Vec::new(),
            rotated: true,
            window: Window::Last(TimeSpan::secs(86_400)),
            zone: None,
            presets: None,
            patterns: Patterns::default(),
            samples: Samples::default(),
            shapes: true,
            most_files: 10_000,
        }
    }
}
