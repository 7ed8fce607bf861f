//! What flows through a child in place of a text that is kept: a pipe or a file as its input or its output, and secrets that
//! it reads as files.
//!
//! Whoever gives a child the end of a pipe works at the other end meanwhile, in a thread of its own: a pipe that is full
//! makes its writer wait, so that nothing piles up in memory.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Arc;

use command_fds::FdMapping;
use rustix::fs::{MemfdFlags, Mode, fchmod, memfd_create};
use rustix::process::{Pid, setpriority_process};
use selx_core::Secret;
use tokio::process::Command;

use super::Child;

/// The first descriptor of the secrets that a child reads as files.
const FILES: i32 = 80;

/// What is not as usual about the streams of a child.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams {
    stdin: Option<Arc<OwnedFd>>,
    stdout: Option<Arc<OwnedFd>>,
    files: Vec<(String, Secret)>,
    nice: i32,
}

impl Child {
    /// Lets the child read from a pipe or a file. It is held until this is dropped, and a writer at the other end learns that
    /// the child is gone only then: drop it as soon as [`Child::run`] is over.
    #[must_use]
    pub fn stdin_from(mut self, input: impl Into<OwnedFd>) -> Self {
        self.streams.stdin = Some(Arc::new(input.into()));
        self
    }

    /// Lets the child write its standard output to a pipe or a file, as long as it likes; nothing of it is kept then. The end
    /// of a pipe comes when this was dropped as well: drop it as soon as [`Child::run`] is over.
    #[must_use]
    pub fn stdout_to(mut self, output: impl Into<OwnedFd>) -> Self {
        self.streams.stdout = Some(Arc::new(output.into()));
        self
    }

    /// Sets a variable to the path of a file that holds a secret. The file is in memory, has no name that another process
    /// could open, and is gone with the child: nothing of it is in the environment, on a disk, or left after a kill.
    #[must_use]
    pub fn secret_file(mut self, name: impl Into<String>, content: Secret) -> Self {
        self.streams.files.push((name.into(), content));
        self
    }

    /// Lets the child stand back behind other processes, as `nice` does: 0 is as usual, 19 the furthest back.
    #[must_use]
    pub fn nice(mut self, nice: u8) -> Self {
        self.streams.nice = i32::from(nice.min(19));
        self
    }
}

impl Streams {
    pub(super) fn stdin(&self) -> io::Result<Stdio> {
        Ok(match &self.stdin {
            Some(input) => input.try_clone()?.into(),
            None => Stdio::null(),
        })
    }

    pub(super) fn stdout(&self) -> io::Result<Stdio> {
        Ok(match &self.stdout {
            Some(output) => output.try_clone()?.into(),
            None => Stdio::piped(),
        })
    }

    pub(super) fn secrets(&self) -> &[(String, Secret)] {
        &self.files
    }

    /// Makes the files with secrets, and tells the child where they are.
    pub(super) fn files(&self, command: &mut Command) -> io::Result<Vec<FdMapping>> {
        let mut mappings = Vec::new();
        for ((name, secret), child_fd) in self.files.iter().zip(FILES..) {
            let file = memfd_create("selx", MemfdFlags::CLOEXEC)?;
            // Programs look whether others could read it.
            fchmod(&file, Mode::RUSR | Mode::WUSR)?;
            let mut file = File::from(file);
            file.write_all(secret.expose().as_bytes())?;
            file.rewind()?;
            command.env(name, format!("/proc/self/fd/{child_fd}"));
            mappings.push(FdMapping { parent_fd: file.into(), child_fd });
        }
        Ok(mappings)
    }

    /// Lets a child that was just started stand back. That it does not harms nothing.
    pub(super) fn lower(&self, child: &tokio::process::Child) {
        if self.nice > 0
            && let Some(pid) = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
        {
            let _ = setpriority_process(Some(pid), self.nice);
        }
    }
}
