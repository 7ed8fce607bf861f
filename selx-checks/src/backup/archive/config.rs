//! The settings of `backup-archive`.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use selx_core::{ByteSize, TimeSpan};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

use super::facts::Level;
use crate::setting::{AbsolutePath, NamePattern, PathPattern};

/// What tells which archive is the newest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum NewestBy {
    /// Its manifest, its dumps, the date in its name, its newest member, the time of the file: the first that there is.
    #[default]
    Content,
    /// The date in its name, or the time of the file.
    Name,
    /// The time of the file.
    Written,
}

impl<'de> Deserialize<'de> for NewestBy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = Cow::<str>::deserialize(deserializer)?;
        Ok(match &*word {
            "content" => Self::Content,
            "name" => Self::Name,
            "written" => Self::Written,
            other => {
                // Words of the same sense that are not near in their letters.
                let meant = match other.to_ascii_lowercase().as_str() {
                    "date" | "filename" | "file-name" | "named" => Some("`name`, the date in the name of the file,"),
                    "time" | "mtime" | "ctime" | "modified" | "changed" | "file" | "age" | "newest" => {
                        Some("`written`, the time of the file,")
                    }
                    "dump" | "manifest" | "member" | "members" | "inside" => Some("`content`, what it says and holds,"),
                    _ => None,
                };
                return Err(none_of(other, meant, &["content", "name", "written"]));
            }
        })
    }
}

/// Says that a word is none of those that a setting takes, and which one is meant.
fn none_of<E: serde::de::Error>(word: &str, meant: Option<&str>, words: &'static [&'static str]) -> E {
    match meant {
        Some(meant) => E::custom(format!("`{word}` is none of the values it takes; is {meant} meant?")),
        None => E::unknown_variant(word, words),
    }
}

/// Reads a level, by its word alone: a number is told which word it stands for.
fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Level, D::Error> {
    const WORDS: &[&str] = &["exists", "decoded", "manifest", "restored", "started"];
    struct Word;
    impl Visitor<'_> for Word {
        type Value = Level;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Level, E> {
            let meant = match word.to_ascii_lowercase().as_str() {
                "there" | "0" => "exists",
                "read" | "whole" | "unpacked" | "full" | "1" => "decoded",
                "checksum" | "checksums" | "sha256" | "sums" | "hash" | "2" => "manifest",
                "restore" | "drill" | "tested" | "3" => "restored",
                "start" | "run" | "worked" | "4" => "started",
                _ => return Level::deserialize(serde::de::value::StrDeserializer::new(word)),
            };
            Err(none_of(word, Some(&format!("`{meant}`")), WORDS))
        }

        fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Level, E> {
            match usize::try_from(number).ok().and_then(|number| WORDS.get(number)) {
                Some(word) => Err(none_of(&number.to_string(), Some(&format!("`\"{word}\"`")), WORDS)),
                None => Err(E::unknown_variant(&number.to_string(), WORDS)),
            }
        }

        fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Level, E> {
            self.visit_u64(u64::try_from(number).unwrap_or(u64::MAX))
        }
    }
    deserializer.deserialize_any(Word)
}

/// A whole number between two others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct Bounded<const LEAST: u64, const MOST: u64>(u64);

impl<const LEAST: u64, const MOST: u64> Bounded<LEAST, MOST> {
    /// Returns the number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl<const LEAST: u64, const MOST: u64> TryFrom<u64> for Bounded<LEAST, MOST> {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        if (LEAST..=MOST).contains(&number) {
            Ok(Self(number))
        } else {
            Err(format!("{number} is not between {LEAST} and {MOST}"))
        }
    }
}

impl<const LEAST: u64, const MOST: u64> JsonSchema for Bounded<LEAST, MOST> {
    fn schema_name() -> Cow<'static, str> {
        format!("WholeNumberFrom{LEAST}To{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": LEAST, "maximum": MOST })
    }
}

/// The settings of `backup-archive`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Where the backups are: a folder, one file, or a pattern such as `/srv/*/backups/*.tar.gz`.
    pub(super) path: PathPattern,
    /// Names of archives that follow each other, one pattern for each series: `["daily_*.tar.gz", "weekly_*.tar.gz"]`.
    /// Each has to match a file. Default: names that differ in dates, times and counters alone are one series.
    #[serde(default)]
    pub(super) series: Vec<NamePattern>,
    /// Members that every archive has to have, with content: patterns such as `*.sql` or `config/*`. Default: none,
    /// but an archive has to hold a file, and a member named as a dump has to have content.
    #[serde(default)]
    pub(super) expect: Vec<NamePattern>,
    /// What tells which archive is the newest: `content` (its manifest, its dumps, the date in its name, its newest
    /// member), `name`, or `written` (the time of the file). Default: `content`.
    #[serde(default)]
    pub(super) newest_by: NewestBy,
    /// How many archives of each series are read whole, the newest first. Default: 1.
    #[serde(default = "one")]
    pub(super) read: Bounded<1, 1000>,
    /// How far the newest one has to be proven: `exists`, `decoded` (every byte unpacked), `manifest` (and equal to
    /// what was written down), `restored` or `started` (by the record of a drill). Default: `decoded`.
    #[serde(default = "decoded", deserialize_with = "level")]
    pub(super) min_level: Level,
    /// The database that the newest backup has to be of, by its manifest or its dump. Default: any.
    #[serde(default)]
    pub(super) database: Option<String>,
    /// The host that its manifest has to name. Default: any.
    #[serde(default)]
    pub(super) host: Option<String>,
    /// The cluster that its manifest has to name, as `pg_controldata` shows it. Default: any.
    #[serde(default)]
    pub(super) system_identifier: Option<String>,
    /// A file that has to be there, which lies on the disk of the backups: without it the disk is not mounted.
    /// Default: none.
    #[serde(default)]
    pub(super) marker: Option<AbsolutePath>,
    /// What a backup is made of: paths that are not to lie on the file system of the backups. Default: none.
    #[serde(default)]
    pub(super) apart_from: Vec<AbsolutePath>,
    /// What the name of a file has in addition that says that an archive is finished, such as `.complete`; an archive
    /// without one is still being written. Default: none is needed.
    #[serde(default)]
    pub(super) complete_suffix: Option<String>,
    /// How long a file that is cut short must not have been written to before it counts as damaged, and no longer as
    /// being written. Default: 10m.
    #[serde(default = "quiet")]
    pub(super) quiet: TimeSpan,
    /// How many bytes an archive may have when it is unpacked. Default: 10TiB.
    #[serde(default = "max_bytes")]
    pub(super) max_bytes: ByteSize,
    /// How many bytes may come out of each packed one, from 16 MiB on. Default: 250.
    #[serde(default = "max_ratio")]
    pub(super) max_ratio: Bounded<2, 1_000_000>,
    /// How many members an archive may have. Default: 5000000.
    #[serde(default = "max_members")]
    pub(super) max_members: Bounded<1, 100_000_000>,
}

fn one() -> Bounded<1, 1000> {
    Bounded(1)
}

fn decoded() -> Level {
    Level::Decoded
}

fn quiet() -> TimeSpan {
    TimeSpan::secs(600)
}

fn max_bytes() -> ByteSize {
    ByteSize(10 << 40)
}

fn max_ratio() -> Bounded<2, 1_000_000> {
    Bounded(250)
}

fn max_members() -> Bounded<1, 100_000_000> {
    Bounded(5_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_word_is_told_the_right_one() {
        let said = |text: &str| {
            let whole = format!("{{\"path\": \"/b\", {text}}}");
            serde_json::from_str::<Config>(&whole).expect_err(text).to_string()
        };
        for (text, words) in [
            ("\"newest-by\": \"date\"", "is `name`, the date in the name"),
            ("\"newest-by\": \"mtime\"", "is `written`, the time of the file, meant?"),
            ("\"newest-by\": \"nam\"", "unknown variant `nam`, expected one of `content`, `name`, `written`"),
            ("\"min-level\": \"checksum\"", "is `manifest` meant?"),
            ("\"min-level\": \"manifests\"", "unknown variant `manifests`"),
            ("\"min-level\": 2", "is `\"manifest\"` meant?"),
            ("\"min-level\": 9", "unknown variant `9`"),
        ] {
            assert!(said(text).contains(words), "{text}: {}", said(text));
        }
        let config: Config =
            serde_json::from_str("{\"path\": \"/b\", \"newest-by\": \"written\", \"min-level\": \"started\"}").unwrap();
        assert_eq!((config.newest_by, config.min_level), (NewestBy::Written, Level::Started));
    }
}
