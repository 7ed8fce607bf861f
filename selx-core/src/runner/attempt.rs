//! One check, with its attempts.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::memory::Memory;
use super::{GRACE, entry};
use crate::check::{Judging, Moment};
use crate::clock::Clock;
use crate::context::{Context, Host};
use crate::error::{Error, ErrorKind, Retry};
use crate::extent::Extent;
use crate::finding::Finding;
use crate::quantity::TimeSpan;
use crate::recollection::Recollection;
use crate::report::{Attempt, Entry, Failure, Outcome, Status};
use crate::secret::Secrets;
use crate::shared::Shared;
use crate::suite::Instance;

/// Everything that one check needs to run in a task of its own.
pub(super) struct Job {
    pub(super) instance: Instance,
    pub(super) memory: Memory,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) host: Arc<Host>,
    pub(super) secrets: Arc<Secrets>,
    pub(super) shared: Arc<Shared>,
    pub(super) cancel: CancellationToken,
    pub(super) timeout: Duration,
    pub(super) retries: u32,
    pub(super) retry_delay: Duration,
    pub(super) deadline: Instant,
    pub(super) extent: Arc<Extent>,
}

impl Job {
    /// Runs the check until it passes or its attempts are used up.
    pub(super) async fn run(self) -> Entry {
        let span = tracing::debug_span!("check", kind = %self.instance.meta().id, name = %self.instance.name);
        let began = Instant::now();
        let mut earlier: Vec<Attempt> = Vec::new();
        let mut shared = Arc::clone(&self.shared);
        let mut entry = loop {
            let start = Instant::now();
            let entry = self.attempt(shared).instrument(span.clone()).await;
            let tries = u32::try_from(earlier.len()).unwrap_or(u32::MAX);
            let passed = entry.status() < Status::Unknown;
            let time_left = Instant::now() + self.retry_delay < self.deadline;
            if passed || tries >= self.retries || !time_left || self.cancel.is_cancelled() || is_final(&entry) {
                break entry;
            }
            tracing::debug!(parent: &span, headline = entry.headline(), "trying again");
            let took = start.elapsed();
            // Who cancels the run does not wait for an attempt that will not come.
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => break entry,
                () = tokio::time::sleep(self.retry_delay) => {}
            }
            earlier.push(Attempt { status: entry.status(), reason: entry.headline(), took });
            // What led to the failure is not taken for an answer again, however short the delay is.
            shared = Arc::default();
        };
        if let Some(first) = earlier.first()
            && entry.status() < Status::Unknown
        {
            let message = format!("passed on the {} attempt; before: {}", ordinal(earlier.len() + 1), first.reason);
            entry.judgement.findings.push(Finding::info("passed-on-retry", "", message));
        }
        entry.attempts = earlier;
        entry.took = began.elapsed();
        entry
    }

    async fn attempt(&self, shared: Arc<Shared>) -> Entry {
        let now = Moment::of(&*self.clock);
        // The overall deadline shortens the last attempts rather than cutting them off without a word.
        let limit = self.timeout.min(self.deadline.saturating_duration_since(Instant::now()));
        let cx = Context::with(Arc::clone(&self.clock), Arc::clone(&self.host), Arc::clone(&self.secrets), limit)
            .sharing(shared)
            .cancelled_by(self.cancel.clone())
            .telling(Arc::clone(&self.extent))
            .recalling(Recollection::OfRun(self.memory.clone(), self.instance.full_name()));
        let begun = Instant::now();
        let probe = self.instance.check.probe(&cx);
        let result = tokio::select! {
            biased;
            result = probe => result,
            () = cancelled_and_late(&self.cancel) => {
                Err(Error::new(ErrorKind::Cancelled, "the run was cancelled"))
            }
            () = tokio::time::sleep_until(cx.deadline() + GRACE) => {
                let limit = TimeSpan::from(limit);
                Err(Error::new(ErrorKind::TimedOut, format!("did not end within {limit}")))
            }
        };
        // A probe that blocked its thread comes back late and is not believed to have kept its time.
        let late = begun.elapsed().saturating_sub(limit);
        let mut entry = match result {
            Ok(facts) => {
                let mut remembered = self.memory.clone().of(&self.instance.full_name()).await;
                let cx_judge = Judging { now, previous: remembered.previous.take() };
                entry::judged(&self.instance, facts, cx_judge, &remembered)
            }
            Err(error) => entry::failed(&self.instance, now, error),
        };
        entry.faults.extend(cx.take_faults().into_iter().map(Into::into));
        if late > GRACE * 4 {
            let message = format!(
                "took {} over its limit of {}: this machine was starved, or the check blocks",
                TimeSpan::from(Duration::from_millis(u64::try_from(late.as_millis()).unwrap_or(u64::MAX))),
                TimeSpan::from(limit)
            );
            entry.judgement.findings.push(Finding::info("over-time", "", message));
        }
        entry
    }
}

/// Ends a little after the cancellation, so that a probe that looks at the token ends by itself first.
async fn cancelled_and_late(cancel: &CancellationToken) {
    cancel.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

/// Tells whether trying again would give the same: only what may pass by itself is asked twice.
fn is_final(entry: &Entry) -> bool {
    let later = |failure: &Failure| failure.retry == Retry::Later;
    let passing = |finding: &Finding| {
        Status::from(finding.severity) >= Status::Unknown && entry.meta.passing.contains(&&*finding.code)
    };
    match &entry.outcome {
        Outcome::Failed(failure) => !later(failure),
        Outcome::Skipped(_) => true,
        Outcome::Seen => !entry.faults.iter().any(later) && !entry.judgement.findings.iter().any(passing),
    }
}

fn ordinal(number: usize) -> String {
    match number {
        2 => "second".into(),
        3 => "third".into(),
        number => format!("{number}th"),
    }
}
