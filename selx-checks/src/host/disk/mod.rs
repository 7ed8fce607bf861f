//! The kind `host-disk`: space and inodes of every real file system.

mod judge;
mod probe;
mod select;

use std::fmt;

use schemars::JsonSchema;
use selx_core::{
    Area, Check, Code, Context, Discovery, Judgement, Judging, Limit, Limits, Measure, MeasureDoc, Meta, Proposal,
    Result, Unit,
};
use serde::{Deserialize, Serialize};

use crate::setting::{AbsolutePath, NamePattern};

/// When a file system that cannot be written to is an alarm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReadOnly {
    /// When the kernel made it so after an error, or when it could be written to at the last look.
    #[default]
    IfChanged,
    /// Always.
    Always,
    /// Never.
    Ignore,
}

/// The settings of `host-disk`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    /// Look at these only: mount points, or any path, which stands for the file system that it lies on. A path that
    /// does not exist is critical. Default: every real file system.
    paths: Vec<AbsolutePath>,
    /// Leave these out: patterns of mount points (beginning with `/`) or of types, such as `/media/*` or `nfs*`.
    /// Default: none. It does not hold for what `paths` names.
    exclude: Vec<NamePattern>,
    /// Look at file systems of these types only, such as `ext4` or `tmpfs`; patterns. What is named here is looked at
    /// even if it is left out otherwise, as `tmpfs` is. Default: every type that holds data.
    types: Vec<NamePattern>,
    /// Folders on which something has to be mounted; it is critical if nothing is. Default: none.
    mounted: Vec<AbsolutePath>,
    /// When a file system that cannot be written to is critical: `if-changed` (the kernel made it so after an error,
    /// or it could be written to at the last look), `always`, or `ignore`. Default: `if-changed`.
    read_only: ReadOnly,
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Facts {
    /// The file systems that were looked at, in the order of their mount points.
    pub file_systems: Vec<FileSystem>,
    /// Paths of the settings that do not exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Folders of the settings on which nothing is mounted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_mounted: Vec<String>,
    /// Paths of the settings that could not be followed, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unresolved: Vec<(String, Failure)>,
    /// How many mounts there are that can be reached.
    pub mounts: usize,
}

/// One file system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FileSystem {
    /// Where it is mounted.
    pub point: String,
    /// Its type, such as `ext4`.
    pub kind: String,
    /// What is mounted, such as `/dev/sda1`.
    pub source: String,
    /// Whether it cannot be written to.
    pub read_only: bool,
    /// Whether the kernel made it so, as far as the options tell.
    #[serde(default)]
    pub by_kernel: bool,
    /// Its options, those of the mount and those of the file system.
    #[serde(default)]
    pub options: String,
    /// What it said.
    pub answer: Answer,
}

/// What a file system said when it was asked for its size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Its size and what is free.
    Size(Size),
    /// It has no size, as the file systems of the kernel.
    None,
    /// It could not be asked, or answered with an error.
    Failed(Failure),
}

/// Sizes in bytes and numbers of inodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Size {
    /// The bytes of the whole file system.
    pub bytes: u64,
    /// The bytes that are not in use.
    pub free: u64,
    /// The bytes that users other than root may still use.
    pub available: u64,
    /// The number of inodes; 0 where the file system has no fixed number.
    pub inodes: u64,
    /// The inodes that users other than root may still use.
    pub inodes_available: u64,
    /// The inodes that are not in use.
    pub inodes_free: u64,
}

/// Why a file system has not told its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Failure {
    /// What sort.
    pub kind: FailureKind,
    /// The words of the system.
    pub text: String,
}

/// The sorts of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// It did not answer in its share of the time.
    NoAnswer,
    /// It answered with an error of its own: input and output, a stale handle, a connection that ended.
    Broken,
    /// This process may not look, or does not see it.
    NotReadable,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// The check.
pub struct HostDisk {
    config: Config,
}

impl Check for HostDisk {
    type Config = Config;
    type Facts = Facts;
    const META: Meta = Meta::new("host-disk", Area::Host, "space and inodes of every real file system")
        .readme(include_str!("README.md"))
        .sample(include_str!("sample.toml"))
        .codes(&[
            Code::new(
                "file-system-error",
                "The file system answered with an error instead of its size.",
                "Look at the kernel log (`dmesg`) and at the disk or the server behind it, then mount it again.",
            ),
            Code::new(
                "missing-path",
                "A path of the settings does not exist.",
                "Find out who removed it, or correct `paths`.",
            ),
            Code::new(
                "no-answer",
                "The file system did not answer in time, as a network file system whose server is gone.",
                "Look whether its server runs and can be reached; `umount -f -l` frees a mount that stays away.",
            ),
            Code::new(
                "no-size",
                "What `paths` names lies on a file system that has no size.",
                "Name a path on a disk.",
            ),
            Code::new(
                "not-mounted",
                "Nothing is mounted on a folder on which something has to be.",
                "Mount it; look at the kernel log and at `/etc/fstab` if it was there before.",
            ),
            Code::new(
                "not-readable",
                "The file system could not be asked for its size.",
                "Give selx the right to reach the mount point, or leave it out by `exclude`.",
            ),
            Code::new(
                "nothing-selected",
                "No file system is left to be looked at.",
                "Loosen `types` and `exclude`, or name `paths`; in a sandbox, let selx see the mounts.",
            ),
            Code::new(
                "read-only",
                "The file system cannot be written to any more.",
                "Look for disk errors in the kernel log, save what is there, check the file system, then mount it again.",
            ),
        ])
        .measures(&[
            MeasureDoc::new(
                "used",
                Unit::Bytes,
                "space in use, of what users can use at all",
                "Find what grew (`du -x`), and remove or move it; a file that was deleted and is still open frees nothing \
                 until its program ends (`lsof +L1`).",
            ),
            MeasureDoc::new(
                "available",
                Unit::Bytes,
                "space that users other than root may still use",
                "Free space or enlarge the file system.",
            ),
            MeasureDoc::new(
                "inodes",
                Unit::Count,
                "inodes in use, which files need as they need space",
                "Find the folder with the many small files (`du --inodes -x`) and remove them; more inodes need a new \
                 file system.",
            ).called("inodes used"),
        ]);

    fn new(config: Config) -> Self {
        Self { config }
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        cx.within("asking the file systems", probe::look(&self.config, cx)).await?
    }

    fn judge(&self, facts: &Facts, cx: &Judging<Facts>) -> Judgement {
        judge::judge(facts, cx.previous.as_ref().map(|previous| &previous.facts), self.config.read_only)
    }

    fn measure(&self, facts: &Facts, _: &Judging<Facts>) -> Vec<Measure> {
        judge::measure(facts)
    }

    fn limits(&self) -> Limits {
        Limits::default()
            .set("used", Limit::new(Unit::Bytes, "75%", "85%"))
            .set("inodes", Limit::new(Unit::Count, "75%", "85%"))
    }

    async fn discover(cx: &Context) -> Discovery {
        match probe::table(cx) {
            Err(error) => Discovery::Unclear(error.to_string()),
            Ok(table) => {
                let found = select::automatic(&Config::default(), &table.list);
                let points: Vec<&str> = found.iter().take(5).map(|mount| mount.point.as_str()).collect();
                if points.is_empty() {
                    return Discovery::Absent("no file system that holds data is mounted".into());
                }
                let more = found.len() - points.len();
                let more = if more == 0 { String::new() } else { format!(" and {more} more") };
                let reason = format!("mounted: {}{more}", points.join(", "));
                Discovery::Found(vec![Proposal::new("local", reason, "")])
            }
        }
    }
}
