//! The action `logs-clean`: old logs are deleted, by the age that they have, and never the last one of a log.

pub(super) mod open;
pub(super) mod plan;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use selx_core::action::{Action, Applied, Permit, Plan, Seen};
use selx_core::{Area, ByteSize, Code, Context, Finding, Meta, Result, Share, TimeSpan};
use serde::{Deserialize, Serialize};

use crate::deletion::{Print, Removed, Root, Standing};
use crate::setting::{AbsolutePath, NamePattern};

/// The settings of `logs-clean`. What keeps files has no zero: a floor of none would be none.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The folder, with all that lies in it on the same file system. No link leads to it, it belongs to root or the running
    /// user, and not everybody may write to it.
    pub path: AbsolutePath,
    /// How old a file has to be: its youngest time stamp counts (written, changed, made), and an age of just as much is not
    /// more.
    pub older_than: TimeSpan,
    /// Which files are logs, by their names; what rotation made of one (`x.log.1`, `x.log-20261120.gz`) belongs to it.
    /// Default: `*.log`.
    #[serde(default = "logs")]
    pub names: Vec<NamePattern>,
    /// Files that stay whatever their age: patterns of names or of whole paths. Default: none.
    #[serde(default)]
    pub keep: Vec<NamePattern>,
    /// How many of the newest files of each log stay whatever their age. Default: 1.
    #[serde(default = "one")]
    pub keep_newest: NonZeroU32,
    /// How many files one plan may delete; of more, it deletes none. Default: 1000.
    #[serde(default = "thousand")]
    pub max_files: NonZeroU32,
    /// How many bytes one plan may delete; of more, it deletes none. Default: 10 GiB.
    #[serde(default = "ten_gib")]
    pub max_bytes: ByteSize,
    /// Which share of the logs one plan may delete; of more, it deletes none: a clock that jumped ahead makes all of them
    /// old. Default: 50%.
    #[serde(default = "half")]
    pub max_share: Share,
}

fn logs() -> Vec<NamePattern> {
    NamePattern::try_from("*.log".to_owned()).into_iter().collect()
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

fn thousand() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(999)
}

fn ten_gib() -> ByteSize {
    ByteSize(10 << 30)
}

#[expect(clippy::expect_used, reason = "the text is part of this program, and every test of the kind reads it")]
fn half() -> Share {
    "50%".parse().expect("it is a share")
}

/// One file that is to be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Where it lies, from the folder. Bytes that are no plain ASCII, and `%`, are written as `%` and two digits.
    pub file: String,
    /// By what it is known again.
    pub print: Print,
}

const CODES: &[Code] = &[Code::new(
    "not-deleted",
    "A file that was deleted is there.",
    "The report says of each file what came of it; look who makes such files again.",
)];

/// The action `logs-clean`.
#[derive(Clone, Debug)]
pub struct LogsClean(Config);

impl LogsClean {
    fn root(&self) -> Result<Root> {
        Root::open(Path::new(self.0.path.as_str()))
    }
}

impl Action for LogsClean {
    type Config = Config;
    type Step = Step;
    const META: Meta = Meta::new("logs-clean", Area::Logs, "deletes old logs, and never the newest of one")
        .readme(include_str!("README.md"))
        .sample(include_str!("sample.toml"))
        .codes(CODES)
        .needs("to write to the folder, and to see which files processes have open: root");
    // A file is deleted in no time, and each stands for itself.
    const BATCH: usize = 100;

    fn new(config: Config) -> Self {
        Self(config)
    }

    fn resources(&self) -> Vec<String> {
        vec![format!("files:{}", self.0.path.as_str())]
    }

    async fn places(&self, _: &Context) -> Vec<PathBuf> {
        vec![self.0.path.as_str().into()]
    }

    async fn plan(&self, cx: &Context) -> Result<Plan<Step>> {
        let (config, host, now) = (self.0.clone(), cx.host().clone(), cx.clock().now());
        cx.blocking("looking for old logs", move |cancel| plan::plan(&config, &host, now, cancel)).await
    }

    async fn apply(&self, step: &Step, _: &Permit, _: &Context) -> Result<Applied> {
        let (root, file) = (self.root()?, plan::read(&step.file)?);
        // Its process may have died between moving it and removing it, and another file may have its name since.
        let removed = match root.standing(&file, &step.print)? {
            Standing::Moved => root.remove_moved(&step.print)?,
            _ => root.remove(&file, &step.print)?,
        };
        Ok(match removed {
            Removed::Removed(bytes) => Applied::Changed(format!("deleted, {} free", ByteSize(bytes))),
            Removed::Gone => Applied::Skipped("it is not there any more, and was not deleted by this run".to_owned()),
            Removed::Left(why) => Applied::Skipped(why),
        })
    }

    async fn probe(&self, step: &Step, _: &Context) -> Result<Seen> {
        Ok(match self.root()?.standing(&plan::read(&step.file)?, &step.print)? {
            Standing::There | Standing::Changed | Standing::Renamed => Seen::Before,
            Standing::Gone => Seen::After,
            Standing::Moved => Seen::Partial("it was moved to `.selx-removal` and not yet deleted".to_owned()),
        })
    }

    async fn undo(&self, step: &Step, _: &Permit, _: &Context) -> Result<Applied> {
        let (root, file) = (self.root()?, plan::read(&step.file)?);
        root.restore(&file, &step.print)?;
        Ok(Applied::Changed("put back".to_owned()))
    }

    async fn tidy(&self, _: &Permit, _: &Context) -> Result<()> {
        self.root()?.tidy();
        Ok(())
    }

    async fn verify(&self, done: &[Step], _: &Context) -> Result<Vec<Finding>> {
        let root = self.root()?;
        let mut findings = Vec::new();
        for step in done {
            if root.is_left(&plan::read(&step.file)?, &step.print)? {
                findings.push(Finding::critical("not-deleted", step.file.clone(), "is still there"));
            }
        }
        Ok(findings)
    }
}
