//! Planning without the right to write: what a plan promises, the kernel holds it to.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use landlock::{ABI, AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus};
use selx_core::action::{DynAction, Plan};
use selx_core::{Context, Error, ErrorKind, Result};
use serde_json::Value;
use tokio::sync::oneshot;

use super::lookout::Lookout;

/// Whether the kernel kept a plan from writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confined {
    /// It did: no file could be made, changed, renamed or removed.
    Yes,
    /// It could not: it has no Landlock (before 5.13, or switched off), or knows only a part of what is forbidden. That the
    /// plan only looks is then the word of its author alone.
    No,
}

/// Plans an action in a thread of its own, which may write to no file and change no folder, and whose threads and children
/// may not either. `/dev/null` is the one exception. One thread that is not confined looks for it at what processes have open
/// and where their roots are, which the kernel hides from whoever is confined. Sockets are not forbidden: what an action does
/// there while it plans is up to it (a session that reads only, questions that only ask).
///
/// # Cancellation safety
///
/// If the future is dropped, the plan goes on in its thread until the context's time is over or its token is cancelled;
/// nothing comes of it.
///
/// # Errors
///
/// What [`Action::plan`](selx_core::action::Action::plan) says; `Bug` if it panics; `Local` if there is no room for a thread.
pub async fn plan(action: Arc<dyn DynAction>, cx: Context) -> Result<(Plan<Value>, Confined)> {
    let (sender, receiver) = oneshot::channel();
    let work = move || {
        let planned = std::panic::catch_unwind(AssertUnwindSafe(|| in_this_thread(&*action, &cx)));
        let _ = sender.send(planned.unwrap_or_else(|_| Err(Error::new(ErrorKind::Bug, "planning panicked"))));
    };
    std::thread::Builder::new()
        .name("plan".to_owned())
        .spawn(work)
        .map_err(|error| Error::new(ErrorKind::Local, "no thread is left to plan in").source_error(error))?;
    receiver.await.map_err(|_| Error::new(ErrorKind::Bug, "planning ended without a plan"))?
}

fn in_this_thread(action: &dyn DynAction, cx: &Context) -> Result<(Plan<Value>, Confined)> {
    let lookout = Lookout::start()
        .map_err(|error| Error::new(ErrorKind::Local, "no thread is left to look around in").source_error(error))?;
    let confined = confine();
    lookout.serve();
    // Its threads are made from here on, so that they are as confined.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .on_thread_start(move || lookout.serve())
        .enable_all()
        .build()
        .map_err(|error| Error::new(ErrorKind::Local, "no event loop can be made").source_error(error))?;
    let planned = runtime.block_on(action.plan(cx)).map(|plan| plan.without(cx.secrets()));
    runtime.shutdown_background();
    Ok((planned?, confined))
}

/// Takes from this thread, for good, the right to write anywhere.
pub(crate) fn confine() -> Confined {
    // The third version knows everything that changes a file or a folder, cutting one short included.
    let writes = AccessFs::from_write(ABI::V3);
    let restricted = Ruleset::default().handle_access(writes).and_then(Ruleset::create).and_then(|ruleset| {
        // Children have it for what they do not read and what nobody reads of them.
        match PathFd::new("/dev/null") {
            Ok(null) => {
                ruleset.add_rule(PathBeneath::new(null, AccessFs::WriteFile | AccessFs::Truncate))?.restrict_self()
            }
            Err(_) => ruleset.restrict_self(),
        }
    });
    match restricted {
        Ok(status) if status.ruleset == RulesetStatus::FullyEnforced => Confined::Yes,
        _ => Confined::No,
    }
}
