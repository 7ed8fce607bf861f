//! The runner's promises: nothing hangs it, nothing is left out, nothing that could not be seen is fine.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod probe;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use selx_core::limit::{Level, LimitState};
use selx_core::report::Outcome;
use selx_core::{
    Area, Check, Context, Error, ErrorKind, Finding, History, Instance, Judgement, Judging, Limit, Limits, ManualClock,
    Measure, Meta, Remembered, Report, Result, Routine, RunStart, Runner, Selection, Settings, Status, Typed, Unit,
};
use tokio_util::sync::CancellationToken;

use probe::{Act, Config, Facts, instance, run, select, settings, status};

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_ends_at_its_limit_and_is_unknown() {
    let report = run(settings(), vec![instance("hangs", Act::Hang), instance("fine", Act::Fine)]).await;
    assert_eq!(status(&report, "hangs"), Status::Unknown);
    assert_eq!(status(&report, "fine"), Status::Ok);
    assert_eq!(report.status(), Status::Unknown);
    let headline = report.entries[0].headline();
    assert!(headline.contains("did not end within 5s"), "{headline}");
    assert!(report.took < Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn a_hundred_hung_checks_end_at_the_deadline_and_none_is_missing() {
    let instances = (0..100).map(|index| instance(&format!("hung-{index}"), Act::Hang)).collect();
    let deadline = Duration::from_secs(12);
    let report = run(Settings { deadline, ..settings() }, instances).await;
    assert_eq!(report.entries.len(), 100);
    assert!(report.entries.iter().all(|entry| entry.status() == Status::Unknown));
    assert!(report.took <= deadline + Duration::from_secs(1), "{:?}", report.took);
    let unbegun = report.entries.iter().filter(|entry| entry.headline().contains("not begun")).count();
    assert_eq!(unbegun, 76, "three rounds of eight have begun");
}

#[tokio::test]
async fn a_panic_is_one_unknown_check() {
    let report = run(
        settings(),
        vec![instance("probe", Act::Panic), instance("judge", Act::PanicInJudge), instance("fine", Act::Fine)],
    )
    .await;
    assert_eq!(status(&report, "probe"), Status::Unknown);
    assert_eq!(status(&report, "judge"), Status::Unknown);
    assert_eq!(status(&report, "fine"), Status::Ok);
    assert!(report.entries[0].headline().contains("panicked"));
}

#[tokio::test]
async fn a_check_that_blocks_its_thread_is_told() {
    let report = run(
        Settings { timeout: Duration::from_millis(100), ..settings() },
        vec![instance("blocks", Act::Block(Duration::from_millis(1300)))],
    )
    .await;
    let told = report.entries[0].judgement.findings.iter().any(|finding| finding.code == "over-time");
    assert!(told, "{:?}", report.entries[0].judgement);
}

#[tokio::test(start_paused = true)]
async fn a_retry_shows() {
    let count = Arc::new(AtomicUsize::new(0));
    let report =
        run(Settings { retries: 2, ..settings() }, vec![instance("flaky", Act::FailFirst(Arc::clone(&count), 1))])
            .await;
    let entry = &report.entries[0];
    assert_eq!(entry.status(), Status::Ok);
    assert_eq!(entry.attempts.len(), 1);
    assert_eq!(entry.attempts[0].status, Status::Critical);
    let told = entry.judgement.findings.iter().find(|finding| finding.code == "passed-on-retry").expect("told");
    assert!(told.message.contains("passed on the second attempt"), "{}", told.message);
    assert!(told.message.contains("connection refused"), "{}", told.message);
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn what_checks_share_is_asked_anew_by_who_tries_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let checks = ["a", "b", "c"].map(|name| instance(name, Act::Once(Arc::clone(&asked)))).to_vec();
    let report = run(Settings { retries: 1, retry_delay: Duration::ZERO, ..settings() }, checks).await;
    for entry in &report.entries {
        assert_eq!((entry.status(), entry.attempts.len()), (Status::Ok, 1), "{}", entry.headline());
    }
    // Once for all three, and once for each that tried again.
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_help_is_not_tried_again() {
    let report =
        run(Settings { retries: 5, ..settings() }, vec![instance("denied", Act::Fail(ErrorKind::Denied))]).await;
    assert!(report.entries[0].attempts.is_empty());
    let count = Arc::new(AtomicUsize::new(0));
    let report =
        run(Settings { retries: 2, ..settings() }, vec![instance("down", Act::FailFirst(Arc::clone(&count), 99))])
            .await;
    assert_eq!(report.entries[0].status(), Status::Critical);
    assert_eq!(report.entries[0].attempts.len(), 2);
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn every_kind_of_failure_has_its_status() {
    for (kind, expected) in [
        (ErrorKind::NotApplicable, Status::Skipped),
        (ErrorKind::NeedsData, Status::Skipped),
        (ErrorKind::Unreachable, Status::Critical),
        (ErrorKind::NoAnswer, Status::Critical),
        (ErrorKind::Protocol, Status::Critical),
        (ErrorKind::Rejected, Status::Critical),
        (ErrorKind::Denied, Status::Unknown),
        (ErrorKind::Missing, Status::Unknown),
        (ErrorKind::Local, Status::Unknown),
        (ErrorKind::Limit, Status::Unknown),
        (ErrorKind::TimedOut, Status::Unknown),
        (ErrorKind::Cancelled, Status::Unknown),
        (ErrorKind::Config, Status::Unknown),
        (ErrorKind::Bug, Status::Unknown),
    ] {
        let report = run(settings(), vec![instance("one", Act::Fail(kind))]).await;
        assert_eq!(status(&report, "one"), expected, "{kind}");
        let whole = if expected == Status::Skipped { Status::Unknown } else { expected };
        assert_eq!(report.status(), whole, "a run in which nothing was seen is never fine: {kind}");
    }
}

#[tokio::test]
async fn required_turns_not_applicable_into_a_failure() {
    let mut required = instance("one", Act::Fail(ErrorKind::NotApplicable));
    required.required = true;
    let report = run(settings(), vec![required]).await;
    assert_eq!(status(&report, "one"), Status::Unknown);
    assert!(matches!(report.entries[0].outcome, Outcome::Failed(_)));
}

#[tokio::test]
async fn an_empty_run_is_unknown() {
    let report = run(settings(), Vec::new()).await;
    assert_eq!(report.status(), Status::Unknown);
    assert_eq!(report.status().exit_code(), 3);
}

#[tokio::test]
async fn a_fault_in_part_of_the_subject_is_unknown_beside_what_was_seen() {
    let report = run(settings(), vec![instance("part", Act::Fault)]).await;
    let entry = &report.entries[0];
    assert_eq!(entry.status(), Status::Unknown);
    assert!(matches!(entry.outcome, Outcome::Seen));
    assert!(entry.headline().contains("no right"));
}

#[tokio::test]
async fn limits_are_judged_for_every_kind_alike() {
    for (value, expected) in [(5.0, Status::Ok), (11.0, Status::Warning), (21.0, Status::Critical)] {
        let report = run(settings(), vec![instance("number", Act::Number(value))]).await;
        assert_eq!(status(&report, "number"), expected, "{value}");
    }
}

#[test]
fn a_number_that_is_none_is_unknown() {
    // JSON has no such number, so it can only come from a check that computes its measure.
    struct Bad;
    impl Check for Bad {
        type Config = Config;
        type Facts = Facts;
        const META: Meta = Meta::new("bad", Area::Host, "divides by zero");
        fn new(_: Config) -> Self {
            Self
        }
        async fn probe(&self, _: &Context) -> Result<Facts> {
            Ok(Facts { value: None })
        }
        fn judge(&self, _: &Facts, _: &Judging<Facts>) -> Judgement {
            Judgement::new("seen")
        }
        fn measure(&self, _: &Facts, _: &Judging<Facts>) -> Vec<Measure> {
            vec![Measure::new("value", f64::NAN, Unit::Count)]
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let bad = Instance::new(Arc::new(Typed::new(Bad)), "nan");
    let report = runtime.block_on(run(settings(), vec![bad]));
    assert_eq!(status(&report, "nan"), Status::Unknown);
}

#[tokio::test]
async fn a_first_look_that_needs_another_is_skipped_not_fine() {
    let report = run(settings(), vec![instance("rate", Act::NeedsData)]).await;
    assert_eq!(status(&report, "rate"), Status::Skipped);
    assert_eq!(report.status(), Status::Unknown);
    assert!(report.entries[0].facts.is_some(), "the facts are kept for the second look");
}

#[tokio::test(start_paused = true)]
async fn cancelling_ends_the_run_and_still_reports() {
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        cancel.cancel();
    });
    let instances = (0..20).map(|index| instance(&format!("hung-{index}"), Act::Hang)).collect();
    let report = Runner::new(settings()).cancelled_by(token).run(&select(instances)).await;
    assert_eq!(report.entries.len(), 20);
    assert!(report.entries.iter().all(|entry| entry.headline().contains("cancelled")));
    assert_eq!(report.status(), Status::Unknown);
    assert!(report.took < Duration::from_secs(1), "{:?}", report.took);
}

#[tokio::test]
async fn followers_of_a_failed_check_are_folded_and_still_measured() {
    let needing = |name: &str, act: Act, need: &str| {
        let mut one = instance(name, act);
        one.needs = vec![format!("probe.{need}")];
        one
    };
    let report = run(
        settings(),
        vec![
            needing("api", Act::Number(30.0), "pool"),
            needing("pool", Act::Fail(ErrorKind::NoAnswer), "database"),
            instance("database", Act::Fail(ErrorKind::Unreachable)),
            needing("page", Act::Number(1.0), "database"),
        ],
    )
    .await;
    let by_name: HashMap<_, _> = report.entries.iter().map(|entry| (entry.name.as_str(), entry)).collect();
    assert_eq!(by_name["api"].caused_by.as_deref(), Some("probe.database"), "the root of the chain");
    assert_eq!(by_name["pool"].caused_by.as_deref(), Some("probe.database"));
    assert_eq!(by_name["database"].caused_by, None);
    assert_eq!(by_name["page"].caused_by, None, "what is fine needs no explanation");
    assert_eq!(by_name["api"].measures.len(), 1, "a follower is still measured");
}

#[tokio::test]
async fn a_circle_of_needs_does_not_hang() {
    let mut left = instance("left", Act::Fail(ErrorKind::NoAnswer));
    left.needs = vec!["probe.right".into()];
    let mut right = instance("right", Act::Fail(ErrorKind::NoAnswer));
    right.needs = vec!["probe.left".into()];
    let report = run(settings(), vec![left, right]).await;
    assert_eq!(report.entries.len(), 2);
}

#[tokio::test]
async fn no_more_checks_run_at_once_than_allowed() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let act = Act::Count(now, Arc::clone(&most));
    let instances = (0..40).map(|index| instance(&format!("n-{index}"), act.clone())).collect();
    run(Settings { concurrency: 3, ..settings() }, instances).await;
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn entries_keep_the_order_of_the_configuration() {
    let acts = [Act::Count(Arc::default(), Arc::default()), Act::Fine, Act::Count(Arc::default(), Arc::default())];
    let instances = acts.into_iter().enumerate().map(|(index, act)| instance(&format!("n-{index}"), act)).collect();
    let report = run(settings(), instances).await;
    let names: Vec<_> = report.entries.iter().map(|entry| entry.name.clone()).collect();
    assert_eq!(names, ["n-0", "n-1", "n-2"]);
}

/// A history that fails at everything, as one on a full disk does.
struct Broken;

#[async_trait]
impl History for Broken {
    async fn begin(&self, _: &RunStart) -> Result<Vec<Finding>> {
        Err(Error::new(ErrorKind::Local, "no space left on device"))
    }
    async fn recall(&self, _: &[String]) -> Result<HashMap<String, Remembered>> {
        Err(Error::new(ErrorKind::Local, "no space left on device"))
    }
    async fn save(&self, _: &Report) -> Result<()> {
        Err(Error::new(ErrorKind::Local, "no space left on device"))
    }
    async fn series(&self, _: &str, _: &str, _: &str, _: Timestamp, _: usize) -> Result<Vec<(Timestamp, f64)>> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_history_that_fails_is_told_once_and_stops_nothing() {
    let selection =
        Selection { instances: vec![instance("fine", Act::Fine)], routine: Some(("daily".into(), Routine::default())) };
    let report = Runner::new(settings()).history(Arc::new(Broken)).run(&selection).await;
    assert_eq!(report.status(), Status::Ok);
    assert_eq!(report.notices.len(), 1);
    assert!(report.notices[0].message.contains("no space left"));
}

/// A history that takes its time, such as one whose disk is slow, and notes how many looks there were when it had begun.
struct Slow {
    asked: Arc<AtomicUsize>,
    looks: AtomicUsize,
}

#[async_trait]
impl History for Slow {
    async fn begin(&self, _: &RunStart) -> Result<Vec<Finding>> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.looks.store(self.asked.load(Ordering::SeqCst), Ordering::SeqCst);
        Ok(Vec::new())
    }
    async fn recall(&self, checks: &[String]) -> Result<HashMap<String, Remembered>> {
        let limits = vec![(
            "value".to_owned(),
            String::new(),
            LimitState { level: Level::Ok, warning_since: None, critical_since: None },
        )];
        Ok(checks
            .iter()
            .map(|name| (name.clone(), Remembered { limits: limits.clone(), ..Remembered::default() }))
            .collect())
    }
    async fn save(&self, _: &Report) -> Result<()> {
        Ok(())
    }
    async fn series(&self, _: &str, _: &str, _: &str, _: Timestamp, _: usize) -> Result<Vec<(Timestamp, f64)>> {
        Ok(Vec::new())
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_history_holds_up_judgements_and_no_looks() {
    let asked = Arc::new(AtomicUsize::new(0));
    let history = Arc::new(Slow { asked: Arc::clone(&asked), looks: AtomicUsize::new(0) });
    let instances = vec![instance("counted", Act::FailFirst(asked, 0)), instance("number", Act::Number(30.0))];
    let selection = Selection { instances, routine: Some(("daily".into(), Routine::default())) };
    let report = Runner::new(settings()).history(Arc::clone(&history) as _).run(&selection).await;
    assert_eq!(history.looks.load(Ordering::SeqCst), 1, "it was looked before the history had begun");
    // And what it remembers is in the judgement.
    assert_eq!(report.entries[1].remembered.len(), 1);
    assert!(!report.entries[1].memory_unavailable);
}

#[tokio::test]
async fn a_breach_that_has_to_last_is_not_fine_without_a_memory() {
    let mut lasting = instance("number", Act::Number(30.0));
    lasting.limits =
        Limits::default().set("value", Limit::new(Unit::Count, "", "20").lasting(selx_core::TimeSpan::secs(900)));
    for history in [None, Some(Arc::new(Broken))] {
        let mut runner = Runner::new(settings());
        if let Some(history) = history {
            runner = runner.history(history);
        }
        let report = runner.run(&select(vec![lasting.clone()])).await;
        assert_eq!(status(&report, "number"), Status::Unknown);
        let headline = report.entries[0].headline();
        assert!(headline.contains("how long it has lasted cannot be told"), "{headline}");
    }
}

#[tokio::test]
async fn a_history_is_not_opened_for_a_check_that_needs_none() {
    let report = Runner::new(settings())
        .history(Arc::new(Broken))
        .clock(Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH)))
        .run(&select(vec![instance("fine", Act::Fine)]))
        .await;
    assert!(report.notices.is_empty());
}
