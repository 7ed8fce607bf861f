//! The kind `logs-sizes`: how large logs are, which grow, and who writes them.

mod judge;
mod probe;
mod writers;

use schemars::JsonSchema;
use selx_core::{Area, Check, Code, Context, Judgement, Judging, Measure, MeasureDoc, Meta, Result, Unit};
use serde::{Deserialize, Serialize};

use crate::setting::{AbsolutePath, NamePattern};

/// How many files are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct Top(usize);

impl Default for Top {
    fn default() -> Self {
        Self(20)
    }
}

impl TryFrom<u64> for Top {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        match usize::try_from(number) {
            Ok(number) if (1..=1_000).contains(&number) => Ok(Self(number)),
            _ => Err(format!("{number} is not between 1 and 1000")),
        }
    }
}

impl JsonSchema for Top {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Top".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "minimum": 1, "maximum": 1000 })
    }
}

/// The settings of `logs-sizes`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    /// The folders, with all that lies in them on the same file system. Default: `/var/log`, and the logs of containers in
    /// `/var/lib/docker/containers` if they are there.
    paths: Vec<AbsolutePath>,
    /// Leave these files out: patterns of names or of whole paths. Default: none.
    exclude: Vec<NamePattern>,
    /// How many of the largest files are told. Default: 20.
    top: Top,
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Facts {
    /// The folders that were looked through.
    pub folders: Vec<FolderSeen>,
    /// The largest files of all folders, the largest first, by the space they take.
    pub largest: Vec<FileSeen>,
    /// Files that were removed while a program still writes to them: their space is not free.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<FileSeen>,
    /// Folders that could not be looked through, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<(String, String)>,
    /// Folders of the settings that do not exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Why not everything was looked at, if a limit was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// How many processes did not let us see what they write to.
    #[serde(default)]
    pub closed_processes: u64,
}

/// A folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FolderSeen {
    /// Its path.
    pub path: String,
    /// Another of the folders, in which this one lies: there its files are counted as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<String>,
    /// The space that its files take, in bytes.
    pub bytes: u64,
    /// How many files there are.
    pub files: u64,
}

/// A file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FileSeen {
    /// Its path.
    pub path: String,
    /// Its inode.
    pub inode: u64,
    /// The space that it takes, in bytes.
    pub bytes: u64,
    /// How long it is, in bytes; more than the space if it has holes.
    pub length: u64,
    /// When it was written last.
    pub written: Option<jiff::Timestamp>,
    /// The processes that have it open for writing: their number and name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writers: Vec<(u32, String)>,
}

/// How large logs are.
#[derive(Debug)]
pub struct LogsSizes(Config);

impl Check for LogsSizes {
    type Config = Config;
    type Facts = Facts;

    const META: Meta = Meta::new("logs-sizes", Area::Logs, "the largest logs, how fast they grow, and who writes them")
        .readme(include_str!("README.md"))
        .sample(include_str!("sample.toml"))
        .routines(&["weekly"])
        .needs("to look into the folders, and at what processes write to: root")
        .codes(&[
            Code::new(
                "missing-path",
                "A folder of the settings does not exist.",
                "Correct `paths`, or see why the folder is gone.",
            ),
            Code::new(
                "not-readable",
                "A folder could not be looked through.",
                "Run selx as root, or as a user who may look into it.",
            ),
            Code::new(
                "hidden-writers",
                "Processes of other users did not show what they write to.",
                "Run selx as root to see who writes each file, and files that were removed and still take their space.",
            ),
            Code::new("limit", "A limit was reached before everything was looked at.", "Narrow `paths`."),
            Code::new(
                "removed",
                "A file was removed while a program still writes to it, so its space is not free.",
                "Make the program open its log again (a reload, as a rule), or restart it.",
            ),
        ])
        .measures(&[
            MeasureDoc::new(
                "total",
                Unit::Bytes,
                "space that the files of a folder take",
                "Rotate the largest ones, and see what makes them grow.",
            ),
            MeasureDoc::new(
                "growth",
                Unit::BytesPerSecond,
                "growth of a folder since the last look; less than 0 where files were removed",
                "See which file grew with `-v`, and what its program complains of.",
            ),
            MeasureDoc::new(
                "largest",
                Unit::Bytes,
                "space that the largest file takes",
                "Rotate it, or have it rotated by size.",
            ),
        ]);

    fn new(config: Config) -> Self {
        Self(config)
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        probe::probe(&self.0, cx).await
    }

    fn judge(&self, facts: &Facts, cx: &Judging<Facts>) -> Judgement {
        judge::judge(facts, cx)
    }

    fn measure(&self, facts: &Facts, cx: &Judging<Facts>) -> Vec<Measure> {
        judge::measure(facts, cx)
    }
}
