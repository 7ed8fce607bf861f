//! The kind `host-memory`: memory that can still be had, swap, pressure, and processes the kernel killed.

mod judge;
mod probe;

use schemars::JsonSchema;
use selx_core::{
    Area, Check, Code, Context, Discovery, Judgement, Judging, Limit, Limits, Measure, MeasureDoc, Meta, Proposal,
    Result, Unit,
};
use serde::{Deserialize, Serialize};

pub use probe::{parse_meminfo, parse_oom_kills};

use super::pressure::Told;

/// The settings of `host-memory`: none. Limits are set beside `with`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Facts {
    /// The memory of the machine.
    pub memory: Memory,
    /// How long tasks waited for memory.
    pub pressure: Told,
    /// How many processes the kernel killed for memory since boot; `None` where it does not count them (before 4.13).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_kills: Option<u64>,
    /// The limit of the container that selx itself runs in, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
}

/// The memory of the machine, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Memory {
    /// All of it.
    pub total: u64,
    /// What programs can still have without swapping: free memory and what the kernel gives back, by its own estimate.
    pub available: u64,
    /// What nobody uses.
    pub free: u64,
    /// Caches of files.
    pub cached: u64,
    /// The swap space.
    pub swap_total: u64,
    /// What is unused of it.
    pub swap_free: u64,
}

/// The memory of a container, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Container {
    /// The limit.
    pub limit: u64,
    /// What counts against it, caches included.
    pub current: u64,
    /// Caches of files that nobody has used of late, which are given back first.
    pub inactive_file: u64,
}

/// The check.
pub struct HostMemory;

impl Check for HostMemory {
    type Config = Config;
    type Facts = Facts;
    const META: Meta =
        Meta::new("host-memory", Area::Host, "memory that can still be had, swap, pressure, processes killed for memory")
            .readme(include_str!("README.md"))
            .sample(include_str!("sample.toml"))
            .remembers()
            .codes(&[Code::new(
                "oom-kills-before",
                "The kernel killed processes for memory at some time since boot, before the first look.",
                "Look for `Out of memory` in the kernel log (`journalctl -k`) to see which and when.",
            )])
            .measures(&[
                MeasureDoc::new(
                    "used",
                    Unit::Bytes,
                    "memory that cannot be had any more, caches not counted",
                    "Find who has it (`ps --sort=-rss`), and limit or restart it, or add memory.",
                ).called("memory used"),
                MeasureDoc::new(
                    "available",
                    Unit::Bytes,
                    "memory that programs can still have without swapping",
                    "Find who has it (`ps --sort=-rss`), and limit or restart it, or add memory.",
                ).called("memory available"),
                MeasureDoc::new(
                    "swap-used",
                    Unit::Bytes,
                    "swap space in use; absent where there is none",
                    "See by `vmstat 1` whether it moves; pages that lie there for weeks harm nobody, but when it is full the \
                     next burst kills a process.",
                ).called("swap used"),
                MeasureDoc::new(
                    "pressure",
                    Unit::Ratio,
                    "share of the last five minutes in which every task that had work waited for memory",
                    "The machine is thrashing: find who has the memory, and limit or stop it.",
                ).called("pressure on memory"),
                MeasureDoc::new(
                    "pressure-some",
                    Unit::Ratio,
                    "share of the last five minutes in which at least one task waited for memory",
                    "Find who has the memory, and limit it.",
                ).called("some pressure on memory"),
                MeasureDoc::new(
                    "oom-kills",
                    Unit::Count,
                    "number of processes the kernel killed for memory since the last look",
                    "Look in the kernel log (`journalctl -k -g 'Killed process'`) which it was and whether it runs again; it had \
                     too little memory, or the limit of its container is too low.",
                ).called("processes killed for memory"),
                MeasureDoc::new(
                    "container-used",
                    Unit::Bytes,
                    "memory of the container that selx runs in, of its limit, idle caches not counted",
                    "Raise the limit of the container, or find which of its processes grew.",
                ).called("memory of the container used"),
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
        Limits::default()
            .set("used", Limit::new(Unit::Bytes, "80%", "90%"))
            .set("container-used", Limit::new(Unit::Bytes, "80%", "90%"))
            // Full swap is no harm by itself; the pressure says when it hurts.
            .set("swap-used", Limit::new(Unit::Bytes, "80%", ""))
            // Fifteen seconds of five minutes in which nothing moved are felt; a minute is an outage.
            .set("pressure", Limit::new(Unit::Ratio, "5%", "20%"))
            .set("oom-kills", Limit::new(Unit::Count, "", "0"))
    }

    async fn discover(cx: &Context) -> Discovery {
        match probe::look(cx) {
            Err(error) => Discovery::Unclear(error.to_string()),
            Ok(facts) => {
                let total = selx_core::ByteSize(facts.memory.total);
                Discovery::Found(vec![Proposal::new("local", format!("{total} of memory"), "")])
            }
        }
    }
}
