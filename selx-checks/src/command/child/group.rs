//! A child with all that it started: a process group, and why one could not be started at all.

use std::io;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process_group};
use selx_core::{Error, ErrorKind};

/// The process group of a child. It is killed when this is dropped before [`Group::done`].
pub(super) struct Group(Option<Pid>);

impl Group {
    pub(super) fn of(child: &tokio::process::Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)))
    }

    /// Sends a signal to all of the group. That nobody is left in it is as good as any other answer.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(pid) = self.0 {
            let _ = kill_process_group(pid, signal);
        }
    }

    pub(super) fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

pub(super) fn not_started(error: io::Error, program: &Path) -> Error {
    let shown = program.display();
    let (kind, message, advice) = match rustix::io::Errno::from_io_error(&error) {
        Some(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM) => (
            ErrorKind::Denied,
            format!("no right to run `{shown}`"),
            "look at its mode, and whether its file system is mounted `noexec`",
        ),
        Some(rustix::io::Errno::NOENT) => (
            ErrorKind::Missing,
            format!("`{shown}` needs an interpreter or a loader that is not there"),
            "look at its first line (`#!`), or at `file` of it",
        ),
        Some(rustix::io::Errno::NOEXEC) => (
            ErrorKind::Missing,
            format!("`{shown}` is not a program that this machine can run"),
            "a script begins with `#!` and its interpreter; a binary is built for this processor",
        ),
        Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => (
            ErrorKind::Local,
            format!("no file descriptors left to start `{shown}`"),
            "raise `LimitNOFILE` of the service or lower `concurrency`",
        ),
        Some(rustix::io::Errno::AGAIN | rustix::io::Errno::NOMEM) => (
            ErrorKind::Local,
            format!("no processes or no memory left to start `{shown}`"),
            "look at `ulimit -u`, the `pids` limit of the control group, and the free memory",
        ),
        _ => (ErrorKind::Local, format!("`{shown}` could not be started"), "look at the kernel log"),
    };
    Error::new(kind, message).advice(advice).source_error(error)
}
