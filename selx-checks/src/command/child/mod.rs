//! Child processes, the one way this project starts them.
//!
//! A program is named by its absolute path and may be changed by nobody but root and the running user. It gets its
//! arguments as they are (no shell), an environment made from scratch, no input but one that is given, and a process group of its own. Its
//! output is capped. When its time is up the whole group is asked to end and then killed; so it is when the future is
//! dropped. Processes that it leaves behind cannot hold the caller up.

mod capture;
mod group;
mod streams;
mod trust;

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use command_fds::{CommandFdExt as _, FdMapping};
use rustix::process::Signal;
use selx_core::action::Permit;
use selx_core::{Context, Error, ErrorKind, Result, Secret};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::time::{Instant, sleep_until, timeout};

use capture::Capture;
pub use capture::Output;
use group::{Group, not_started};
use streams::Streams;

/// How much of each output is kept unless another limit is set.
pub const OUTPUT_LIMIT: usize = 64 * 1024;
/// How long a child may take to end after it was asked to.
pub const GRACE: Duration = Duration::from_millis(500);
/// The same for a run that was cancelled: somebody waits for it to end.
const HURRY: Duration = Duration::from_millis(150);
/// The first descriptor of the locks that a child inherits: far from those that programs use by their number.
const LOCKS: i32 = 100;
/// A child that writes this many times its output limit is ended.
const FLOOD: u64 = 64;

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal, which was not ours.
    Signal(i32),
    /// It did not end in time and was ended.
    OutOfTime,
    /// It wrote without an end and was ended.
    Flooded,
}

/// What a child came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// How it ended.
    pub exit: Exit,
    /// What it wrote to standard output.
    pub stdout: Output,
    /// What it wrote to standard error.
    pub stderr: Output,
    /// How long it took.
    pub took: Duration,
    /// Whether processes that it started held its output open after it had ended. Those in its group were killed.
    pub left_behind: bool,
}

/// A program that is to be started.
///
/// ```no_run
/// use std::time::Duration;
/// use selx_checks::command::{Child, Exit};
/// use selx_core::Context;
///
/// # async fn example() -> selx_core::Result<()> {
/// let cx = Context::new(Duration::from_secs(5));
/// let ended = Child::new("/usr/bin/uname").arg("-r").run(&cx).await?;
/// assert_eq!(ended.exit, Exit::Code(0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Child {
    program: PathBuf,
    args: Vec<String>,
    env: Vec<(String, String)>,
    secret_env: Vec<(String, Secret)>,
    directory: PathBuf,
    limit: usize,
    grace: Duration,
    locks: Vec<Arc<OwnedFd>>,
    streams: Streams,
}

impl Child {
    /// Names the program by its absolute path. It is looked at when it is started.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            secret_env: Vec::new(),
            directory: "/".into(),
            limit: OUTPUT_LIMIT,
            grace: GRACE,
            locks: Vec::new(),
            streams: Streams::default(),
        }
    }

    /// Adds one argument, which is passed as it is. Secrets do not belong here: every user of the machine can read it.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the environment, which otherwise holds `PATH`, `LC_ALL`, `TZ` and `HOME` alone.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Sets a variable to a secret. Root and the same user can read it while the child runs; use it only for programs
    /// that take their secret in no other way.
    #[must_use]
    pub fn secret_env(mut self, name: impl Into<String>, value: Secret) -> Self {
        self.secret_env.push((name.into(), value));
        self
    }

    /// Sets the working directory. The default is `/`.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = directory.into();
        self
    }

    /// Sets how many bytes of each output are kept. The default is [`OUTPUT_LIMIT`].
    #[must_use]
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Sets how long the child may take to end after it was asked to. The default is [`GRACE`].
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Lets the child inherit the locks of a run: what changes something holds them until it has ended itself, also if this
    /// process dies before. Other children inherit nothing.
    #[must_use]
    pub fn holding(mut self, permit: &Permit) -> Self {
        self.locks.extend(permit.locks().iter().cloned());
        self
    }

    /// Starts the child, waits for it and returns what it came to, before the deadline of the context.
    ///
    /// The child is asked to end so early that the grace is over at the deadline. Must be called in a tokio runtime
    /// with time and input/output enabled.
    ///
    /// # Cancellation safety
    ///
    /// If the future is dropped, the group of the child is killed.
    ///
    /// # Errors
    ///
    /// `Missing`, `Denied` or `Config` if the program cannot or may not be started, `Local` if this machine has no
    /// descriptors, threads or memory left for it, `Cancelled` when the run is. How the child ends is never an error.
    pub async fn run(&self, cx: &Context) -> Result<Ended> {
        let program = trust::resolve(&self.program)?;
        if !self.directory.is_dir() {
            let message = format!("the working directory `{}` is not there", self.directory.display());
            return Err(Error::new(ErrorKind::Missing, message));
        }
        let began = Instant::now();
        let mut child = self
            .command(&program)
            .and_then(|mut command| command.spawn())
            .map_err(|error| not_started(error, &program))?;
        let group = Group::of(&child);
        self.streams.lower(&child);
        let secrets = self.secret_env.iter().chain(self.streams.secrets());
        let seam = secrets.map(|(_, secret)| 3 * secret.expose().len()).max().unwrap_or(0);
        let mut out = Capture::new(self.limit);
        let mut err = Capture::new(self.limit);
        let most = self.limit as u64 * FLOOD;
        let pipes = (child.stdout.take(), child.stderr.take());
        // Most of a very short limit is left to the child itself.
        let grace = self.grace.min(cx.limit() / 4);
        let stop = cx.deadline().checked_sub(grace).unwrap_or_else(Instant::now);
        let mut left_behind = false;
        let exit = {
            let mut reading =
                pin!(async { tokio::try_join!(read(pipes.0, &mut out, most), read(pipes.1, &mut err, most)).is_err() });
            let mut status: Option<ExitStatus> = None;
            let mut read_all = false;
            let mut patience = stop;
            let end = loop {
                if let Some(status) = status.filter(|_| read_all) {
                    break End::Itself(status);
                }
                tokio::select! {
                    biased;
                    () = cx.cancel().cancelled() => break End::Cancelled,
                    result = child.wait(), if status.is_none() => {
                        status = Some(result.map_err(|error| {
                            Error::new(ErrorKind::Local, format!("waiting for `{}` failed", program.display())).source_error(error)
                        })?);
                        // Whoever still holds the output gets a moment, not the whole time.
                        patience = patience.min(Instant::now() + grace);
                    }
                    flooded = &mut reading, if !read_all => {
                        read_all = true;
                        if flooded {
                            break End::Flooded;
                        }
                    }
                    () = sleep_until(patience) => match status {
                        Some(status) => {
                            left_behind = true;
                            break End::Itself(status);
                        }
                        None => break End::OutOfTime,
                    },
                }
            };
            match end {
                End::Itself(_) => group.signal(Signal::KILL),
                End::Flooded | End::OutOfTime | End::Cancelled => {
                    let grace = if matches!(end, End::Cancelled) { grace.min(HURRY) } else { grace };
                    let mut ended = status.is_some();
                    // A process that the kernel does not let go of cannot be waited for.
                    for (signal, wait) in [(Signal::TERM, grace), (Signal::KILL, Duration::from_millis(100))] {
                        group.signal(signal);
                        // What it says when it is asked to end is read, so that it can end.
                        let quiet = async {
                            loop {
                                tokio::select! {
                                    _ = child.wait(), if !ended => ended = true,
                                    _ = &mut reading, if !read_all => read_all = true,
                                    else => break,
                                }
                            }
                        };
                        let _ = timeout(wait, quiet).await;
                    }
                }
            }
            end.exit(&program)?
        };
        group.done();
        Ok(Ended { exit, stdout: out.finish(seam), stderr: err.finish(seam), took: began.elapsed(), left_behind })
    }

    fn command(&self, program: &Path) -> io::Result<Command> {
        let mut command = Command::new(program);
        command
            .args(&self.args)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .env("HOME", "/nonexistent")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .envs(self.secret_env.iter().map(|(name, secret)| (name, secret.expose())))
            .current_dir(&self.directory)
            .stdin(self.streams.stdin()?)
            .stdout(self.streams.stdout()?)
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mappings = self
            .locks
            .iter()
            .zip(LOCKS..)
            .map(|(lock, child_fd)| Ok(FdMapping { parent_fd: lock.try_clone()?, child_fd }));
        let mut mappings = mappings.collect::<io::Result<Vec<_>>>()?;
        mappings.extend(self.streams.files(&mut command)?);
        if !mappings.is_empty() {
            command.fd_mappings(mappings).map_err(io::Error::other)?;
        }
        Ok(command)
    }
}

/// Why the waiting is over.
enum End {
    Itself(ExitStatus),
    OutOfTime,
    Flooded,
    Cancelled,
}

impl End {
    fn exit(&self, program: &Path) -> Result<Exit> {
        use std::os::unix::process::ExitStatusExt as _;
        match self {
            Self::Itself(status) => match (status.code(), status.signal()) {
                (Some(code), _) => Ok(Exit::Code(code)),
                (None, Some(signal)) => Ok(Exit::Signal(signal)),
                (None, None) => Err(Error::new(
                    ErrorKind::Local,
                    format!("`{}` ended in a way that this system does not describe", program.display()),
                )),
            },
            Self::OutOfTime => Ok(Exit::OutOfTime),
            Self::Flooded => Ok(Exit::Flooded),
            Self::Cancelled => Err(Error::new(ErrorKind::Cancelled, "the run was cancelled")),
        }
    }
}

/// More came than anybody can want.
struct Flood;

/// Reads a pipe to its end.
async fn read(pipe: Option<impl AsyncRead + Unpin>, into: &mut Capture, most: u64) -> Result<(), Flood> {
    let Some(mut pipe) = pipe else {
        return Ok(());
    };
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match pipe.read(&mut buffer).await {
            Ok(0) => return Ok(()),
            Ok(count) => into.push(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A pipe that cannot be read ends here; what was read stays, and the exit code still comes.
            Err(_) => return Ok(()),
        }
        if into.bytes() > most {
            return Err(Flood);
        }
    }
}
