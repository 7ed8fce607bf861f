//! Going through everything below a root.

use std::ffi::OsStr;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, FileType};
use rustix::io::{Errno, retry_on_intr};
use tokio_util::sync::CancellationToken;

use super::remove::QUARANTINE;
use super::root::{Root, bare_stat, open_below};
use super::{Print, nanoseconds};

/// How deep folders may lie in each other.
pub(super) const DEPTH: usize = 64;

/// A file that was met.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Its folder, from the root; empty for the root itself.
    pub folder: &'a Path,
    /// Its name.
    pub name: &'a OsStr,
    /// By what it is known again.
    pub print: Print,
    /// The youngest of its time stamps, in nanoseconds since 1970: written, changed, made.
    pub youngest: i64,
    /// When it was made, if its file system knows.
    pub born: Option<i64>,
    /// The bytes that it takes on the disk.
    pub takes: u64,
    /// Whether it has another name somewhere.
    pub is_linked: bool,
    /// Whether somebody marked it to be kept: its sticky bit is set.
    pub is_sticky: bool,
    /// Whether everybody may write to its folder.
    pub is_in_public: bool,
}

/// What was met besides files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// How many entries there were.
    pub entries: u64,
    /// Links, and what is neither file nor folder: devices, pipes, sockets. They are left alone.
    pub others: Vec<PathBuf>,
    /// Folders on which something else is mounted. They are left alone.
    pub mounts: Vec<PathBuf>,
    /// Why the walk did not see everything: then nothing may be concluded from what is missing.
    pub incomplete: Option<String>,
}

/// How many links and mounts are named.
const NAMED: usize = 1_000;

impl Root {
    /// Goes through all files. What went away meanwhile is passed over; a folder that cannot be read makes the walk
    /// incomplete, and so do more than `most` entries.
    pub fn walk(&self, most: u64, cancel: &CancellationToken, visit: &mut dyn FnMut(Seen<'_>)) -> Walked {
        let mut walk = Walk { walked: Walked::default(), most, cancel, visit, device: self.device() };
        walk.folder(self.folder(), Path::new(""), false, 0);
        walk.walked
    }
}

struct Walk<'a> {
    walked: Walked,
    most: u64,
    cancel: &'a CancellationToken,
    visit: &'a mut dyn FnMut(Seen<'_>),
    device: (u32, u32),
}

impl Walk<'_> {
    fn stop(&mut self, why: String) {
        self.walked.incomplete.get_or_insert(why);
    }

    fn folder(&mut self, folder: BorrowedFd<'_>, path: &Path, is_in_public: bool, depth: usize) {
        let shown =
            || if path.as_os_str().is_empty() { "the folder".to_owned() } else { format!("`{}`", path.display()) };
        if depth > DEPTH {
            return self.stop(format!("{} lies more than {DEPTH} folders deep", shown()));
        }
        let mut entries = match retry_on_intr(|| Dir::read_from(folder)) {
            Ok(entries) => entries,
            Err(errno) => return self.stop(format!("{} cannot be read: {errno}", shown())),
        };
        // Folders come last: only so many are held open as lie in each other.
        let mut folders = Vec::new();
        while let Some(entry) = entries.read() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(errno) => return self.stop(format!("{} cannot be read to its end: {errno}", shown())),
            };
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if matches!(name.as_bytes(), b"." | b"..") || depth == 0 && name == QUARANTINE {
                continue;
            }
            self.walked.entries += 1;
            if self.walked.entries > self.most {
                return self.stop(format!("there are more than {} entries", self.most));
            }
            if self.walked.entries.is_multiple_of(1024) && self.cancel.is_cancelled() {
                return self.stop("the walk was stopped".to_owned());
            }
            match entry.file_type() {
                FileType::Directory => folders.push(name.to_owned()),
                FileType::RegularFile | FileType::Unknown => self.file(folder, path, name, is_in_public, &mut folders),
                _ => self.other(path.join(name)),
            }
        }
        for name in folders {
            let below = path.join(&name);
            match open_below(folder, Path::new(&name)) {
                Ok(opened) => {
                    let is_public =
                        bare_stat(opened.as_fd(), OsStr::new("")).is_ok_and(|stat| stat.stx_mode & 0o002 != 0);
                    self.folder(opened.as_fd(), &below, is_in_public || is_public, depth + 1);
                }
                Err(Errno::XDEV) => {
                    if self.walked.mounts.len() < NAMED {
                        self.walked.mounts.push(below);
                    }
                }
                // It was exchanged or went away since its name was read.
                Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => {}
                Err(errno) => self.stop(format!("`{}` cannot be read: {errno}", below.display())),
            }
        }
    }

    fn file(
        &mut self,
        folder: BorrowedFd<'_>,
        path: &Path,
        name: &OsStr,
        is_in_public: bool,
        folders: &mut Vec<std::ffi::OsString>,
    ) {
        let stat = match bare_stat(folder, name) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return,
            Err(errno) => return self.stop(format!("`{}` cannot be looked at: {errno}", path.join(name).display())),
        };
        match FileType::from_raw_mode(u32::from(stat.stx_mode)) {
            FileType::RegularFile => {}
            // A file system that does not say in its list what is what.
            FileType::Directory => return folders.push(name.to_owned()),
            _ => return self.other(path.join(name)),
        }
        let print = Print::of(&stat);
        if print.device != self.device {
            // A file can be mounted, too.
            if self.walked.mounts.len() < NAMED {
                self.walked.mounts.push(path.join(name));
            }
            return;
        }
        let knows = stat.stx_mask & rustix::fs::StatxFlags::BTIME.bits() != 0;
        let born = knows.then(|| nanoseconds(stat.stx_btime));
        (self.visit)(Seen {
            folder: path,
            name,
            print,
            youngest: print.written.max(print.changed).max(born.unwrap_or(i64::MIN)),
            born,
            takes: stat.stx_blocks.saturating_mul(512),
            is_linked: stat.stx_nlink > 1,
            is_sticky: stat.stx_mode & 0o1000 != 0,
            is_in_public,
        });
    }

    fn other(&mut self, path: PathBuf) {
        if self.walked.others.len() < NAMED {
            self.walked.others.push(path);
        }
    }
}
