//! What lengths and ages mean. Pure.

use selx_core::{Finding, Judgement, Judging, Measure, Unit, show};

use super::{Config, Facts, Queue};
use crate::celery::tasks::listed;

/// How far the clocks of two machines may differ before it is told.
const SKEW: f64 = 5.0;

pub(super) fn judge(config: &Config, facts: &Facts, cx: &Judging<Facts>) -> Judgement {
    let broker = facts.broker.as_str();
    if let Some(trouble) = &facts.trouble {
        return Judgement::new(format!("the queues on {broker} could not be looked at")).with(trouble.finding(broker));
    }
    let waiting: u64 = facts.queues.iter().map(Queue::depth).fold(0, u64::saturating_add);
    let deepest = facts.queues.iter().max_by_key(|queue| queue.depth()).filter(|queue| queue.depth() > 0);
    let mut summary = match deepest {
        None => format!("nothing waits in {} on {broker}", counted(facts.queues.len())),
        Some(queue) => format!(
            "{waiting} wait in {} on {broker}, {} of them in {}",
            counted(facts.queues.len()),
            queue.depth(),
            queue.name
        ),
    };
    match facts.unacked.as_ref().map(super::Unacked::count) {
        Some(0) => {}
        Some(held) => summary.push_str(&format!("; {held} taken and not acknowledged")),
        None => summary.push_str("; not known how many are taken and not acknowledged"),
    }
    let mut judgement = Judgement::new(summary);
    judgement.findings = findings(config, facts, cx);
    for queue in facts.queues.iter().filter(|queue| queue.depth() > 0).take(20) {
        judgement = judgement.evidence("queue", describe(queue));
    }
    if let Some(head) = facts.unacked.as_ref().and_then(|unacked| unacked.head.as_ref()) {
        judgement = judgement.evidence("longest not acknowledged", head.named());
    }
    judgement
}

fn counted(queues: usize) -> String {
    if queues == 1 { "1 queue".to_owned() } else { format!("{queues} queues") }
}

fn describe(queue: &Queue) -> String {
    let lists: Vec<String> = queue.lists.iter().map(u64::to_string).collect();
    let head = match &queue.head {
        Some(head) => format!("next is {}", head.named()),
        None => "the next message is too large to be read, or was just taken".to_owned(),
    };
    format!("{}: {} by priority, {head}, taken from by {}", queue.name, lists.join("+"), listed(queue.consumers.iter()))
}

fn findings(config: &Config, facts: &Facts, cx: &Judging<Facts>) -> Vec<Finding> {
    let broker = facts.broker.as_str();
    let mut findings = Vec::new();
    let Some(roll) = &facts.roll else {
        return vec![Finding::unknown("consumers-unknown", broker, "nothing was recorded")];
    };
    if facts.queues.is_empty() {
        let message = "no queue is known: no worker answers, none is bound, and the settings name none";
        findings.push(Finding::unknown("no-queues", broker, message));
    }
    let mut unknown = roll.silent().saturating_add(facts.unclear).saturating_add(roll.unread.len() as u64);
    if roll.cut {
        unknown = unknown.max(1);
    }
    let mut unclear: Vec<&str> = Vec::new();
    for queue in &facts.queues {
        let depth = queue.depth();
        let named = config.queues.contains(&queue.name);
        if queue.foreign {
            let message = "is the name of a key that is no list: another program uses the same database";
            findings.push(Finding::warning("not-a-queue", &queue.name, message));
        }
        if !queue.consumers.is_empty() || (depth == 0 && !named) {
            continue;
        }
        if unknown > 0 {
            unclear.push(&queue.name);
        } else if depth > 0 {
            let message = format!("no worker takes from it, and {depth} wait in it");
            findings.push(Finding::critical("no-consumer", &queue.name, message));
        } else {
            findings.push(Finding::warning("no-consumer", &queue.name, "no worker takes from it; it is empty so far"));
        }
    }
    if !unclear.is_empty() {
        let message = format!(
            "{unknown} of {} workers did not say what they take from, so that nobody knows who takes from {}",
            roll.subscribers,
            listed(unclear.iter())
        );
        findings.push(Finding::unknown("consumers-unknown", broker, message));
    }
    if facts.unacked.is_none() {
        let message = "the broker does not tell how many messages are taken and not acknowledged";
        findings.push(Finding::unknown("unacked-unknown", broker, message));
    }
    let now = now(facts, cx);
    for queue in &facts.queues {
        let Some(expires) = queue.head.as_ref().and_then(|head| head.expires).filter(|expires| *expires < now) else {
            continue;
        };
        let message = format!("the next message expired {} ago: work is thrown away", seconds(now - expires));
        findings.push(Finding::warning("expired", &queue.name, message));
    }
    if let Some(newest) = facts.unacked.as_ref().and_then(|unacked| unacked.newest).filter(|newest| newest - now > SKEW)
    {
        let message = format!("the clock of a worker is {} ahead of that of the broker", seconds(newest - now));
        findings.push(Finding::warning("clock-ahead", broker, message));
    }
    if facts.searched == Some(false) {
        let message = "not every key was looked at for queues; those that no worker takes from are named in `queues`";
        findings.push(Finding::info("search-cut", broker, message));
    }
    if facts.beyond > 0 {
        let message = format!("{} queues more than are looked at", facts.beyond);
        findings.push(Finding::unknown("too-many-queues", broker, message));
    }
    findings.truncate(100);
    findings
}

fn seconds(value: f64) -> String {
    show::value(value, Unit::Seconds)
}

/// The clock of the broker, else our own.
fn now(facts: &Facts, cx: &Judging<Facts>) -> f64 {
    facts.time.unwrap_or_else(|| cx.now.at.as_microsecond() as f64 / 1e6)
}

/// The least age that the next message of a queue can have, where anything tells it.
fn age(queue: &Queue, facts: &Facts, cx: &Judging<Facts>) -> Option<f64> {
    let head = queue.head.as_ref()?;
    let now = now(facts, cx);
    let told = [head.sent, head.eta].into_iter().flatten().map(|at| now - at);
    // It stood there at the last look already.
    let before = cx.previous.as_ref().and_then(|previous| {
        let then = previous.facts.queues.iter().find(|then| then.name == queue.name)?.head.as_ref()?;
        (then.tag == head.tag).then(|| cx.since_previous())?
    });
    told.chain(before.map(|length| length.as_secs_f64())).filter(|age| *age > 0.0).reduce(f64::max)
}

pub(super) fn measure(facts: &Facts, cx: &Judging<Facts>) -> Vec<Measure> {
    if facts.trouble.is_some() {
        return Vec::new();
    }
    let mut measures = Vec::new();
    for queue in &facts.queues {
        measures.push(Measure::new("depth", queue.depth() as f64, Unit::Count).on(&queue.name));
        if let Some(age) = age(queue, facts, cx) {
            measures.push(Measure::new("oldest", age, Unit::Seconds).on(&queue.name));
        }
    }
    if let Some(unacked) = &facts.unacked {
        measures.push(Measure::new("unacked", unacked.count() as f64, Unit::Count));
        if let Some(oldest) = unacked.oldest {
            measures.push(Measure::new("unacked-age", (now(facts, cx) - oldest).max(0.0), Unit::Seconds));
        }
    }
    measures
}
