//! What processes have open, by `/proc`.

use std::io;
use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

/// One descriptor of one process.
pub(super) struct Descriptor {
    pub(super) pid: u32,
    /// The folder of the process.
    pub(super) process: PathBuf,
    /// Its number, as it is written.
    pub(super) number: std::ffi::OsString,
    /// What it leads to, as the kernel writes it: a path, with ` (deleted)` behind it if it has that name no more.
    pub(super) target: PathBuf,
}

impl Descriptor {
    /// Looks at what is open, whatever name it has now.
    pub(super) fn metadata(&self) -> io::Result<std::fs::Metadata> {
        std::fs::metadata(self.process.join("fd").join(&self.number))
    }

    /// Tells whether it is open for writing.
    pub(super) fn writes(&self) -> bool {
        let text = std::fs::read_to_string(self.process.join("fdinfo").join(&self.number)).unwrap_or_default();
        let flags = text.lines().find_map(|line| line.strip_prefix("flags:")).map(str::trim);
        flags.and_then(|flags| u32::from_str_radix(flags, 8).ok()).is_some_and(|flags| flags & 0o3 != 0)
    }
}

/// Processes of which it is not known what they have open.
#[derive(Clone, Debug, Default)]
pub(super) struct Unseen {
    /// Those of other users: whoever looks has not the right to.
    pub(super) closed: Vec<u32>,
    /// Those that not even root may look into, for they have more rights than it has here: what supervises a container from
    /// inside is one.
    pub(super) hidden: Vec<u32>,
}

/// Goes through all of them, until it is cancelled. Returns the processes that do not let us look.
///
/// # Errors
///
/// If processes cannot be listed, or what one has open: too many files open here, no memory. That a process has ended, or has
/// closed something, is none.
pub(super) fn each(
    host: &selx_core::Host,
    cancel: &CancellationToken,
    visit: &mut dyn FnMut(&Descriptor),
) -> io::Result<Unseen> {
    let (mut unseen, mut others) = (Unseen::default(), false);
    for process in std::fs::read_dir(&host.proc)? {
        if cancel.is_cancelled() {
            break;
        }
        let process = process?;
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let process = process.path();
        let descriptors = match std::fs::read_dir(process.join("fd")) {
            Ok(descriptors) => descriptors,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                unseen.closed.push(pid);
                continue;
            }
            Err(error) if is_over(&error) => continue,
            Err(error) => return Err(error),
        };
        for descriptor in descriptors {
            let descriptor = match descriptor {
                Ok(descriptor) => descriptor,
                Err(error) if is_over(&error) => break,
                Err(error) => return Err(error),
            };
            let target = match std::fs::read_link(descriptor.path()) {
                Ok(target) => target,
                // The numbers may be seen, and not what they lead to: that takes the right to trace the process.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    unseen.hidden.push(pid);
                    break;
                }
                Err(error) if is_over(&error) => continue,
                Err(error) => return Err(error),
            };
            others |= pid != std::process::id();
            visit(&Descriptor { pid, process: process.clone(), number: descriptor.file_name(), target });
        }
    }
    // Where all are hidden, or we lack the right to trace, it is us who may not look, and nothing is known of any file.
    if !others || !may_trace(host) {
        unseen.closed.append(&mut unseen.hidden);
    }
    Ok(unseen)
}

/// Tells whether this process may look into others that are not its own (CAP_SYS_PTRACE): root in a container may not.
fn may_trace(host: &selx_core::Host) -> bool {
    const SYS_PTRACE: u64 = 1 << 19;
    let status = std::fs::read_to_string(host.proc.join("self/status")).unwrap_or_default();
    let rights = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    rights.and_then(|rights| u64::from_str_radix(rights.trim(), 16).ok()).is_some_and(|rights| rights & SYS_PTRACE != 0)
}

/// Tells whether a process has ended meanwhile, or closed what was looked at.
pub(super) fn is_over(error: &io::Error) -> bool {
    let ended = [rustix::io::Errno::NOENT, rustix::io::Errno::SRCH];
    rustix::io::Errno::from_io_error(error).is_some_and(|errno| ended.contains(&errno))
}
