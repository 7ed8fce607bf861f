//! What an action stands on: the stop file, locks and journals of a machine. Real machines have theirs in `selx-checks`.

use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::journal::{Damaged, Ledger, Read};
use super::saved::Machine;
use crate::check::Moment;
use crate::error::Result;

/// Somebody stopped all actions of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// Who it was.
    pub by: String,
    /// The reason; empty if none was given.
    pub reason: String,
    /// When, in the words of a person.
    pub at: String,
}

/// Who holds a lock. It is for messages alone: a lock is free when the kernel says so, whatever stands here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Holder {
    /// The run.
    pub run: String,
    /// The action, as `kind.name`.
    pub action: String,
    /// Its process.
    pub pid: u32,
    /// Since when.
    pub since: Moment,
}

impl Holder {
    /// Returns for how long it has held the lock, if that was on this boot.
    pub fn age(&self, now: Moment) -> Option<Duration> {
        now.since(&self.since)
    }
}

/// What came of trying a lock.
pub enum Tried {
    /// It is ours until it is dropped, or the process ends.
    Ours(Box<dyn Lock>),
    /// Somebody else has it; who, if that can be read.
    Taken(Option<Holder>),
}

/// A lock that is held.
pub trait Lock: Send + Sync {
    /// Tells whether it is still ours: the file is the one that was locked, the connection stands.
    ///
    /// # Errors
    ///
    /// `Local`, with what happened to it.
    fn check(&self) -> Result<()>;

    /// Returns the descriptor that the kernel holds the lock by, for children that work under it; `None` if it is not held
    /// by one. The default is none.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// How much room a file system has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// Bytes that are free for everybody.
    pub free: u64,
    /// Bytes in all.
    pub size: u64,
}

/// A run that is not over.
#[derive(Clone, Debug)]
pub struct Open {
    /// The run, which is the name of its journal as well.
    pub run: String,
    /// The file.
    pub path: PathBuf,
    /// What it holds, if it can be relied on.
    pub read: Result<Read, Damaged>,
    /// Whether its process is at work: then it is not to be recovered.
    pub alive: bool,
}

/// The machine that is changed.
pub trait Ground: Send + Sync {
    /// Returns which machine it is.
    fn machine(&self) -> Machine;

    /// Returns who stopped all actions, if somebody did.
    ///
    /// # Errors
    ///
    /// If that cannot be found out. Nothing is changed then.
    fn stopped(&self) -> Result<Option<Stopped>>;

    /// Tries to take a lock, without waiting.
    ///
    /// # Errors
    ///
    /// If there can be no lock: a missing right, a file that is not ours in its place.
    fn lock(&self, resource: &str, holder: &Holder) -> Result<Tried>;

    /// Returns the runs that are not over, the oldest first.
    ///
    /// # Errors
    ///
    /// If the journals cannot be read. Nothing is changed then.
    fn open(&self) -> Result<Vec<Open>>;

    /// Makes the journal of a new run, with room on the disk for `room` bytes.
    ///
    /// # Errors
    ///
    /// `Local` or `Denied`, naming the file.
    fn journal(&self, run: &str, room: u64) -> Result<Box<dyn Ledger>>;

    /// Opens the journal of a run that is not over; what is torn off at its end is cut away.
    ///
    /// # Errors
    ///
    /// `Local` or `Denied`, naming the file.
    fn reopen(&self, open: &Open) -> Result<Box<dyn Ledger>>;

    /// Puts the journal of a run that is over away. That it was not is no harm: it is known by its last record.
    fn close(&self, run: &str);

    /// Returns how much room there is where a path lies; `None` if it cannot be asked.
    fn space(&self, path: &Path) -> Option<Space>;
}
