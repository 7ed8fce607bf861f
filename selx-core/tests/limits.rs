//! A limit that could not be judged is never fine: nothing to judge, no whole, no memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use selx_core::limit::Threshold;
use selx_core::{
    Area, Check, Context, Error, ErrorKind, Instance, Judgement, Judging, Limit, Limits, Measure, MeasureDoc, Meta,
    Report, Result, Runner, Selection, Settings, Status, TimeSpan, Typed, Unit,
};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

/// Gives the measures it is made with, or fails without one.
struct Gauge {
    measures: Vec<Measure>,
    own: Limits,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {}

#[derive(Serialize, Deserialize)]
struct Facts {}

impl Check for Gauge {
    type Config = Config;
    type Facts = Facts;
    const META: Meta = Meta::new("gauge", Area::Host, "numbers of the tests").measures(&[MeasureDoc::new(
        "used",
        Unit::Bytes,
        "number that the test gives",
        "change the test",
    )]);

    fn new(_: Config) -> Self {
        Self { measures: Vec::new(), own: Limits::default() }
    }

    async fn probe(&self, _: &Context) -> Result<Facts> {
        match self.measures.is_empty() {
            true => Err(Error::new(ErrorKind::Unreachable, "connection refused")),
            false => Ok(Facts {}),
        }
    }

    fn judge(&self, _: &Facts, _: &Judging<Facts>) -> Judgement {
        Judgement::new("seen")
    }

    fn measure(&self, _: &Facts, _: &Judging<Facts>) -> Vec<Measure> {
        self.measures.clone()
    }

    fn limits(&self) -> Limits {
        self.own.clone()
    }
}

fn settings() -> Settings {
    Settings {
        concurrency: 2,
        timeout: Duration::from_secs(5),
        deadline: Duration::from_secs(60),
        retries: 0,
        retry_delay: Duration::from_secs(30),
        state: None,
        history: false,
        retention: Duration::from_secs(86_400),
        action_timeout: Duration::from_secs(60),
    }
}

fn gauge(measures: Vec<Measure>, own: Limits, set: &Limits) -> Selection {
    let mut instance = Instance::new(Arc::new(Typed::new(Gauge { measures, own })), "g");
    instance.limits = instance.limits.overlaid(set);
    Selection::of([instance])
}

async fn run(measures: Vec<Measure>, own: Limits, set: &Limits) -> Report {
    Runner::new(settings()).run(&gauge(measures, own, set)).await
}

fn used(value: f64) -> Measure {
    Measure::new("used", value, Unit::Bytes)
}

fn limit(critical: &str) -> Limit {
    Limit::new(Unit::Bytes, "", critical)
}

#[tokio::test]
async fn a_limit_on_a_subject_that_is_not_there_is_unknown() {
    let own = Limits::default().set("used", limit("100B"));
    for (key, measure, status) in [
        ("used@/var", used(1.0).on("/var"), Status::Ok),
        ("used@/var/", used(1.0).on("/var"), Status::Unknown),
        ("used@/backup", used(1.0).on("/var"), Status::Unknown),
        // The kind has limits of its own, so it knows what a host may lack.
        ("available", used(1.0).on("/var"), Status::Ok),
        // What is bad already is not made less so.
        ("used@/backup", used(101.0).on("/var"), Status::Critical),
    ] {
        let report = run(vec![measure], own.clone(), &Limits::default().set(key, limit("10B"))).await;
        assert_eq!(report.status(), status, "{key}: {}", report.entries[0].headline());
    }
    let off = Limits::default().set("used@/backup", Limit::default());
    assert_eq!(run(vec![used(1.0).on("/var")], own.clone(), &off).await.status(), Status::Ok);
    // The limits of the kind itself may well find nothing here.
    let own = own.set("used@/never", limit("1B"));
    assert_eq!(run(vec![used(1.0).on("/var")], own, &Limits::default()).await.status(), Status::Ok);
}

#[tokio::test]
async fn a_kind_that_measures_what_it_is_told_to_has_to_measure_it() {
    let report = run(vec![used(1.0)], Limits::default(), &Limits::default().set("value", limit("10B"))).await;
    assert_eq!(report.status(), Status::Unknown);
    let finding = report.entries[0].judgement.findings.first().expect("told");
    assert_eq!(finding.code, "limit-value");
    assert!(finding.message.contains("was not measured"), "{}", finding.message);
}

#[tokio::test]
async fn percent_of_an_unknown_whole_is_unknown() {
    for (measure, critical, status) in [
        (used(90.0).of(100.0), "80%", Status::Critical),
        (used(90.0), "80%", Status::Unknown),
        (used(90.0).of(0.0), "80%", Status::Unknown),
        (used(90.0).of(-1.0), "80%", Status::Unknown),
        (used(90.0).of(f64::NAN), "80%", Status::Unknown),
        // One range may decide without the other.
        (used(90.0), "80B or 80%", Status::Critical),
        (used(70.0), "80B or 80%", Status::Unknown),
        (used(70.0), "80B and 80%", Status::Ok),
        (used(90.0), "80B and 80%", Status::Unknown),
    ] {
        let shown = format!("{measure:?} against {critical}");
        let report = run(vec![measure], Limits::default(), &Limits::default().set("used", limit(critical))).await;
        assert_eq!(report.status(), status, "{shown}: {}", report.entries[0].headline());
    }
    // A warning that stands does not hide that the critical limit could not be judged.
    let both = Limits::default().set("used", Limit::new(Unit::Bytes, "10B", "80%"));
    assert_eq!(run(vec![used(20.0)], Limits::default(), &both).await.status(), Status::Unknown);
}

#[tokio::test]
async fn without_a_history_nobody_knows_whether_an_alarm_is_held() {
    let mut held = limit("80B");
    held.recover = Threshold::parse("50B", Unit::Bytes).ok();
    for (value, status) in [(40.0, Status::Ok), (60.0, Status::Unknown), (90.0, Status::Critical)] {
        let report = run(vec![used(value)], Limits::default(), &Limits::default().set("used", held.clone())).await;
        assert_eq!(report.status(), status, "{value}: {}", report.entries[0].headline());
    }
    let lasting = Limits::default().set("used", limit("80B").lasting(TimeSpan::secs(60)));
    assert_eq!(run(vec![used(90.0)], Limits::default(), &lasting).await.status(), Status::Unknown);
}

#[test]
fn a_limit_that_no_number_reaches_is_refused() {
    let digits = "9".repeat(400);
    for text in [digits.clone(), format!("{digits}%"), format!("1:{digits}"), format!("{digits}TiB")] {
        assert!(Threshold::parse(&text, Unit::Bytes).is_err(), "{}…", &text[..5]);
    }
}

#[tokio::test]
async fn who_cancels_does_not_wait_for_the_next_attempt() {
    let cancel = CancellationToken::new();
    let runner = Runner::new(Settings { retries: 5, ..settings() }).cancelled_by(cancel.clone());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        cancel.cancel();
    });
    let began = Instant::now();
    let report = runner.run(&gauge(Vec::new(), Limits::default(), &Limits::default())).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(report.status(), Status::Critical, "what was seen before stands");
    assert!(report.entries[0].attempts.is_empty(), "the one attempt is the one that counts");
}

#[test]
fn a_size_without_a_unit_is_refused() {
    use selx_core::Unit;
    use selx_core::limit::Threshold;
    for text in ["75", "10:", "10:20GiB", "@1:2"] {
        let told = Threshold::parse(text, Unit::Bytes).unwrap_err();
        assert!(told.contains("a size such as `10GiB`"), "{told}");
    }
    for text in ["0", "75B", "1:", "~:10GiB", "75%"] {
        assert_eq!(Threshold::parse(text, Unit::Bytes).is_ok(), text != "1:", "{text}");
    }
}
