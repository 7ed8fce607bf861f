//! The commands, one file each.

pub(crate) mod act;
mod acting;
pub(crate) mod doctor;
pub(crate) mod explain;
mod history;
pub(crate) mod init;
pub(crate) mod list;
pub(crate) mod print;
pub(crate) mod recover;
pub(crate) mod run;
pub(crate) mod stop;
pub(crate) mod validate;

use std::path::{Path, PathBuf};
use std::time::Duration;

use selx_core::config::{self, Search};
use selx_core::{Context, Host, Suite, Survey, SystemClock};

pub(crate) use history::history;

use crate::answer::Refusal;
use crate::session::Session;

/// How long a host may be looked over.
const SURVEY_TIME: Duration = Duration::from_secs(10);

/// Looks for the configuration file as every command does.
pub(crate) fn search(explicit: Option<&Path>) -> Search {
    let root = rustix::process::geteuid().is_root();
    config::search(explicit, |name| std::env::var_os(name), root)
}

/// Loads the configuration file that is asked for or found; `None` if there is none.
pub(crate) fn suite(session: &Session<'_>) -> Result<Option<(PathBuf, Suite)>, Refusal> {
    let Some(path) = search(session.options.config.as_deref()).found else {
        return Ok(None);
    };
    match config::load(session.registry, &path) {
        Ok(suite) => Ok(Some((path, suite))),
        Err(errors) => Err(Refusal::verbatim(errors)),
    }
}

/// Makes a runtime with one thread.
pub(crate) fn small_runtime() -> Result<tokio::runtime::Runtime, Refusal> {
    let built =
        descriptors_are_left().and_then(|()| tokio::runtime::Builder::new_current_thread().enable_all().build());
    built.map_err(no_runtime)
}

/// Tells whether an event loop and its signals have room. They panic where they find none, so it is tried before.
pub(crate) fn descriptors_are_left() -> std::io::Result<()> {
    let pair = std::os::unix::net::UnixStream::pair;
    let _six = (pair()?, pair()?, pair()?);
    Ok(())
}

/// Says that there is no room for an event loop.
pub(crate) fn no_runtime(error: std::io::Error) -> Refusal {
    Refusal::new(format!("no event loop can be made: {error}"))
        .advice("this process may have too few file descriptors (`ulimit -n`); 16 are enough")
}

/// Asks every kind what of it this host has.
pub(crate) fn survey(session: &Session<'_>) -> Result<Survey, Refusal> {
    let runtime = small_runtime()?;
    let survey = runtime.block_on(async {
        let cx = Context::with(
            std::sync::Arc::new(SystemClock),
            std::sync::Arc::new(Host::default()),
            std::sync::Arc::clone(&session.secrets),
            SURVEY_TIME,
        );
        Survey::of(session.registry, &cx).await
    });
    runtime.shutdown_background();
    Ok(survey)
}
