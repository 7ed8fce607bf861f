//! The one place of this project where files are deleted.
//!
//! A [`Root`] is a folder that is held open. Everything below it is reached from there by name, without following links and
//! without leaving its file system, so that whoever exchanges folders or plants links meanwhile changes nothing of what is
//! reached. A file is removed only if it is the one that was seen when the plan was made, by its [`Print`]: it is moved
//! into a folder of ours first, looked at there, and put back if it is another one. Between a look and a removal by name a
//! rotation, or an attacker, could put another file in its place; here that other file stays.

#![cfg_attr(
    not(all(feature = "backup", feature = "command", feature = "postgres")),
    expect(dead_code, reason = "what backups need of it, nobody else does")
)]

mod remove;
mod root;
#[cfg(feature = "logs")]
mod rotate;
#[cfg(all(feature = "backup", feature = "command", feature = "postgres"))]
mod tree;
mod walk;

pub(crate) use remove::remove_own_in;
pub use remove::{Removed, Standing};
pub use root::Root;
#[cfg(feature = "logs")]
pub(crate) use rotate::{Place, Rotated};
pub use walk::{Seen, Walked};

use rustix::fs::Statx;
use selx_core::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

/// By what a file is known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Print {
    /// Its file system and its number there.
    pub device: (u32, u32),
    /// See `device`.
    pub inode: u64,
    /// Its length in bytes.
    pub length: u64,
    /// When it was written last, in nanoseconds since 1970.
    pub written: i64,
    /// When anything about it changed last.
    pub changed: i64,
}

/// A file system, and the number of a file there: what a file that grows is known by.
#[cfg(feature = "logs")]
pub(crate) type Node = ((u32, u32), u64);

impl Print {
    fn of(stat: &Statx) -> Self {
        Self {
            device: (stat.stx_dev_major, stat.stx_dev_minor),
            inode: stat.stx_ino,
            length: stat.stx_size,
            written: nanoseconds(stat.stx_mtime),
            changed: nanoseconds(stat.stx_ctime),
        }
    }

    /// Returns what a file that grows is known by.
    #[cfg(feature = "logs")]
    pub(crate) fn node(&self) -> Node {
        (self.device, self.inode)
    }

    /// Tells whether it is the same file with the same content, wherever it was moved on its file system. That may have
    /// another number since the machine was started again.
    fn is_same_file(&self, other: &Self) -> bool {
        let without = |print: &Self| Self { device: (0, 0), changed: 0, ..*print };
        without(self) == without(other)
    }
}

/// Makes an error of what the file system said: a right is missing, or something else.
pub(crate) fn refused(errno: rustix::io::Errno, message: String) -> Error {
    use rustix::io::Errno;
    let kind = match errno {
        Errno::ACCESS | Errno::PERM | Errno::ROFS => ErrorKind::Denied,
        _ => ErrorKind::Local,
    };
    Error::new(kind, message).source_error(std::io::Error::from(errno))
}

fn nanoseconds(time: rustix::fs::StatxTimestamp) -> i64 {
    time.tv_sec.saturating_mul(1_000_000_000).saturating_add(i64::from(time.tv_nsec))
}
