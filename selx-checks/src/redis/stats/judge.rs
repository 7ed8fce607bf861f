//! What the numbers mean. Pure.

use std::time::Duration;

use selx_core::{ByteSize, Finding, Judgement, Judging, Measure, Severity, Unit, show};

use super::change::{self, Change, Since};
use super::probe::may_evict;
use super::{Config, Facts};
use crate::redis::client::{Refusal, Trouble};
use crate::redis::info::Info;

/// Texts and counts that every server tells.
const NEEDED: (&[&str], &[&str]) = (
    &["run_id", "role", "maxmemory_policy"],
    &[
        "connected_clients",
        "blocked_clients",
        "used_memory",
        "maxmemory",
        "keyspace_hits",
        "keyspace_misses",
        "evicted_keys",
        "expired_keys",
        "rejected_connections",
    ],
);
/// Below so much data it is the program itself that weighs.
const FRAGMENTS: u64 = 64 << 20;

pub(super) fn judge(config: &Config, facts: &Facts, cx: &Judging<Facts>) -> Judgement {
    let subject = config.target.to_string();
    let mut judgement = Judgement::new(summary(config, facts, cx, &subject));
    let findings = &mut judgement.findings;
    findings.extend(facts.trouble.as_ref().map(|trouble| trouble.finding(subject.clone())));
    if !tells(facts) {
        return judgement;
    }
    findings.extend(facts.refused.iter().map(|refusal| refused(refusal, &subject)));
    let Some(info) = &facts.info else {
        return judgement;
    };
    let mut missing = info.missing(NEEDED.0, NEEDED.1);
    if is_replica(info) && info.text("master_link_status").is_none() {
        missing.push("master_link_status");
    }
    if !missing.is_empty() {
        let message = format!("does not tell {}: n/a, and not judged", missing.join(", "));
        findings.push(Finding::unknown("not-told", subject.clone(), message));
    }
    findings.extend(broker(config, facts, info, &subject));
    findings.extend(link(info, &subject));
    match Since::of(facts, cx) {
        Since::Restarted(up) => {
            let up = show::value(up.as_secs_f64(), Unit::Seconds);
            let message = format!("was started anew since the last look, {up} ago; rates count from there");
            findings.push(Finding::info("restarted", subject.clone(), message));
        }
        Since::Another => {
            let message = "is another server than at the last look, and ran already then: no rates this time";
            findings.push(Finding::info("another-server", subject.clone(), message));
        }
        Since::Reset => {
            let message = "has counters that went back without a restart: no rates this time";
            findings.push(Finding::info("counters-reset", subject.clone(), message));
        }
        Since::First | Since::Ran(_) => {}
    }
    evidence(facts, info, cx, judgement)
}

/// Tells whether the server told its numbers to the end.
fn tells(facts: &Facts) -> bool {
    facts.trouble.as_ref().is_none_or(Trouble::still_tells)
}

fn refused(refusal: &Refusal, subject: &str) -> Finding {
    match refusal.command.as_str() {
        "INFO" => refusal.unseen(subject, "none of its numbers is known"),
        "CONFIG GET" => refusal.unseen(subject, "`maxclients` is not known"),
        "SLOWLOG GET" => {
            let finding = refusal.unseen(subject, "slow commands are not known");
            let advice = finding.advice.clone().unwrap_or_else(|| "The server does not know it.".to_owned());
            finding.advice(format!("{advice} Or set `slow-log = false`."))
        }
        _ => {
            let mut finding =
                refusal.unseen(subject, "it is not known whether messages of Celery are among the keys it may evict");
            finding.code = "broker-not-known".into();
            finding.advice(
                "Set `broker` to `true` or `false`, or give the right: `ACL SETUSER NAME +select +exists %R~_kombu.binding.*`.",
            )
        }
    }
}

/// Judges whether messages may be thrown away.
fn broker(config: &Config, facts: &Facts, info: &Info, subject: &str) -> Option<Finding> {
    if !may_evict(info) {
        return None;
    }
    let what = match (config.broker, facts.celery.as_deref()) {
        (Some(false), _) | (None, Some([])) => return None,
        // What was refused is told already.
        (None, None) if facts.refused.iter().any(|refusal| ["SELECT", "EXISTS"].contains(&&*refusal.command)) => {
            return None;
        }
        (None, None) => {
            let count = info.databases().count();
            let message = format!(
                "may throw keys away when its memory is full, and not all of its {count} databases were searched for \
                 messages of Celery"
            );
            return Some(Finding::unknown("broker-not-known", subject, message));
        }
        (Some(true), _) => "is a broker".to_owned(),
        (None, Some(databases)) => {
            let numbers: Vec<String> = databases.iter().map(u16::to_string).collect();
            format!("holds queues of Celery (database {})", numbers.join(", "))
        }
    };
    let policy = info.text("maxmemory_policy").unwrap_or_default();
    let harm = if policy.starts_with("volatile") {
        "throws keys away that expire, such as results of tasks,"
    } else {
        "throws messages away"
    };
    let message = format!("{what} and {harm} when its memory is full (`maxmemory-policy {policy}`)");
    Some(Finding::critical("broker-may-evict", subject, message))
}

fn is_replica(info: &Info) -> bool {
    matches!(info.text("role"), Some("slave" | "replica"))
}

fn link(info: &Info, subject: &str) -> Option<Finding> {
    if !is_replica(info) || matches!(info.text("master_link_status"), None | Some("up")) {
        return None;
    }
    let master = format!("{}:{}", info.text("master_host").unwrap_or("?"), info.text("master_port").unwrap_or("?"));
    if info.text("master_sync_in_progress") == Some("1") {
        let message = format!("copies all data from its master {master} and serves old data meanwhile");
        return Some(Finding::new(Severity::Warning, "master-link-down", subject, message));
    }
    let since = info.number("master_link_down_since_seconds").filter(|since| *since >= 0.0);
    let since = since.map(|since| format!(" for {}", show::value(since, Unit::Seconds))).unwrap_or_default();
    let message = format!("has no connection to its master {master}{since}: what it serves is old");
    Some(Finding::critical("master-link-down", subject, message))
}

/// Returns the hit rate, with what it was counted from, where enough was looked up.
fn hit_rate(config: &Config, change: &Change<'_>) -> Option<(f64, u64)> {
    let (hits, lookups) = change.lookups()?;
    (lookups > 0 && lookups >= u64::from(config.min_lookups)).then(|| (hits as f64 / lookups as f64, lookups))
}

fn summary(config: &Config, facts: &Facts, cx: &Judging<Facts>, subject: &str) -> String {
    let Some(info) = facts.info.as_ref().filter(|_| tells(facts)) else {
        return format!("{subject} gives no numbers");
    };
    let counted = |name| info.count(name).map_or_else(|| "n/a".to_owned(), |count| count.to_string());
    let mut parts = vec![format!("{} clients", counted("connected_clients"))];
    parts.push(match (info.count("used_memory"), info.count("maxmemory")) {
        (Some(used), Some(most @ 1..)) => format!("{} of {} used", ByteSize(used), ByteSize(most)),
        (Some(used), Some(0)) => format!("{} used, no `maxmemory`", ByteSize(used)),
        (Some(used), None) => format!("{} used", ByteSize(used)),
        (None, _) => "memory n/a".to_owned(),
    });
    match Change::of(facts, cx) {
        None => parts.push("rates from the next look on".to_owned()),
        Some(change) => {
            parts.push(match (hit_rate(config, &change), change.lookups()) {
                (Some((rate, lookups)), _) => format!("hit rate {} of {lookups}", show::value(rate, Unit::Ratio)),
                (None, Some((_, lookups))) => format!("{lookups} keys looked up, too few for a hit rate"),
                (None, None) => "hit rate n/a".to_owned(),
            });
            let evicted = change.grew("evicted_keys").map_or_else(|| "n/a".to_owned(), |count| count.to_string());
            parts.push(format!("{evicted} evicted in {}", show::value(whole(change.interval), Unit::Seconds)));
        }
    }
    format!("{subject}: {}", parts.join(", "))
}

fn whole(length: Duration) -> f64 {
    if length.as_secs() < 10 { length.as_secs_f64() } else { length.as_secs() as f64 }
}

fn evidence(facts: &Facts, info: &Info, cx: &Judging<Facts>, mut judgement: Judgement) -> Judgement {
    if let Some((count, Some(slowest))) = change::slow(facts, cx)
        && count > 0
    {
        let time = show::value(slowest.micros as f64 / 1e6, Unit::Seconds);
        judgement = judgement.evidence("slow commands", format!("{count}, the slowest {} in {time}", slowest.command));
    }
    for (label, name) in [
        ("role", "role"),
        ("version", "redis_version"),
        ("policy", "maxmemory_policy"),
        ("replicas", "connected_slaves"),
    ] {
        if let Some(value) = info.text(name) {
            judgement = judgement.evidence(label, value);
        }
    }
    for (address, state, _) in info.replicas() {
        judgement = judgement.evidence("replica", format!("{address} {state}"));
    }
    if let Some(reached) = &facts.reached {
        judgement = judgement.evidence("address", &reached.address);
    }
    judgement
}

pub(super) fn measure(config: &Config, facts: &Facts, cx: &Judging<Facts>) -> Vec<Measure> {
    let Some(info) = facts.info.as_ref().filter(|_| tells(facts)) else {
        return Vec::new();
    };
    let mut measures = Vec::new();
    measures.extend(facts.ping.map(|seconds| Measure::new("latency", seconds, Unit::Seconds)));
    measures.extend(info.count("connected_clients").map(|clients| {
        let measure = Measure::new("clients", clients as f64, Unit::Count);
        match info.count("maxclients") {
            Some(most @ 1..) => measure.of(most as f64),
            _ => measure,
        }
    }));
    measures
        .extend(info.count("blocked_clients").map(|count| Measure::new("blocked-clients", count as f64, Unit::Count)));
    memory(info, &mut measures);
    let keys: u64 = info.databases().fold(0, |sum, (_, keys, _)| sum.saturating_add(keys));
    measures.push(Measure::new("keys", keys as f64, Unit::Count));
    for (address, _, lag) in info.replicas() {
        measures.extend(lag.map(|lag| Measure::new("replica-lag", lag, Unit::Seconds).on(address)));
    }
    if is_replica(info) {
        let silent = info.number("master_last_io_seconds_ago").filter(|seconds| *seconds >= 0.0);
        measures.extend(silent.map(|seconds| Measure::new("replica-lag", seconds, Unit::Seconds)));
    }
    if let Some(change) = Change::of(facts, cx) {
        changed(config, &change, &mut measures);
        if let Some((count, slowest)) = change::slow(facts, cx) {
            measures.push(Measure::new("slow", count as f64, Unit::Count).over(change.interval));
            measures.extend(slowest.map(|slowest| Measure::new("slowest", slowest.micros as f64 / 1e6, Unit::Seconds)));
        }
    }
    measures
}

fn memory(info: &Info, measures: &mut Vec<Measure>) {
    let Some(used) = info.count("used_memory") else {
        return;
    };
    let measure = Measure::new("memory", used as f64, Unit::Bytes);
    let most = info.count("maxmemory").filter(|most| *most > 0);
    measures.push(match most {
        Some(most) => measure.of(most as f64),
        None => measure,
    });
    if let Some(most) = most
        && info.text("maxmemory_policy") == Some("noeviction")
    {
        measures.push(Measure::new("filled", used as f64 / most as f64, Unit::Ratio));
    }
    if used >= FRAGMENTS
        && let Some(ratio) = info.number("mem_fragmentation_ratio").filter(|ratio| *ratio > 0.0)
    {
        measures.push(Measure::new("fragmentation", ratio, Unit::Count));
    }
}

fn changed(config: &Config, change: &Change<'_>, measures: &mut Vec<Measure>) {
    let mut push = |measure: Measure| measures.push(measure.over(change.interval));
    if let Some((rate, _)) = hit_rate(config, change) {
        push(Measure::new("hit-rate", rate, Unit::Ratio));
    }
    for (name, counter) in
        [("evicted", "evicted_keys"), ("expired", "expired_keys"), ("rejected", "rejected_connections")]
    {
        if let Some(count) = change.grew(counter) {
            push(Measure::new(name, count as f64, Unit::Count));
        }
    }
}
