//! A service of a compose project.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use selx_core::{Context, Result};
use serde::{Deserialize, Deserializer};

use super::endpoint::Endpoint;
use crate::net::Failure;

/// A service of a compose project.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ComposeService {
    /// The compose file, an absolute path.
    #[serde(deserialize_with = "absolute")]
    pub compose: PathBuf,
    /// The name of the service in it.
    pub service: String,
    /// The name of the project, where it is not the one that compose would choose.
    #[serde(default)]
    pub project: Option<String>,
    /// The socket of the engine, `unix:/PATH`. Default: that of `DOCKER_HOST` if it is set, else
    /// `unix:/var/run/docker.sock`.
    #[serde(default)]
    pub engine: Option<String>,
}

fn absolute<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(serde::de::Error::custom("a compose file is given by its absolute path"))
    }
}

impl fmt::Display for ComposeService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service {} of {}", self.service, self.compose.display())
    }
}

impl ComposeService {
    pub(super) async fn find(&self, port: u16, cx: &Context) -> Result<Result<Endpoint, Failure>> {
        let _ = (port, cx);
        Err(selx_core::Error::new(selx_core::ErrorKind::Bug, "not here yet"))
    }
}
