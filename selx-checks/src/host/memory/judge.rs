//! What the numbers mean. Pure.

use std::time::Duration;

use selx_core::{ByteSize, Finding, Judgement, Judging, Measure, TimeSpan, Unit, show};

use super::{Container, Facts, Memory};
use crate::host::pressure::{self, Told};

impl Memory {
    /// What cannot be had any more. Caches are not in it: the kernel gives them back.
    fn used(&self) -> u64 {
        self.total.saturating_sub(self.available)
    }

    fn swap_used(&self) -> u64 {
        self.swap_total.saturating_sub(self.swap_free)
    }
}

impl Container {
    fn used(&self) -> u64 {
        self.current.saturating_sub(self.inactive_file)
    }

    /// Containers without a limit have the greatest number there is, or more than the machine.
    fn is_limit(&self, memory: &Memory) -> bool {
        self.limit > 0 && self.limit < memory.total
    }
}

/// Returns how many processes were killed since the last look, and how long ago that was.
fn kills(facts: &Facts, cx: &Judging<Facts>) -> Option<(u64, Option<Duration>)> {
    let now = facts.oom_kills?;
    let previous = cx.previous.as_ref()?;
    match (cx.since_previous(), previous.facts.oom_kills) {
        (Some(interval), Some(before)) if now >= before => Some((now - before, Some(interval))),
        (Some(_), None) => None,
        // After a boot the kernel counts from zero: all of it is new.
        _ => Some((now, None)),
    }
}

pub(super) fn judge(facts: &Facts, cx: &Judging<Facts>) -> Judgement {
    let memory = &facts.memory;
    let percent = |part: u64, whole: u64| show::value(part as f64 / whole.max(1) as f64, Unit::Ratio);
    let mut summary = format!(
        "{} of {} used ({}), {} available",
        ByteSize(memory.used()),
        ByteSize(memory.total),
        percent(memory.used(), memory.total),
        ByteSize(memory.available)
    );
    if let Some(container) = facts.container.as_ref().filter(|container| container.is_limit(memory)) {
        summary.push_str(&format!(
            "; this container {} of its limit of {} ({})",
            ByteSize(container.used()),
            ByteSize(container.limit),
            percent(container.used(), container.limit)
        ));
    }
    let mut judgement = Judgement::new(summary)
        .evidence("free", ByteSize(memory.free))
        .evidence("caches", ByteSize(memory.cached))
        .evidence("swap", swap(memory));
    judgement = match &facts.pressure {
        Told::Known(known) => {
            let judgement = judgement.evidence("pressure, some tasks", pressure::show(&known.some));
            match &known.full {
                Some(full) => judgement.evidence("pressure, all tasks", pressure::show(full)),
                None => judgement,
            }
        }
        Told::Absent(why) => judgement.evidence("pressure", format!("not known: {why}")),
    };
    match (facts.oom_kills, kills(facts, cx)) {
        (None, _) => judgement.evidence("processes killed for memory", "not counted by this kernel"),
        (Some(total), None) if total > 0 => judgement.with(Finding::info(
            "oom-kills-before",
            "",
            format!("the kernel killed {total} processes for memory since boot, before the first look"),
        )),
        (Some(_), Some((new, Some(interval)))) => judgement
            .evidence("processes killed for memory", format!("{new} in {}", TimeSpan::from(whole_seconds(interval)))),
        (Some(total), _) => judgement.evidence("processes killed for memory", format!("{total} since boot")),
    }
}

fn whole_seconds(length: Duration) -> Duration {
    Duration::from_secs(length.as_secs())
}

fn swap(memory: &Memory) -> String {
    if memory.swap_total == 0 {
        "none".to_owned()
    } else {
        format!("{} of {}", ByteSize(memory.swap_used()), ByteSize(memory.swap_total))
    }
}

pub(super) fn measure(facts: &Facts, cx: &Judging<Facts>) -> Vec<Measure> {
    let memory = &facts.memory;
    let bytes = |name, part: u64, whole: u64| Measure::new(name, part as f64, Unit::Bytes).of(whole as f64);
    let mut measures = vec![
        bytes("used", memory.used(), memory.total),
        bytes("available", memory.available.min(memory.total), memory.total),
    ];
    if memory.swap_total > 0 {
        measures.push(bytes("swap-used", memory.swap_used(), memory.swap_total));
    }
    if let Some(known) = facts.pressure.known() {
        let ratio = |name, share| Measure::new(name, share, Unit::Ratio).over(pressure::LONGEST);
        if let Some(full) = known.full {
            measures.push(ratio("pressure", full.avg300));
        }
        measures.push(ratio("pressure-some", known.some.avg300));
    }
    if let Some((new, interval)) = kills(facts, cx) {
        let measure = Measure::new("oom-kills", new as f64, Unit::Count);
        measures.push(match interval {
            Some(interval) => measure.over(interval),
            None => measure,
        });
    }
    if let Some(container) = facts.container.as_ref().filter(|container| container.is_limit(memory)) {
        measures.push(bytes("container-used", container.used(), container.limit));
    }
    measures
}
