//! The action `docker-prune`: what the engine has kept for long and nothing uses goes, each thing by its id.
//!
//! The engine's own `prune` decides by itself, at the moment at which it is called, and by ages that are none: an image that
//! was pulled a minute ago counts from the day on which it was built. Here the list is our own, and is shown before.
//!
//! - Stopped containers, by when they stopped; never those that the engine would start again, and those of Compose projects
//!   only if it is asked for. The volumes that they used stay.
//! - Images without a name, and if it is asked for those that nothing uses. What a Compose file names stays; if one cannot be
//!   read, every image stays that has a name or a digest. An image goes with its last name and takes none under it along.
//! - Networks that no container belongs to, running or not, and that no Compose file names.
//! - Records of the build cache that are neither in use nor shared. The engine removes a single one by `prune` with its id.
//! - Volumes only one by one, by their names in the settings, and only if no container refers to them.
//!
//! A plan reads by `GET` alone. Before a thing is removed it is looked at once more; nothing is forced. What is in use by
//! then, the engine itself refuses, and it stays. Podman's engine is refused: its pods use what this API does not show. In a
//! swarm, images with a name stay, and so do its networks and tasks. What containerd keeps for others is not touched.
//!
//! Known limits: when an image was last used no engine says; a project of which no container is there is found only if
//! `compose` names its file; a variable of the shell that a Compose file was started with is not known afterwards.

mod answers;
mod config;
mod containers;
mod images;
mod inventory;
mod look;
mod named;
mod others;
mod plan;
mod remove;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use selx_core::action::{Action, Applied, Permit, Plan, Seen};
use selx_core::{Area, Code, Context, Error, ErrorKind, Finding, Meta, Result};
use serde::{Deserialize, Serialize};

use super::{Engine, EngineAt};
pub use config::Config;

/// One thing that is to be removed, as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "remove", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// A container.
    Container {
        /// Its id.
        id: String,
        /// Its state: `exited`, or `created` if it was never started.
        state: String,
        /// When it ended, in the engine's own writing.
        finished: String,
    },
    /// An image.
    Image {
        /// Its id.
        id: String,
        /// Its names: one, or none.
        names: Vec<String>,
        /// By which it can be pulled again.
        digests: Vec<String>,
    },
    /// A network.
    Network {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
        /// When it was made, in the engine's own writing.
        created: String,
    },
    /// A record of the build cache.
    Cache {
        /// Its id.
        id: String,
        /// When it was last used, in the engine's own writing.
        used: String,
        /// How often it was used.
        uses: i64,
    },
    /// A volume.
    Volume {
        /// Its name, which is all the id that a volume has.
        name: String,
        /// When it was made, in the engine's own writing.
        created: String,
        /// Who keeps it.
        driver: String,
        /// Where it is kept.
        place: String,
    },
}

impl Step {
    /// Returns the id; of a volume its name.
    fn id(&self) -> &str {
        match self {
            Self::Container { id, .. } | Self::Image { id, .. } | Self::Network { id, .. } | Self::Cache { id, .. } => {
                id
            }
            Self::Volume { name, .. } => name,
        }
    }
}

/// What the last plan saw: what is to be there afterwards, and where the engine keeps its things.
#[derive(Debug, Default)]
struct Snapshot {
    stays: BTreeSet<String>,
    root: Option<PathBuf>,
}

const CODES: &[Code] = &[
    Code::new(
        "not-removed",
        "A thing that was removed is there.",
        "The report says of each thing what came of it; ask the engine's log about the one that is still there.",
    ),
    Code::new(
        "also-gone",
        "Something went away meanwhile that this run did not remove.",
        "Look who else removes things on this host; a deployment at the same time does.",
    ),
];

/// The action `docker-prune`.
#[derive(Debug)]
pub struct DockerPrune {
    config: Config,
    last: Mutex<Option<Snapshot>>,
}

impl DockerPrune {
    fn engine(&self, cx: &Context) -> Result<Arc<Engine>> {
        Engine::of(self.config.engine.as_ref(), cx)
    }
}

impl Action for DockerPrune {
    type Config = Config;
    type Step = Step;
    const META: Meta =
        Meta::new("docker-prune", Area::Containers, "removes what the Docker engine keeps and nothing uses")
            .readme(include_str!("README.md"))
            .sample(include_str!("sample.toml"))
            .codes(CODES)
            .needs("to use the engine's socket");

    fn new(config: Config) -> Self {
        Self { config, last: Mutex::default() }
    }

    fn resources(&self) -> Vec<String> {
        vec![format!("docker:{}", EngineAt::shown(self.config.engine.as_ref()))]
    }

    async fn places(&self, _: &Context) -> Vec<PathBuf> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.iter().filter_map(|last| last.root.clone()).collect()
    }

    async fn plan(&self, cx: &Context) -> Result<Plan<Step>> {
        let engine = self.engine(cx)?;
        let (plan, snapshot) = plan::plan(&self.config, &engine, cx).await?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(snapshot);
        Ok(plan)
    }

    async fn apply(&self, step: &Step, permit: &Permit, cx: &Context) -> Result<Applied> {
        remove::apply(step, &*self.engine(cx)?, permit, cx).await
    }

    async fn probe(&self, step: &Step, cx: &Context) -> Result<Seen> {
        remove::probe(step, &*self.engine(cx)?, cx).await
    }

    async fn undo(&self, step: &Step, _: &Permit, _: &Context) -> Result<Applied> {
        let message = format!("what was removed from the engine is gone: {}", look::shown(step.id()));
        Err(Error::new(ErrorKind::Local, message).advice("the plan says of each thing how it can be had again"))
    }

    async fn verify(&self, done: &[Step], cx: &Context) -> Result<Vec<Finding>> {
        let engine = self.engine(cx)?;
        let mut findings = Vec::new();
        for step in done {
            if remove::probe(step, &engine, cx).await? != Seen::After {
                findings.push(Finding::critical("not-removed", look::shown(step.id()), "is still there"));
            }
        }
        let there = inventory::ids(&engine, cx).await?;
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = last.iter().flat_map(|last| last.stays.difference(&there));
        findings.extend(gone.take(20).map(|id| {
            let message = "was to stay, and is gone: this run did not remove it";
            Finding::warning("also-gone", look::shown(id), message)
        }));
        Ok(findings)
    }
}
