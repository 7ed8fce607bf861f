//! What the shares mean. Pure.

use std::time::Duration;

use selx_core::{Finding, Judgement, Judging, Measure, TimeSpan, Unit, show};

use super::{Facts, rates};
use crate::host::pressure::{self, Told};

/// How much time the longest load average speaks for.
const QUARTER: Duration = Duration::from_secs(15 * 60);

fn percent(share: f64) -> String {
    show::value(share, Unit::Ratio)
}

fn seconds(length: Duration) -> TimeSpan {
    TimeSpan::from(Duration::from_secs(length.as_secs()))
}

pub(super) fn judge(facts: &Facts, cx: &Judging<Facts>) -> Judgement {
    let cores = match facts.stat.cores {
        1 => "1 processor".to_owned(),
        cores => format!("{cores} processors"),
    };
    let mut judgement = match rates::rates(facts, cx) {
        Ok(rates) => Judgement::new(format!("{cores}, busy {} over {}", percent(rates.busy), seconds(rates.interval)))
            .evidence("user", percent(rates.user))
            .evidence("system", percent(rates.system))
            .evidence("iowait", percent(rates.iowait))
            .evidence("steal", percent(rates.steal)),
        Err(why) => Judgement::new(cores).with(Finding::info("needs-data", "", format!("needs {why}"))),
    };
    judgement = match &facts.load {
        Some([one, five, fifteen]) => judgement.evidence("load", format!("{one} / {five} / {fifteen}")),
        None => judgement.evidence("load", "not told by this kernel"),
    };
    judgement = match &facts.pressure {
        Told::Known(known) => judgement.evidence("pressure", pressure::show(&known.some)),
        Told::Absent(why) => judgement.evidence("pressure", format!("not known: {why}")),
    };
    if let Some(container) = &facts.container {
        judgement = judgement.evidence("quota of this container", format!("{} processors", container.cores));
    }
    judgement
}

pub(super) fn measure(facts: &Facts, cx: &Judging<Facts>) -> Vec<Measure> {
    let mut measures = Vec::new();
    if let Ok(rates) = rates::rates(facts, cx) {
        for (name, share) in [("busy", rates.busy), ("iowait", rates.iowait), ("steal", rates.steal)] {
            measures.push(Measure::new(name, share, Unit::Ratio).over(rates.interval));
        }
    }
    if let Some(known) = facts.pressure.known() {
        measures.push(Measure::new("pressure", known.some.avg300, Unit::Ratio).over(pressure::LONGEST));
    }
    if let Some([_, _, fifteen]) = facts.load {
        let each = fifteen / f64::from(facts.stat.cores.max(1));
        measures.push(Measure::new("load15", each, Unit::Count).over(QUARTER));
    }
    if let Some((interval, rates)) = rates::container(facts, cx) {
        measures.push(Measure::new("quota-used", rates.used, Unit::Ratio).over(interval));
        if let Some(throttled) = rates.throttled {
            measures.push(Measure::new("throttled", throttled, Unit::Ratio).over(interval));
        }
    }
    measures
}
