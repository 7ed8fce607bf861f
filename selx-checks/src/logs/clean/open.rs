//! Which files a program has open: deleting one frees nothing, and may cost what is being written.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;

use selx_core::{Error, ErrorKind, Result};
use tokio_util::sync::CancellationToken;

/// Returns the devices and numbers of the files that programs have open.
///
/// # Errors
///
/// `Denied` if a process does not let us see what it has open: then nothing could be said of any file.
pub(super) fn files(host: &selx_core::Host, cancel: &CancellationToken) -> Result<HashSet<((u32, u32), u64)>> {
    let mut open = HashSet::new();
    let shown = format!("`{}`", host.proc.display());
    let processes = std::fs::read_dir(&host.proc).map_err(|error| Error::from_io(error, &shown))?;
    for process in processes.flatten() {
        if cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "the look was stopped"));
        }
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let descriptors = match std::fs::read_dir(process.path().join("fd")) {
            Ok(descriptors) => descriptors,
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                let message = format!("the process {pid} does not let this user see which files it has open");
                return Err(Error::new(ErrorKind::Denied, message).advice("run it as root: a log that is open stays"));
            }
            // It has ended meanwhile.
            Err(_) => continue,
        };
        for descriptor in descriptors.flatten() {
            let Ok(target) = std::fs::read_link(descriptor.path()) else { continue };
            // Another name space may give another name to it, or it may have been moved here: what is open counts by its
            // number. Most descriptors are no files, and are passed over by their names.
            if !target.is_absolute() || target.starts_with("/dev") || target.starts_with("/proc") {
                continue;
            }
            if let Ok(metadata) = std::fs::metadata(descriptor.path())
                && metadata.is_file()
            {
                let device = (rustix::fs::major(metadata.dev()), rustix::fs::minor(metadata.dev()));
                open.insert((device, metadata.ino()));
            }
        }
    }
    Ok(open)
}
