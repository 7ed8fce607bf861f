//! What the runner hands to a probe: time, the host, secrets, and the limits of this look.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::check::Previous;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::extent::Extent;
use crate::recollection::{Recalled, Recollection};
use crate::secret::Secrets;
use crate::shared::Shared;

/// Where this host's files are. Tests and containers that look at their host put other folders here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// What `/` is.
    pub root: PathBuf,
    /// What `/proc` is.
    pub proc: PathBuf,
    /// What `/sys` is.
    pub sys: PathBuf,
}

impl Default for Host {
    fn default() -> Self {
        Self { root: "/".into(), proc: "/proc".into(), sys: "/sys".into() }
    }
}

impl Host {
    /// Makes a host whose files are all below one folder, as in tests.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self { proc: root.join("proc"), sys: root.join("sys"), root }
    }

    /// Returns where an absolute path of the host is found.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        if self.root == Path::new("/") {
            path.to_owned()
        } else {
            self.root.join(path.strip_prefix("/").unwrap_or(path))
        }
    }

    /// Reads a file of `/proc`, at most 4 MiB of it.
    ///
    /// # Errors
    ///
    /// `Missing` where the kernel does not offer it or `/proc` is not mounted, `Denied` where it may not be read.
    pub fn read_proc(&self, name: &str) -> Result<String> {
        read_capped(&self.proc.join(name), 4 << 20)
    }
}

/// Reads a small file with a cap.
fn read_capped(path: &Path, cap: u64) -> Result<String> {
    use std::io::Read as _;
    let shown = format!("`{}`", path.display());
    let file = std::fs::File::open(path).map_err(|error| Error::from_io(error, &shown))?;
    // Such files have no length, and the kernel begins a long one anew for every small read.
    let mut bytes = Vec::with_capacity(8 << 10);
    file.take(cap).read_to_end(&mut bytes).map_err(|error| Error::from_io(error, &shown))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What a probe is given. It is made by the runner, once for every attempt.
pub struct Context {
    clock: Arc<dyn Clock>,
    host: Arc<Host>,
    secrets: Arc<Secrets>,
    shared: Arc<Shared>,
    cancel: CancellationToken,
    deadline: Instant,
    started: Instant,
    recollection: Recollection,
    extent: Arc<Extent>,
    faults: Mutex<Vec<Error>>,
}

impl Context {
    /// Makes a context of this machine with a time limit, for running one check without a runner.
    pub fn new(limit: Duration) -> Self {
        Self::with(Arc::new(SystemClock), Arc::new(Host::default()), Arc::new(Secrets::default()), limit)
    }

    /// Makes a context from its parts.
    pub fn with(clock: Arc<dyn Clock>, host: Arc<Host>, secrets: Arc<Secrets>, limit: Duration) -> Self {
        let started = Instant::now();
        Self {
            clock,
            host,
            secrets,
            shared: Arc::default(),
            cancel: CancellationToken::new(),
            deadline: started + limit,
            started,
            recollection: Recollection::None,
            extent: Arc::default(),
            faults: Mutex::default(),
        }
    }

    /// Ties the context to a token: when it is cancelled, the probe is to end.
    #[must_use]
    pub fn cancelled_by(mut self, cancel: CancellationToken) -> Self {
        self.cancel = cancel;
        self
    }

    /// Ties the context to what the checks of a run have in common.
    #[must_use]
    pub fn sharing(mut self, shared: Arc<Shared>) -> Self {
        self.shared = shared;
        self
    }

    /// Gives the context what the check saw the last time, for running one check without a runner.
    #[must_use]
    pub fn remembering<F: Serialize>(self, previous: Previous<F>) -> Self {
        let recollection = match serde_json::to_value(previous.facts) {
            Ok(facts) => Recollection::Known(Previous { facts, seen: previous.seen }),
            Err(_) => Recollection::None,
        };
        self.recalling(recollection)
    }

    pub(crate) fn recalling(mut self, recollection: Recollection) -> Self {
        self.recollection = recollection;
        self
    }

    /// Ties the context to what an observer reads of how far the probe, or the action, is.
    #[must_use]
    pub fn telling(mut self, extent: Arc<Extent>) -> Self {
        extent.reset();
        self.extent = extent;
        self
    }

    /// Returns where a probe that reads much says how far it is, for those who wait at a terminal.
    pub fn extent(&self) -> &Arc<Extent> {
        &self.extent
    }

    /// Returns what the same check saw the last time, for a probe that goes on where that look ended.
    ///
    /// It waits for the history, which is read while checks look; a probe that needs it asks as late as it can. Facts of
    /// an older version of a kind, which have another shape, are like none. A kind that asks has
    /// [`remembers`](crate::Meta::remembers) set, so that a single check has a history too.
    pub async fn previous<F: DeserializeOwned>(&self) -> Recalled<F> {
        self.recollection.recall().await
    }

    /// Returns the one thing of its type and name in this run, such as a client, which the first check that asks makes.
    pub fn shared<T: Send + Sync + 'static>(&self, name: &str, make: impl FnOnce() -> T) -> Arc<T> {
        self.shared.thing(name, make)
    }

    /// Tells whether no other check shares with this one: then a question that serves this check alone is the cheaper one.
    pub fn is_alone(&self) -> bool {
        self.shared.is_alone()
    }

    /// Finds out what other checks of this run ask for at about the same time: one of them asks, the others hear the same.
    ///
    /// `name` says what is asked; answers of different types are different ones. An answer counts for attempts that began at
    /// most a quarter of a second after it was asked for, and never for one that tries again. It waits as long as whoever
    /// asks; [`within`](Self::within) and the like bound that.
    ///
    /// # Errors
    ///
    /// Those of `ask`. One check's error is not handed to the others: they ask by themselves then, within their own time.
    ///
    /// ```
    /// # use selx_core::{Context, Result};
    /// # async fn look(cx: &Context) -> Result<()> {
    /// let lines = cx.once("/etc/hosts", async {
    ///     let text = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    ///     Ok::<usize, selx_core::Error>(text.lines().count())
    /// });
    /// let lines: usize = *cx.within("counting hosts", lines).await??;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn once<T, E, F>(&self, name: &str, ask: F) -> Result<Arc<T>, E>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T, E>>,
    {
        self.shared.answer(name, self.started, ask).await
    }

    /// Returns the clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Returns how many seconds ago a time of a file was, negative if it lies in the future.
    pub fn age(&self, time: std::time::SystemTime) -> f64 {
        match jiff::Timestamp::try_from(time) {
            Ok(time) => self.clock.now().duration_since(time).as_secs_f64(),
            // Before the year -9999 or after 9999: as old, or as far ahead, as can be said.
            Err(_) if time < std::time::UNIX_EPOCH => f64::MAX,
            Err(_) => f64::MIN,
        }
    }

    /// Returns where the files of this host are.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Returns where secrets come from, such that work in another thread can hold it.
    pub fn secrets(&self) -> &Arc<Secrets> {
        &self.secrets
    }

    /// Returns the token that says that the run was cancelled.
    pub fn cancel(&self) -> &CancellationToken {
        &self.cancel
    }

    /// Returns the moment at which this attempt ends.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Returns the whole time of this attempt.
    pub fn limit(&self) -> Duration {
        self.deadline.saturating_duration_since(self.started)
    }

    /// Returns the time that is left.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Records that one of several subjects could not be seen; the look goes on with the others.
    ///
    /// A check with a fault is at least unknown (or critical, if the error is about the subject), whatever its other
    /// findings are.
    pub fn fault(&self, error: Error) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(error);
    }

    /// Takes the faults out; the runner does it after the probe.
    pub fn take_faults(&self) -> Vec<Error> {
        std::mem::take(&mut *self.faults.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for a future, but not longer than the deadline.
    ///
    /// A probe of a peer uses it so that it can say in its facts *where* the peer stopped answering; the runner's own
    /// limit comes a little later and knows no phase.
    ///
    /// # Errors
    ///
    /// `NoAnswer` when the time is up, `Cancelled` when the run is.
    pub async fn within<T>(&self, what: &str, future: impl Future<Output = T>) -> Result<T> {
        tokio::select! {
            biased;
            value = future => Ok(value),
            () = self.cancel.cancelled() => Err(Error::new(ErrorKind::Cancelled, "the run was cancelled")),
            () = tokio::time::sleep_until(self.deadline) => {
                let limit = crate::quantity::TimeSpan::from(self.limit());
                Err(Error::new(ErrorKind::NoAnswer, format!("no answer within {limit} ({what})")))
            }
        }
    }

    /// Runs work that does not yield (reading, inflating, parsing) on the pool for blocking work.
    ///
    /// The work gets a token and looks at it at every chunk: it is cancelled at the deadline, when the run is
    /// cancelled, and when the future is dropped. Work that does not look goes on in its thread; its result is lost.
    ///
    /// # Errors
    ///
    /// `TimedOut` or `Cancelled`; `Bug` if the work panics.
    pub async fn blocking<T, F>(&self, what: &str, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&CancellationToken) -> Result<T> + Send + 'static,
    {
        let token = self.cancel.child_token();
        let guard = token.clone().drop_guard();
        let task = tokio::task::spawn_blocking(move || work(&token));
        tokio::select! {
            biased;
            done = task => {
                drop(guard);
                match done {
                    Ok(result) => result,
                    Err(error) => Err(Error::new(ErrorKind::Bug, format!("{what} panicked")).source_error(error)),
                }
            }
            () = self.cancel.cancelled() => Err(Error::new(ErrorKind::Cancelled, "the run was cancelled")),
            () = tokio::time::sleep_until(self.deadline) => {
                let limit = crate::quantity::TimeSpan::from(self.limit());
                Err(Error::new(ErrorKind::TimedOut, format!("{what} did not finish within {limit}")))
            }
        }
    }
}
