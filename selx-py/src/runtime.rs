//! The threads on which Rust works.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::prelude::*;
use tokio::runtime::{Builder, Runtime};

use crate::errors::SelxError;

/// How many threads there are. Checks wait more than they compute, and what computes has threads of its own.
const THREADS: usize = 2;

/// The runtime of a process, and those of the processes that it forked behind it.
struct Held {
    of: (u32, u32),
    runtime: Runtime,
    next: OnceLock<Box<Held>>,
}

static FIRST: OnceLock<Box<Held>> = OnceLock::new();
/// How often this process was forked from another one; numbers of processes come again.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Takes note that this process was forked: the threads of the one before are not in it.
pub(crate) fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Returns the runtime of this process, which is started by the first call. A process that was forked has one of its own:
/// what it inherited has no threads, and is left as it is.
///
/// # Errors
///
/// `SelxError` if this process may start no more threads.
pub(crate) fn runtime() -> PyResult<&'static Runtime> {
    let of = (std::process::id(), FORKS.load(Ordering::Relaxed));
    let mut place = &FIRST;
    loop {
        match place.get() {
            Some(held) if held.of == of => return Ok(&held.runtime),
            Some(held) => place = &held.next,
            None => {
                let runtime = Builder::new_multi_thread()
                    .worker_threads(THREADS)
                    .thread_name("selx")
                    .enable_all()
                    .build()
                    .map_err(|error| SelxError::new_err(format!("no runtime could be started: {error}")))?;
                // Another thread may have been faster. Nothing is held while a runtime starts: a fork in that moment would
                // leave a lock behind that nobody opens.
                if let Err(held) = place.set(Box::new(Held { of, runtime, next: OnceLock::new() })) {
                    held.runtime.shutdown_background();
                }
            }
        }
    }
}
