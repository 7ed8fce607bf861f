//! Which queues there are: those that workers take from, those that are bound to an exchange, those of the settings.

use std::collections::{BTreeMap, BTreeSet};

use redis::{cmd, from_redis_value};
use selx_core::{Context, Result};
use tokio::time::Instant;

use crate::celery::keys::{Names, shown};
use crate::celery::pidbox::Heard;
use crate::redis::client::{Connection, RefusalKind, Trouble};

/// How many keys are looked through at once, and how often.
const PAGE: u64 = 2000;
const PAGES: u64 = 500;
/// The most exchanges, and the most queues bound to one, that are read.
const EXCHANGES: usize = 1000;
const BOUND: usize = 1000;

/// The queues that are bound to an exchange.
pub(super) struct Bound {
    pub(super) queues: BTreeSet<Vec<u8>>,
    /// Whether every key was looked at.
    pub(super) whole: bool,
}

/// Looks through the keys for exchanges, which takes a fixed part of the time at most.
pub(super) async fn bound(redis: &mut Connection, names: &Names, cx: &Context) -> Result<Result<Bound, Trouble>> {
    let begin = names.key(b"_kombu.binding.");
    let pattern = [&literal(&begin), &b"*"[..]].concat();
    let until = Instant::now() + cx.remaining() / 3;
    let mut bound = Bound { queues: BTreeSet::new(), whole: false };
    let mut exchanges: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut cursor = b"0".to_vec();
    for _ in 0..PAGES {
        let page = cmd("SCAN").arg(&cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(PAGE).clone();
        let page = match redis.ask(&page, cx).await? {
            Ok(page) => page,
            Err(trouble) => return Ok(Err(trouble)),
        };
        let Ok((next, keys)) = from_redis_value::<(Vec<u8>, Vec<Vec<u8>>)>(page) else {
            return Ok(Err(crate::celery::pidbox::odd("SCAN gives no page of keys")));
        };
        exchanges.extend(keys.into_iter().take(EXCHANGES));
        cursor = next;
        if cursor == b"0" {
            bound.whole = exchanges.len() <= EXCHANGES;
            break;
        }
        if exchanges.len() > EXCHANGES || Instant::now() > until {
            break;
        }
    }
    let exchange = |key: &Vec<u8>| key.get(begin.len()..).unwrap_or_default().to_vec();
    let wanted: Vec<Vec<u8>> =
        exchanges.into_iter().filter(|key| !names.is_internal(&exchange(key), b"")).take(EXCHANGES).collect();
    let commands: Vec<redis::Cmd> = wanted.iter().map(|key| cmd("SRANDMEMBER").arg(key).arg(BOUND).clone()).collect();
    let answers = match redis.ask_all(&commands, cx).await? {
        Ok(answers) => answers,
        Err(failure) => return Ok(Err(Trouble::Peer(failure))),
    };
    for (key, answer) in wanted.iter().zip(answers) {
        let members = match answer {
            Ok(value) => from_redis_value::<Vec<Vec<u8>>>(value).ok(),
            // A key of this name that is no set is none of kombu's.
            Err(refusal) if refusal.kind == RefusalKind::WrongType => Some(Vec::new()),
            Err(refusal) => return Ok(Err(Trouble::Refused(refusal))),
        };
        let Some(members) = members else {
            return Ok(Err(crate::celery::pidbox::odd("SRANDMEMBER gives no members of a set")));
        };
        bound.whole &= members.len() < BOUND;
        let queues = members.iter().filter_map(|member| names.bound_queue(member));
        let own = queues.filter(|queue| !queue.is_empty() && !names.is_internal(&exchange(key), queue));
        bound.queues.extend(own.map(<[u8]>::to_vec));
    }
    Ok(Ok(bound))
}

/// Takes away the meaning that letters have in a pattern.
fn literal(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    for byte in bytes {
        if b"*?[]^\\-".contains(byte) {
            text.push(b'\\');
        }
        text.push(*byte);
    }
    text
}

/// Reads who takes from which queue; the answers that say neither are counted.
pub(in crate::celery) fn consumers(heard: &Heard) -> (BTreeMap<String, BTreeSet<String>>, u64) {
    const QUEUES: usize = 1000;
    let mut consumers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut unclear = 0;
    for answer in &heard.answers {
        let Some(queues) = answer.value.as_array() else {
            // A worker that has lost its broker connection answers with null.
            unclear += u64::from(!answer.value.is_null());
            continue;
        };
        for queue in queues.iter().take(QUEUES) {
            if let Some(name) = queue.get("name").and_then(serde_json::Value::as_str) {
                consumers.entry(name.to_owned()).or_default().insert(answer.node.clone());
            }
        }
    }
    (consumers, unclear)
}

/// Shows the name of a queue as facts have it.
pub(super) fn name(queue: &[u8]) -> String {
    shown(queue)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::celery::pidbox::Answer;

    #[test]
    fn patterns_are_taken_to_the_letter() {
        assert_eq!(literal(b"a*[b]?"), b"a\\*\\[b\\]\\?");
    }

    #[test]
    fn who_takes_from_what_is_read() {
        let answer = |node: &str, value| Answer { node: node.into(), seconds: 0.0, value };
        let heard = Heard {
            answers: vec![
                answer("a", serde_json::json!([{ "name": "q" }, { "name": "r" }, { "nome": 1 }, 7])),
                answer("b", serde_json::json!([{ "name": "q" }])),
                answer("c", serde_json::json!({ "error": "x" })),
                answer("d", serde_json::Value::Null),
            ],
            ..Heard::default()
        };
        let (consumers, unclear) = consumers(&heard);
        assert_eq!(unclear, 1);
        assert_eq!(consumers.keys().collect::<Vec<_>>(), ["q", "r"]);
        assert_eq!(consumers["q"].len(), 2);
    }
}
