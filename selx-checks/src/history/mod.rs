//! The embedded history: what is kept between runs, in one SQLite file.
//!
//! The file is opened at the first call and never before. A call that fails leaves the file as it was; nothing that is wrong
//! with it stops a run, and waiting for it is bounded: [`PATIENCE`] a run, whatever happens. Nothing is repaired or put
//! aside here: what is wrong is said, with what to do.
//!
//! Writing uses a rollback journal rather than a write-ahead log: the file can be read where the folder cannot be
//! written, there is no memory shared between processes, and runs are short and few.

mod accounting;
mod error;
mod examine;
mod file;
mod keep;
mod place;
mod recall;
mod schema;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use selx_core::{
    ByteSize, Code, Error, ErrorKind, Finding, History, Host, Remembered, Report, Result, RunStart, TimeSpan,
};
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

pub use examine::examine;
pub use place::{default_state_dir, state_dir};

/// The name of the file in the state folder.
pub const FILE_NAME: &str = "history.db";
/// How long one run waits for its history, all calls together.
pub const PATIENCE: Duration = Duration::from_millis(2_400);
/// How large the file may grow unless another limit is set.
pub const SIZE_LIMIT: ByteSize = ByteSize(64 << 20);
/// Facts of one check that are larger are not kept.
pub const FACTS_LIMIT: ByteSize = ByteSize(1 << 20);

/// What the account of earlier runs can say: the codes of the notices of [`History::begin`].
pub const NOTICES: &[Code] = &[
    Code::new(
        "run-missed",
        "A routine did not run when it was due.",
        "Look whether cron or the timer is there and what it wrote; selx notes a run as soon as it begins.",
    ),
    Code::new("run-late", "A routine ran later than it was due.", "Nothing, if the machine was off or busy."),
    Code::new(
        "run-unfinished",
        "An earlier run of the routine never ended, and its process is gone.",
        "Look for a reboot, a kill or a crash at that time in the journal.",
    ),
    Code::new(
        "run-overlapping",
        "An earlier run of the routine is still going on.",
        "Let it run less often, lower `deadline` or the timeouts, or find out what it waits for.",
    ),
    Code::new(
        "history-of-another-host",
        "The history was written on another machine, so its memory was not used.",
        "Nothing, if this machine was cloned or restored: from now on the history is that of this one.",
    ),
];

/// A history in an SQLite file of one folder.
///
/// Several processes may use the same file at the same time.
///
/// ```no_run
/// use std::time::Duration;
/// use selx_checks::history::{Sqlite, default_state_dir};
/// use selx_core::Host;
///
/// # fn main() -> selx_core::Result<()> {
/// let folder = default_state_dir(&Host::default())?;
/// let history = Sqlite::new(folder, Duration::from_secs(90 * 86_400));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Sqlite {
    folder: PathBuf,
    retention: Duration,
    size_limit: ByteSize,
    host: Host,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    connection: Option<SqliteConnection>,
    origin: Origin,
    /// Runs of this process that ended and could not be saved: they do not go on.
    unsaved: Vec<String>,
    /// What is left of the patience of this run.
    patience: Duration,
}

/// Where a file was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// On this machine, or this one has no identity.
    Here,
    /// It does not say: it is new.
    New,
    /// On another machine. What is remembered there is not about this one.
    Elsewhere,
}

impl Sqlite {
    /// Names the folder and how long records are kept. Nothing is opened or made before the first call.
    pub fn new(folder: impl Into<PathBuf>, retention: Duration) -> Self {
        Self {
            folder: folder.into(),
            retention,
            size_limit: SIZE_LIMIT,
            host: Host::default(),
            state: Mutex::new(State {
                connection: None,
                origin: Origin::Here,
                unsaved: Vec::new(),
                patience: PATIENCE,
            }),
        }
    }

    /// Sets how large the file may grow; the oldest values of measures go first. The default is [`SIZE_LIMIT`].
    #[must_use]
    pub fn size_limit(mut self, size: ByteSize) -> Self {
        self.size_limit = size;
        self
    }

    /// Takes another host, for the processes of earlier runs and the identity of the machine.
    #[must_use]
    pub fn host(mut self, host: Host) -> Self {
        self.host = host;
        self
    }

    /// Returns where the file is.
    pub fn path(&self) -> PathBuf {
        self.folder.join(FILE_NAME)
    }

    /// Opens the file unless it is open.
    async fn open<'a>(&self, state: &'a mut State) -> Result<&'a mut SqliteConnection> {
        let connection = match state.connection.take() {
            Some(connection) => connection,
            None => {
                let path = file::prepare(&self.folder)?;
                let mut connection = file::connect(&path, self.size_limit).await.map_err(|error| self.failed(error))?;
                schema::bring_up(&mut connection, schema::STEPS, &path).await?;
                let known = schema::machine(&mut connection).await.map_err(|error| self.failed(error))?;
                let here = place::machine(&self.host);
                state.origin = match known.as_str() {
                    known if here.is_empty() || known == here => Origin::Here,
                    "" => Origin::New,
                    _ => Origin::Elsewhere,
                };
                connection
            }
        };
        Ok(state.connection.insert(connection))
    }

    fn failed(&self, error: sqlx::Error) -> Error {
        error::from_sqlx(error, &self.path())
    }

    /// Settles a call: pays for its time, and lets go of a connection that failed, which takes its transaction back.
    fn settle<T>(
        &self,
        state: &mut State,
        began: Instant,
        result: Result<Result<T>, tokio::time::error::Elapsed>,
    ) -> Result<T> {
        state.patience = state.patience.saturating_sub(began.elapsed());
        let result = result.unwrap_or_else(|_| {
            let waited =
                TimeSpan::from(Duration::from_millis(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)));
            let message = format!("no answer within {waited} from the history in `{}`", self.path().display());
            Err(Error::new(ErrorKind::TimedOut, message)
                .advice("another process holds its lock, or its disk is slow: look at `fuser` of the file"))
        });
        if result.is_err() {
            state.connection = None;
        }
        result
    }
}

impl State {
    /// How long the next call may take. A little is left whatever happened, for a file that is free again.
    fn budget(&self) -> Duration {
        self.patience.max(Duration::from_millis(100))
    }
}

#[async_trait]
impl History for Sqlite {
    async fn begin(&self, start: &RunStart) -> Result<Vec<Finding>> {
        let mut state = self.state.lock().await;
        state.patience = PATIENCE;
        let began = Instant::now();
        let work = async {
            self.open(&mut state).await?;
            let foreign = state.origin == Origin::Elsewhere;
            let unsaved = state.unsaved.clone();
            let connection = self.open(&mut state).await?;
            accounting::note_unsaved(connection, &unsaved).await.map_err(|error| self.failed(error))?;
            let mut told =
                accounting::begin(connection, start, &self.host, !foreign).await.map_err(|error| self.failed(error))?;
            if foreign {
                let message = "was written on another machine; its memory is not used";
                told.push(Finding::info("history-of-another-host", "history", message));
            }
            Ok(told)
        };
        let result = timeout(PATIENCE, work).await;
        let result = self.settle(&mut state, began, result);
        if result.is_ok() {
            state.unsaved.clear();
        }
        result
    }

    async fn recall(&self, checks: &[String]) -> Result<HashMap<String, Remembered>> {
        let mut state = self.state.lock().await;
        let (began, budget) = (Instant::now(), state.budget());
        let work = async {
            self.open(&mut state).await?;
            if state.origin == Origin::Elsewhere {
                return Ok(HashMap::new());
            }
            let connection = self.open(&mut state).await?;
            recall::recall(connection, checks).await.map_err(|error| self.failed(error))
        };
        let result = timeout(budget, work).await;
        self.settle(&mut state, began, result)
    }

    async fn save(&self, report: &Report) -> Result<()> {
        let mut state = self.state.lock().await;
        let (began, budget) = (Instant::now(), state.budget());
        let kept = keep::Kept::of(report);
        let limits = keep::Bounds { retention: self.retention, size: self.size_limit };
        let work = async {
            self.open(&mut state).await?;
            let origin = state.origin;
            let here = (origin != Origin::Here).then(|| place::machine(&self.host));
            let owner = keep::Owner { here: here.as_deref(), elsewhere: origin == Origin::Elsewhere };
            let connection = self.open(&mut state).await?;
            keep::save(connection, report, &kept, limits, owner).await.map_err(|error| self.failed(error))?;
            state.origin = Origin::Here;
            Ok(())
        };
        let result = timeout(budget, work).await;
        let result = self.settle(&mut state, began, result);
        if result.is_err() {
            state.unsaved.push(report.run.clone());
        }
        // This is the last call of a run: nothing is held open between runs.
        if let Some(connection) = state.connection.take() {
            let _ = timeout(Duration::from_millis(100), connection.close()).await;
        }
        result?;
        kept.complaint().map_or(Ok(()), Err)
    }

    async fn series(
        &self,
        check: &str,
        measure: &str,
        subject: &str,
        since: Timestamp,
        most: usize,
    ) -> Result<Vec<(Timestamp, f64)>> {
        let mut state = self.state.lock().await;
        let (began, budget) = (Instant::now(), state.budget());
        let work = async {
            let connection = self.open(&mut state).await?;
            recall::series(connection, check, measure, subject, since, most).await.map_err(|error| self.failed(error))
        };
        let result = timeout(budget, work).await;
        self.settle(&mut state, began, result)
    }
}
