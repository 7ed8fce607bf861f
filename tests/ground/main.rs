//! What actions stand on, on this machine: locks, the stop file, journals and the disk under them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod inherited;
mod journals;
mod locks;
mod stop;

use std::path::PathBuf;

use selx_checks::ground::HostGround;
use selx_core::{Host, Moment, SystemClock};

/// A state folder that goes away with its test.
struct State {
    _whole: tempfile::TempDir,
    path: PathBuf,
}

impl State {
    fn new() -> Self {
        let whole = tempfile::tempdir().unwrap();
        let path = whole.path().canonicalize().unwrap().join("state");
        Self { _whole: whole, path }
    }

    fn ground(&self) -> HostGround {
        HostGround::new(&self.path, Host::default())
    }
}

fn holder(run: &str) -> selx_core::action::Holder {
    let since = Moment::of(&SystemClock);
    selx_core::action::Holder { run: run.to_owned(), action: "change.it".to_owned(), pid: std::process::id(), since }
}
