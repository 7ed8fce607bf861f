//! The embedded history with real files, and with everything that can be wrong with them.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod accounting;
mod bounds;
mod damage;
mod places;
mod recalled;
mod together;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use selx_checks::history::Sqlite;
use selx_core::limit::Limit;
use selx_core::{
    Area, Check, Clock, Context, History as _, Instance, Judgement, Judging, ManualClock, Measure, MeasureDoc, Meta,
    Report, Result, Routine, Runner, Selection, Settings, Status, TimeSpan, Typed, Unit,
};
use serde::{Deserialize, Serialize};

const DAY: Duration = Duration::from_secs(86_400);

/// Counts its looks and says what the last one was.
struct Counter {
    count: Arc<AtomicU64>,
    padding: usize,
    subjects: usize,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {}

#[derive(Serialize, Deserialize)]
struct Facts {
    count: u64,
    padding: String,
    subjects: usize,
}

impl Check for Counter {
    type Config = Config;
    type Facts = Facts;
    const META: Meta = Meta::new("counter", Area::Host, "counts")
        .measures(&[MeasureDoc::new("count", Unit::Count, "number of looks", "Count on.")])
        .remembers();

    fn new(_: Config) -> Self {
        Self { count: Arc::default(), padding: 0, subjects: 1 }
    }

    async fn probe(&self, _: &Context) -> Result<Facts> {
        Ok(Facts {
            count: self.count.fetch_add(1, Ordering::Relaxed),
            padding: "x".repeat(self.padding),
            subjects: self.subjects,
        })
    }

    fn judge(&self, facts: &Facts, cx: &Judging<Facts>) -> Judgement {
        let before = cx.previous.as_ref().map_or("nothing".to_owned(), |previous| previous.facts.count.to_string());
        Judgement::new(format!("{} after {before}", facts.count))
    }

    fn measure(&self, facts: &Facts, _: &Judging<Facts>) -> Vec<Measure> {
        let measure = |n| Measure::new("count", facts.count as f64 + 0.5, Unit::Count).on(format!("s{n}"));
        (0..facts.subjects).map(measure).collect()
    }
}

/// A kind that compares with its last look where there is one, and does without where there is none.
struct Compares(Counter);

impl Check for Compares {
    type Config = Config;
    type Facts = Facts;
    const META: Meta = Meta::new("compares", Area::Host, "compares with the last look");

    fn new(config: Config) -> Self {
        Self(Counter::new(config))
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        self.0.probe(cx).await
    }

    fn judge(&self, facts: &Facts, cx: &Judging<Facts>) -> Judgement {
        self.0.judge(facts, cx)
    }
}

/// A machine with a history in a folder.
struct Machine {
    clock: Arc<ManualClock>,
    count: Arc<AtomicU64>,
    padding: usize,
    subjects: usize,
    every: Option<Duration>,
    limit: Option<Limit>,
}

impl Machine {
    fn new() -> Self {
        Self {
            clock: Arc::new(ManualClock::at("2026-11-23T02:30:00Z".parse().unwrap())),
            count: Arc::default(),
            padding: 0,
            subjects: 1,
            every: None,
            limit: None,
        }
    }

    fn selection(&self) -> Selection {
        let counter = Counter { count: Arc::clone(&self.count), padding: self.padding, subjects: self.subjects };
        let mut instance = Instance::new(Arc::new(Typed::new(counter)), "it");
        if let Some(limit) = &self.limit {
            instance.limits = instance.limits.set("count", limit.clone());
        }
        let routine = Routine { run: Vec::new(), every: self.every.map(TimeSpan::from) };
        Selection { instances: vec![instance], routine: Some(("daily".to_owned(), routine)) }
    }

    /// Runs once with a history of its own, as a process of cron does.
    async fn run(&self, history: Sqlite) -> Report {
        self.run_with(Arc::new(history)).await
    }

    async fn run_with(&self, history: Arc<Sqlite>) -> Report {
        self.run_selection(&self.selection(), history).await
    }

    async fn run_selection(&self, selection: &Selection, history: Arc<Sqlite>) -> Report {
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        Runner::new(settings()).clock(clock).history(history).run(selection).await
    }
}

fn settings() -> Settings {
    Settings {
        concurrency: 4,
        timeout: Duration::from_secs(5),
        deadline: Duration::from_secs(30),
        retries: 0,
        retry_delay: Duration::ZERO,
        state: None,
        history: true,
        retention: 90 * DAY,
        action_timeout: Duration::from_secs(60),
    }
}

fn history(folder: &Path) -> Sqlite {
    Sqlite::new(folder, 90 * DAY)
}

fn notices(report: &Report) -> Vec<&str> {
    report.notices.iter().map(|notice| &*notice.code).collect()
}

fn summary(report: &Report) -> &str {
    &report.entries[0].judgement.summary
}

/// Returns the text and the advice of the one notice that says that the history failed.
fn complaint(report: &Report) -> String {
    let [notice] = report.notices.as_slice() else { panic!("{:?}", report.notices) };
    assert_eq!(notice.code, "history-unavailable");
    format!("{}; {}", notice.message, notice.advice.as_deref().unwrap_or_default())
}

async fn series(history: &Sqlite, most: usize) -> Vec<(Timestamp, f64)> {
    history.series("counter.it", "count", "s0", Timestamp::UNIX_EPOCH, most).await.unwrap()
}

#[tokio::test]
async fn the_second_run_remembers_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("deep/er");
    let mut machine = Machine::new();
    machine.limit = Some(Limit::new(Unit::Count, "", "0.1").lasting(TimeSpan::secs(900)));
    let report = machine.run(history(&state)).await;
    assert_eq!(summary(&report), "0 after nothing");
    assert!(report.notices.is_empty(), "a first run says nothing: {:?}", report.notices);
    assert_eq!(report.status(), Status::Ok, "the breach has not lasted");
    machine.clock.advance(Duration::from_secs(1_000));
    let report = machine.run(history(&state)).await;
    assert_eq!(summary(&report), "1 after 0");
    assert_eq!(report.status(), Status::Critical, "the breach has lasted");
    let seen = report.entries[0].previous.as_ref().unwrap().seen;
    assert_eq!(report.started.since(&seen), Some(Duration::from_secs(1_000)));
    let points = series(&history(&state), 10).await;
    let expected: [(Timestamp, f64); 2] =
        [("2026-11-23T02:30:00Z".parse().unwrap(), 0.5), ("2026-11-23T02:46:40Z".parse().unwrap(), 1.5)];
    assert_eq!(points, expected);
    assert_eq!(series(&history(&state), 1).await, expected[1..], "the newest");
}

#[tokio::test]
async fn a_routine_remembers_for_every_kind() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::new();
    let counter = Counter { count: Arc::default(), padding: 0, subjects: 1 };
    let mut selection = machine.selection();
    selection.instances.push(Instance::new(Arc::new(Typed::new(Compares(counter))), "it"));
    for said in ["0 after nothing", "1 after 0"] {
        let report = machine.run_selection(&selection, Arc::new(history(folder.path()))).await;
        assert_eq!(report.entries[1].judgement.summary, said);
    }
}

#[tokio::test]
async fn nothing_is_made_before_the_first_call() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    drop(history(&state));
    assert!(!state.exists());
    Machine::new().run(history(&state)).await;
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&state), mode(&state.join("history.db"))), (0o700, 0o600));
}

#[tokio::test]
async fn facts_that_are_too_large_are_named_and_the_rest_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut machine = Machine::new();
    machine.padding = 2 << 20;
    let report = machine.run(history(folder.path())).await;
    let text = complaint(&report);
    assert!(text.contains("`counter.it` are larger than 1 MiB"), "{text}");
    machine.padding = 0;
    let report = machine.run(history(folder.path())).await;
    assert_eq!(summary(&report), "1 after nothing");
    assert_eq!(series(&history(folder.path()), 10).await.len(), 2);
}
