//! Folders that are ours alone, and what is read from and written to them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use selx_core::{Error, ErrorKind, Result};

/// Makes a folder below another one where they are not there, and makes sure that both are ours alone.
pub(super) fn ours(folder: &Path, below: &str) -> Result<PathBuf> {
    let path = folder.join(below);
    for path in [folder, &path] {
        let shown = format!("`{}`", path.display());
        let missing: Vec<&Path> = path.ancestors().take_while(|path| !path.exists()).collect();
        if !missing.is_empty() {
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
            made.map_err(|error| failed(error, format!("{shown} could not be made")))?;
        }
        // What is written into it is to be found after a power cut.
        for parent in missing.iter().filter_map(|path| path.parent()) {
            sync(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })?;
        }
        let meta =
            std::fs::symlink_metadata(path).map_err(|error| failed(error, format!("{shown} could not be read")))?;
        if !meta.is_dir() || meta.uid() != rustix::process::geteuid().as_raw() || meta.mode() & 0o022 != 0 {
            let message = format!("{shown} is not a folder that is ours and that nobody else may write to");
            let advice = format!(
                "look at it: `ls -ld {}`; whoever may write there could undo what keeps actions safe",
                path.display()
            );
            return Err(Error::new(ErrorKind::Denied, message).advice(advice));
        }
    }
    Ok(path)
}

/// The flags of a file of ours: no link is followed, nothing is waited for.
pub(super) fn careful() -> OpenOptions {
    let mut options = OpenOptions::new();
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    options.mode(0o600).custom_flags(flags.bits().cast_signed());
    options
}

/// Makes sure that an open file is a file, ours, and has no other name.
pub(super) fn is_ours(file: &File, path: &Path) -> Result<()> {
    let shown = path.display();
    let meta = file.metadata().map_err(|error| failed(error, format!("`{shown}` could not be looked at")))?;
    if meta.is_file() && meta.uid() == rustix::process::geteuid().as_raw() && meta.nlink() == 1 {
        return Ok(());
    }
    let message = format!("`{shown}` is not a file of ours");
    Err(Error::new(ErrorKind::Denied, message).advice(format!("somebody put it there: look at it, `ls -l {shown}`")))
}

/// Begins to list a folder; a signal does not keep it from that.
///
/// # Errors
///
/// Those of the system.
pub(crate) fn entries(path: &Path) -> io::Result<std::fs::ReadDir> {
    loop {
        match std::fs::read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            listed => return listed,
        }
    }
}

/// Tells whether an open file is the one that others find by its name.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(ours), Ok(theirs)) = (file.metadata(), std::fs::symlink_metadata(path)) else { return false };
    (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino())
}

/// Waits until what is in a folder is on the disk.
pub(super) fn sync(folder: &Path) -> Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| failed(error, format!("`{}` could not be written to the disk", folder.display())))
}

pub(super) fn failed(error: io::Error, what: String) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        _ => ErrorKind::Local,
    };
    Error::new(kind, what).source_error(error)
}
