//! Locks that the kernel holds for a process, and lets go when it dies.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};
use selx_core::action::{Holder, Lock, Tried};
use selx_core::{Error, ErrorKind, Result};

use super::folder;

/// How much is read of who holds a lock.
const MOST: u64 = 4096;
/// How often it is tried again when the file was exchanged in between.
const TRIES: usize = 8;

/// A lock that is held as long as the file is open.
struct Held {
    file: File,
    path: PathBuf,
}

/// A lock of a folder with all that lies in it: those above it are held too, shared with others that lie in them.
struct Nested {
    own: Held,
    above: Vec<Held>,
}

impl Lock for Nested {
    fn check(&self) -> Result<()> {
        self.own.check()?;
        self.above.iter().try_for_each(Lock::check)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.own.descriptor()
    }
}

impl Held {
    /// Tells whether the file that is locked is the one that others find by its name.
    fn is_there(&self) -> bool {
        folder::is_at(&self.file, &self.path)
    }
}

impl Lock for Held {
    fn check(&self) -> Result<()> {
        if self.is_there() {
            return Ok(());
        }
        let message = format!("the lock `{}` was removed or exchanged while it was held", self.path.display());
        Err(Error::new(ErrorKind::Local, message).advice("locks are never removed; find out who cleans that folder"))
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }
}

/// Tries to take the lock of a resource. A folder is known by what it is, whatever it is called; and whoever has one holds
/// those above it as well, so that `/var/log` and `/var/log/shop` have one holder, and two folders in `/var/log` have two.
pub(super) fn lock(state: &Path, resource: &str, holder: &Holder) -> Result<Tried> {
    let mut above = Vec::new();
    for folder in folders_above(resource) {
        match one(state, &folder, FlockOperation::NonBlockingLockShared, None)? {
            Ok(held) => above.push(held),
            Err(by) => return Ok(Tried::Taken(by)),
        }
    }
    Ok(match one(state, &identity(resource), FlockOperation::NonBlockingLockExclusive, Some(holder))? {
        Ok(own) => Tried::Ours(Box::new(Nested { own, above })),
        Err(by) => Tried::Taken(by),
    })
}

/// Returns the folders above the one that a resource names, each by what it is; none for other resources.
fn folders_above(resource: &str) -> Vec<String> {
    let Some(path) = resource.strip_prefix("files:").and_then(|path| Path::new(path).canonicalize().ok()) else {
        return Vec::new();
    };
    path.ancestors().skip(1).map(|folder| identity(&format!("files:{}", folder.display()))).collect()
}

/// Names a folder by its file system and its number there, and everything else by its name.
fn identity(resource: &str) -> String {
    let meta = resource.strip_prefix("files:").and_then(|path| std::fs::metadata(path).ok());
    meta.map_or_else(|| resource.to_owned(), |meta| format!("folder:{}:{}", meta.dev(), meta.ino()))
}

/// Tries to take one lock, or returns who has it.
fn one(
    state: &Path,
    resource: &str,
    how: FlockOperation,
    holder: Option<&Holder>,
) -> Result<Result<Held, Option<Holder>>> {
    let path = folder::ours(state, "locks")?.join(name(resource));
    let shown = path.display();
    for _ in 0..TRIES {
        let opened = folder::careful().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file =
            opened.map_err(|error| folder::failed(error, format!("the lock `{shown}` could not be opened")))?;
        folder::is_ours(&file, &path)?;
        match retry_on_intr(|| flock(&file, how)) {
            Ok(()) => {}
            // Who shares it wrote nothing: what stands there is of somebody else then.
            Err(Errno::WOULDBLOCK) if retry_on_intr(|| flock(&file, FlockOperation::NonBlockingLockShared)).is_ok() => {
                return Ok(Err(None));
            }
            Err(Errno::WOULDBLOCK) => return Ok(Err(read(&mut file))),
            Err(errno) => {
                return Err(folder::failed(errno.into(), format!("the lock `{shown}` could not be taken")));
            }
        }
        let mut held = Held { file, path: path.clone() };
        // Somebody who removes files may have taken it away since it was opened: then another one could be locked as well.
        if !held.is_there() {
            continue;
        }
        // For messages alone: that it cannot be written harms nothing.
        if let Some(holder) = holder {
            let _ = write(&mut held.file, holder);
        }
        return Ok(Ok(held));
    }
    let message = format!("the lock `{shown}` is removed again and again");
    Err(Error::new(ErrorKind::Local, message).advice("locks are never removed; find out who cleans that folder"))
}

fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(MOST).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn write(file: &mut File, holder: &Holder) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&serde_json::to_vec(holder)?)
}

/// Makes a name of a resource: readable, and of no two the same.
fn name(resource: &str) -> String {
    let readable: String = resource
        .chars()
        .take(80)
        .map(|character| if character.is_ascii_alphanumeric() { character } else { '-' })
        .collect();
    // FNV-1a: the same in every version and on every machine.
    let hash = resource
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("{readable}-{hash:016x}.lock")
}
