//! What only looks ends when it is told to: the probe of a check, the plan of an action.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::check::BoxFuture;
use crate::clock::SystemClock;
use crate::context::Context;
use crate::registry::Registry;

/// Starts the checks of a sample under a run that is cancelled already: they end within a second.
pub(super) fn of_check(sample: &str, registry: &Registry, found: &mut Vec<String>) {
    let Ok(suite) = crate::config::parse(registry, "sample.toml", sample) else { return };
    for instance in &suite.instances {
        let what = format!("the probe of `{}`", instance.name);
        let cx = cancelled();
        ends(&what, instance.check.probe(&cx), found);
    }
}

/// Plans the actions of a sample in the same way.
pub(super) fn of_action(sample: &str, registry: &Registry, found: &mut Vec<String>) {
    let Ok(suite) = crate::config::parse(registry, "sample.toml", sample) else { return };
    for instance in &suite.actions {
        if instance.action.resources().is_empty() {
            found.push(format!("`{}` names no resource: two runs of it would meet", instance.name));
        }
        let what = format!("the plan of `{}`", instance.name);
        let cx = cancelled();
        ends(&what, instance.action.plan(&cx), found);
    }
}

/// Makes the context of a run that is cancelled already.
fn cancelled() -> Context {
    let cancel = CancellationToken::new();
    cancel.cancel();
    Context::with(Arc::new(SystemClock), Arc::default(), Arc::default(), Duration::from_secs(30)).cancelled_by(cancel)
}

fn ends<T>(what: &str, look: BoxFuture<'_, T>, found: &mut Vec<String>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            found.push(format!("no runtime could be started: {error}"));
            return;
        }
    };
    let begun = Instant::now();
    let ended = runtime.block_on(async { timeout(Duration::from_secs(2), look).await.is_ok() });
    if !ended || begun.elapsed() > Duration::from_secs(1) {
        found.push(format!("{what} goes on for {:?} after it was cancelled", begun.elapsed()));
    }
    // Work on the pool for blocking work may still be ending; it must not hold the test up.
    runtime.shutdown_background();
}
