//! Replacing a file so that a reader sees the old one or the new one, never a part.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, Permissions};
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// Writes a file beside its place and moves it there when it is whole and on the disk.
///
/// `mode` holds whatever the umask is: metrics need `0o644`, because the collector runs as another user. A link at
/// `path` is replaced, not followed. Devices and pipes (`/dev/stdout`, a FIFO) are written to and never replaced.
///
/// # Errors
///
/// `Denied`, `Missing` or `Local`, naming the path and the reason. The old file is as it was then, and nothing is left
/// beside it.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    if is_no_file(path) {
        // `selx --output /dev/null` by root must not leave a file in its place.
        let written = open_in_place(path).and_then(|mut file| file.write_all(bytes));
        return written.map_err(|error| failed(path, "cannot be written", error));
    }
    let (folder, name) = place(path)?;
    let (beside, file) = create(folder, name).map_err(|error| failed(path, "cannot be written", error))?;
    let written = fill(file, bytes, mode).and_then(|()| fs::rename(&beside, path));
    if let Err(error) = written {
        // It has to go even if it cannot be filled; should this fail too, the first error says more.
        let _ = fs::remove_file(&beside);
        return Err(failed(path, "was not replaced", error));
    }
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| failed(path, "was replaced, but may not survive a power cut", error))
}

/// Tells whether [`write_atomic`] could write there now: for whoever has to know before what is to be written is there.
///
/// # Errors
///
/// As for [`write_atomic`].
pub fn is_writable(path: &Path) -> Result<()> {
    if is_no_file(path) {
        return Ok(());
    }
    let (folder, name) = place(path)?;
    // A link is replaced, whatever it leads to.
    if path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
        return Err(Error::new(ErrorKind::Config, format!("`{}` is a folder", path.display())).advice("name a file"));
    }
    let (beside, _) = create(folder, name).map_err(|error| failed(path, "cannot be written", error))?;
    fs::remove_file(&beside).map_err(|error| failed(path, "cannot be written", error))
}

/// Takes the path of a file apart.
fn place(path: &Path) -> Result<(&Path, &OsStr)> {
    let name = path
        .file_name()
        .ok_or_else(|| Error::new(ErrorKind::Config, format!("`{}` is not the name of a file", path.display())))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    Ok((folder.unwrap_or(Path::new(".")), name))
}

/// Tells whether there is something that is no file and no folder, or that the system keeps.
fn is_no_file(path: &Path) -> bool {
    if path.starts_with("/dev") && !path.starts_with("/dev/shm") || path.starts_with("/proc") {
        return path.metadata().is_ok_and(|meta| !meta.is_dir());
    }
    // Elsewhere a link is replaced, whatever it leads to: who may put one in a folder for everybody, such as `/tmp`, is
    // not to choose a device that root then writes to.
    path.symlink_metadata().is_ok_and(|meta| !meta.is_dir() && !meta.is_file() && !meta.is_symlink())
}

/// Opens a pipe or a device without waiting for a reader, who may never come.
fn open_in_place(path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::FileTypeExt as _;
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let opened = OpenOptions::new().write(true).custom_flags(flags).open(path);
    let file = opened.map_err(|error| match rustix::io::Errno::from_io_error(&error) {
        Some(rustix::io::Errno::NXIO) => io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads there"),
        _ => error,
    })?;
    if file.metadata()?.file_type().is_block_device() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a disk is not overwritten"));
    }
    // A reader that is there may be slow.
    rustix::fs::fcntl_setfl(&file, rustix::fs::fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

fn fill(mut file: File, bytes: &[u8], mode: u32) -> io::Result<()> {
    file.write_all(bytes)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Makes a new file with a name that nobody can guess. The node exporter skips it, for it does not end in `.prom`.
fn create(folder: &Path, name: &OsStr) -> io::Result<(PathBuf, File)> {
    let mut tries = 0;
    loop {
        let random = std::hash::RandomState::new().build_hasher().finish();
        let mut beside = OsString::from(".");
        beside.push(name);
        beside.push(format!(".{random:016x}.tmp"));
        let beside = folder.join(beside);
        let opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
            .open(&beside);
        match opened {
            Ok(file) => return Ok((beside, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < 8 => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Tells whether a name is that of a file that [`write_atomic`] was writing, to be `of` that name: its process died before.
pub fn is_unfinished(name: &str, of: &str) -> bool {
    let rest = name.strip_prefix('.').and_then(|name| name.strip_prefix(of)).and_then(|rest| rest.strip_prefix('.'));
    let random = rest.and_then(|rest| rest.strip_suffix(".tmp"));
    random.is_some_and(|random| random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn failed(path: &Path, what: &str, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ErrorKind::Missing,
        _ => ErrorKind::Local,
    };
    let advice = match kind {
        ErrorKind::Denied => "the folder must be writable for the user that runs selx",
        ErrorKind::Missing => "make the folder first",
        _ if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::InvalidInput) => "name a file",
        _ => "look at free space and quota of its file system",
    };
    Error::new(kind, format!("`{}` {what}", path.display())).advice(advice).source_error(error)
}
