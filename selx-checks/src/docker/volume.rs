//! Volumes: where each lies on this host.

use std::path::PathBuf;

use selx_core::{Context, Result};
use tokio::time::Instant;

use super::Engine;
use crate::net::Failure;

/// How much of an answer is read.
const CAP: usize = 1 << 20;

impl Engine {
    /// Returns where a volume lies: `None` if there is none of that name, or its driver keeps it elsewhere.
    ///
    /// # Errors
    ///
    /// As [`list`](Self::list).
    pub async fn volume(&self, volume: &str, cx: &Context) -> Result<Result<Option<PathBuf>, Failure>> {
        let seen = self
            .ask(CAP, Instant::now(), cx, |docker| {
                let volume = volume.to_owned();
                async move { docker.inspect_volume(&volume).await }
            })
            .await?;
        Ok(seen.map(|seen| seen.map(|volume| PathBuf::from(volume.mountpoint)).filter(|path| path.is_absolute())))
    }
}
