//! Asking the server.

use redis::{Cmd, FromRedisValue as _, Value, cmd};
use selx_core::{Context, Result};
use tokio::time::Instant;

use super::{Config, Facts};
use crate::net::{Failure, FailureKind, Phase};
use crate::redis::client::{Connection, Trouble};
use crate::redis::info::Info;

/// How many pings are timed.
const PINGS: usize = 5;

/// The fields of `INFO` that are looked at.
const FIELDS: &[&str] = &[
    "redis_version",
    "redis_mode",
    "uptime_in_seconds",
    "role",
    "loading",
    "loading_loaded_perc",
    "loading_eta_seconds",
    "rdb_last_bgsave_status",
    "aof_enabled",
    "aof_last_write_status",
    "aof_last_bgrewrite_status",
    "used_memory",
    "mem_not_counted_for_evict",
    "maxmemory",
    "maxmemory_policy",
    "master_host",
    "master_port",
    "master_link_status",
    "master_link_down_since_seconds",
    "master_sync_in_progress",
    "min_slaves_good_slaves",
];

pub(super) async fn probe(config: &Config, cx: &Context) -> Result<Facts> {
    let mut facts = Facts::default();
    let mut redis = match config.server().connect(cx).await? {
        Ok(redis) => redis,
        Err(trouble) => return Ok(Facts { trouble: Some(trouble), ..facts }),
    };
    facts.reached = Some(redis.reached().clone());
    while facts.pings.len() < PINGS {
        match ping(&mut redis, cx).await? {
            Ok(seconds) => facts.pings.push(seconds),
            Err(trouble) => {
                facts.trouble = Some(trouble);
                break;
            }
        }
    }
    // A server that loads its data refuses pings, and tells how far it is.
    if facts.trouble.as_ref().is_none_or(Trouble::still_tells)
        && let Err(failure) = ask(config, &mut facts, &mut redis, cx).await?
    {
        facts.trouble.get_or_insert(Trouble::Peer(failure));
    }
    Ok(facts)
}

async fn ping(redis: &mut Connection, cx: &Context) -> Result<Result<f64, Trouble>> {
    let began = Instant::now();
    Ok(match redis.ask(&cmd("PING"), cx).await? {
        Ok(Value::SimpleString(answer)) if answer == "PONG" => Ok(began.elapsed().as_secs_f64()),
        Ok(_) => Err(Trouble::Peer(strange("PING"))),
        Err(trouble) => Err(trouble),
    })
}

fn strange(command: &str) -> Failure {
    let text = format!("it answers {command} with something that is no answer to it");
    Failure::new(Phase::Body, FailureKind::Malformed, text)
}

/// Asks what the server tells about itself, then what is needed to understand it.
async fn ask(config: &Config, facts: &mut Facts, redis: &mut Connection, cx: &Context) -> Result<Result<(), Failure>> {
    let mut commands = vec![cmd("INFO")];
    commands.extend(config.marker.as_ref().map(|marker| cmd("EXISTS").arg(&marker.0).clone()));
    let answers = match redis.ask_all(&commands, cx).await? {
        Ok(answers) => answers,
        Err(failure) => return Ok(Err(failure)),
    };
    for (command, answer) in ["INFO", "EXISTS"].into_iter().zip(answers) {
        match answer {
            Ok(answer) if command == "INFO" => match Info::of(&answer, FIELDS) {
                Some(info) => facts.info = Some(info),
                None => return Ok(Err(strange(command))),
            },
            Ok(Value::Int(count @ 0..=1)) => facts.marker = Some(count == 1),
            Ok(_) => return Ok(Err(strange(command))),
            Err(refusal) => facts.refused.push(refusal),
        }
    }
    let unclear = unclear(facts.info.as_ref());
    if unclear.is_empty() {
        return Ok(Ok(()));
    }
    let answers = match redis.ask_all(&unclear, cx).await? {
        Ok(answers) => answers,
        Err(failure) => return Ok(Err(failure)),
    };
    for answer in answers {
        match answer.map(Vec::<(String, String)>::from_redis_value) {
            Ok(Ok(pairs)) => facts.settings.extend(pairs.into_iter().filter(|(name, _)| is_asked(name)).map(short)),
            Ok(Err(_)) => return Ok(Err(strange("CONFIG GET"))),
            // Who may not ask one may not ask the other.
            Err(refusal) if facts.refused.contains(&refusal) => {}
            Err(refusal) => facts.refused.push(refusal),
        }
    }
    Ok(Ok(()))
}

/// Tells whether a setting is one of those that are asked for: nothing else is kept, whatever a server sends.
fn is_asked(name: &str) -> bool {
    ["stop-writes-on-bgsave-error", "save", "min-replicas-to-write", "min-slaves-to-write"].contains(&name)
}

fn short((name, value): (String, String)) -> (String, String) {
    (name, value.chars().take(200).collect())
}

/// Returns the settings of the server that decide whether what it tells is bad.
fn unclear(info: Option<&Info>) -> Vec<Cmd> {
    let get = |name: &str| cmd("CONFIG").arg("GET").arg(name).clone();
    let mut commands = Vec::new();
    let Some(info) = info else {
        return commands;
    };
    if info.text("rdb_last_bgsave_status").is_some_and(|status| status != "ok") {
        commands.extend([get("stop-writes-on-bgsave-error"), get("save")]);
    }
    // It is there only where a number of replicas is asked for. Before version 5 the setting had another name.
    if info.text("min_slaves_good_slaves").is_some() {
        commands.push(get("min-*-to-write"));
    }
    commands
}
