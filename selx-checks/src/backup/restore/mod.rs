//! The action `backup-restore`: a database out of an archive, beside the one that is there, and then in its place.
//!
//! 1. **Load.** The dump is restored into a database of its own, in one transaction, and its rows are compared with those of
//!    the snapshot that the archive knows. What is there now goes on meanwhile, untouched.
//! 2. **Swap.** In one transaction the database that is there gets another name, and the new one gets its name. There is no
//!    moment without one, whoever dies when. The old one is kept.
//!
//! Both are known again by the comment of the database, which holds the hash of what was planned and says whether all of it
//! was loaded and compared; a comment goes with its database, whatever that is called.

mod config;
mod plan;
mod swap;

use std::path::PathBuf;

use selx_core::action::{Action, Applied, Permit, Plan, Seen};
use selx_core::{Area, Code, Context, Error, ErrorKind, Finding, Meta, Result};
use serde::{Deserialize, Serialize};

use crate::backup::load::{self, Load, Source};
use crate::backup::made::{Dumped, Locale};
use crate::backup::programs::Programs;
use crate::postgres::maintenance::place;
use crate::postgres::talk::{Login, Talk};
use crate::postgres::{Name, Server};
pub use config::Config;

/// Which databases a step is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The server, as `pg_controldata` shows it.
    pub system: String,
    /// The database that has the content afterwards.
    pub into: String,
    /// The number of the one that has the name now, if there is one.
    pub oid: Option<u32>,
    /// What the new one is called while it is loaded.
    pub scratch: String,
    /// What the old one is called afterwards.
    pub old: String,
    /// A hash over what is restored to where, by which the new one is known again.
    pub identity: String,
}

/// What is loaded, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loading {
    /// Which databases.
    pub about: About,
    /// The archive.
    pub source: Source,
    /// The dump in it.
    pub member: String,
    /// Its SHA-256.
    pub sum: String,
    /// By what the new database orders texts.
    pub locale: Locale,
    /// The role that owns the new database, if it is not the one that restores.
    pub owner: Option<String>,
    /// The folder and the version of the programs.
    pub programs: (String, u32, String),
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The dump is loaded into a database of its own, and compared.
    Load(Box<Loading>),
    /// The new database gets the name.
    Swap(About),
}

impl Step {
    fn about(&self) -> &About {
        match self {
            Self::Load(loading) => &loading.about,
            Self::Swap(about) => about,
        }
    }
}

const CODES: &[Code] = &[Code::new(
    "not-restored",
    "The database is not the one that was restored.",
    "Look at the comments of the databases (`\\l+`): the restored one says from which archive it is.",
)];

/// The action `backup-restore`.
#[derive(Clone, Debug)]
pub struct BackupRestore(Config);

impl BackupRestore {
    /// Opens a session beside the databases that it is about.
    async fn talk(&self, cx: &Context) -> Result<Talk> {
        let session = self.0.session();
        Talk::open(&Server { database: session.as_ref(), ..self.0.server() }, cx).await
    }

    /// The same, and makes sure that it is the server of the plan.
    async fn planned(&self, about: &About, cx: &Context) -> Result<Talk> {
        let mut talk = self.talk(cx).await?;
        if swap::system(&mut talk, cx).await? == about.system {
            return Ok(talk);
        }
        Err(Error::new(ErrorKind::Local, "the server is another one than when the plan was made"))
    }

    /// Loads the dump and compares it.
    async fn load(&self, loading: &Loading, permit: &Permit, cx: &Context) -> Result<Applied> {
        let Loading { about, source, member, sum, locale, owner, programs } = loading;
        load::is_same(source, cx).await?;
        let mut talk = self.planned(about, cx).await?;
        let seen = swap::look(&mut talk, about, cx).await?;
        if seen.is_loaded() {
            return Ok(Applied::AlreadyDone);
        }
        if seen.scratch.is_some() {
            let message = format!("there is a database `{}` already", about.scratch);
            return Err(Error::new(ErrorKind::Local, message).advice("an earlier run left it: drop it"));
        }
        swap::create(&mut talk, about, locale, owner.as_deref(), cx).await?;
        let dumped = dumped(source, member)?;
        let (folder, major, version) = programs.clone();
        let programs = Programs { folder: folder.into(), major, version };
        let without_owners = self.0.without_owners;
        let load = Load { source, member, sum, programs: &programs, without_owners, is_apart: false };
        let login = Login::of(&self.0.server(), cx).await?;
        let loaded = load.run(&login, &about.scratch, permit, cx).await;
        loaded.map_err(|error| load::into_older(error, &talk.version(), &dumped))?;
        let scratch = Name::new(&about.scratch).map_err(|error| Error::new(ErrorKind::Bug, error))?;
        let mut inside = Talk::open(&Server { database: Some(&scratch), ..self.0.server() }, cx).await?;
        let (tables, rows) = load::compare(&mut inside, &dumped, cx).await?;
        // Without it the first queries of the product would be slow.
        inside.say("ANALYZE", cx).await?;
        inside.end(cx).await;
        swap::complete(&mut talk, about, source, cx).await?;
        talk.end(cx).await;
        Ok(Applied::Changed(match tables {
            0 => format!("loaded into `{}`; the archive does not say how many rows there are to be", about.scratch),
            _ => format!("loaded into `{}`: {tables} tables with {rows} rows, as in the snapshot", about.scratch),
        }))
    }
}

/// Reads what the archive says of a dump.
fn dumped(source: &Source, member: &str) -> Result<Dumped> {
    let manifest = crate::backup::archive::whole::manifest(std::path::Path::new(&source.path))?;
    let made = manifest.and_then(|manifest| serde_json::from_value::<crate::backup::made::Made>(manifest.selx?).ok());
    let dumped = made.and_then(|mut made| made.dumps.remove(member));
    dumped.ok_or_else(|| Error::new(ErrorKind::Local, format!("`{}` does not say what `{member}` is", source.path)))
}

impl Action for BackupRestore {
    type Config = Config;
    type Step = Step;
    const META: Meta =
        Meta::new("backup-restore", Area::Backup, "restores a database beside the one that is there, and swaps them")
            .readme(include_str!("README.md"))
            .sample(include_str!("sample.toml"))
            .codes(CODES)
            .needs("a role that may make databases and owns the one that is there; to read the archive");

    fn new(config: Config) -> Self {
        Self(config)
    }

    fn resources(&self) -> Vec<String> {
        let mut resources = vec![format!("database:{}/{}", self.0.server().target, self.0.into.as_str())];
        // Nobody removes the archive meanwhile.
        let archive = self.0.archive.as_ref().map(|path| PathBuf::from(path.as_str()));
        let folder = self.0.folder.as_ref().map(|path| PathBuf::from(path.as_str()));
        if let Some(folder) = archive.and_then(|path| path.parent().map(PathBuf::from)).or(folder) {
            resources.push(format!("files:{}", folder.display()));
        }
        resources
    }

    async fn places(&self, cx: &Context) -> Vec<PathBuf> {
        let session = self.0.session();
        place(&Server { database: session.as_ref(), ..self.0.server() }, cx).await.into_iter().collect()
    }

    async fn plan(&self, cx: &Context) -> Result<Plan<Step>> {
        plan::plan(self, cx).await
    }

    async fn apply(&self, step: &Step, permit: &Permit, cx: &Context) -> Result<Applied> {
        match step {
            Step::Load(loading) => self.load(loading, permit, cx).await,
            Step::Swap(about) => {
                let mut talk = self.planned(about, cx).await?;
                let applied = swap::swap(&mut talk, about, self.0.disconnect, cx).await?;
                talk.end(cx).await;
                Ok(applied)
            }
        }
    }

    async fn probe(&self, step: &Step, cx: &Context) -> Result<Seen> {
        let about = step.about();
        let mut talk = self.planned(about, cx).await?;
        let seen = swap::look(&mut talk, about, cx).await?;
        talk.end(cx).await;
        Ok(match step {
            Step::Load(_) if seen.is_loaded() => Seen::After,
            Step::Load(_) if seen.scratch.is_some() => {
                Seen::Partial(format!("the database `{}` is there, and is not loaded", about.scratch))
            }
            Step::Swap(_) if seen.is_swapped() => Seen::After,
            _ => Seen::Before,
        })
    }

    async fn undo(&self, step: &Step, _: &Permit, cx: &Context) -> Result<Applied> {
        let about = step.about();
        let mut talk = self.planned(about, cx).await?;
        let applied = match step {
            Step::Load(_) => swap::drop_scratch(&mut talk, about, cx).await?,
            Step::Swap(_) => swap::swap_back(&mut talk, about, self.0.disconnect, cx).await?,
        };
        talk.end(cx).await;
        Ok(applied)
    }

    async fn verify(&self, done: &[Step], cx: &Context) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        for step in done {
            let Step::Swap(about) = step else { continue };
            let mut talk = self.planned(about, cx).await?;
            if !swap::look(&mut talk, about, cx).await?.is_swapped() {
                let message = "is not the database that was restored";
                findings.push(Finding::critical("not-restored", about.into.clone(), message));
            }
            talk.end(cx).await;
            // Whoever needs it gets in.
            Talk::open(&Server { database: Some(&self.0.into), ..self.0.server() }, cx).await?.end(cx).await;
        }
        Ok(findings)
    }
}
