//! How far a probe is with work that takes its time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// How many bytes a probe has read, and how many it knows it has to: what a terminal shows while it waits.
///
/// It is told by the probe ([`Context::extent`](crate::Context::extent)) and read by an [`Observer`](crate::Observer),
/// at any time, from any thread.
///
/// ```
/// let extent = selx_core::Extent::default();
/// extent.expect(2000);
/// extent.did(500);
/// assert_eq!(extent.seen(), Some((500, 2000)));
/// ```
#[derive(Debug, Default)]
pub struct Extent {
    done: AtomicU64,
    whole: AtomicU64,
    words: Mutex<String>,
}

impl Extent {
    /// Adds bytes that are to be read.
    pub fn expect(&self, bytes: u64) {
        self.whole.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Adds bytes that were read.
    pub fn did(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Says in a few words what is being done, such as `3 of 20: delete app.log.3.gz`. The bytes count anew from there.
    pub fn doing(&self, words: impl Into<String>) {
        self.done.store(0, Ordering::Relaxed);
        self.whole.store(0, Ordering::Relaxed);
        *self.words.lock().unwrap_or_else(PoisonError::into_inner) = words.into();
    }

    /// Returns what was last said about what is being done; empty if nothing was.
    pub fn words(&self) -> String {
        self.words.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins anew, as an attempt that is made again does.
    pub(crate) fn reset(&self) {
        self.doing("");
    }

    /// Returns how many bytes were read of how many; `None` if the probe has not said how many there are.
    pub fn seen(&self) -> Option<(u64, u64)> {
        let whole = self.whole.load(Ordering::Relaxed);
        (whole > 0).then(|| (self.done.load(Ordering::Relaxed).min(whole), whole))
    }
}
