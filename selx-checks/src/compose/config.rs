//! The settings of `compose-services`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::file::ComposeFiles;
use crate::docker::EngineAt;

/// The settings of `compose-services`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
pub struct Config {
    pub(super) compose: Option<ComposeFiles>,
    pub(super) project: Option<String>,
    pub(super) env_file: Option<PathBuf>,
    pub(super) profiles: BTreeSet<String>,
    pub(super) one_shots: BTreeSet<String>,
    pub(super) optional: BTreeSet<String>,
    pub(super) engine: Option<EngineAt>,
    pub(super) log_lines: usize,
}

/// The settings as they are written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    /// The compose file, or a list of them, of which later ones are laid over earlier ones. Relative paths are taken from
    /// the current folder; in cron an absolute one is safer. Without it `project` is asked for, and what ran at the last
    /// look is expected.
    #[serde(default)]
    compose: Option<ComposeFiles>,
    /// The name of the project, where it is not the one that compose would choose.
    #[serde(default)]
    project: Option<String>,
    /// The file of variables, an absolute path. Default: `.env` beside the first compose file, if it is there.
    #[serde(default, deserialize_with = "absolute")]
    env_file: Option<PathBuf>,
    /// The profiles that are switched on, besides those of `COMPOSE_PROFILES` in the file of variables.
    #[serde(default)]
    profiles: BTreeSet<String>,
    /// Services that do their work and end with 0, besides those that others wait for by
    /// `service_completed_successfully`.
    #[serde(default)]
    one_shots: BTreeSet<String>,
    /// Services that may be missing or stopped.
    #[serde(default)]
    optional: BTreeSet<String>,
    /// The socket of the engine, `unix:/PATH`. Default: that of `DOCKER_HOST` if it is set, else
    /// `unix:/var/run/docker.sock`.
    #[serde(default)]
    engine: Option<EngineAt>,
    /// How many of its last log lines stand beside a service that is down, 50 at most.
    #[serde(default = "ten")]
    #[schemars(range(max = 50))]
    log_lines: u8,
}

fn ten() -> u8 {
    10
}

fn absolute<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    if path.is_absolute() {
        Ok(Some(path))
    } else {
        Err(serde::de::Error::custom("the file of variables is given by its absolute path"))
    }
}

impl TryFrom<Written> for Config {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        if written.compose.is_none() && written.project.as_deref().is_none_or(str::is_empty) {
            return Err("`compose` says which file to look at, or `project` which project".to_owned());
        }
        if written.log_lines > 50 {
            return Err(format!("`log-lines` is at most 50, not {}", written.log_lines));
        }
        Ok(Self {
            compose: written.compose,
            project: written.project,
            env_file: written.env_file,
            profiles: written.profiles,
            one_shots: written.one_shots,
            optional: written.optional,
            engine: written.engine,
            log_lines: written.log_lines.into(),
        })
    }
}
