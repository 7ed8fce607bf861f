//! What the answers mean. Pure.

use std::time::Duration;

use selx_core::{ByteSize, Finding, Judgement, Measure, Severity, Unit, show};

use super::{Config, Facts, Role};
use crate::redis::client::{RefusalKind, Trouble};
use crate::redis::info::Info;

/// Texts and counts without which part of the state cannot be judged.
const NEEDED: (&[&str], &[&str]) =
    (&["role", "rdb_last_bgsave_status", "maxmemory_policy"], &["loading", "used_memory", "maxmemory"]);

pub(super) fn judge(config: &Config, facts: &Facts) -> Judgement {
    let subject = config.target.to_string();
    let mut findings = Vec::new();
    if let Some(trouble) = &facts.trouble {
        findings.push(troubled(trouble, facts, &subject));
    }
    if let Some(reached) = &facts.reached {
        findings.extend(reached.failed.iter().filter_map(|attempt| {
            let failure = attempt.failure.as_ref()?;
            Some(Finding::warning("address-down", attempt.address.clone(), failure.text.clone()))
        }));
        if reached.password_not_needed {
            let message = "serves everybody: it needs no password, although one is configured";
            findings.push(Finding::warning("password-not-needed", subject.clone(), message));
        }
    }
    for refusal in &facts.refused {
        let what = match refusal.command.as_str() {
            "INFO" => "its role, its memory and its saves are not known",
            "EXISTS" => "it is not known whether the marker exists",
            _ => "it is not known whether it stops writes",
        };
        let mut finding = refusal.unseen(&subject, what);
        if let ("EXISTS", RefusalKind::NoPerm, Some(marker)) = (&*refusal.command, refusal.kind, &config.marker) {
            finding = finding.advice(format!("Give the user the right: `ACL SETUSER NAME +exists %R~{}`.", marker.0));
        }
        // What is refused while it loads is said already.
        if facts.trouble.is_none() || !matches!(refusal.kind, RefusalKind::Loading | RefusalKind::MasterDown) {
            findings.push(finding);
        }
    }
    if facts.marker == Some(false) {
        let name = config.marker.as_ref().map_or("", |marker| marker.0.as_str());
        let message = format!("has no key `{name}`: it is another server than the one that is meant, or lost its data");
        findings.push(Finding::critical("marker-missing", subject.clone(), message));
    }
    if let Some(info) = &facts.info {
        state(config, facts, info, &subject, &mut findings);
    }
    // A server that refuses pings as it refuses writes says with its numbers why.
    if facts.trouble.is_some()
        && findings.iter().skip(1).any(|finding| finding.code == "writes-stopped" || finding.code == "memory-full")
        && findings.first().is_some_and(|first| first.code == "writes-stopped" || first.code == "memory-full")
    {
        findings.remove(0);
    }
    let mut judgement = Judgement::new(summary(facts, &subject));
    judgement.findings = findings;
    evidence(facts, judgement)
}

fn troubled(trouble: &Trouble, facts: &Facts, subject: &str) -> Finding {
    let mut finding = trouble.finding(subject);
    if let (Trouble::Refused(refusal), Some(info)) = (trouble, &facts.info)
        && refusal.kind == RefusalKind::Loading
        && let Some(done) = loaded(info)
    {
        finding.message = format!("is loading its data ({done}) and serves nothing yet");
    }
    finding
}

/// Says how far a server is that loads its data.
fn loaded(info: &Info) -> Option<String> {
    let percent = info.number("loading_loaded_perc")?;
    let left = info.number("loading_eta_seconds").filter(|left| *left >= 0.0);
    let left = left.map(|left| format!(", about {} left", show::value(left, Unit::Seconds))).unwrap_or_default();
    Some(format!("{} done{left}", show::value(percent.clamp(0.0, 100.0) / 100.0, Unit::Ratio)))
}

/// Judges what the server tells about itself.
fn state(config: &Config, facts: &Facts, info: &Info, subject: &str, findings: &mut Vec<Finding>) {
    let mut say = |severity, code, message: String| findings.push(Finding::new(severity, code, subject, message));
    if info.text("redis_mode") == Some("sentinel") {
        if config.role.is_some() {
            say(Severity::Critical, "wrong-role", "is a Sentinel, which stores nothing".to_owned());
        }
        return;
    }
    let mut missing = info.missing(NEEDED.0, NEEDED.1);
    if matches!(info.text("role"), Some("slave" | "replica")) && info.text("master_link_status").is_none() {
        missing.push("master_link_status");
    }
    if !missing.is_empty() {
        let message = format!("does not tell {}: what depends on it is not known", missing.join(", "));
        say(Severity::Unknown, "not-told", message);
    }
    // Some products answer pings meanwhile.
    if info.count("loading") == Some(1) && !facts.trouble.as_ref().is_some_and(Trouble::is_loading) {
        let done = loaded(info).map(|done| format!(" ({done})")).unwrap_or_default();
        say(Severity::Warning, "loading", format!("answers, but is loading its data{done}"));
    }
    role(config, info, &mut say);
    saves(facts, info, &mut say);
    // A replica leaves it to its master what is evicted.
    if !matches!(info.text("role"), Some("slave" | "replica")) {
        memory(info, &mut say);
    }
    let least = facts.settings.iter().find(|(name, _)| name.ends_with("-to-write"));
    if let (Some(good), Some((_, least))) = (info.count("min_slaves_good_slaves"), least)
        && least.parse::<u64>().is_ok_and(|least| good < least)
    {
        say(
            Severity::Critical,
            "writes-stopped",
            format!("takes no writes: {good} replicas follow it and `min-replicas-to-write` asks for {least}"),
        );
    }
}

fn role(config: &Config, info: &Info, say: &mut impl FnMut(Severity, &'static str, String)) {
    let is = match info.text("role") {
        Some("master") => Some(Role::Master),
        Some("slave" | "replica") => Some(Role::Replica),
        _ => None,
    };
    match (config.role, is) {
        (Some(Role::Master), Some(Role::Replica)) => {
            let of = master(info);
            say(
                Severity::Critical,
                "wrong-role",
                format!("is a replica of {of} and takes no writes, expected a master"),
            );
        }
        (Some(Role::Replica), Some(Role::Master)) => {
            say(Severity::Critical, "wrong-role", "is a master, expected a replica".to_owned());
        }
        // That it tells none is said already.
        (Some(_), None) => {
            if let Some(other) = info.text("role").filter(|role| !role.is_empty()) {
                let message =
                    format!("has the role `{other}`, of which it is not known whether it is the one expected");
                say(Severity::Unknown, "not-told", message);
            }
        }
        _ => {}
    }
    if is != Some(Role::Master) && info.text("master_link_status").is_some_and(|status| status != "up") {
        let copies = info.text("master_sync_in_progress") == Some("1");
        let since = info.number("master_link_down_since_seconds").filter(|since| *since >= 0.0);
        let since = since.map(|since| format!(" for {}", show::value(since, Unit::Seconds))).unwrap_or_default();
        let message = if copies {
            format!("copies all data from its master {} and serves old data meanwhile", master(info))
        } else {
            format!("has no connection to its master {}{since}: what it serves is old", master(info))
        };
        // Who expects a replica relies on it.
        let severity = if config.role.is_some() && !copies { Severity::Critical } else { Severity::Warning };
        say(severity, "master-link-down", message);
    }
}

fn master(info: &Info) -> String {
    format!("{}:{}", info.text("master_host").unwrap_or("?"), info.text("master_port").unwrap_or("?"))
}

fn saves(facts: &Facts, info: &Info, say: &mut impl FnMut(Severity, &'static str, String)) {
    let failed = |name| info.text(name).is_some_and(|status| status != "ok");
    if failed("rdb_last_bgsave_status") {
        let setting = |name| facts.settings.get(name).map(String::as_str);
        match (setting("stop-writes-on-bgsave-error"), setting("save")) {
            (Some("yes"), Some(points)) if !points.is_empty() => {
                say(Severity::Critical, "writes-stopped", "takes no writes: its last snapshot failed".to_owned());
            }
            (Some(_), _) => {
                let message = "goes on taking writes although its last snapshot failed".to_owned();
                say(Severity::Critical, "save-failed", message);
            }
            (None, _) => {
                let message = "could not write its last snapshot; by default it takes no writes then".to_owned();
                say(Severity::Critical, "save-failed", message);
            }
        }
    }
    if info.text("aof_enabled") == Some("1") {
        if failed("aof_last_write_status") {
            let message = "takes no writes: it cannot write its append-only file".to_owned();
            say(Severity::Critical, "writes-stopped", message);
        }
        if failed("aof_last_bgrewrite_status") {
            let message = "could not rewrite its append-only file, which grows until it can".to_owned();
            say(Severity::Warning, "save-failed", message);
        }
    }
}

fn memory(info: &Info, say: &mut impl FnMut(Severity, &'static str, String)) {
    let (Some(used), Some(most @ 1..)) = (info.count("used_memory"), info.count("maxmemory")) else {
        return;
    };
    // Buffers of replicas and of the append-only file do not count.
    let counted = used.saturating_sub(info.count("mem_not_counted_for_evict").unwrap_or(0));
    if counted < most {
        return;
    }
    let shown = format!("{} of {}", ByteSize(counted), ByteSize(most));
    let message = match info.text("maxmemory_policy") {
        Some("noeviction") => format!("takes no writes that need memory: {shown} are used and nothing is evicted"),
        Some(policy) if policy.starts_with("volatile") && info.databases().all(|(_, _, expires)| expires == 0) => {
            format!("takes no writes that need memory: {shown} are used and no key expires, as `{policy}` wants it")
        }
        _ => return,
    };
    say(Severity::Critical, "memory-full", message);
}

/// Returns the median of the pings.
fn median(pings: &[f64]) -> Option<f64> {
    let mut sorted: Vec<f64> = pings.iter().copied().filter(|seconds| seconds.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

fn summary(facts: &Facts, subject: &str) -> String {
    let Some(latency) = median(&facts.pings).filter(|_| facts.trouble.is_none()) else {
        return format!("{subject} gives no answer to a ping");
    };
    let mut text = format!("{subject} answers in {}", show::value(latency, Unit::Seconds));
    let Some(info) = &facts.info else {
        return text;
    };
    match info.text("role") {
        Some("master") => text.push_str(", master"),
        Some("slave" | "replica") => text.push_str(&format!(", replica of {}", master(info))),
        Some(_) if info.text("redis_mode") == Some("sentinel") => text.push_str(", Sentinel"),
        _ => text.push_str(", role n/a"),
    }
    if let Some(version) = info.text("redis_version") {
        text.push_str(&format!(", version {version}"));
    }
    if let Some(up) = info.count("uptime_in_seconds") {
        text.push_str(&format!(", up {}", show::value(Duration::from_secs(up).as_secs_f64(), Unit::Seconds)));
    }
    text
}

fn evidence(facts: &Facts, mut judgement: Judgement) -> Judgement {
    if let Some(worst) = facts.pings.iter().copied().reduce(f64::max) {
        judgement = judgement.evidence("slowest ping", show::value(worst, Unit::Seconds));
    }
    if let Some(reached) = &facts.reached {
        judgement = judgement.evidence("address", &reached.address);
        if let Some(container) = &reached.container {
            judgement = judgement.evidence("container", container);
        }
        if let Some(encryption) = &reached.encryption {
            judgement = judgement.evidence("encryption", encryption);
        }
    }
    judgement
}

pub(super) fn measure(facts: &Facts) -> Vec<Measure> {
    if facts.trouble.is_some() {
        return Vec::new();
    }
    let latency = median(&facts.pings).map(|latency| Measure::new("latency", latency, Unit::Seconds));
    let connect = facts.reached.as_ref().map(|reached| Measure::new("connect", reached.seconds, Unit::Seconds));
    latency.into_iter().chain(connect).collect()
}
