//! A folder that is held open, and how what lies below it is reached.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, ResolveFlags, Statx, StatxAttributes, StatxFlags, openat, openat2, statx,
};
use rustix::io::{Errno, retry_on_intr};
use selx_core::{Error, ErrorKind, Result};

/// Folders that are never cleaned themselves: what lies in them is of many kinds.
const PROTECTED: &[&str] = &[
    "/",
    "/home",
    "/media",
    "/mnt",
    "/opt",
    "/root",
    "/run",
    "/srv",
    "/tmp",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/lib/docker",
    "/var/lib/mysql",
    "/var/lib/postgresql",
    "/var/lib/redis",
    "/var/spool",
    "/var/tmp",
];
/// Folders in which, however deep, nothing is cleaned: they are the system.
const SYSTEM: &[&str] =
    &["/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/sbin", "/sys", "/usr"];

/// A folder that is held open.
#[derive(Debug)]
pub struct Root {
    folder: OwnedFd,
    path: PathBuf,
    stat: Statx,
}

/// How a folder is opened: never through a link, never waiting.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Root {
    /// Opens a folder that may be cleaned.
    ///
    /// # Errors
    ///
    /// `Config` if the path is not absolute, is written in a way that could mean another one, or is a folder that is never
    /// cleaned; `Denied` if it belongs to somebody else than root and the running user, or everybody may write to it;
    /// `Missing` or `Local` if it cannot be opened, also because a link leads to it.
    pub fn open(path: &Path) -> Result<Self> {
        let shown = format!("`{}`", path.display());
        let config = |message: String, advice: &str| Error::new(ErrorKind::Config, message).advice(advice.to_owned());
        let written = path.as_os_str().as_bytes();
        let plain = |component: Component<'_>| matches!(component, Component::RootDir | Component::Normal(_));
        let has_dots = written.split(|byte| *byte == b'/').any(|part| part == b"." || part == b"..");
        if !path.is_absolute() || has_dots || !path.components().all(plain) {
            return Err(config(format!("{shown} is no absolute path without `.` and `..`"), "write the whole path"));
        }
        if written.trim_ascii() != written || written.iter().any(|byte| b"*?[$~".contains(byte)) {
            return Err(config(format!("{shown} holds what only a shell would replace"), "write the whole path"));
        }
        if path.components().count() < 3 {
            let message = format!("{shown} lies directly below `/`, and is not cleaned");
            return Err(config(message, "name the folder of one program"));
        }
        // From the top, part by part: a link on the way is told, not followed.
        let mut folder = folder_in(CWD, "/".as_ref()).map_err(|errno| opened(errno, "`/`"))?;
        let system = identities(SYSTEM);
        for component in path.components() {
            let Component::Normal(name) = component else { continue };
            folder = folder_in(folder.as_fd(), name).map_err(|errno| opened(errno, &shown))?;
            if system.contains(&identity(&stat(&folder, OsStr::new(""), &shown)?)) {
                return Err(config(format!("{shown} is a part of the system, and is not cleaned"), "name another one"));
            }
        }
        let stat = stat(&folder, OsStr::new(""), &shown)?;
        if identities(PROTECTED).contains(&identity(&stat)) {
            let message = format!("{shown} holds what belongs to many programs, and is not cleaned itself");
            return Err(config(message, "name the folder of one program in it"));
        }
        let ours = rustix::process::geteuid().as_raw();
        if stat.stx_uid != 0 && stat.stx_uid != ours {
            let message = format!("{shown} belongs to the user {}, who may exchange what is in it", stat.stx_uid);
            return Err(Error::new(ErrorKind::Denied, message).advice("run selx as that user"));
        }
        if stat.stx_mode & 0o002 != 0 {
            let message = format!("everybody may write to {shown}");
            return Err(Error::new(ErrorKind::Denied, message).advice("take that right away: `chmod o-w`"));
        }
        Ok(Self { folder, path: path.to_owned(), stat })
    }

    /// Returns its path, for people.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    pub(super) fn device(&self) -> (u32, u32) {
        (self.stat.stx_dev_major, self.stat.stx_dev_minor)
    }

    pub(super) fn failed(&self, below: &Path, errno: Errno) -> Error {
        Error::from_io(errno.into(), format!("`{}`", self.path.join(below).display()))
    }

    /// Opens the folder in which something below lies, and returns it with the name there.
    pub(super) fn parent(&self, below: &Path) -> Result<(OwnedFd, OsString), Errno> {
        let name = below.file_name().ok_or(Errno::INVAL)?.to_owned();
        let parent = below.parent().unwrap_or(Path::new(""));
        if !below.components().all(|component| matches!(component, Component::Normal(_))) {
            return Err(Errno::INVAL);
        }
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        Ok((open_below(self.folder(), parent)?, name))
    }
}

/// Opens a folder below another one: through no link, and on the same mounted file system.
pub(super) fn open_below(folder: BorrowedFd<'_>, below: &Path) -> Result<OwnedFd, Errno> {
    let resolve =
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
    let open = || retry_on_intr(|| openat2(folder, below, FOLDER, Mode::empty(), resolve));
    match open() {
        Err(Errno::NOSYS) => part_by_part(folder, below),
        // The kernel cannot rule out a race; whoever asks again has it ruled out.
        Err(Errno::AGAIN) => open(),
        other => other,
    }
}

/// Opens a folder in another one, no link; a signal does not keep it from that.
fn folder_in(folder: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    retry_on_intr(|| openat(folder, name, FOLDER, Mode::empty()))
}

/// The same on kernels before 5.6.
pub(super) fn part_by_part(folder: BorrowedFd<'_>, below: &Path) -> Result<OwnedFd, Errno> {
    let mut folder = rustix::io::fcntl_dupfd_cloexec(folder, 0)?;
    for component in below.components() {
        let name = match component {
            Component::Normal(name) => name,
            Component::CurDir => continue,
            _ => return Err(Errno::XDEV),
        };
        let next = folder_in(folder.as_fd(), name)?;
        let (before, after) = (bare_stat(folder.as_fd(), OsStr::new(""))?, bare_stat(next.as_fd(), OsStr::new(""))?);
        let device = |stat: &Statx| (stat.stx_dev_major, stat.stx_dev_minor);
        if device(&before) != device(&after) || is_mount(&after) {
            return Err(Errno::XDEV);
        }
        folder = next;
    }
    Ok(folder)
}

/// Tells whether something is where a file system, or a part of one, is mounted.
pub(super) fn is_mount(stat: &Statx) -> bool {
    stat.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT)
        && stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)
}

/// Looks at something in a folder, at the folder itself without a name; a link is looked at itself.
pub(super) fn bare_stat(folder: BorrowedFd<'_>, name: &OsStr) -> Result<Statx, Errno> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH | AtFlags::NO_AUTOMOUNT;
    statx(folder, name, flags, StatxFlags::BASIC_STATS | StatxFlags::BTIME)
}

fn stat(folder: &OwnedFd, name: &OsStr, shown: &str) -> Result<Statx> {
    bare_stat(folder.as_fd(), name).map_err(|errno| opened(errno, shown))
}

fn identity(stat: &Statx) -> (u32, u32, u64) {
    (stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino)
}

/// Returns what the folders of a list are here, whatever links lead to them.
fn identities(paths: &[&str]) -> Vec<(u32, u32, u64)> {
    let flags = AtFlags::NO_AUTOMOUNT;
    let stats = paths.iter().filter_map(|path| statx(CWD, *path, flags, StatxFlags::BASIC_STATS).ok());
    stats.map(|stat| identity(&stat)).collect()
}

fn opened(errno: Errno, shown: &str) -> Error {
    match errno {
        Errno::LOOP | Errno::NOTDIR => {
            let message = format!("{shown} is not a folder, or a link leads to it");
            Error::new(ErrorKind::Config, message).advice("name the folder itself; `realpath` says where a link leads")
        }
        Errno::NOENT => Error::from_io(errno.into(), shown).advice("make it, of root alone, or name another one"),
        errno => Error::from_io(errno.into(), shown),
    }
}
