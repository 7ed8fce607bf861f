//! The action `backup-create`: databases and files in one archive, which has its name only once it was read back whole.
//!
//! The archive is one stream of tar in zstd. Its first member is `manifest.json`, with the checksum of every other one, the
//! rows of every table in the snapshot of its dump, and what step made it. Nothing is put down anywhere else meanwhile: a
//! dump goes from `pg_dump` into the archive, also where it is larger than the free disk. The archive is written under the
//! name `.NAME.partial`, brought to the disk, read back as the check `backup-archive` reads it, and renamed.
//!
//! **After a kill**, it is known by what is in it whether a step was done. A step names the newest archive that was there
//! when it was planned, so that no two steps that were done are the same; its hash is in the manifest of what it made. An
//! archive with that hash under a finished name is what the step made; anything under a partial name is not finished,
//! and is removed. Nobody else makes archives there meanwhile: the folder is locked.

mod apply;
mod config;
mod database;
mod files;
mod found;
mod frames;
mod packing;
mod place;
mod plan;
mod tar;
mod volumes;

use std::path::PathBuf;

use selx_core::action::{Action, Applied, Permit, Plan, Seen};
use selx_core::{Area, Code, Context, Finding, Meta, Result};
use serde::{Deserialize, Serialize};

pub use config::{Config, Prefix, Volume};
use place::Place;

/// One archive that is to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The folder.
    pub folder: String,
    /// Its number on its file system: where its disk is not mounted, it has another one.
    pub inode: u64,
    /// The newest archive of this name that is there before.
    pub newest: Option<String>,
    /// Archives that an earlier run left unfinished, which are removed.
    pub leftovers: Vec<String>,
    /// The server, as `pg_controldata` shows it.
    pub system: String,
    /// Its major version.
    pub server: u32,
    /// The `pg_dump` that is used.
    pub program: String,
    /// Its version.
    pub by: String,
    /// The databases, by their names and numbers.
    pub databases: Vec<(String, u32)>,
}

const CODES: &[Code] = &[Code::new(
    "not-there",
    "The archive that was made is not in its folder.",
    "Find out who removed or renamed it, and make another one.",
)];

/// The action `backup-create`.
#[derive(Clone, Debug)]
pub struct BackupCreate(Config);

impl Action for BackupCreate {
    type Config = Config;
    type Step = Step;
    const META: Meta =
        Meta::new("backup-create", Area::Backup, "puts databases and files into one archive, and reads it back whole")
            .readme(include_str!("README.md"))
            .sample(include_str!("sample.toml"))
            .codes(CODES)
            .needs("a role that may read all tables; to read the files, and to write to the folder of the archives");

    fn new(config: Config) -> Self {
        Self(config)
    }

    fn resources(&self) -> Vec<String> {
        vec![format!("files:{}", self.0.place()), format!("backup:{}", self.0.server().target)]
    }

    async fn places(&self, _: &Context) -> Vec<PathBuf> {
        vec![self.0.place().into()]
    }

    async fn plan(&self, cx: &Context) -> Result<Plan<Step>> {
        plan::plan(&self.0, cx).await
    }

    async fn apply(&self, step: &Step, permit: &Permit, cx: &Context) -> Result<Applied> {
        apply::apply(&self.0, step, permit, cx).await
    }

    async fn probe(&self, step: &Step, cx: &Context) -> Result<Seen> {
        let place = Place::open(&self.0, cx.host())?;
        found::probe(place, step, cx).await
    }

    async fn undo(&self, step: &Step, _: &Permit, cx: &Context) -> Result<Applied> {
        let place = Place::open(&self.0, cx.host())?;
        found::is_there(&place, step)?;
        let mut removed = found::by_step(&place, step)?.into_iter().collect::<Vec<_>>();
        // Those that were there before are named in the plan, and taken away by the step alone.
        removed.extend(place.look()?.1.into_iter().filter(|name| !step.leftovers.contains(name)));
        for name in &removed {
            place.remove(name)?;
        }
        Ok(Applied::Changed(format!("removed {}", removed.join(", "))))
    }

    async fn verify(&self, done: &[Step], cx: &Context) -> Result<Vec<Finding>> {
        let place = Place::open(&self.0, cx.host())?;
        let mut findings = Vec::new();
        for step in done {
            if found::by_step(&place, step)?.is_none() {
                let message = "the archive that was made is not there";
                findings.push(Finding::critical("not-there", step.folder.clone(), message));
            }
        }
        Ok(findings)
    }
}
