//! The settings of `backup-archive`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use selx_core::{ByteSize, TimeSpan};
use serde::Deserialize;

use super::facts::Level;
use crate::setting::{AbsolutePath, NamePattern, PathPattern};

/// What tells which archive is the newest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NewestBy {
    /// Its manifest, its dumps, the date in its name, its newest member, the time of the file: the first that there is.
    #[default]
    Content,
    /// The date in its name, or the time of the file.
    Name,
    /// The time of the file.
    Written,
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
    /// Each has to match a file. Default: names that differ in numbers and dates alone are one series.
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
    #[serde(default = "decoded")]
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
