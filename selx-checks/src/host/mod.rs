//! The machine itself: its file systems, memory and processors, as the kernel tells of them.
//!
//! The kinds read a few small files of `/proc` and ask `statvfs`; they start no program and need no right.

pub mod cgroup;
pub mod cpu;
pub mod disk;
pub mod memory;
pub mod mounts;
pub mod pressure;

use selx_core::{Context, Error, ErrorKind, Result, Retry};

/// Reads a file of `/proc` without which a kind can say nothing.
fn read_needed(cx: &Context, name: &str) -> Result<String> {
    cx.host().read_proc(name).map_err(|error| match error.kind() {
        ErrorKind::Missing => error.advice(format!(
            "mount `/proc` (in a container or a sandbox it may be left out), so that `{name}` can be read"
        )),
        _ => error,
    })
}

/// Says that a file of the kernel does not read as it is documented.
fn malformed(name: &str, why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Local, format!("`/proc/{name}` does not read as the kernel documents it: {why}"))
        .set_retry(Retry::Never)
        .advice("see whether something else is mounted over `/proc`")
}
