//! Which files a program has open: deleting one frees nothing, and may cost what is being written.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;

use selx_core::{Error, ErrorKind, Result};
use tokio_util::sync::CancellationToken;

use crate::deletion::Node;
use crate::logs::descriptors;

/// Returns the devices and numbers of the files that programs have open.
///
/// # Errors
///
/// `Denied` if a process does not let us see what it has open: then nothing could be said of any file.
pub(in crate::logs) fn files(host: &selx_core::Host, cancel: &CancellationToken) -> Result<HashSet<Node>> {
    let mut open = HashSet::new();
    let closed = descriptors::each(host, cancel, &mut |descriptor| {
        // Another name space may give another name to it, or it may have been moved here: what is open counts by its
        // number. Most descriptors are no files, and are passed over by their names.
        let target = &descriptor.target;
        if !target.is_absolute() || target.starts_with("/dev") || target.starts_with("/proc") {
            return;
        }
        if let Ok(metadata) = descriptor.metadata()
            && metadata.is_file()
        {
            let device = (rustix::fs::major(metadata.dev()), rustix::fs::minor(metadata.dev()));
            open.insert((device, metadata.ino()));
        }
    });
    let closed = closed.map_err(|error| Error::from_io(error, format!("`{}`", host.proc.display())))?;
    if cancel.is_cancelled() {
        return Err(Error::new(ErrorKind::Cancelled, "the look was stopped"));
    }
    if let Some(pid) = closed.first() {
        let message = format!("the process {pid} does not let this user see which files it has open");
        return Err(Error::new(ErrorKind::Denied, message).advice("run it as root: a log that is open stays"));
    }
    Ok(open)
}
