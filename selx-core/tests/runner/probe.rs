//! A check that does what a test wants.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use schemars::JsonSchema;
use selx_core::{
    Area, Check, Context, Error, ErrorKind, Finding, Instance, Judgement, Judging, Limit, Limits, Measure, MeasureDoc,
    Meta, Report, Result, Runner, Selection, Settings, Status, Typed, Unit,
};
use serde::{Deserialize, Serialize};

/// What the check of these tests does.
#[derive(Clone)]
pub(crate) enum Act {
    Fine,
    Hang,
    Block(Duration),
    Panic,
    PanicInJudge,
    Fail(ErrorKind),
    FailFirst(Arc<AtomicUsize>, usize),
    /// Hears how many have asked before, together with others; nobody is a failure.
    Once(Arc<AtomicUsize>),
    Fault,
    Number(f64),
    NeedsData,
    Count(Arc<AtomicUsize>, Arc<AtomicUsize>),
}

struct Probe(Act);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {}

#[derive(Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) value: Option<f64>,
}

impl Check for Probe {
    type Config = Config;
    type Facts = Facts;
    const META: Meta = Meta::new("probe", Area::Host, "a check of the tests").measures(&[MeasureDoc::new(
        "value",
        Unit::Count,
        "number that the test gives",
        "change the test",
    )]);

    fn new(_: Config) -> Self {
        Self(Act::Fine)
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        let fine = Facts { value: None };
        match &self.0 {
            Act::Fine | Act::PanicInJudge | Act::NeedsData => Ok(fine),
            Act::Hang => std::future::pending().await,
            Act::Block(length) => {
                #[expect(clippy::disallowed_methods, reason = "this check misbehaves on purpose")]
                std::thread::sleep(*length);
                Ok(fine)
            }
            Act::Panic => panic!("on purpose"),
            Act::Fail(kind) => Err(Error::new(*kind, "on purpose")),
            Act::FailFirst(count, times) => {
                if count.fetch_add(1, Ordering::SeqCst) < *times {
                    Err(Error::new(ErrorKind::Unreachable, "connection refused"))
                } else {
                    Ok(fine)
                }
            }
            Act::Once(asked) => {
                let before = cx.once("asked", async { Ok::<_, Error>(asked.fetch_add(1, Ordering::SeqCst)) }).await?;
                match *before {
                    0 => Err(Error::new(ErrorKind::Unreachable, "connection refused")),
                    _ => Ok(fine),
                }
            }
            Act::Fault => {
                cx.fault(Error::new(ErrorKind::Denied, "no right to read one of them"));
                Ok(fine)
            }
            Act::Number(value) => Ok(Facts { value: Some(*value) }),
            Act::Count(now, most) => {
                let running = now.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(running, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(10)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(fine)
            }
        }
    }

    fn judge(&self, _: &Facts, _: &Judging<Facts>) -> Judgement {
        match self.0 {
            Act::PanicInJudge => panic!("on purpose"),
            Act::NeedsData => Judgement::new("").with(Finding::info("needs-data", "", "needs a second look")),
            _ => Judgement::new("seen"),
        }
    }

    fn measure(&self, facts: &Facts, _: &Judging<Facts>) -> Vec<Measure> {
        facts.value.map(|value| Measure::new("value", value, Unit::Count)).into_iter().collect()
    }

    fn limits(&self) -> Limits {
        Limits::default().set("value", Limit::new(Unit::Count, "10", "20"))
    }
}

pub(crate) fn instance(name: &str, act: Act) -> Instance {
    Instance::new(Arc::new(Typed::new(Probe(act))), name)
}

pub(crate) fn settings() -> Settings {
    Settings {
        concurrency: 8,
        timeout: Duration::from_secs(5),
        deadline: Duration::from_secs(60),
        retries: 0,
        retry_delay: Duration::from_secs(1),
        state: None,
        history: true,
        retention: Duration::from_secs(86_400),
        action_timeout: Duration::from_secs(60),
    }
}

pub(crate) fn select(instances: Vec<Instance>) -> Selection {
    Selection { instances, routine: None }
}

pub(crate) async fn run(settings: Settings, instances: Vec<Instance>) -> Report {
    Runner::new(settings).run(&select(instances)).await
}

pub(crate) fn status(report: &Report, name: &str) -> Status {
    report.entries.iter().find(|entry| entry.name == name).expect(name).status()
}
