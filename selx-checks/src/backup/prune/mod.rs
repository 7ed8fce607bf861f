//! The action `backup-prune`: backups go by rules over those that are proven, never the newest good one, and in two phases.

mod config;
mod plan;
mod proofs;
mod retention;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use selx_core::action::{Action, Applied, Permit, Plan, Seen};
use selx_core::format::is_unfinished;
use selx_core::{Area, ByteSize, Code, Context, Error, Finding, Meta, Result};
use serde::{Deserialize, Serialize};

pub use config::{Config, Floor};

use crate::deletion::{Print, Removed, Root, Standing};
use plan::Look;
use proofs::Proofs;

/// Where backups lie that are to go.
const TRASH: &str = ".selx-trash";

/// What happens to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Does {
    /// It is moved into `.selx-trash`.
    SetAside,
    /// It is deleted from there.
    Delete,
}

/// One file that is set aside, or deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Where it lies, from the folder.
    pub file: String,
    /// By what it is known again.
    pub print: Print,
    /// What happens to it.
    pub does: Does,
}

const CODES: &[Code] = &[
    Code::new(
        "not-set-aside",
        "A backup that was set aside, or deleted, is where it was.",
        "The report says of each file what came of it; look who writes to the folder.",
    ),
    Code::new(
        "none-left",
        "There is no backup in the folder any more.",
        "What was set aside lies in `.selx-trash`: move it back, and find out who took the others.",
    ),
];

/// The action `backup-prune`.
#[derive(Debug)]
pub struct BackupPrune {
    config: Config,
    proofs: Arc<Mutex<Proofs>>,
}

impl BackupPrune {
    fn folder(&self, cx: &Context) -> PathBuf {
        cx.host().path(self.config.folder.as_str())
    }

    fn root(&self) -> Result<Root> {
        Root::open(Path::new(self.config.folder.as_str()))
    }

    /// Returns where a file lies that was set aside.
    fn aside(step: &Step) -> PathBuf {
        Path::new(TRASH).join(&step.file)
    }

    fn seen(&self, step: &Step) -> Result<Seen> {
        let root = self.root()?;
        let file = Path::new(&step.file);
        let before = root.standing(file, &step.print)?;
        Ok(match (step.does, before) {
            (_, Standing::There | Standing::Changed | Standing::Renamed) => Seen::Before,
            (Does::Delete, Standing::Gone) => Seen::After,
            (Does::Delete, Standing::Moved) => {
                Seen::Partial("it was moved to `.selx-removal` and not yet deleted".to_owned())
            }
            (Does::SetAside, Standing::Moved) => Seen::Unknown("it is in `.selx-removal`".to_owned()),
            (Does::SetAside, Standing::Gone) => match root.standing(&Self::aside(step), &step.print)? {
                Standing::There => Seen::After,
                _ => Seen::Unknown("it is neither where it was nor where it was to be moved".to_owned()),
            },
        })
    }
}

impl Action for BackupPrune {
    type Config = Config;
    type Step = Step;
    const META: Meta =
        Meta::new("backup-prune", Area::Backup, "lets old backups go, and never the newest good one or below a floor")
            .readme(include_str!("README.md"))
            .sample(include_str!("sample.toml"))
            .codes(CODES)
            .needs("to read the backups and to write to their folder");
    const BATCH: usize = 1;

    fn new(config: Config) -> Self {
        Self { config, proofs: Arc::default() }
    }

    fn resources(&self) -> Vec<String> {
        vec![format!("files:{}", self.config.folder.as_str())]
    }

    async fn places(&self, _: &Context) -> Vec<PathBuf> {
        vec![self.config.folder.as_str().into()]
    }

    async fn plan(&self, cx: &Context) -> Result<Plan<Step>> {
        let look = Look {
            config: self.config.clone(),
            host: cx.host().clone(),
            now: cx.clock().now(),
            proofs: Arc::clone(&self.proofs),
            extent: Arc::clone(cx.extent()),
        };
        let folder = self.folder(cx);
        cx.blocking("looking at the backups", move |cancel| {
            look.proofs.lock().unwrap_or_else(PoisonError::into_inner).read(&folder, look.now);
            plan::plan(&look, cancel)
        })
        .await
    }

    async fn apply(&self, step: &Step, _: &Permit, _: &Context) -> Result<Applied> {
        let (root, file) = (self.root()?, Path::new(&step.file));
        if step.does == Does::SetAside {
            return Ok(match root.set_aside(file, &step.print, TRASH)? {
                Ok(()) => Applied::Changed(format!("set aside in `{TRASH}`")),
                Err(_) if self.seen(step)? == Seen::After => Applied::AlreadyDone,
                Err(Removed::Left(why)) => Applied::Skipped(why),
                Err(_) => Applied::Skipped("it is not there any more".to_owned()),
            });
        }
        let removed = match root.standing(file, &step.print)? {
            Standing::Moved => root.remove_moved(&step.print)?,
            _ => root.remove(file, &step.print)?,
        };
        Ok(match removed {
            Removed::Removed(bytes) => Applied::Changed(format!("deleted, {} free", ByteSize(bytes))),
            Removed::Gone => Applied::Skipped("it is not there any more, and was not deleted by this run".to_owned()),
            Removed::Left(why) => Applied::Skipped(why),
        })
    }

    async fn probe(&self, step: &Step, _: &Context) -> Result<Seen> {
        self.seen(step)
    }

    async fn undo(&self, step: &Step, _: &Permit, _: &Context) -> Result<Applied> {
        let (root, file) = (self.root()?, Path::new(&step.file));
        match step.does {
            Does::SetAside => root.bring_back(file, file.file_name().unwrap_or(OsStr::new("")), TRASH)?,
            Does::Delete => root.restore(file, &step.print)?,
        }
        Ok(Applied::Changed("put back".to_owned()))
    }

    async fn tidy(&self, _: &Permit, cx: &Context) -> Result<()> {
        let root = self.root()?;
        root.tidy();
        root.remove_empty(TRASH);
        // What a run that died left of writing its proofs.
        for entry in crate::ground::entries(root.path()).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| is_unfinished(name, proofs::NAME)) {
                root.remove_own(Path::new(&name))?;
            }
        }
        self.proofs.lock().unwrap_or_else(PoisonError::into_inner).write(&self.folder(cx))
    }

    async fn verify(&self, done: &[Step], cx: &Context) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        for step in done {
            if self.seen(step)? != Seen::After {
                findings.push(Finding::critical("not-set-aside", step.file.clone(), "is where it was"));
            }
        }
        let folder = self.folder(cx);
        let failed = |error| Error::from_io(error, format!("`{}`", folder.display()));
        let mut left = 0_u64;
        for entry in crate::ground::entries(&folder).map_err(failed)? {
            left += u64::from(
                entry.map_err(failed)?.file_name().to_str().is_some_and(|name| self.config.archives.matches(name)),
            );
        }
        if left == 0 {
            let shown = folder.display().to_string();
            findings.push(Finding::critical("none-left", shown, "holds no backup any more"));
        }
        Ok(findings)
    }
}
