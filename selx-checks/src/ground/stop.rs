//! The file that stops all actions.

use std::io::{ErrorKind as Io, Read as _};
use std::path::Path;

use selx_core::action::Stopped;
use selx_core::format::write_atomic;
use selx_core::{Error, ErrorKind, Result};

use super::folder;
use crate::deletion::remove_own_in;

const NAME: &str = "STOP";
const MOST: u64 = 4096;

pub(super) fn read(state: &Path) -> Result<Option<Stopped>> {
    let path = state.join(NAME);
    match std::fs::symlink_metadata(&path) {
        Err(error) if matches!(error.kind(), Io::NotFound) => return Ok(None),
        Err(error) => {
            return Err(folder::failed(error, format!("whether `{}` is there cannot be seen", path.display())));
        }
        Ok(_) => {}
    }
    // Whatever is in it, it is there: that is what counts.
    let mut text = String::new();
    let opened = folder::careful().read(true).open(&path);
    let known = opened.ok().and_then(|file| file.take(MOST).read_to_string(&mut text).ok());
    let stopped = known.and_then(|_| serde_json::from_str(&text).ok());
    Ok(Some(stopped.unwrap_or_else(|| Stopped {
        by: "somebody".to_owned(),
        reason: text.trim().chars().take(200).collect(),
        at: "an unknown time".to_owned(),
    })))
}

pub(super) fn write(state: &Path, stopped: &Stopped) -> Result<()> {
    folder::ours(state, "")?;
    let text = serde_json::to_vec(stopped)
        .map_err(|error| Error::new(ErrorKind::Bug, "the stop cannot be written as JSON").source_error(error))?;
    write_atomic(&state.join(NAME), &text, 0o600)
}

pub(super) fn take_away(state: &Path) -> Result<Option<Stopped>> {
    let Some(stopped) = read(state)? else { return Ok(None) };
    remove_own_in(state, NAME)?;
    folder::sync(state)?;
    Ok(Some(stopped))
}
