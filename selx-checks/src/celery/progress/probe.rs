//! Looks at what waits, what runs, and what was done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use selx_core::{Context, Result};
use serde_json::Value;

use super::{Config, Facts, Waiting, Worker};
use crate::celery::config::Broker;
use crate::celery::depth;
use crate::celery::hear;
use crate::celery::keys::shown;
use crate::celery::pidbox::{self, Heard, Roll};
use crate::celery::queues::consumers;
use crate::celery::request::Method;
use crate::celery::tasks;
use crate::redis::client::{Connection, Trouble};

/// The most queues, workers, and tasks of a worker that are looked at.
const QUEUES: usize = 500;
const WORKERS: usize = 500;
const TASKS: usize = 50;

pub(super) async fn probe(config: &Config, broker: &Broker, cx: &Context) -> Result<Facts> {
    let mut facts = Facts { broker: broker.subject(), ..Facts::default() };
    if let Err(trouble) = look(config, broker, &mut facts, cx).await? {
        facts.trouble = Some(trouble);
    }
    Ok(facts)
}

async fn look(config: &Config, broker: &Broker, facts: &mut Facts, cx: &Context) -> Result<Result<(), Trouble>> {
    let names = &broker.names;
    let mut redis = match broker.open(cx).await? {
        Ok(redis) => redis,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let asked = if cx.is_alone() { all(&mut redis, broker, cx).await? } else { most(&mut redis, broker, cx).await? };
    let ([stats, active, reserved], queues) = match asked {
        Ok(heard) => heard,
        Err(trouble) => return Ok(Err(trouble)),
    };
    facts.roll = Some(together([&stats, &active, &reserved, &queues]));
    let (consumers, _) = consumers(&queues);
    facts.workers = workers(&stats, &active, &reserved, &consumers);
    let known: BTreeSet<&String> = config.queues.iter().chain(consumers.keys()).collect();
    let known: Vec<Vec<u8>> = known.into_iter().take(QUEUES).map(|queue| queue.clone().into_bytes()).collect();
    let answers = match redis.ask_all(&depth::lengths(names, &known), cx).await? {
        Ok(answers) => answers,
        Err(failure) => return Ok(Err(Trouble::Peer(failure))),
    };
    let depths = match depth::read_lengths(names, known.len(), &mut answers.into_iter()) {
        Ok(depths) => depths,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let all: Vec<(&[u8], &depth::Depth)> = known.iter().map(Vec::as_slice).zip(&depths).collect();
    let heads = match depth::heads(&mut redis, &broker.server, names, &all, cx).await? {
        Ok(heads) => heads,
        Err(trouble) => return Ok(Err(trouble)),
    };
    for ((queue, depth), head) in all.into_iter().zip(heads) {
        let length = depth.lists.iter().fold(0, |sum: u64, length| sum.saturating_add(*length));
        facts.queues.push(Waiting { name: shown(queue), depth: length, head });
    }
    Ok(Ok(()))
}

/// What the workers say of themselves, and of the queues that they take from.
type Asked = Result<Result<([Heard; 3], Arc<Heard>), Trouble>>;

/// Asks all of it at once.
async fn all(redis: &mut Connection, broker: &Broker, cx: &Context) -> Asked {
    let methods = [Method::Stats, Method::Active, Method::Reserved, Method::ActiveQueues];
    let asked = pidbox::ask(redis, &broker.server, &broker.names, methods, broker.patience, cx).await?;
    Ok(asked.map(|[stats, active, reserved, queues]| ([stats, active, reserved], Arc::new(queues))))
}

/// Asks what other checks of the run do not ask as well, and hears the rest beside it: a worker that is slow to answer is
/// waited for once.
async fn most(redis: &mut Connection, broker: &Broker, cx: &Context) -> Asked {
    let methods = [Method::Stats, Method::Active, Method::Reserved];
    let own = pidbox::ask(redis, &broker.server, &broker.names, methods, broker.patience, cx);
    let (own, queues) = tokio::join!(own, hear::active_queues(broker, cx));
    Ok(match (own?, queues?) {
        (Ok(own), Ok(queues)) => Ok((own, queues)),
        (Err(trouble), _) | (_, Err(trouble)) => Err(trouble),
    })
}

/// Makes one roll of several: the worst of each.
fn together(heard: [&Heard; 4]) -> Roll {
    let worst = heard.into_iter().map(Heard::roll).max_by_key(Roll::silent).unwrap_or_default();
    let mut unread: Vec<_> = heard.iter().flat_map(|heard| heard.unread.iter().cloned()).collect();
    unread.sort();
    unread.dedup();
    let errors = heard.iter().flat_map(|heard| heard.roll().answered).filter(|answer| answer.error.is_some());
    let mut answered = worst.answered.clone();
    for error in errors {
        if let Some(answer) = answered.iter_mut().find(|answer| answer.node == error.node) {
            answer.error = error.error;
        }
    }
    let strays = heard.iter().map(|heard| heard.strays).fold(0, u64::saturating_add);
    Roll { answered, strays, cut: heard.iter().any(|heard| heard.cut), unread, ..worst }
}

fn workers(
    stats: &Heard,
    active: &Heard,
    reserved: &Heard,
    consumers: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<Worker> {
    let mut workers: BTreeMap<&str, Worker> = BTreeMap::new();
    for answer in &stats.answers {
        let begun = answer
            .value
            .get("total")
            .and_then(Value::as_object)
            .map(|total| total.values().filter_map(Value::as_u64).fold(0, u64::saturating_add));
        let pid = answer.value.get("pid").and_then(Value::as_u64);
        let slots = answer.value.get("pool").and_then(|pool| pool.get("max-concurrency")).and_then(Value::as_u64);
        let worker = workers.entry(&answer.node).or_default();
        // Of two workers with one name neither is known by its process.
        worker.pid = if worker.begun.is_none() { pid } else { None };
        worker.begun = match (worker.begun, begun) {
            (Some(one), Some(other)) => Some(one.saturating_add(other)),
            (one, other) => one.or(other),
        };
        worker.slots = slots.or(worker.slots);
    }
    for answer in &active.answers {
        if let Some((list, _)) = tasks::tasks(&answer.value, TASKS) {
            workers.entry(&answer.node).or_default().active.extend(list);
        }
    }
    for answer in &reserved.answers {
        if let Some((list, count)) = tasks::tasks(&answer.value, TASKS) {
            let worker = workers.entry(&answer.node).or_default();
            worker.reserved.extend(list);
            worker.holds = worker.holds.saturating_add(count);
        }
    }
    for (queue, nodes) in consumers {
        for node in nodes {
            if let Some(worker) = workers.get_mut(node.as_str()) {
                worker.queues.push(queue.clone());
            }
        }
    }
    let named = |(node, worker): (&str, Worker)| Worker { node: node.to_owned(), ..worker };
    workers.into_iter().take(WORKERS).map(named).collect()
}
