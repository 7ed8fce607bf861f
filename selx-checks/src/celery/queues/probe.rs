//! Looks at queues and at what workers have taken and not acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use redis::{Cmd, Value, cmd, from_redis_value};
use selx_core::{Context, Result};

use super::search;
use super::{Config, Facts, Queue, Unacked};
use crate::celery::config::Broker;
use crate::celery::depth;
use crate::celery::hear;
use crate::celery::keys::Names;
use crate::celery::tasks::Head;
use crate::redis::client::{Connection, Trouble, count};

/// The most queues that are looked at.
const QUEUES: usize = 500;

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
    let mut queues: BTreeSet<Vec<u8>> = config.queues.iter().map(|queue| queue.clone().into_bytes()).collect();
    if config.search {
        match search::bound(&mut redis, names, cx).await? {
            Ok(bound) => {
                facts.searched = Some(bound.whole);
                queues.extend(bound.queues);
            }
            Err(trouble) => return Ok(Err(trouble)),
        }
    }
    let heard = match hear::active_queues(broker, cx).await? {
        Ok(heard) => heard,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let (consumers, unclear) = search::consumers(&heard);
    queues.extend(consumers.keys().map(|queue| queue.clone().into_bytes()));
    facts.roll = Some(heard.roll());
    facts.unclear = unclear;
    facts.beyond = queues.len().saturating_sub(QUEUES) as u64;
    let queues: Vec<Vec<u8>> = queues.into_iter().take(QUEUES).collect();
    measure(broker, &mut redis, &queues, &consumers, facts, cx).await
}

async fn measure(
    broker: &Broker,
    redis: &mut Connection,
    queues: &[Vec<u8>],
    consumers: &BTreeMap<String, BTreeSet<String>>,
    facts: &mut Facts,
    cx: &Context,
) -> Result<Result<(), Trouble>> {
    let names = &broker.names;
    let mut commands = depth::lengths(names, queues);
    commands.extend(unacked(names));
    let mut answers = match redis.ask_all(&commands, cx).await? {
        Ok(answers) => answers.into_iter(),
        Err(failure) => return Ok(Err(Trouble::Peer(failure))),
    };
    let depths = match depth::read_lengths(names, queues.len(), &mut answers) {
        Ok(depths) => depths,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let mut rest = Vec::new();
    for answer in answers {
        match answer {
            Ok(value) => rest.push(value),
            Err(refusal) => return Ok(Err(Trouble::Refused(refusal))),
        }
    }
    let (mut unacked, oldest) = read_unacked(rest, facts).unzip();
    let filled: Vec<(&[u8], &depth::Depth)> = queues
        .iter()
        .map(Vec::as_slice)
        .zip(&depths)
        .filter(|(_, depth)| depth.lists.iter().any(|length| *length > 0))
        .collect();
    let heads = match depth::heads(redis, &broker.server, names, &filled, cx).await? {
        Ok(heads) => heads,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let mut heads: BTreeMap<&[u8], Option<Head>> = filled.iter().map(|(queue, _)| *queue).zip(heads).collect();
    for (queue, depth) in queues.iter().zip(&depths) {
        let text = std::str::from_utf8(queue).unwrap_or_default();
        facts.queues.push(Queue {
            name: search::name(queue),
            lists: depth.lists.clone(),
            foreign: depth.foreign,
            consumers: consumers.get(text).into_iter().flatten().cloned().collect(),
            head: heads.remove(queue.as_slice()).flatten(),
        });
    }
    // The last question: a message that is too large ends the connection.
    if let (Some(unacked), Some(Some(tag))) = (&mut unacked, oldest) {
        let key = names.key(b"unacked");
        if let Ok(value) = redis.ask(cmd("HGET").arg(key).arg(tag), cx).await? {
            unacked.head = from_redis_value::<Option<Vec<u8>>>(value).ok().flatten().and_then(|bytes| held(&bytes));
        }
    }
    facts.unacked = unacked;
    Ok(Ok(()))
}

/// What is asked about messages that are not acknowledged, and the clock of the broker.
fn unacked(names: &Names) -> [Cmd; 5] {
    let (messages, index) = (names.key(b"unacked"), names.key(b"unacked_index"));
    let range = |at: i64| cmd("ZRANGE").arg(&index).arg(at).arg(at).arg("WITHSCORES").clone();
    [cmd("HLEN").arg(&messages).clone(), cmd("ZCARD").arg(&index).clone(), range(0), range(-1), cmd("TIME")]
}

/// Reads what is not acknowledged, and what the first of it is kept under; nothing if it cannot be read how much it is.
fn read_unacked(answers: Vec<Value>, facts: &mut Facts) -> Option<(Unacked, Option<Vec<u8>>)> {
    let mut answers = answers.into_iter();
    let entry = |value: Option<Value>| -> Option<(Vec<u8>, f64)> {
        let entries: Vec<(Vec<u8>, f64)> = from_redis_value(value?).ok()?;
        entries.into_iter().next().filter(|(_, score)| score.is_finite())
    };
    let (messages, indexed) = (answers.next().and_then(count), answers.next().and_then(count));
    let (oldest, newest) = (entry(answers.next()), entry(answers.next()));
    let time = answers.next().and_then(|value| from_redis_value::<(u64, u64)>(value).ok());
    facts.time = time.map(|(seconds, micros)| seconds as f64 + micros as f64 / 1e6);
    let unacked = Unacked {
        messages: messages?,
        indexed: indexed?,
        oldest: oldest.as_ref().map(|(_, score)| *score),
        newest: newest.map(|(_, score)| score),
        head: None,
    };
    Some((unacked, oldest.map(|(tag, _)| tag)))
}

/// Reads a message as it is held until it is acknowledged: with exchange and routing key.
fn held(bytes: &[u8]) -> Option<Head> {
    let held: Vec<serde_json::Value> = serde_json::from_slice(bytes).ok()?;
    Some(Head::read(held.first()?.to_string().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_cannot_be_read_is_not_nought() {
        let entry =
            || Value::Array(vec![Value::BulkString(b"tag".to_vec()), Value::BulkString(b"1795401000".to_vec())]);
        let time = || Value::Array(vec![Value::BulkString(b"1795401010".to_vec()), Value::BulkString(b"5".to_vec())]);
        let read = |messages, indexed| {
            let mut facts = Facts::default();
            let read = read_unacked(vec![messages, indexed, entry(), entry(), time()], &mut facts);
            assert_eq!(facts.time, Some(1_795_401_010.000_005), "the clock is read all the same");
            read
        };
        let (unacked, tag) = read(Value::Int(2), Value::Int(1)).unwrap();
        assert_eq!((unacked.count(), unacked.oldest, tag), (2, Some(1_795_401_000.0), Some(b"tag".to_vec())));
        assert_eq!(read(Value::Okay, Value::Int(1)), None);
        assert_eq!(read(Value::Int(2), Value::Int(-1)), None);
        assert_eq!(read_unacked(Vec::new(), &mut Facts::default()), None);
    }
}
