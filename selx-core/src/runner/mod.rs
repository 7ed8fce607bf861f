//! The runner: time, order and limits for checks.
//!
//! It never fails: whatever happens, it reports. Checks run side by side; each attempt has a time limit, the run has a
//! deadline; a panic is contained; a check that did not pass may be tried again, and then the report shows it; a check
//! whose failure is explained by another is still measured and folded under it. The history is read beside the looks and
//! waited for where they are judged.

mod attempt;
mod entry;
mod fold;
pub(crate) mod memory;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::check::Moment;
use crate::clock::{Clock, SystemClock};
use crate::context::Host;
use crate::error::{Error, ErrorKind};
use crate::extent::Extent;
use crate::finding::Finding;
use crate::format::redact;
use crate::history::{History, RunStart};
use crate::report::{Entry, Report};
use crate::secret::{SecretRef, Secrets};
use crate::shared::Shared;
use crate::suite::{Instance, Selection, Settings};

pub use entry::judge_facts;
use memory::Memory;

/// How much longer than its limit an attempt may take to end by itself, so that it can say where it was.
const GRACE: Duration = Duration::from_millis(250);

/// Hears what happens during a run. Its methods are called from the runner and return at once.
pub trait Observer: Send + Sync {
    /// A check begins. What it has to read, and how far it is with that, can be seen in `extent` as long as it runs.
    fn started(&self, check: &str, extent: &Arc<Extent>) {
        let _ = (check, extent);
    }

    /// A check has ended.
    fn finished(&self, entry: &Entry) {
        let _ = entry;
    }
}

/// Runs checks.
///
/// # Cancellation safety
///
/// Checks only read, so dropping [`Runner::run`] harms nothing; but then there is no report. To stop early and still
/// have one, cancel the token of [`Runner::cancelled_by`].
pub struct Runner {
    settings: Settings,
    clock: Arc<dyn Clock>,
    host: Arc<Host>,
    secrets: Arc<Secrets>,
    history: Option<Arc<dyn History>>,
    cancel: CancellationToken,
    observer: Option<Arc<dyn Observer>>,
}

impl Runner {
    /// Makes a runner of this machine without a history.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            clock: Arc::new(SystemClock),
            host: Arc::default(),
            secrets: Arc::default(),
            history: None,
            cancel: CancellationToken::new(),
            observer: None,
        }
    }

    /// Takes another clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Takes another host.
    #[must_use]
    pub fn host(mut self, host: Host) -> Self {
        self.host = Arc::new(host);
        self
    }

    /// Shares the secrets that were handed out with whoever prints the report.
    #[must_use]
    pub fn secrets(mut self, secrets: Arc<Secrets>) -> Self {
        self.secrets = secrets;
        self
    }

    /// Keeps a history.
    #[must_use]
    pub fn history(mut self, history: Arc<dyn History>) -> Self {
        self.history = Some(history);
        self
    }

    /// Ends the run early when the token is cancelled; what has not ended then is reported as cancelled.
    #[must_use]
    pub fn cancelled_by(mut self, cancel: CancellationToken) -> Self {
        self.cancel = cancel;
        self
    }

    /// Tells somebody what happens.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Runs a selection and reports.
    ///
    /// Must be called inside a tokio runtime with time enabled.
    pub async fn run(&self, selection: &Selection) -> Report {
        let started = Moment::of(&*self.clock);
        let run = run_id(started);
        let span = tracing::info_span!("run", id = %run, checks = selection.instances.len());
        self.run_named(run, started, selection).instrument(span).await
    }

    async fn run_named(&self, run: String, started: Moment, selection: &Selection) -> Report {
        let began = Instant::now();
        let routine = selection.routine.clone();
        let mut notices = Vec::new();
        let history = self.history.as_ref().filter(|_| {
            self.settings.history && (routine.is_some() || selection.instances.iter().any(Instance::remembers))
        });
        let (recall, memory) = Memory::to_come();
        let remembering = async {
            let Some(history) = history else { return recall.is(None) };
            let start = RunStart {
                run: run.clone(),
                routine: routine.as_ref().map(|(name, _)| name.clone()),
                every: routine.as_ref().and_then(|(_, routine)| routine.every),
                started,
                pid: std::process::id(),
            };
            match history.begin(&start).await {
                Ok(told) => notices.extend(told),
                Err(error) => notices.push(history_failed(&error)),
            }
            let names: Vec<String> = selection.instances.iter().map(Instance::full_name).collect();
            let recalled = history.recall(&names).await;
            if let Err(error) = &recalled
                && !told(&notices)
            {
                notices.push(history_failed(error));
            }
            recall.is(recalled.ok());
        };
        let looking = async {
            self.read_secrets(&selection.instances).await;
            self.run_all(&selection.instances, &memory, began + self.settings.deadline).await
        };
        let ((), mut entries) = tokio::join!(remembering, looking);
        fold::explain(&mut entries, &selection.instances);
        if !self.secrets.is_empty() {
            entries.iter_mut().for_each(|entry| redact::entry(entry, &self.secrets));
            notices.extend(self.secrets.short().iter().map(short_secret));
        }
        let mut report = Report {
            run,
            routine: routine.map(|(name, _)| name),
            host: host_name(&self.host),
            started,
            took: began.elapsed(),
            entries,
            notices,
        };
        if let Some(history) = history
            && let Err(error) = history.save(&report).await
            && !report.notices.iter().any(|notice| notice.code == HISTORY_CODE)
        {
            report.notices.push(history_failed(&error));
        }
        report
    }

    /// Reads every secret that the checks name, so that each of them knows what to take out of what it sees.
    ///
    /// What cannot be read is told by the check that needs it; what does not answer holds nothing up for long.
    async fn read_secrets(&self, instances: &[Instance]) {
        let named: Vec<SecretRef> = instances.iter().flat_map(|one| one.check.secrets()).cloned().collect();
        if named.is_empty() {
            return;
        }
        let secrets = Arc::clone(&self.secrets);
        let reading = tokio::task::spawn_blocking(move || named.iter().for_each(|from| drop(secrets.get(from))));
        let most = self.settings.timeout.min(self.settings.deadline);
        tokio::select! {
            _ = tokio::time::timeout(most, reading) => {}
            () = self.cancel.cancelled() => {}
        }
    }

    async fn run_all(&self, instances: &[Instance], memory: &Memory, deadline: Instant) -> Vec<Entry> {
        let mut slots: Vec<Option<Entry>> = Vec::new();
        slots.resize_with(instances.len(), || None);
        let mut tasks: JoinSet<Entry> = JoinSet::new();
        let mut running: HashMap<tokio::task::Id, usize> = HashMap::new();
        let mut waiting = instances.iter().enumerate();
        let shared = Arc::new(Shared::among(instances.len()));
        let concurrency = self.settings.concurrency.max(1);
        let mut settle = |index: usize, entry: Entry| {
            if let Some(observer) = &self.observer {
                observer.finished(&entry);
            }
            if let Some(slot) = slots.get_mut(index) {
                *slot = Some(entry);
            }
        };
        loop {
            while tasks.len() < concurrency
                && Instant::now() < deadline
                && !self.cancel.is_cancelled()
                && let Some((index, instance)) = waiting.next()
            {
                let name = instance.full_name();
                let extent = Arc::new(Extent::default());
                if let Some(observer) = &self.observer {
                    observer.started(&name, &extent);
                }
                let job = attempt::Job {
                    instance: instance.clone(),
                    memory: memory.clone(),
                    clock: Arc::clone(&self.clock),
                    host: Arc::clone(&self.host),
                    secrets: Arc::clone(&self.secrets),
                    shared: Arc::clone(&shared),
                    cancel: self.cancel.clone(),
                    timeout: instance.timeout.unwrap_or(self.settings.timeout),
                    retries: instance.retries.unwrap_or(self.settings.retries),
                    retry_delay: self.settings.retry_delay,
                    deadline,
                    extent,
                };
                let handle = tasks.spawn(job.run());
                running.insert(handle.id(), index);
            }
            let Some(done) = tasks.join_next_with_id().await else {
                break;
            };
            let (id, result) = match done {
                Ok((id, entry)) => (id, Ok(entry)),
                Err(error) => (error.id(), Err(error)),
            };
            let Some(index) = running.remove(&id) else {
                continue;
            };
            let Some(instance) = instances.get(index) else {
                continue;
            };
            let entry = result.unwrap_or_else(|error| {
                let error = Error::new(ErrorKind::Bug, "the check panicked").source_error(error);
                entry::failed(instance, Moment::of(&*self.clock), error)
            });
            settle(index, entry);
        }
        // What was not begun before the time was up is named too: a report leaves nothing out.
        for (index, instance) in waiting {
            let error = if self.cancel.is_cancelled() {
                Error::new(ErrorKind::Cancelled, "not begun: the run was cancelled")
            } else {
                let limit = crate::quantity::TimeSpan::from(self.settings.deadline);
                Error::new(ErrorKind::TimedOut, format!("not begun: the run's time of {limit} was up"))
                    .advice("raise `deadline` or `concurrency` in `[runner]`, or lower the timeouts")
            };
            settle(index, entry::failed(instance, Moment::of(&*self.clock), error));
        }
        slots.into_iter().flatten().collect()
    }
}

/// Tells of a secret that outputs cannot be searched for.
fn short_secret(from: &SecretRef) -> Finding {
    let message = "is shorter than six characters: it is not taken out of texts, should one repeat it";
    Finding::info("secret-short", from.to_string(), message).advice("use a longer secret")
}

const HISTORY_CODE: &str = "history-unavailable";

/// Tells whether the reader has been told that the history failed.
fn told(notices: &[Finding]) -> bool {
    notices.iter().any(|notice| notice.code == HISTORY_CODE)
}

fn history_failed(error: &Error) -> Finding {
    let finding = Finding::info(HISTORY_CODE, "history", format!("could not be used: {error}"));
    finding.advice(error.advice_text().unwrap_or("run `selx doctor`; rates, `for` and `recover` need the history"))
}

/// Makes an id that sorts by time and does not repeat on one host.
fn run_id(started: Moment) -> String {
    use std::hash::{BuildHasher as _, Hasher as _};
    let random = std::hash::RandomState::new().build_hasher().finish();
    format!("{}-{:08x}", started.at.strftime("%Y%m%dT%H%M%SZ"), random as u32)
}

/// Reads the name of the host.
fn host_name(host: &Host) -> String {
    let name = host.read_proc("sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("settings", &self.settings).finish_non_exhaustive()
    }
}
