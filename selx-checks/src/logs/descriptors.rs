//! What processes have open, by `/proc`.

use std::io;
use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

/// One descriptor of one process.
pub(super) struct Descriptor {
    pub(super) pid: u32,
    /// The folder of the process.
    pub(super) process: PathBuf,
    /// Its number, as it is written.
    pub(super) number: std::ffi::OsString,
    /// What it leads to, as the kernel writes it: a path, with ` (deleted)` behind it if it has that name no more.
    pub(super) target: PathBuf,
}

impl Descriptor {
    /// Looks at what is open, whatever name it has now.
    pub(super) fn metadata(&self) -> io::Result<std::fs::Metadata> {
        std::fs::metadata(self.process.join("fd").join(&self.number))
    }
}

/// Goes through all of them, until it is cancelled. Returns the processes that do not let us look.
///
/// # Errors
///
/// If processes cannot be listed.
pub(super) fn each(
    host: &selx_core::Host,
    cancel: &CancellationToken,
    visit: &mut dyn FnMut(&Descriptor),
) -> io::Result<Vec<u32>> {
    let mut closed = Vec::new();
    for process in std::fs::read_dir(&host.proc)?.flatten() {
        if cancel.is_cancelled() {
            break;
        }
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let process = process.path();
        let descriptors = match std::fs::read_dir(process.join("fd")) {
            Ok(descriptors) => descriptors,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                closed.push(pid);
                continue;
            }
            // It has ended meanwhile.
            Err(_) => continue,
        };
        for descriptor in descriptors.flatten() {
            let Ok(target) = std::fs::read_link(descriptor.path()) else { continue };
            visit(&Descriptor { pid, process: process.clone(), number: descriptor.file_name(), target });
        }
    }
    Ok(closed)
}
