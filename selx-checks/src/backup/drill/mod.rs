//! The action `backup-drill`: the newest backup restored into a server that is made for it and goes with it.
//!
//! Nothing of what runs is touched. The server is a new cluster in a folder of its own that nobody else can enter, run by a user
//! without rights, reached by a socket file in that folder and by nothing else. It ends with selx, whatever ends selx. What
//! was proven, and how long each part took, is written beside the archive as `NAME.proof.json`, which the check
//! `backup-archive` reads.

mod cluster;
mod config;
mod plan;
mod proof;
mod work;

use std::path::PathBuf;

use selx_core::action::{Action, Applied, Permit, Plan, Seen};
use selx_core::{Area, Code, Context, Error, ErrorKind, Finding, Meta, Result};
use serde::{Deserialize, Serialize};

use crate::backup::load::Source;
use crate::backup::made::identity;
use crate::deletion::Root;
pub use config::{Assertion, Config};

/// One drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The archive.
    pub source: Source,
    /// The dumps in it, with their SHA-256.
    pub dumps: Vec<(String, String)>,
    /// When the archive was proven before, by the record beside it.
    pub before: Option<String>,
    /// The folder in which the server gets its own.
    pub scratch: String,
    /// Folders that an earlier drill left, which are removed.
    pub leftovers: Vec<String>,
    /// Who the server runs as, if it is somebody else.
    pub user: Option<(String, u32, u32)>,
    /// The folder and the version of the programs.
    pub programs: (String, u32, String),
}

const CODES: &[Code] = &[Code::new(
    "no-record",
    "The record of the drill is not beside the archive.",
    "Find out who removed it, and whether the archive is still there.",
)];

/// The action `backup-drill`.
#[derive(Clone, Debug)]
pub struct BackupDrill(Config);

impl BackupDrill {
    fn root(&self, cx: &Context) -> Result<Root> {
        Root::open(&cx.host().path(self.0.scratch.as_str()))
    }
}

impl Action for BackupDrill {
    type Config = Config;
    type Step = Step;
    const META: Meta =
        Meta::new("backup-drill", Area::Backup, "restores the newest backup into a server of its own, and compares it")
            .readme(include_str!("README.md"))
            .sample(include_str!("sample.toml"))
            .codes(CODES)
            .needs(
                "to write to `scratch` and beside the archive; the programs of the server, and as root a user for them",
            );

    fn new(config: Config) -> Self {
        Self(config)
    }

    fn resources(&self) -> Vec<String> {
        let archive = self.0.archive.as_ref().map(|path| PathBuf::from(path.as_str()));
        let folder = self.0.folder.as_ref().map(|path| PathBuf::from(path.as_str()));
        let folder = archive.and_then(|path| path.parent().map(PathBuf::from)).or(folder);
        let mut resources = vec![format!("files:{}", self.0.scratch.as_str())];
        resources.extend(folder.map(|folder| format!("files:{}", folder.display())));
        resources
    }

    async fn places(&self, _: &Context) -> Vec<PathBuf> {
        vec![self.0.scratch.as_str().into()]
    }

    async fn plan(&self, cx: &Context) -> Result<Plan<Step>> {
        plan::plan(&self.0, cx).await
    }

    async fn apply(&self, step: &Step, permit: &Permit, cx: &Context) -> Result<Applied> {
        if proof::is_of(step)? {
            return Ok(Applied::AlreadyDone);
        }
        let root = self.root(cx)?;
        for name in cluster::folders(&root)?.iter().filter(|name| step.leftovers.contains(name)) {
            cluster::clear(&root, name, cx).await?;
        }
        let name = cluster::name(&identity(step)?);
        let drilled = work::drill(&self.0, step, &name, permit, cx).await;
        let removed = cluster::clear(&root, &name, cx).await;
        let proof = drilled?;
        removed?;
        let text = proof.words();
        proof.write()?;
        Ok(Applied::Changed(text))
    }

    async fn probe(&self, step: &Step, cx: &Context) -> Result<Seen> {
        let name = cluster::name(&identity(step)?);
        if self.root(cx)?.path().join(&name).exists() {
            return Ok(Seen::Partial(format!("the server of the drill is in `{name}`")));
        }
        Ok(if proof::is_of(step)? { Seen::After } else { Seen::Before })
    }

    async fn undo(&self, step: &Step, _: &Permit, cx: &Context) -> Result<Applied> {
        let name = cluster::name(&identity(step)?);
        cluster::clear(&self.root(cx)?, &name, cx).await?;
        Ok(Applied::Changed(format!("removed `{name}`")))
    }

    async fn verify(&self, done: &[Step], _: &Context) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        for step in done {
            if !proof::is_of(step)? {
                let message = "the record of the drill is not beside it";
                findings.push(Finding::critical("no-record", step.source.path.clone(), message));
            }
        }
        Ok(findings)
    }
}

/// Returns an error of a setting that fits to nothing.
fn config(message: impl Into<String>, advice: &str) -> Error {
    Error::new(ErrorKind::Config, message).advice(advice.to_owned())
}
