//! Files that others write, opened so that nothing happens to them: no waiting for a pipe, no device that moves, no trace
//! in the time of the last access.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

/// What stands at a path instead of a file.
pub(crate) fn other_than_file(kind: std::fs::FileType) -> Option<&'static str> {
    use std::os::unix::fs::FileTypeExt as _;
    Some(match kind {
        kind if kind.is_file() => return None,
        kind if kind.is_symlink() => "a link",
        kind if kind.is_dir() => "a folder",
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    })
}

/// Opens a regular file for reading alone; through a link at the end of its path only where that is wanted.
///
/// # Errors
///
/// Those of the system; [`io::ErrorKind::InvalidInput`] for what is no file, with what it is.
pub(crate) fn open(path: &Path, through_links: bool) -> io::Result<File> {
    let no_file = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
    let looked = if through_links { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) };
    if let Some(what) = other_than_file(looked?.file_type()) {
        return Err(no_file(what));
    }
    let mut flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    if !through_links {
        flags |= OFlags::NOFOLLOW;
    }
    let open = |flags| retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()));
    let file = match open(flags | OFlags::NOATIME) {
        // Only its owner and root may read a file so that nobody sees it.
        Err(Errno::PERM) => open(flags)?,
        other => other?,
    };
    let file = File::from(file);
    // Another one may stand there by now.
    match other_than_file(file.metadata()?.file_type()) {
        Some(what) => Err(no_file(what)),
        None => Ok(file),
    }
}
