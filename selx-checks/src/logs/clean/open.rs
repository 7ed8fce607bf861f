//! Which files a program has open: deleting one frees nothing, and may cost what is being written.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;

use selx_core::{Error, ErrorKind, Result};
use tokio_util::sync::CancellationToken;

use crate::deletion::Node;
use crate::ground;
use crate::logs::descriptors;

/// What is known of it.
#[derive(Debug)]
pub(in crate::logs) struct Open {
    files: HashSet<Node>,
    written: HashSet<Node>,
    hidden: Vec<u32>,
    /// Whether there may be processes of which nothing at all is seen: this one is in a container.
    inside: bool,
}

impl Open {
    /// Tells whether a program has a file open.
    pub(in crate::logs) fn has(&self, file: Node) -> bool {
        self.files.contains(&file)
    }

    /// Tells whether a program writes to one of the files that were asked about.
    pub(in crate::logs) fn writes(&self, file: Node) -> bool {
        self.written.contains(&file)
    }

    /// Says what could not be seen, for a plan.
    pub(in crate::logs) fn unseen(&self) -> Vec<String> {
        let why = "what runs outside with more rights lets nobody look";
        let hidden = self.hidden.iter().map(|pid| format!("whether the process {pid} has it open: {why}"));
        let outside = self.inside.then(|| "whether a program outside of this container has it open".to_owned());
        hidden.chain(outside).collect()
    }
}

/// Finds the files that programs have open, and which of some they have open for writing.
///
/// # Errors
///
/// `Denied` if a process does not let us see what it has open: then nothing could be said of any file.
pub(in crate::logs) fn files(host: &selx_core::Host, asked: HashSet<Node>, cancel: &CancellationToken) -> Result<Open> {
    let (host, cancel) = (host.clone(), cancel.clone());
    // A plan is confined, and would see no process but its own.
    ground::from_outside(move || seen(&host, &asked, &cancel))
}

/// The number that the first name space of processes has on every kernel.
const FIRST: &str = "pid:[4026531836]";

/// Returns the file that a descriptor leads to, if it is one.
fn node(descriptor: &descriptors::Descriptor) -> std::io::Result<Option<Node>> {
    // Another name space may give another name to it, or it may have been moved here: what is open counts by its number.
    // Only what is no file by its name, such as a socket or a terminal, is passed over.
    let target = &descriptor.target;
    if !target.is_absolute() || target.starts_with("/dev/pts") || target == std::path::Path::new("/dev/null") {
        return Ok(None);
    }
    let metadata = match descriptor.metadata() {
        Ok(metadata) => metadata,
        // A file system of another user that lets nobody in is none that anybody cleans.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return Ok(None),
        Err(error) => return Err(error),
    };
    let device = (rustix::fs::major(metadata.dev()), rustix::fs::minor(metadata.dev()));
    Ok(metadata.is_file().then(|| (device, metadata.ino())))
}

fn seen(host: &selx_core::Host, asked: &HashSet<Node>, cancel: &CancellationToken) -> Result<Open> {
    let (mut files, mut written, mut odd) = (HashSet::new(), HashSet::new(), Vec::new());
    let unseen = descriptors::each(host, cancel, &mut |descriptor| match node(descriptor) {
        Ok(Some(node)) => {
            files.insert(node);
            if asked.contains(&node) && descriptor.writes() {
                written.insert(node);
            }
        }
        Ok(None) => {}
        Err(error) if descriptors::is_over(&error) => {}
        Err(_) => odd.push(descriptor.pid),
    });
    let unseen = unseen.map_err(|error| Error::from_io(error, format!("`{}`", host.proc.display())))?;
    if cancel.is_cancelled() {
        return Err(Error::new(ErrorKind::Cancelled, "the look was stopped"));
    }
    if let Some(pid) = unseen.closed.first() {
        let message = format!("the process {pid} does not let this user see which files it has open");
        return Err(Error::new(ErrorKind::Denied, message).advice("run it as root: a log that is open stays"));
    }
    odd.dedup();
    let space = std::fs::read_link(host.proc.join("self/ns/pid")).unwrap_or_default();
    let inside = space != std::path::Path::new(FIRST);
    Ok(Open { files, written, hidden: unseen.hidden.into_iter().chain(odd).collect(), inside })
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;
    use crate::ground::{Confined, confine};

    #[test]
    #[expect(clippy::disallowed_methods, reason = "another process, which has a file open")]
    fn who_may_not_look_into_any_process_says_so() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut other = Command::new("/usr/bin/sleep")
            .arg("60")
            .stdin(Stdio::from(std::fs::File::open(file.path()).unwrap()))
            .spawn()
            .unwrap();
        let meta = file.as_file().metadata().unwrap();
        let node = ((rustix::fs::major(meta.dev()), rustix::fs::minor(meta.dev())), meta.ino());
        let look = || files(&selx_core::Host::default(), HashSet::new(), &CancellationToken::new());
        let seen = look();
        let blind = std::thread::spawn(move || (confine() == Confined::Yes).then(look)).join().unwrap();
        let _ = other.kill();
        let _ = other.wait();
        // Processes of others let nobody look but root.
        if rustix::process::geteuid().is_root() {
            assert!(seen.unwrap().has(node));
        }
        if let Some(blind) = blind {
            assert_eq!(blind.unwrap_err().kind(), ErrorKind::Denied);
        }
    }
}
