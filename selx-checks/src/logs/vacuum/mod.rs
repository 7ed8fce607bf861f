//! The action `journal-vacuum`: closed files of systemd's journal are deleted, by the age of their newest entry.
//!
//! `journalctl --vacuum-time=30d` goes by the *first* entry of a file: one that was begun 31 days ago and closed an hour ago is
//! deleted, with the entries of this morning. It also says afterwards, and not before, what it deletes. So the files are
//! deleted here by ourselves, each exactly as it was shown, and a file goes only when its last entry is old enough. The journal
//! copes with that: closed files are read where they are there, and are never written again.
//!
//! - The last seven days of the journal stay, whatever is set, and so does what the current boot wrote unless `keep-boot` is
//!   false. Ages are counted from the newest entry if that is older than now: the journal of a host whose journal stopped
//!   a month ago is not emptied by a clock.
//! - The file that is being written cannot be deleted. Where it has entries that are too old, the plan says so, and with
//!   `rotate` it is closed first (`journalctl --rotate`); what was closed is looked at by the next plan.
//! - A file whose head is not understood stays, and is told: it may be of a newer systemd.

mod file;
mod plan;
mod rotate;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use selx_core::action::{Action, Applied, Permit, Plan, Seen};
use selx_core::{Area, ByteSize, Code, Context, Finding, Meta, Result, Share, TimeSpan};
use serde::{Deserialize, Deserializer, Serialize};

use crate::deletion::{Print, Removed, Root, Standing};
use crate::logs::clean::plan::{read, written};
use crate::setting::AbsolutePath;

/// What of the journal stays whatever is set.
pub(super) const FLOOR: Duration = Duration::from_secs(7 * 86_400);
/// The age where nothing is set.
const MONTH: TimeSpan = TimeSpan::secs(30 * 86_400);
/// The least size that can be kept: a journal has files of 8 MiB.
const LEAST_SIZE: ByteSize = ByteSize(8 << 20);

/// The settings of `journal-vacuum`. What keeps files has no zero: a floor of none would be none.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The folder of the journal. Default: `/var/log/journal`.
    #[serde(default = "journal")]
    pub folder: AbsolutePath,
    /// How old the newest entry of a closed file has to be, at least seven days. Default: 30d, and none if `keep-size` is
    /// set.
    #[serde(default, deserialize_with = "age")]
    pub older_than: Option<TimeSpan>,
    /// How much the whole journal may take; the oldest closed files go until it does not take more. 8 MiB at least. Default:
    /// none.
    #[serde(default, deserialize_with = "size")]
    pub keep_size: Option<ByteSize>,
    /// Whether the file that is being written is closed first, where it has entries that are too old. Default: false.
    #[serde(default)]
    pub rotate: bool,
    /// Whether files stay that hold entries of the current boot. Default: true.
    #[serde(default = "yes")]
    pub keep_boot: bool,
    /// How many files one plan may delete; of more, it deletes none. Default: 1000.
    #[serde(default = "thousand")]
    pub max_files: NonZeroU32,
    /// How many bytes one plan may delete; of more, it deletes none. Default: 50 GiB.
    #[serde(default = "fifty_gib")]
    pub max_bytes: ByteSize,
    /// Which share of the closed files one plan may delete; of more, it deletes none. Default: 80%.
    #[serde(default = "most")]
    pub max_share: Share,
}

impl Config {
    /// Returns the age that is meant, if one is.
    fn age(&self) -> Option<TimeSpan> {
        self.older_than.or_else(|| self.keep_size.is_none().then_some(MONTH))
    }
}

#[expect(clippy::expect_used, reason = "the text is part of this program, and every test of the kind reads it")]
fn journal() -> AbsolutePath {
    AbsolutePath::try_from("/var/log/journal".to_owned()).expect("it is a path")
}

fn age<'de, D: Deserializer<'de>>(from: D) -> Result<Option<TimeSpan>, D::Error> {
    let age = TimeSpan::deserialize(from)?;
    if age.get() < FLOOR {
        return Err(serde::de::Error::custom(format!("`older-than` is at least 7d, not {age}")));
    }
    Ok(Some(age))
}

fn size<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ByteSize>, D::Error> {
    let size = ByteSize::deserialize(from)?;
    if size < LEAST_SIZE {
        return Err(serde::de::Error::custom(format!("`keep-size` is at least {LEAST_SIZE}, not {size}")));
    }
    Ok(Some(size))
}

fn yes() -> bool {
    true
}

fn thousand() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(999)
}

fn fifty_gib() -> ByteSize {
    ByteSize(50 << 30)
}

#[expect(clippy::expect_used, reason = "the text is part of this program, and every test of the kind reads it")]
fn most() -> Share {
    "80%".parse().expect("it is a share")
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// The file that is being written is closed, and another one begun.
    Rotate {
        /// Where it lies, from the folder.
        file: String,
        /// Its number on its file system.
        inode: u64,
    },
    /// A closed file is deleted.
    Delete {
        /// Where it lies, from the folder. Bytes that are no plain ASCII, and `%`, are written as `%` and two digits.
        file: String,
        /// By what it is known again.
        print: Print,
    },
}

const CODES: &[Code] = &[
    Code::new(
        "not-deleted",
        "A file of the journal that was deleted is there.",
        "The report says of each file what came of it.",
    ),
    Code::new(
        "not-rotated",
        "The file that was to be closed is still being written.",
        "Look at `systemctl status systemd-journald`.",
    ),
];

/// The action `journal-vacuum`.
#[derive(Clone, Debug)]
pub struct JournalVacuum(Config);

impl JournalVacuum {
    fn root(&self, cx: &Context) -> Result<Root> {
        Root::open(&cx.host().path(Path::new(self.0.folder.as_str())))
    }
}

impl Action for JournalVacuum {
    type Config = Config;
    type Step = Step;
    const META: Meta = Meta::new("journal-vacuum", Area::Logs, "deletes old files of the journal of systemd")
        .readme(include_str!("README.md"))
        .sample(include_str!("sample.toml"))
        .codes(CODES)
        .needs("to write to the folder of the journal: root");

    fn new(config: Config) -> Self {
        Self(config)
    }

    fn resources(&self) -> Vec<String> {
        vec![format!("files:{}", self.0.folder.as_str())]
    }

    async fn places(&self, _: &Context) -> Vec<PathBuf> {
        vec![self.0.folder.as_str().into()]
    }

    async fn plan(&self, cx: &Context) -> Result<Plan<Step>> {
        let (config, host, now) = (self.0.clone(), cx.host().clone(), cx.clock().now());
        cx.blocking("looking at the journal", move |cancel| plan::plan(&config, &host, now, cancel)).await
    }

    async fn apply(&self, step: &Step, permit: &Permit, cx: &Context) -> Result<Applied> {
        let root = self.root(cx)?;
        let (file, print) = match step {
            Step::Rotate { file, inode } => return rotate::apply(&root, file, *inode, permit, cx).await,
            Step::Delete { file, print } => (read(file)?, print),
        };
        // Its process may have died between moving it and removing it.
        let removed = match root.standing(&file, print)? {
            Standing::Moved => root.remove_moved(print)?,
            _ => root.remove(&file, print)?,
        };
        Ok(match removed {
            Removed::Removed(bytes) => Applied::Changed(format!("deleted, {} free", ByteSize(bytes))),
            Removed::Gone => Applied::Skipped("it is not there any more, and was not deleted by this run".to_owned()),
            Removed::Left(why) => Applied::Skipped(why),
        })
    }

    async fn probe(&self, step: &Step, cx: &Context) -> Result<Seen> {
        let root = self.root(cx)?;
        let (file, print) = match step {
            Step::Rotate { file, inode } => return rotate::probe(&root, file, *inode),
            Step::Delete { file, print } => (read(file)?, print),
        };
        Ok(match root.standing(&file, print)? {
            Standing::There | Standing::Changed | Standing::Renamed => Seen::Before,
            Standing::Gone => Seen::After,
            Standing::Moved => Seen::Partial("it was moved to `.selx-removal` and not yet deleted".to_owned()),
        })
    }

    async fn undo(&self, step: &Step, _: &Permit, cx: &Context) -> Result<Applied> {
        match step {
            Step::Rotate { .. } => {
                Ok(Applied::Skipped("a file that was closed stays closed; nothing is lost".to_owned()))
            }
            Step::Delete { file, print } => {
                self.root(cx)?.restore(&read(file)?, print)?;
                Ok(Applied::Changed("put back".to_owned()))
            }
        }
    }

    async fn tidy(&self, _: &Permit, cx: &Context) -> Result<()> {
        self.root(cx)?.tidy();
        Ok(())
    }

    async fn verify(&self, done: &[Step], cx: &Context) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        for step in done {
            if self.probe(step, cx).await? == Seen::After {
                continue;
            }
            findings.push(match step {
                Step::Rotate { file, .. } => {
                    Finding::warning("not-rotated", written(Path::new(file)), "is still written")
                }
                Step::Delete { file, .. } => Finding::critical("not-deleted", file.clone(), "is still there"),
            });
        }
        Ok(findings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_and_the_floors() {
        let file: toml::Table = include_str!("sample.toml").parse().unwrap();
        let config: Config = file["action"]["journal-vacuum"]["host"]["with"].clone().try_into().unwrap();
        assert_eq!(config.age(), Some(MONTH));
        let read = |text: &str| serde_json::from_str::<Config>(text);
        assert_eq!(read("{}").unwrap().age(), Some(MONTH));
        assert_eq!(read(r#"{"keep-size":"1GiB"}"#).unwrap().age(), None);
        assert!(read(r#"{"older-than":"7d"}"#).is_ok());
        for wrong in [r#"{"older-than":"6d"}"#, r#"{"keep-size":"0"}"#, r#"{"max-files":0}"#, r#"{"days":30}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
