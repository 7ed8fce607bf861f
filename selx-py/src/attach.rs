//! Threads of Rust that need the interpreter, and the end of the interpreter: the two must not meet.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// How long the end of the process waits for threads that are in the interpreter.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many threads are in it, or wait for it.
static INSIDE: AtomicUsize = AtomicUsize::new(0);
/// How many interpreters have selx: each has its own end, and only the last one is that of the process.
static INTERPRETERS: AtomicUsize = AtomicUsize::new(0);
/// Whether the interpreter is about to end.
static CLOSED: AtomicBool = AtomicBool::new(false);

struct Entered;

impl Drop for Entered {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Does something with the interpreter, from a thread that is not Python's; `None` where it is about to end.
pub(crate) fn attach<R>(work: impl FnOnce(Python<'_>) -> R) -> Option<R> {
    INSIDE.fetch_add(1, Ordering::SeqCst);
    let _entered = Entered;
    if CLOSED.load(Ordering::SeqCst) { None } else { Python::try_attach(work) }
}

/// Tells whether the interpreter is about to end, so that no answer would come any more.
pub(crate) fn is_closed() -> bool {
    CLOSED.load(Ordering::SeqCst)
}

/// Takes note of an interpreter that has selx.
pub(crate) fn enter() {
    INTERPRETERS.fetch_add(1, Ordering::SeqCst);
}

/// Takes note that an interpreter is about to end. With the last one it lets no more threads in, and waits for those that are:
/// a thread that meets the end of the interpreter takes the process with it.
pub(crate) fn leave(py: Python<'_>) {
    if INTERPRETERS.fetch_sub(1, Ordering::SeqCst) > 1 {
        return;
    }
    CLOSED.store(true, Ordering::SeqCst);
    let until = Instant::now() + PATIENCE;
    py.detach(|| {
        while INSIDE.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            // Nobody wakes it: a lock that whoever leaves would take could be held by a thread that a fork left behind.
            std::thread::park_timeout(Duration::from_millis(1));
        }
    });
}

/// Takes note that this process was forked: the threads of the one before are not in it.
pub(crate) fn forked() {
    INSIDE.store(0, Ordering::SeqCst);
    CLOSED.store(false, Ordering::SeqCst);
}
