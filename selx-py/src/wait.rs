//! Waiting for a run without holding the interpreter.

use std::future::Future;
use std::time::Duration;

use pyo3::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::errors::SelxError;

/// How often Python's signals are asked for. With [`LAST_WORDS`] it stays below half a second.
const POLL: Duration = Duration::from_millis(100);

/// How long a cancelled run may take to end by itself, so that the children of checks are ended with it.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// Runs a future to its end on threads of its own, the interpreter free, Ctrl-C looked at every 100 ms.
///
/// The runtime lives for one call: a process that forks later inherits no threads that are not there, and two calls on
/// two threads do not meet.
///
/// # Errors
///
/// What a signal handler raised, such as `KeyboardInterrupt`, after the token was cancelled; `SelxError` if this process
/// may start no more threads, or if the run panicked.
pub(crate) fn wait<T: Send + 'static>(
    py: Python<'_>,
    cancel: &CancellationToken,
    work: impl Future<Output = T> + Send + 'static,
) -> PyResult<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("selx")
        .enable_all()
        .build()
        .map_err(|error| SelxError::new_err(format!("no runtime could be started: {error}")))?;
    let mut task = runtime.spawn(work);
    let done = loop {
        let polled = py.detach(|| runtime.block_on(async { tokio::time::timeout(POLL, &mut task).await }));
        if let Ok(done) = polled {
            break done.map_err(|error| SelxError::new_err(format!("the run ended early: {error}")));
        }
        if let Err(raised) = py.check_signals() {
            cancel.cancel();
            py.detach(|| {
                runtime.block_on(async {
                    let _ = tokio::time::timeout(LAST_WORDS, &mut task).await;
                });
            });
            break Err(raised);
        }
    };
    // Work on the blocking pool that does not look at its token must not hold the caller up.
    runtime.shutdown_background();
    done
}
