//! Where files come from: paths of this host, and volumes of an engine.

use std::path::PathBuf;

use selx_core::{Context, Error, ErrorKind, Result};

use super::Config;
use crate::docker::Engine;
use crate::target::engine_failed;

/// A place that files are taken from.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// Where it begins.
    pub(super) from: PathBuf,
    /// What its members are called in the archive: this, and what follows behind `from`.
    pub(super) member: String,
    /// What of it is taken, as the host calls it.
    pub(super) path: PathBuf,
}

/// Finds the places of the settings.
///
/// # Errors
///
/// A volume is not there, or lies nowhere; the engine cannot be asked; a volume holds the data of a server.
pub(super) async fn origins(config: &Config, cx: &Context) -> Result<Vec<Origin>> {
    let file = |path: &crate::setting::AbsolutePath| Origin {
        from: "/".into(),
        member: "files".to_owned(),
        path: path.as_str().into(),
    };
    let mut origins: Vec<Origin> = config.files.iter().map(file).collect();
    if config.volumes.is_empty() {
        return Ok(origins);
    }
    let engine = Engine::of(config.engine.as_ref(), cx)?;
    for volume in &config.volumes {
        let name = volume.as_str();
        let path = engine.volume(name, cx).await?.map_err(engine_failed)?.ok_or_else(|| {
            Error::new(ErrorKind::Missing, format!("there is no volume `{name}` that lies on this host"))
                .advice("`docker volume ls` lists them; those of a Compose project begin with its name")
        })?;
        if cx.host().path(&path).join("PG_VERSION").exists() {
            let message = format!("the volume `{name}` holds the data of a server of PostgreSQL");
            return Err(Error::new(ErrorKind::Config, message)
                .advice("files of a running server are no backup; name its databases, which are dumped"));
        }
        origins.push(Origin { from: path.clone(), member: format!("volumes/{name}"), path });
    }
    Ok(origins)
}
