//! What actions stand on, on a real machine: plans that have no right to write, locks that the kernel holds, a stop file, and
//! journals that are on the disk.

mod confined;
mod file;
mod folder;
mod instance;
mod journals;
mod lock;
mod lookout;
mod stop;

use std::path::{Path, PathBuf};

use selx_core::action::journal::Ledger;
use selx_core::action::{Ground, Holder, Machine, Open, Space, Stopped, Tried};
use selx_core::{Host, Result};

#[cfg(test)]
pub(crate) use confined::confine;
pub use confined::{Confined, plan};
pub use file::{NoPlan, read_plan, save_plan};
#[cfg(feature = "backup")]
pub(crate) use folder::entries;
pub use instance::{apply, know, planned};
#[cfg(any(feature = "logs", feature = "postgres"))]
pub(crate) use lookout::from_outside;

/// Tells whether a clock shows a time from before this program: it is wrong, and by it nothing is old.
#[cfg(any(feature = "logs", feature = "docker"))]
pub(crate) fn is_before_program(now: jiff::Timestamp) -> bool {
    const BUILT: &str = "2026-11-01T00:00:00Z";
    BUILT.parse::<jiff::Timestamp>().is_ok_and(|built| now < built)
}

/// The stop file, the locks and the journals of this machine.
///
/// Below its folder, mode 0700 and of the running user alone:
///
/// | place | what it is |
/// |---|---|
/// | `STOP` | who stopped all actions, when and why; that it is there is what counts |
/// | `locks/` | one file for each resource that was ever locked; never removed, and empty of meaning without the kernel's lock |
/// | `journal/` | the journals of runs that are not over |
/// | `journal/closed/` | those of runs that are: [`HostGround::KEPT`] bytes of them at most, for [`HostGround::KEPT_FOR`] |
///
/// All of it survives a boot: who stopped the actions of a machine did not mean until it is started anew, and a run that a
/// power cut ended is still to be recovered.
#[derive(Clone, Debug)]
pub struct HostGround {
    folder: PathBuf,
    host: Host,
}

impl HostGround {
    /// How many bytes of closed journals are kept.
    pub const KEPT: u64 = 64 << 20;
    /// For how long they are kept; the newest hundred are kept for longer, whatever a clock says of their age.
    pub const KEPT_FOR: std::time::Duration = std::time::Duration::from_secs(400 * 86_400);

    /// Names the folder, which is that of the history as a rule. Nothing is made before something has to be written.
    pub fn new(folder: impl Into<PathBuf>, host: Host) -> Self {
        Self { folder: folder.into(), host }
    }

    /// Returns the folder: only what keeps its state there is locked and stopped by it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Stops all actions of this machine: none begins, and one that runs begins no further step.
    ///
    /// # Errors
    ///
    /// `Denied` or `Local`, naming the file.
    pub fn stop(&self, stopped: &Stopped) -> Result<()> {
        stop::write(&self.folder, stopped)
    }

    /// Allows actions again. Returns who had stopped them, if anybody had.
    ///
    /// # Errors
    ///
    /// `Denied` or `Local`, naming the file.
    pub fn start(&self) -> Result<Option<Stopped>> {
        stop::take_away(&self.folder)
    }
}

impl Ground for HostGround {
    fn machine(&self) -> Machine {
        let read = |path: &str| std::fs::read_to_string(self.host.path(path)).unwrap_or_default();
        let id = read("/etc/machine-id").trim().chars().take(64).collect();
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Machine { name, id }
    }

    fn stopped(&self) -> Result<Option<Stopped>> {
        stop::read(&self.folder)
    }

    fn lock(&self, resource: &str, holder: &Holder) -> Result<Tried> {
        lock::lock(&self.folder, resource, holder)
    }

    fn open(&self) -> Result<Vec<Open>> {
        journals::open(&self.folder)
    }

    fn journal(&self, run: &str, room: u64) -> Result<Box<dyn Ledger>> {
        journals::make(&self.folder, run, room)
    }

    fn reopen(&self, open: &Open) -> Result<Box<dyn Ledger>> {
        journals::reopen(open)
    }

    fn close(&self, run: &str) {
        journals::close(&self.folder, run);
    }

    fn space(&self, path: &Path) -> Option<Space> {
        let stat = rustix::fs::statvfs(self.host.path(path)).ok()?;
        Some(Space {
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
            size: stat.f_blocks.saturating_mul(stat.f_frsize),
        })
    }
}
