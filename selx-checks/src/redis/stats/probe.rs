//! Asking the server.

use redis::{Cmd, FromRedisValue as _, Value, cmd};
use selx_core::{Context, Result};
use tokio::time::Instant;

use super::{Config, Facts, Slow};
use crate::net::{Failure, FailureKind, Phase};
use crate::redis::client::{Connection, Trouble};
use crate::redis::info::Info;

/// How many pings are timed.
const PINGS: usize = 3;
/// How many entries of the slow log are read: as many as a server keeps by default.
const SLOW: u64 = 128;
/// How many databases are searched for keys of Celery.
const DATABASES: usize = 16;
/// Keys that Celery makes when a worker starts, or something is sent.
const CELERY: &[&str] = &["_kombu.binding.celery", "_kombu.binding.celeryev", "_kombu.binding.celery.pidbox"];

/// The fields of `INFO` that are looked at.
pub(super) const FIELDS: &[&str] = &[
    "redis_version",
    "run_id",
    "uptime_in_seconds",
    "connected_clients",
    "maxclients",
    "blocked_clients",
    "used_memory",
    "maxmemory",
    "maxmemory_policy",
    "mem_fragmentation_ratio",
    "keyspace_hits",
    "keyspace_misses",
    "evicted_keys",
    "expired_keys",
    "rejected_connections",
    "role",
    "master_host",
    "master_port",
    "master_link_status",
    "master_link_down_since_seconds",
    "master_last_io_seconds_ago",
    "master_sync_in_progress",
    "connected_slaves",
];

pub(super) async fn probe(config: &Config, cx: &Context) -> Result<Facts> {
    let mut facts = Facts::default();
    let mut redis = match config.server().connect(cx).await? {
        Ok(redis) => redis,
        Err(trouble) => return Ok(Facts { trouble: Some(trouble), ..facts }),
    };
    facts.reached = Some(redis.reached().clone());
    let seen = async {
        let refused = match pings(&mut facts, &mut redis, cx).await? {
            Ok(()) => None,
            // While it loads, its numbers are those of nothing.
            Err(trouble) if trouble.still_tells() && !trouble.is_loading() => Some(trouble),
            Err(trouble) => return Ok(Err(trouble)),
        };
        match numbers(config, &mut facts, &mut redis, cx).await? {
            Ok(()) => {}
            Err(failure) => return Ok(Err(Trouble::Peer(failure))),
        }
        Ok(match celery(config, &mut facts, &mut redis, cx).await? {
            Ok(()) => refused.map_or(Ok(()), Err),
            Err(failure) => Err(Trouble::Peer(failure)),
        })
    };
    facts.trouble = seen.await?.err();
    Ok(facts)
}

async fn pings(facts: &mut Facts, redis: &mut Connection, cx: &Context) -> Result<Result<(), Trouble>> {
    let mut times = Vec::new();
    while times.len() < PINGS {
        let began = Instant::now();
        match redis.ask(&cmd("PING"), cx).await? {
            Ok(Value::SimpleString(answer)) if answer == "PONG" => times.push(began.elapsed().as_secs_f64()),
            Ok(_) => return Ok(Err(Trouble::Peer(strange("PING")))),
            Err(trouble) => return Ok(Err(trouble)),
        }
    }
    times.sort_by(f64::total_cmp);
    facts.ping = times.get(PINGS / 2).copied();
    Ok(Ok(()))
}

fn strange(command: &str) -> Failure {
    let text = format!("it answers {command} with something that is no answer to it");
    Failure::new(Phase::Body, FailureKind::Malformed, text)
}

async fn numbers(
    config: &Config,
    facts: &mut Facts,
    redis: &mut Connection,
    cx: &Context,
) -> Result<Result<(), Failure>> {
    let mut commands = vec![cmd("INFO")];
    if config.slow_log {
        commands.push(cmd("SLOWLOG").arg("GET").arg(SLOW).clone());
    }
    let answers = match redis.ask_all(&commands, cx).await? {
        Ok(answers) => answers,
        Err(failure) => return Ok(Err(failure)),
    };
    for (index, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(answer) if index == 0 => match Info::of(&answer, FIELDS) {
                Some(info) => facts.info = Some(info),
                None => return Ok(Err(strange("INFO"))),
            },
            Ok(answer) => match slow(&answer) {
                Some(slow) => facts.slow = Some(slow),
                None => return Ok(Err(strange("SLOWLOG GET"))),
            },
            Err(refusal) => facts.refused.push(refusal),
        }
    }
    match &mut facts.info {
        // Before version 6.2 only the configuration tells it.
        Some(info) if info.text("maxclients").is_none() => {
            match redis.ask(cmd("CONFIG").arg("GET").arg("maxclients"), cx).await? {
                Ok(answer) => match Vec::<(String, String)>::from_redis_value(answer) {
                    Ok(pairs) => pairs.into_iter().take(1).for_each(|(name, value)| info.add(name, &value)),
                    Err(_) => return Ok(Err(strange("CONFIG GET"))),
                },
                Err(Trouble::Refused(refusal)) => facts.refused.push(refusal),
                Err(Trouble::Peer(failure)) => return Ok(Err(failure)),
            }
        }
        _ => {}
    }
    Ok(Ok(()))
}

/// Reads the slow log: of every entry its number, its time and the first word of its command.
fn slow(answer: &Value) -> Option<Vec<Slow>> {
    let Value::Array(entries) = answer else {
        return None;
    };
    let read = |entry: &Value| {
        let Value::Array(parts) = entry else {
            return None;
        };
        match parts.as_slice() {
            [Value::Int(id), _, Value::Int(micros), Value::Array(words), ..] => Some(Slow {
                id: u64::try_from(*id).ok()?,
                micros: u64::try_from(*micros).ok()?,
                command: word(words.first())?,
            }),
            _ => None,
        }
    };
    entries.iter().take(usize::try_from(SLOW).unwrap_or(usize::MAX)).map(read).collect()
}

/// Returns the name of a command. What is no word is not shown: a client may have sent anything.
fn word(value: Option<&Value>) -> Option<String> {
    let text = String::from_redis_value_ref(value?).ok()?;
    let is_word = text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    Some(if is_word { text.to_ascii_uppercase() } else { "a command without a name".to_owned() })
}

/// Looks for keys of Celery in every database, where something may be evicted at all.
async fn celery(
    config: &Config,
    facts: &mut Facts,
    redis: &mut Connection,
    cx: &Context,
) -> Result<Result<(), Failure>> {
    let Some(info) = facts.info.as_ref().filter(|info| config.broker.is_none() && may_evict(info)) else {
        return Ok(Ok(()));
    };
    let databases: Vec<u16> = info.databases().map(|(number, ..)| number).take(DATABASES).collect();
    let mut exists = cmd("EXISTS");
    exists.arg(CELERY);
    let commands: Vec<Cmd> =
        databases.iter().flat_map(|number| [cmd("SELECT").arg(*number).clone(), exists.clone()]).collect();
    if commands.is_empty() {
        facts.celery = Some(Vec::new());
        return Ok(Ok(()));
    }
    let answers = match redis.ask_all(&commands, cx).await? {
        Ok(answers) => answers,
        Err(failure) => return Ok(Err(failure)),
    };
    let mut found = Vec::new();
    for (pair, database) in answers.chunks(2).zip(&databases) {
        match pair {
            [Ok(Value::Okay), Ok(Value::Int(count))] if *count > 0 => found.push(*database),
            [Ok(Value::Okay), Ok(Value::Int(_))] => {}
            [Err(refusal), _] | [_, Err(refusal)] => {
                facts.refused.push(refusal.clone());
                return Ok(Ok(()));
            }
            _ => return Ok(Err(strange("EXISTS"))),
        }
    }
    // Where some were not looked at, having found none says nothing.
    facts.celery = (!found.is_empty() || databases.len() == info.databases().count()).then_some(found);
    Ok(Ok(()))
}

/// Tells whether a server throws keys away when its memory is full.
pub(super) fn may_evict(info: &Info) -> bool {
    info.count("maxmemory").is_some_and(|most| most > 0)
        && info.text("maxmemory_policy").is_some_and(|policy| policy != "noeviction")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_slow_log_only_names_are_kept() {
        let entry = |command: &[u8]| {
            let words = vec![Value::BulkString(command.to_vec()), Value::BulkString(b"secret".to_vec())];
            Value::Array(vec![Value::Int(7), Value::Int(1_795_401_000), Value::Int(12_000), Value::Array(words)])
        };
        let read = slow(&Value::Array(vec![entry(b"lrange"), entry(b"x y\n")])).unwrap();
        assert_eq!(read[0], Slow { id: 7, micros: 12_000, command: "LRANGE".to_owned() });
        assert_eq!(read[1].command, "a command without a name");
        assert_eq!(slow(&Value::Array(vec![])), Some(vec![]));
        for wrong in [Value::Okay, Value::Array(vec![Value::Int(1)]), Value::Array(vec![Value::Array(vec![])])] {
            assert_eq!(slow(&wrong), None);
        }
    }
}
