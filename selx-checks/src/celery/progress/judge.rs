//! What two looks say of what happened between them. Pure.

use std::time::Duration;

use selx_core::{Finding, Judgement, Judging, Measure, Severity, TimeSpan, Unit, show};

use super::{Config, Facts, Waiting, Worker};
use crate::celery::pidbox::Roll;
use crate::celery::tasks::{Task, listed};

/// How far the clocks of two machines may differ before it is told.
const SKEW: f64 = 5.0;

impl Facts {
    fn waiting(&self) -> u64 {
        let queues = self.queues.iter().map(|queue| queue.depth);
        queues.chain(self.workers.iter().map(|worker| worker.holds)).fold(0, u64::saturating_add)
    }

    fn worker(&self, node: &str) -> Option<&Worker> {
        self.workers.iter().find(|worker| worker.node == node)
    }
}

pub(super) fn judge(config: &Config, facts: &Facts, cx: &Judging<Facts>) -> Judgement {
    let broker = facts.broker.as_str();
    let roll = match (&facts.trouble, &facts.roll) {
        (Some(trouble), _) => {
            return Judgement::new(format!("the work on {broker} could not be looked at"))
                .with(trouble.finding(broker));
        }
        (None, None) => {
            return Judgement::new(format!("the work on {broker} was not looked at")).with(Finding::unknown(
                "unread-answer",
                broker,
                "nothing was recorded",
            ));
        }
        (None, Some(roll)) => roll,
    };
    let waiting = facts.waiting();
    let mut summary = match waiting {
        // Queues are those of the settings and those that workers name: without either, nobody has looked.
        0 if facts.queues.is_empty() => format!("no queue is known on {broker}"),
        0 => format!("nothing waits on {broker}"),
        waiting => format!("{waiting} wait on {broker}"),
    };
    if let Some((begun, interval)) = begun_of_all(facts, cx) {
        summary.push_str(&format!(", {begun} begun in {}", whole(interval)));
    }
    let mut judgement = Judgement::new(summary);
    judgement.findings = unseen(facts, roll, broker);
    judgement.findings.extend(clock(facts, cx));
    if roll.subscribers == 0 && facts.workers.is_empty() {
        let message = match facts.queues.len() {
            0 => "nobody works: no worker listens, and what waits is not known without `queues`".to_owned(),
            _ => format!("nobody works: no worker listens, and {waiting} wait in the queues that are known"),
        };
        judgement.findings.push(Finding::critical("no-workers", broker, message));
    } else if waiting > 0 {
        match interval(config, cx) {
            Ok(interval) => judgement.findings.extend(stalls(config, facts, cx, interval)),
            Err(why) => judgement.findings.push(Finding::info("needs-data", "", why)),
        }
    }
    for worker in facts.workers.iter().take(20) {
        judgement = judgement.evidence("worker", describe(worker, cx));
    }
    judgement
}

fn seconds(value: f64) -> String {
    show::value(value, Unit::Seconds)
}

fn whole(length: Duration) -> TimeSpan {
    TimeSpan::from(Duration::from_secs(length.as_secs().max(1)))
}

fn describe(worker: &Worker, cx: &Judging<Facts>) -> String {
    let begun = worker.begun.map_or_else(|| "an unknown number".to_owned(), |begun| begun.to_string());
    let slots = worker.slots.map_or_else(|| "?".to_owned(), |slots| slots.to_string());
    let running = worker.active.iter().map(|task| running(task, cx));
    format!("{}: {begun} begun, {slots} at once, runs {}, holds {}", worker.node, listed(running), worker.holds)
}

fn running(task: &Task, cx: &Judging<Facts>) -> String {
    match age(task, cx) {
        Some(age) => format!("`{}` {} for {}", task.name, task.id, seconds(age.max(0.0).floor())),
        None => format!("`{}` {}", task.name, task.id),
    }
}

fn age(task: &Task, cx: &Judging<Facts>) -> Option<f64> {
    Some(cx.now.at.as_microsecond() as f64 / 1e6 - task.started?)
}

/// The time since the last look, or why nothing can be told from it.
fn interval(config: &Config, cx: &Judging<Facts>) -> Result<Duration, String> {
    let least = config.interval;
    let Some(previous) = &cx.previous else {
        return Err(format!("needs a second look, {least} later or more"));
    };
    if previous.facts.trouble.is_some() || previous.facts.roll.is_none() {
        return Err("needs another look: the last one saw nothing".to_owned());
    }
    match cx.since_previous() {
        None => Err("needs a second look since the machine was started".to_owned()),
        Some(interval) if interval < least.get() => Err(format!(
            "needs {least} between two looks, and the last one was {} ago: look less often, or set `interval`",
            TimeSpan::from(Duration::from_millis(u64::try_from(interval.as_millis()).unwrap_or(u64::MAX)))
        )),
        Some(interval) => Ok(interval),
    }
}

/// How many tasks a worker has begun since the last look; all of them if it was started since.
fn begun(worker: &Worker, cx: &Judging<Facts>) -> Option<u64> {
    let now = worker.begun?;
    let then = cx.previous.as_ref()?.facts.worker(&worker.node).filter(|then| then.pid == worker.pid);
    Some(match then.and_then(|then| then.begun) {
        Some(then) if then <= now => now - then,
        _ => now,
    })
}

fn begun_of_all(facts: &Facts, cx: &Judging<Facts>) -> Option<(u64, Duration)> {
    let interval = cx.since_previous()?;
    cx.previous.as_ref().filter(|previous| previous.facts.trouble.is_none() && previous.facts.roll.is_some())?;
    let counts: Vec<u64> = facts.workers.iter().filter_map(|worker| begun(worker, cx)).collect();
    (!counts.is_empty()).then(|| (counts.into_iter().fold(0, u64::saturating_add), interval))
}

/// What stood still.
fn stalls(config: &Config, facts: &Facts, cx: &Judging<Facts>, interval: Duration) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        facts.queues.iter().filter_map(|queue| stalled_queue(config, facts, queue, cx, interval)).collect();
    for worker in &facts.workers {
        // What its queues say already need not be said again of the worker.
        let told = findings.iter().any(|finding| worker.queues.contains(&finding.subject));
        if !told && let Some(finding) = stalled_worker(config, worker, cx, interval) {
            findings.push(finding);
        }
    }
    findings.truncate(50);
    findings
}

fn stalled_queue(
    config: &Config,
    facts: &Facts,
    queue: &Waiting,
    cx: &Judging<Facts>,
    interval: Duration,
) -> Option<Finding> {
    let then = cx.previous.as_ref()?.facts.queues.iter().find(|then| then.name == queue.name)?;
    let (head, before) = (queue.head.as_ref()?, then.head.as_ref()?);
    // Whatever is taken from a queue is its head.
    if queue.depth == 0 || head.tag != before.tag {
        return None;
    }
    let workers: Vec<&Worker> = facts.workers.iter().filter(|worker| worker.queues.contains(&queue.name)).collect();
    let begun = workers.iter().filter_map(|worker| begun(worker, cx)).fold(0, u64::saturating_add);
    let stands = format!(
        "{} wait and nothing was taken for {}: {} is still the next",
        queue.depth,
        whole(interval),
        head.named()
    );
    if begun > 0 {
        let message = format!("{stands}, though {} began {begun} other tasks", names(&workers));
        return Some(Finding::warning("passed-over", &queue.name, message));
    }
    if workers.is_empty() {
        let message = format!("{stands}; no worker that answers takes from it");
        return Some(Finding::critical("stalled", &queue.name, message));
    }
    let message = format!("{stands}, and {} began nothing", names(&workers));
    Some(finding(config, &queue.name, message, &workers, cx))
}

fn stalled_worker(config: &Config, worker: &Worker, cx: &Judging<Facts>, interval: Duration) -> Option<Finding> {
    let then = cx.previous.as_ref()?.facts.worker(&worker.node)?;
    let same = worker.reserved.iter().any(|task| then.reserved.iter().any(|before| before.id == task.id));
    if !same || then.pid != worker.pid || begun(worker, cx)? > 0 {
        return None;
    }
    let message = format!("holds {} and began nothing in {}", worker.holds, whole(interval));
    Some(finding(config, &worker.node, message, &[worker], cx))
}

fn names(workers: &[&Worker]) -> String {
    listed(workers.iter().map(|worker| worker.node.as_str()))
}

/// Says why, as far as the running tasks tell it: those that ran at the last look already.
fn finding(config: &Config, subject: &str, mut message: String, workers: &[&Worker], cx: &Judging<Facts>) -> Finding {
    let lasting = |worker: &&&Worker| -> Vec<Task> {
        let then = cx.previous.as_ref().and_then(|previous| previous.facts.worker(&worker.node));
        let before = |task: &&Task| then.is_some_and(|then| then.active.iter().any(|before| before.id == task.id));
        worker.active.iter().filter(before).cloned().collect()
    };
    let tasks: Vec<Task> = workers.iter().flat_map(|worker| lasting(&worker)).collect();
    let full = |worker: &&&Worker| worker.active.len() as u64 >= worker.slots.unwrap_or(1).max(1);
    let young = |task: &&Task| age(task, cx).is_some_and(|age| age < config.longest_task.get().as_secs_f64());
    let all_busy = workers.iter().all(|worker| full(&worker)) && tasks.iter().all(|task| young(&task));
    if tasks.is_empty() {
        message.push_str("; none of them runs a task that ran at the last look");
    } else {
        message.push_str(&format!("; running all the while: {}", listed(tasks.iter().map(|task| running(task, cx)))));
    }
    if all_busy && !tasks.is_empty() {
        Finding::warning("all-busy", subject, message)
    } else {
        Finding::critical("stalled", subject, message)
    }
}

/// What could not be seen.
fn unseen(facts: &Facts, roll: &Roll, broker: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if roll.silent() > 0 {
        let message =
            format!("{} of {} workers did not answer: what they do is not known", roll.silent(), roll.subscribers);
        findings.push(Finding::unknown("silent", broker, message));
    }
    let errors: Vec<&str> =
        roll.answered.iter().filter(|answer| answer.error.is_some()).map(|answer| answer.node.as_str()).collect();
    let dumb: Vec<&str> =
        facts.workers.iter().filter(|worker| worker.begun.is_none()).map(|worker| worker.node.as_str()).collect();
    if roll.cut || !roll.unread.is_empty() {
        let message = format!("{} answers were not read", roll.unread.len().max(1));
        findings.push(Finding::unknown("unread-answer", broker, message));
    } else if let Some(first) = errors.first().or(dumb.first()) {
        findings.push(Finding::unknown("unread-answer", *first, "does not say what it has done"));
    }
    findings
}

fn clock(facts: &Facts, cx: &Judging<Facts>) -> Option<Finding> {
    let ages = facts
        .workers
        .iter()
        .flat_map(|worker| worker.active.iter().filter_map(|task| Some((worker.node.as_str(), age(task, cx)?))));
    let (node, age) = ages.min_by(|one, other| one.1.total_cmp(&other.1))?;
    if age > -SKEW {
        return None;
    }
    let message = format!("began a task {} in the future: its clock is ahead", seconds(-age));
    Some(Finding::new(Severity::Warning, "clock-ahead", node, message))
}

pub(super) fn measure(facts: &Facts, cx: &Judging<Facts>) -> Vec<Measure> {
    if facts.trouble.is_some() || facts.roll.is_none() {
        return Vec::new();
    }
    let mut measures = Vec::new();
    if !facts.queues.is_empty() {
        measures.push(Measure::new("waiting", facts.waiting() as f64, Unit::Count));
    }
    if let Some((begun, interval)) = begun_of_all(facts, cx).filter(|(_, interval)| !interval.is_zero()) {
        let rate = begun as f64 / interval.as_secs_f64();
        measures.push(Measure::new("begun", rate, Unit::PerSecond).over(interval));
    }
    let ages = facts.workers.iter().flat_map(|worker| &worker.active).filter_map(|task| age(task, cx));
    if let Some(oldest) = ages.reduce(f64::max) {
        measures.push(Measure::new("longest-task", oldest.max(0.0), Unit::Seconds));
    }
    measures
}
