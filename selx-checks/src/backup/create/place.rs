//! The folder of the archives: which are there, what was left unfinished, and how one gets its name.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{Mode, OFlags, RenameFlags, openat, renameat_with};
use rustix::io::{Errno, retry_on_intr};
use selx_core::{Error, ErrorKind, Host, Result};

use super::Config;
use crate::deletion::Root;

/// What the name of an archive ends with.
const END: &str = ".tar.zst";
/// What the name of one that is being written has in addition, beside a dot in front.
const PARTIAL: &str = ".partial";
/// How a time stands in a name.
const TIME: &str = "%Y%m%dT%H%M%SZ";
/// How many entries of the folder are looked at.
const ENTRIES: usize = 200_000;

/// The folder, held open.
#[derive(Debug)]
pub(super) struct Place {
    root: Root,
    folder: OwnedFd,
    path: PathBuf,
    prefix: String,
    /// Its number on its file system.
    pub(super) inode: u64,
    pub(super) device: u64,
}

impl Place {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// As [`Root::open`]: what may not be cleaned may not be written to either, for what was begun could not be taken away.
    pub(super) fn open(config: &Config, host: &Host) -> Result<Self> {
        let path = host.path(config.folder.as_str());
        let root = Root::open(&path)?;
        let failed = |error: std::io::Error| Error::from_io(error, format!("`{}`", path.display()));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = File::from(
            retry_on_intr(|| rustix::fs::open(&path, flags, Mode::empty())).map_err(|errno| failed(errno.into()))?,
        );
        let meta = folder.metadata().map_err(failed)?;
        let prefix = config.name.as_str().to_owned();
        Ok(Self { root, folder: folder.into(), inode: meta.ino(), device: meta.dev(), path, prefix })
    }

    /// Returns the path of something in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Returns the finished archives of this name, the oldest first, and those that were left unfinished.
    pub(super) fn look(&self) -> Result<(Vec<String>, Vec<String>)> {
        let failed = |error| Error::from_io(error, format!("`{}`", self.path.display()));
        let (mut finished, mut partial) = (Vec::new(), Vec::new());
        for (count, entry) in crate::ground::entries(&self.path).map_err(failed)?.enumerate() {
            if count >= ENTRIES {
                let message = format!("there are more than {ENTRIES} entries in `{}`", self.path.display());
                return Err(Error::new(ErrorKind::Limit, message));
            }
            let name = entry.map_err(failed)?.file_name();
            let Some(name) = name.to_str() else { continue };
            if self.time_of(name).is_some() {
                finished.push(name.to_owned());
            } else if let Some(inner) = name.strip_prefix('.').and_then(|name| name.strip_suffix(PARTIAL))
                && self.time_of(inner).is_some()
            {
                partial.push(name.to_owned());
            }
        }
        finished.sort();
        partial.sort();
        Ok((finished, partial))
    }

    /// Returns the time in the name of an archive of ours.
    pub(super) fn time_of(&self, name: &str) -> Option<Timestamp> {
        let time = name.strip_prefix(&*self.prefix)?.strip_prefix('-')?.strip_suffix(END)?;
        let is_plain = time.len() == 16 && time.bytes().all(|byte| byte.is_ascii_digit() || b"TZ".contains(&byte));
        let time = jiff::civil::DateTime::strptime(TIME, time).ok().filter(|_| is_plain)?;
        jiff::tz::Offset::UTC.to_timestamp(time).ok()
    }

    /// Names an archive: later than the newest one, so that the order of names is that in which they were made.
    pub(super) fn name(&self, now: Timestamp, newest: Option<&str>) -> String {
        let second = jiff::SignedDuration::from_secs(1);
        let after = newest.and_then(|name| self.time_of(name)).map(|time| time + second);
        let time = after.map_or(now, |after| after.max(now));
        format!("{}-{}{END}", self.prefix, time.strftime(TIME))
    }

    /// Returns what the names of archives look like, for people.
    pub(super) fn pattern(&self) -> String {
        format!("{}-YYYYMMDDTHHMMSSZ{END}", self.prefix)
    }

    /// Returns how much room is free for this user.
    pub(super) fn free(&self) -> Result<u64> {
        let stat = rustix::fs::fstatvfs(&self.folder)
            .map_err(|errno| Error::from_io(errno.into(), format!("`{}`", self.path.display())))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Makes the file of an archive that is to have this name, under another one, for our eyes alone.
    pub(super) fn create(&self, name: &str) -> Result<(String, File)> {
        let partial = format!(".{name}{PARTIAL}");
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = retry_on_intr(|| openat(&self.folder, &*partial, flags, Mode::RUSR | Mode::WUSR))
            .map_err(|errno| self.failed(errno, &partial, "could not be made"))?;
        Ok((partial, file.into()))
    }

    /// Gives a finished archive its name, which no other file has, and returns when that is on the disk.
    pub(super) fn finish(&self, partial: &str, name: &str) -> Result<()> {
        renameat_with(&self.folder, partial, &self.folder, name, RenameFlags::NOREPLACE)
            .map_err(|errno| self.failed(errno, name, "could not be given its name"))?;
        retry_on_intr(|| rustix::fs::fsync(&self.folder))
            .map_err(|errno| self.failed(errno, name, "may not be on the disk"))
    }

    /// Takes a file of ours away.
    pub(super) fn remove(&self, name: &str) -> Result<()> {
        self.root.remove_own(Path::new(name))?;
        retry_on_intr(|| rustix::fs::fsync(&self.folder))
            .map_err(|errno| self.failed(errno, name, "may be on the disk still"))
    }

    fn failed(&self, errno: Errno, name: &str, what: &str) -> Error {
        crate::deletion::refused(errno, format!("`{}` {what}", self.path(name).display()))
    }
}

/// Tells whether two paths lie on the same file system.
pub(super) fn is_same_disk(place: &Place, path: &Path) -> Result<bool> {
    let meta = std::fs::metadata(path).map_err(|error| Error::from_io(error, format!("`{}`", path.display())))?;
    Ok(meta.dev() == place.device)
}
