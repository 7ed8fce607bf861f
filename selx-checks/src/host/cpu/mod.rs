//! The kind `host-cpu`: how busy the processors were between two looks, and whether tasks had to wait for them.

mod judge;
mod probe;
mod rates;

use schemars::JsonSchema;
use selx_core::{
    Area, Check, Code, Context, Discovery, Judgement, Judging, Limit, Limits, Measure, MeasureDoc, Meta, Proposal,
    Result, TimeSpan, Unit,
};
use serde::{Deserialize, Serialize};

pub use probe::{parse_loadavg, parse_stat};

use super::pressure::Told;

/// The settings of `host-cpu`: none. Limits are set beside `with`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Facts {
    /// What the processors did since boot.
    pub stat: Stat,
    /// The load averages over 1, 5 and 15 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<[f64; 3]>,
    /// How long tasks waited for a processor.
    pub pressure: Told,
    /// The quota of the container that selx itself runs in, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
}

/// What all processors together did since boot, in ticks of the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// Programs; the time of guests of a hypervisor is in it.
    pub user: u64,
    /// Programs of low priority.
    pub nice: u64,
    /// The kernel.
    pub system: u64,
    /// Nothing.
    pub idle: u64,
    /// Nothing, while a task waited for a disk. The kernel only estimates it, and it can go back.
    pub iowait: u64,
    /// Interrupts.
    pub irq: u64,
    /// The rest of interrupts.
    pub softirq: u64,
    /// Time in which the hypervisor ran somebody else.
    pub steal: u64,
    /// How many processors are switched on.
    pub cores: u32,
}

/// The quota of a container and what it has used since it began.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Container {
    /// How many processors it may use.
    pub cores: f64,
    /// The processor time it used, in microseconds.
    pub usage: u64,
    /// How many periods there were in which it had work.
    pub periods: u64,
    /// In how many of them it was stopped because its quota was used up.
    pub throttled: u64,
}

/// The check.
pub struct HostCpu;

impl Check for HostCpu {
    type Config = Config;
    type Facts = Facts;
    const META: Meta = Meta::new(
        "host-cpu",
        Area::Host,
        "how busy the processors were since the last look, and who had to wait",
    )
    .readme(include_str!("README.md"))
    .sample(include_str!("sample.toml"))
    .remembers()
    .codes(&[Code::new(
        "needs-data",
        "How busy the processors are is a rate, and there is no earlier look to count from.",
        "Look again later; the history has to be kept between the looks.",
    )])
    .measures(&[
        MeasureDoc::new(
            "busy",
            Unit::Ratio,
            "share of the time since the last look in which the processors were not idle",
            "Find who uses them (`top`, `pidstat 5`); limit it, move it to another hour, or add processors.",
        )
        .called("processors busy"),
        MeasureDoc::new(
            "iowait",
            Unit::Ratio,
            "share of the time since the last look in which processors were idle while tasks waited for a disk",
            "Find who reads and writes (`iostat -x 5`, `pidstat -d 5`).",
        )
        .called("processors waiting for disks"),
        MeasureDoc::new(
            "steal",
            Unit::Ratio,
            "share of the time since the last look that the hypervisor gave to others",
            "Ask the provider of the machine, or move to one with processors of its own.",
        )
        .called("processor time taken by the hypervisor"),
        MeasureDoc::new(
            "pressure",
            Unit::Ratio,
            "share of the last five minutes in which at least one task waited for a processor",
            "Find who uses the processors (`top`, `pidstat 5`).",
        )
        .called("pressure on the processors"),
        MeasureDoc::new(
            "load15",
            Unit::Count,
            "load average over 15 minutes, for each processor",
            "Find whether tasks wait for processors or for disks (`vmstat 5`: columns r and b).",
        )
        .called("15-minute load per processor"),
        MeasureDoc::new(
            "quota-used",
            Unit::Ratio,
            "share of the processor quota of the container that selx runs in that was used since the last look",
            "Raise the quota of the container, or find which of its processes grew.",
        )
        .called("processor quota of the container used"),
        MeasureDoc::new(
            "throttled",
            Unit::Ratio,
            "share of the periods since the last look in which the container was stopped because its quota was used up",
            "Raise the quota of the container, or let it run fewer threads than the quota has processors.",
        )
        .called("container stopped by its processor quota"),
    ]);

    fn new(_: Config) -> Self {
        Self
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        probe::look(cx)
    }

    fn judge(&self, facts: &Facts, cx: &Judging<Facts>) -> Judgement {
        judge::judge(facts, cx)
    }

    fn measure(&self, facts: &Facts, cx: &Judging<Facts>) -> Vec<Measure> {
        judge::measure(facts, cx)
    }

    fn limits(&self) -> Limits {
        let quarter = TimeSpan::secs(15 * 60);
        Limits::default()
            .set("busy", Limit::new(Unit::Ratio, "", "80%").lasting(quarter))
            .set("quota-used", Limit::new(Unit::Ratio, "", "80%").lasting(quarter))
            // A guest that loses a tenth of its time for a quarter of an hour has a bad neighbour.
            .set("steal", Limit::new(Unit::Ratio, "10%", "").lasting(quarter))
            // Five minutes are its own window. Work that is spread well waits now and then; not half of the time.
            .set("pressure", Limit::new(Unit::Ratio, "50%", "80%"))
            // Load counts tasks that wait for disks too, so it is a hint and never critical.
            .set("load15", Limit::new(Unit::Count, "1.5", ""))
            .set("throttled", Limit::new(Unit::Ratio, "25%", ""))
    }

    async fn discover(cx: &Context) -> Discovery {
        match probe::look(cx) {
            Err(error) => Discovery::Unclear(error.to_string()),
            Ok(facts) => {
                let reason = format!("{} processors", facts.stat.cores);
                Discovery::Found(vec![Proposal::new("local", reason, "")])
            }
        }
    }
}
