//! Removing one file: moved out of everybody's reach, looked at, and only then gone.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, RenameFlags, flock, mkdirat, openat, renameat_with, unlinkat,
};
use rustix::io::{Errno, retry_on_intr};
use selx_core::{Error, ErrorKind, Result};

use super::root::{Root, bare_stat, is_mount, open_below};
use super::{Print, refused};

/// The folder in the root into which a file is moved before it goes. It is there only while files are removed.
pub(super) const QUARANTINE: &str = ".selx-removal";

/// What came of removing a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It is gone; so many bytes of the disk it took.
    Removed(u64),
    /// It was gone before.
    Gone,
    /// It was left where it is, and why.
    Left(String),
}

/// Where a file is that was to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Where it was.
    There,
    /// Where it was, but it has changed since.
    Changed,
    /// In the same folder under another name, as a rotation leaves it.
    Renamed,
    /// Moved away, and not yet removed: its process died.
    Moved,
    /// Not there any more. What has its name now, if anything, is another file.
    Gone,
}

/// A file that was moved into a folder of ours.
struct Taken {
    place: OwnedFd,
    parent: OwnedFd,
    name: OsString,
    takes: u64,
}

impl Root {
    /// Removes a file below the root if it is still the one that was seen.
    ///
    /// # Errors
    ///
    /// `Local` if a file was moved and could neither be removed nor put back: it is in `.selx-removal` then.
    pub fn remove(&self, below: &Path, print: &Print) -> Result<Removed> {
        let taken = match self.take(below, print, QUARANTINE, &aside(print))? {
            Ok(taken) => taken,
            Err(removed) => return Ok(removed),
        };
        match unlinkat(&taken.place, aside(print), AtFlags::empty()) {
            Ok(()) => Ok(Removed::Removed(taken.takes)),
            Err(errno) => self.put_back(&taken, &aside(print), QUARANTINE, format!("it cannot be removed: {errno}")),
        }
    }

    /// Moves a file below the root into a folder of ours in the root, under its own name, if it is still the one that was
    /// seen. Returns why not, if it was left or is gone.
    ///
    /// # Errors
    ///
    /// `Local` if another file was moved and could not be put back: it is in that folder then.
    pub(crate) fn set_aside(&self, below: &Path, print: &Print, into: &str) -> Result<Result<(), Removed>> {
        let name = below.file_name().unwrap_or_default().to_owned();
        Ok(self.take(below, print, into, &name)?.map(drop))
    }

    /// Moves a file into a folder of ours and makes sure there that it is the one that was seen.
    fn take(&self, below: &Path, print: &Print, into: &str, called: &OsStr) -> Result<Result<Taken, Removed>> {
        let left = |errno: Errno, doing: &str| Removed::Left(format!("{doing}: {errno}"));
        self.is_on(print.device)?;
        let (parent, name) = match self.parent(below) {
            Ok(found) => found,
            Err(Errno::NOENT) => return Ok(Err(Removed::Gone)),
            Err(Errno::LOOP | Errno::NOTDIR | Errno::XDEV) => {
                return Ok(Err(Removed::Left("its folder is another one than before".to_owned())));
            }
            Err(errno) => return Ok(Err(left(errno, "its folder cannot be opened"))),
        };
        // Without waiting: what has its name now may be a pipe.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = match retry_on_intr(|| openat(&parent, &name, flags, Mode::empty())) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(Err(Removed::Gone)),
            Err(Errno::LOOP | Errno::NXIO) => return Ok(Err(Removed::Left("it is no file any more".to_owned()))),
            Err(errno) => return Ok(Err(left(errno, "it cannot be opened"))),
        };
        let stat = match bare_stat(file.as_fd(), OsStr::new("")) {
            Ok(stat) => stat,
            Err(errno) => return Ok(Err(left(errno, "it cannot be looked at"))),
        };
        if FileType::from_raw_mode(u32::from(stat.stx_mode)) != FileType::RegularFile || is_mount(&stat) {
            return Ok(Err(Removed::Left("it is no file any more".to_owned())));
        }
        if Print::of(&stat) != *print {
            return Ok(Err(Removed::Left("it has changed since it was planned".to_owned())));
        }
        if stat.stx_nlink != 1 {
            return Ok(Err(Removed::Left("it has another name elsewhere".to_owned())));
        }
        // Whoever locks a file of his works with it.
        if let Err(errno) = retry_on_intr(|| flock(&file, FlockOperation::NonBlockingLockExclusive)) {
            return Ok(Err(match errno {
                Errno::WOULDBLOCK => Removed::Left("another program has locked it".to_owned()),
                errno => left(errno, "it cannot be locked"),
            }));
        }
        let place = self.private(into)?;
        match renameat_with(&parent, &name, &place, called, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            Err(Errno::NOENT) => return Ok(Err(Removed::Gone)),
            Err(errno) => return Ok(Err(left(errno, "it cannot be moved"))),
        }
        let taken = Taken { place, parent, name, takes: stat.stx_blocks.saturating_mul(512) };
        // What was moved is what had the name in that moment.
        let moved = bare_stat(taken.place.as_fd(), called);
        let why = match moved {
            Ok(stat) if stat.stx_nlink == 1 && Print::of(&stat).is_same_file(print) => return Ok(Ok(taken)),
            Ok(_) => "another file had taken its place".to_owned(),
            Err(errno) => format!("it cannot be looked at where it was moved: {errno}"),
        };
        self.put_back(&taken, called, into, why).map(Err)
    }

    fn put_back(&self, taken: &Taken, called: &OsStr, into: &str, why: String) -> Result<Removed> {
        match renameat_with(&taken.place, called, &taken.parent, &taken.name, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(Removed::Left(why)),
            Err(errno) => {
                let place = self.path().join(into).join(called);
                let message = format!("`{}` was moved and could not be put back: {why}", taken.name.display());
                let error = Error::new(ErrorKind::Local, message).source_error(std::io::Error::from(errno));
                Err(error.advice(format!("it is whole, at `{}`: move it where it belongs", place.display())))
            }
        }
    }

    /// Removes a file of our own that lies in the root itself: nobody else makes one of that name there.
    ///
    /// # Errors
    ///
    /// `Local` or `Denied`, naming the file. That it is not there is none.
    pub(crate) fn remove_own(&self, name: &Path) -> Result<()> {
        match unlinkat(self.folder(), name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => {
                let shown = self.path().join(name);
                Err(refused(errno, format!("`{}` could not be removed", shown.display())))
            }
        }
    }

    /// Finds out where a file is that was to be removed.
    ///
    /// # Errors
    ///
    /// If that cannot be seen: the file is not found, and the root lies on another file system than it did, because its disk
    /// is not mounted; or where the file was moved to lies another one.
    pub fn standing(&self, below: &Path, print: &Print) -> Result<Standing> {
        let failed = |errno| self.failed(below, errno);
        let (mut there, mut renamed) = (None, false);
        match self.parent(below) {
            Ok((parent, name)) => {
                match bare_stat(parent.as_fd(), &name) {
                    Ok(stat) => there = Some(Print::of(&stat)),
                    Err(Errno::NOENT) => {}
                    Err(errno) => return Err(failed(errno)),
                }
                if there.is_none_or(|there| !there.is_same_file(print)) {
                    renamed = is_in(&parent, print).map_err(failed)?;
                }
            }
            Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR | Errno::XDEV) => {}
            Err(errno) => return Err(failed(errno)),
        }
        if let Some(there) = there.filter(|there| there.inode == print.inode) {
            if there.is_same_file(print) {
                return Ok(Standing::There);
            }
            // Every file system has a file of that number.
            self.is_on(print.device)?;
            return Ok(Standing::Changed);
        }
        if renamed {
            return Ok(Standing::Renamed);
        }
        let moved = open_below(self.folder(), Path::new(QUARANTINE))
            .and_then(|quarantine| bare_stat(quarantine.as_fd(), &aside(print)));
        match moved {
            Ok(stat) if Print::of(&stat).is_same_file(print) => Ok(Standing::Moved),
            Ok(_) => {
                let place = self.path().join(QUARANTINE).join(aside(print));
                let message = format!("`{}` is another file than the one that was to be removed", place.display());
                Err(Error::new(ErrorKind::Local, message).advice("it is whole: move it where it belongs"))
            }
            Err(Errno::NOENT) => self.is_on(print.device).map(|()| Standing::Gone),
            Err(errno) => Err(failed(errno)),
        }
    }

    /// Tells whether a file that was removed is there all the same, where it was or where it was moved to.
    ///
    /// # Errors
    ///
    /// If that cannot be seen, as [`Root::standing`].
    pub fn is_left(&self, below: &Path, print: &Print) -> Result<bool> {
        let failed = |errno| self.failed(below, errno);
        let is_it = |stat: Result<rustix::fs::Statx, Errno>| match stat {
            // A new file may have got the number of the one that is gone.
            Ok(stat) => Ok(Print::of(&stat).is_same_file(print)),
            Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR | Errno::XDEV) => Ok(false),
            Err(errno) => Err(failed(errno)),
        };
        self.is_on(print.device)?;
        let there = self.parent(below).and_then(|(parent, name)| bare_stat(parent.as_fd(), &name));
        let moved = open_below(self.folder(), Path::new(QUARANTINE));
        let moved = moved.and_then(|quarantine| bare_stat(quarantine.as_fd(), &aside(print)));
        Ok(is_it(there)? || is_it(moved)?)
    }

    /// Makes sure that the root is on the file system on which the file was seen.
    pub(super) fn is_on(&self, device: (u32, u32)) -> Result<()> {
        if device == self.device() {
            return Ok(());
        }
        let message = format!("`{}` lies on another file system than when the plan was made", self.path().display());
        Err(Error::new(ErrorKind::Local, message).advice("look whether its disk is mounted"))
    }

    /// Removes a file that was moved and not removed.
    ///
    /// # Errors
    ///
    /// If it is another one, or the file system says no.
    pub fn remove_moved(&self, print: &Print) -> Result<Removed> {
        let shown = self.path().join(QUARANTINE).join(aside(print));
        let failed = |errno: Errno| {
            let message = format!("`{}` could not be removed", shown.display());
            Error::new(ErrorKind::Local, message).source_error(std::io::Error::from(errno))
        };
        let quarantine = self.private(QUARANTINE)?;
        let stat = match bare_stat(quarantine.as_fd(), &aside(print)) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(Removed::Gone),
            Err(errno) => return Err(failed(errno)),
        };
        if !Print::of(&stat).is_same_file(print) {
            return Ok(Removed::Left(format!("`{}` is another file", shown.display())));
        }
        unlinkat(&quarantine, aside(print), AtFlags::empty()).map_err(failed)?;
        Ok(Removed::Removed(stat.stx_blocks.saturating_mul(512)))
    }

    /// Puts a file back that was moved and not removed.
    ///
    /// # Errors
    ///
    /// If there is another one in its place, or the file system says no.
    pub fn restore(&self, below: &Path, print: &Print) -> Result<()> {
        self.bring_back(below, &aside(print), QUARANTINE)
    }

    /// Puts a file back that was set aside.
    ///
    /// # Errors
    ///
    /// As [`Root::restore`].
    pub(crate) fn bring_back(&self, below: &Path, called: &OsStr, from: &str) -> Result<()> {
        let failed = |errno: Errno| {
            let message = format!("`{}` cannot be put back", self.path().join(below).display());
            Error::new(ErrorKind::Local, message).source_error(std::io::Error::from(errno))
        };
        let (parent, name) = self.parent(below).map_err(failed)?;
        let place = self.private(from)?;
        renameat_with(&place, called, &parent, &name, RenameFlags::NOREPLACE).map_err(failed)
    }

    /// Takes the folder away into which files are moved, if it is empty.
    pub fn tidy(&self) {
        // If something is in it, it stays: that is another run's, or a file that could not be put back, which was told.
        self.remove_empty(QUARANTINE);
    }

    /// Takes a folder of ours away, if it is empty.
    pub(crate) fn remove_empty(&self, name: &str) {
        let _ = unlinkat(self.folder(), name, AtFlags::REMOVEDIR);
    }

    /// Opens a folder in the root that is ours alone, and makes it where it is not there.
    fn private(&self, name: &str) -> Result<OwnedFd> {
        let shown = format!("`{}`", self.path().join(name).display());
        let made = mkdirat(self.folder(), name, Mode::RWXU);
        let opened = match made {
            Ok(()) | Err(Errno::EXIST) => open_below(self.folder(), Path::new(name)),
            Err(errno) => Err(errno),
        };
        let folder = opened.map_err(|errno| refused(errno, format!("{shown} could not be made")))?;
        let stat = bare_stat(folder.as_fd(), OsStr::new("")).map_err(|errno| Error::from_io(errno.into(), &shown))?;
        if stat.stx_uid != rustix::process::geteuid().as_raw() || stat.stx_mode & 0o077 != 0 {
            let message = format!("{shown} is not ours alone");
            return Err(
                Error::new(ErrorKind::Denied, message).advice("somebody else made it: look at it, and move it away")
            );
        }
        Ok(folder)
    }
}

/// Removes a file of our own by its name in a folder of our own, wherever that folder lies and whatever leads to it: what
/// keeps other folders from being cleaned is no reason not to take our own mark away.
///
/// # Errors
///
/// `Local` or `Denied`, naming the file. That it is not there is none.
pub(crate) fn remove_own_in(folder: &Path, name: &str) -> Result<()> {
    let failed = |errno: Errno| refused(errno, format!("`{}` could not be removed", folder.join(name).display()));
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = retry_on_intr(|| rustix::fs::open(folder, flags, Mode::empty())).map_err(failed)?;
    match unlinkat(&folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(failed(errno)),
    }
}

/// Tells whether a file is in a folder, under whatever name.
fn is_in(folder: &OwnedFd, print: &Print) -> Result<bool, Errno> {
    for entry in retry_on_intr(|| Dir::read_from(folder))? {
        let entry = entry?;
        // The number of another file may be the same only where another file system is mounted.
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if entry.ino() == print.inode
            && bare_stat(folder.as_fd(), name).is_ok_and(|stat| Print::of(&stat).is_same_file(print))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The name under which a file is moved away: no other file of the system has it.
fn aside(print: &Print) -> OsString {
    format!("{}-{}-{}", print.device.0, print.device.1, print.inode).into()
}
