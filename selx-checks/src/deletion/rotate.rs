//! Giving a file another name in its folder, and an empty one in its place: what a rotation does. Nothing is lost by it, and a
//! file is moved only if it is the one that was meant.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, RenameFlags, Statx, Uid, fchmod, fchown, fsync, openat, renameat_with,
    unlinkat,
};
use rustix::io::{Errno, retry_on_intr};
use selx_core::{Error, ErrorKind, Result};

use super::Node;
use super::root::{Root, bare_stat};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rotated {
    /// It has the new name, and an empty file has its own.
    Done,
    /// It was left as it is, and why.
    Left(String),
}

/// What the name of a new file ends with, and `.` before it, until it is as it has to be.
const NEW: &str = ".selx-new";

/// Where a file is that grows, by its number alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Where it was.
    There,
    /// In the same folder under this name.
    Named(OsString),
    /// Not in its folder any more.
    Gone,
}

impl Root {
    /// Gives a file, known by its file system and its number, another name in its folder, and makes an empty one of the same
    /// owner and mode in its place.
    ///
    /// # Errors
    ///
    /// `Local` if another file got the new name and could not be given its own again.
    pub(crate) fn rotate(&self, below: &Path, node: Node, to: &OsStr) -> Result<Rotated> {
        let left = |why: &str| Ok(Rotated::Left(why.to_owned()));
        let (parent, name) = match self.parent(below) {
            Ok(found) => found,
            Err(errno) => return Ok(Rotated::Left(format!("its folder cannot be opened: {errno}"))),
        };
        let stat = match bare_stat(parent.as_fd(), &name) {
            Ok(stat) => stat,
            Err(errno) => return Ok(Rotated::Left(format!("it cannot be looked at: {errno}"))),
        };
        if FileType::from_raw_mode(u32::from(stat.stx_mode)) != FileType::RegularFile || !is_it(&stat, node) {
            return left("another file has its name now");
        }
        if stat.stx_nlink != 1 {
            return left("it has another name elsewhere");
        }
        match renameat_with(&parent, &name, &parent, to, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            Err(Errno::EXIST) => return left("a file has the name that it was to get"),
            Err(errno) => return Ok(Rotated::Left(format!("it cannot be renamed: {errno}"))),
        }
        let moved = bare_stat(parent.as_fd(), to);
        if !moved.is_ok_and(|moved| is_it(&moved, node)) {
            self.back(&parent, to, &name)?;
            return left("another file had taken its place");
        }
        if let Err(errno) = replace(&parent, &name, &stat) {
            self.back(&parent, to, &name)?;
            return Ok(Rotated::Left(format!("no new file could be made in its place: {errno}")));
        }
        retry_on_intr(|| fsync(&parent))
            .map_err(|errno| Error::from_io(errno.into(), format!("`{}`", self.path().display())))?;
        Ok(Rotated::Done)
    }

    /// Makes an empty file in the place of one that was given another name, if there is none. Returns whether it did.
    ///
    /// # Errors
    ///
    /// `Local` or `Denied`, naming the file.
    pub(crate) fn renew(&self, below: &Path, node: Node, named: &OsStr) -> Result<bool> {
        let failed = |errno| self.failed(below, errno);
        if self.is_there(below)? {
            return Ok(false);
        }
        let (parent, name) = self.parent(below).map_err(failed)?;
        let stat = bare_stat(parent.as_fd(), named).map_err(failed)?;
        // Owner and mode are those of the log, not of whatever somebody puts there.
        if !is_it(&stat, node) || FileType::from_raw_mode(u32::from(stat.stx_mode)) != FileType::RegularFile {
            let message = format!("`{}` has another file's name now", self.path().join(below).display());
            return Err(Error::new(ErrorKind::Local, message).advice("look who renames what is in this folder"));
        }
        replace(&parent, &name, &stat).and_then(|()| retry_on_intr(|| fsync(&parent))).map_err(failed)?;
        Ok(true)
    }

    /// Tells whether a file has this name.
    ///
    /// # Errors
    ///
    /// If that cannot be seen, or something else has it.
    pub(crate) fn is_there(&self, below: &Path) -> Result<bool> {
        let failed = |errno| self.failed(below, errno);
        let (parent, name) = self.parent(below).map_err(failed)?;
        match bare_stat(parent.as_fd(), &name) {
            Ok(stat) if FileType::from_raw_mode(u32::from(stat.stx_mode)) == FileType::RegularFile => Ok(true),
            Ok(_) => {
                let message = format!("what has the name `{}` is no file", self.path().join(below).display());
                Err(Error::new(ErrorKind::Local, message).advice("look who put it there, and move it away"))
            }
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(failed(errno)),
        }
    }

    fn back(&self, parent: &OwnedFd, from: &OsStr, to: &OsStr) -> Result<()> {
        renameat_with(parent, from, parent, to, RenameFlags::NOREPLACE).map_err(|errno| {
            let message = format!("`{}` could not be given its name `{}` again", from.display(), to.display());
            let error = Error::new(ErrorKind::Local, message).source_error(std::io::Error::from(errno));
            error.advice("it is whole: give it its name by hand")
        })
    }

    /// Finds a file in its folder by its number.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read, or lies on another file system than the file.
    pub(crate) fn place(&self, below: &Path, node: Node) -> Result<Place> {
        self.is_on(node.0)?;
        let failed = |errno| self.failed(below, errno);
        let (parent, name) = match self.parent(below) {
            Ok(found) => found,
            Err(Errno::NOENT) => return Ok(Place::Gone),
            Err(errno) => return Err(failed(errno)),
        };
        if bare_stat(parent.as_fd(), &name).is_ok_and(|stat| is_it(&stat, node)) {
            return Ok(Place::There);
        }
        for entry in retry_on_intr(|| Dir::read_from(&parent)).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if entry.ino() == node.1 && bare_stat(parent.as_fd(), name).is_ok_and(|stat| is_it(&stat, node)) {
                return Ok(Place::Named(OsString::from_vec(name.as_bytes().to_vec())));
            }
        }
        Ok(Place::Gone)
    }
}

/// Tells whether it is the file: one that grows has no length and no times to know it by.
fn is_it(stat: &Statx, node: Node) -> bool {
    ((stat.stx_dev_major, stat.stx_dev_minor), stat.stx_ino) == node
}

/// Makes an empty file of the same owner and mode, if there is none yet: its program may have made one in this moment. It gets
/// its name when it is as it has to be: nobody finds one that he may not write to.
fn replace(parent: &OwnedFd, name: &OsStr, like: &Statx) -> Result<(), Errno> {
    let mut new = OsString::from(".");
    new.push(name);
    new.push(NEW);
    // A run that died may have left it.
    match unlinkat(parent, &new, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let made = retry_on_intr(|| openat(parent, &new, flags, Mode::RUSR | Mode::WUSR))?;
    let named = fchown(&made, Some(Uid::from_raw(like.stx_uid)), Some(Gid::from_raw(like.stx_gid)))
        .and_then(|()| fchmod(&made, Mode::from_raw_mode(u32::from(like.stx_mode) & 0o777)))
        .and_then(|()| renameat_with(parent, &new, parent, name, RenameFlags::NOREPLACE));
    if named.is_err() {
        let _ = unlinkat(parent, &new, AtFlags::empty());
    }
    match named {
        Err(Errno::EXIST) => Ok(()),
        named => named,
    }
}
