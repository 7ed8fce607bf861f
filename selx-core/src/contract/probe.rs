//! A probe ends when it is told to.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::SystemClock;
use crate::context::Context;
use crate::registry::{Factory, Registry};

/// Starts the checks of the sample under a run that is cancelled already: they end within a second.
pub(super) fn look(factory: &dyn Factory, registry: &Registry, found: &mut Vec<String>) {
    let Ok(suite) = crate::config::parse(registry, "sample.toml", factory.meta().sample) else { return };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            found.push(format!("no runtime could be started: {error}"));
            return;
        }
    };
    for instance in &suite.instances {
        let cancel = CancellationToken::new();
        cancel.cancel();
        let cx = Context::with(Arc::new(SystemClock), Arc::default(), Arc::default(), Duration::from_secs(30))
            .cancelled_by(cancel);
        let begun = Instant::now();
        let ended = runtime
            .block_on(async { tokio::time::timeout(Duration::from_secs(2), instance.check.probe(&cx)).await.is_ok() });
        if !ended || begun.elapsed() > Duration::from_secs(1) {
            found.push(format!(
                "the probe of `{}` goes on for {:?} after it was cancelled",
                instance.name,
                begun.elapsed()
            ));
        }
    }
    // Work on the pool for blocking work may still be ending; it must not hold the test up.
    runtime.shutdown_background();
}
