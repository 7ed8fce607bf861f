//! What the answers mean. Pure.

use std::collections::{BTreeMap, BTreeSet};

use selx_core::{Finding, Judgement, Judging, Measure, Unit, show};

use super::expect::{Expect, Name};
use super::{Config, Facts};
use crate::celery::pidbox::Roll;
use crate::celery::reply::Unread;
use crate::celery::tasks::listed;

pub(super) fn judge(config: &Config, facts: &Facts, cx: &Judging<Facts>) -> Judgement {
    let broker = facts.broker.as_str();
    let roll = match (&facts.trouble, &facts.roll) {
        (Some(trouble), _) => {
            return Judgement::new(format!("the workers behind {broker} could not be asked"))
                .with(trouble.finding(broker));
        }
        (None, None) => {
            return Judgement::new(format!("the workers behind {broker} were not asked")).with(Finding::unknown(
                "unread-answer",
                broker,
                "nothing was recorded",
            ));
        }
        (None, Some(roll)) => roll,
    };
    let nodes = roll.nodes();
    let mut judgement = Judgement::new(summary(broker, roll, &nodes));
    let before: BTreeSet<&str> = last_names(cx);
    let silent = roll.silent();
    let mut findings = Vec::new();
    if roll.subscribers == 0 && nodes.is_empty() {
        findings.push(nobody(config, facts, &before));
    } else {
        if silent > 0 && !roll.cut {
            findings.push(quiet(config, facts, roll, &nodes, &before));
        }
        findings.extend(absent(config, broker, &nodes, silent));
        findings.extend(gone(config, broker, &nodes, &before, silent));
    }
    findings.extend(not_expected(config, &nodes));
    findings.extend(of_answers(broker, roll));
    judgement.findings = findings;
    judgement = judgement.evidence("channel", &facts.channel);
    for answer in roll.answered.iter().take(20) {
        judgement = judgement.evidence("answer", format!("{} in {}", answer.node, seconds(answer.seconds)));
    }
    if roll.strays > 0 {
        judgement = judgement.evidence("messages that answer nothing that was asked", roll.strays);
    }
    judgement
}

fn seconds(value: f64) -> String {
    show::value(value, Unit::Seconds)
}

fn count(number: usize) -> String {
    if number == 1 { "1 worker".to_owned() } else { format!("{number} workers") }
}

fn summary(broker: &str, roll: &Roll, nodes: &BTreeSet<&str>) -> String {
    if roll.subscribers == 0 && nodes.is_empty() {
        return format!("no worker listens on {broker}");
    }
    let answers = roll.answered.len() + roll.unread.len();
    let slowest = roll.answered.iter().map(|answer| answer.seconds).fold(0.0, f64::max);
    match answers {
        0 => format!("none of {} answers on {broker}", roll.subscribers),
        answers if roll.silent() > 0 => format!("{answers} of {} workers answer on {broker}", roll.subscribers),
        1 => format!("1 worker answers on {broker} in {}", seconds(slowest)),
        answers => format!("{answers} workers answer on {broker}, the slowest in {}", seconds(slowest)),
    }
}

/// The names that answered at the last look.
fn last_names(cx: &Judging<Facts>) -> BTreeSet<&str> {
    let last = cx.previous.as_ref().and_then(|previous| previous.facts.roll.as_ref());
    last.map(Roll::nodes).unwrap_or_default()
}

fn nobody(config: &Config, facts: &Facts, before: &BTreeSet<&str>) -> Finding {
    let mut message = match &config.expect {
        Some(Expect::Count(count)) => format!("0 of {count} workers: nobody listens on `{}`", facts.channel),
        Some(Expect::Names(names)) => format!("0 of {} workers: nobody listens on `{}`", names.len(), facts.channel),
        None => format!("0 workers: nobody listens on `{}`", facts.channel),
    };
    if !before.is_empty() {
        message.push_str(&format!("; at the last look {} answered", listed(before.iter())));
    } else if let Some(known) = facts.known.as_ref().filter(|known| !known.registered.is_empty()) {
        message.push_str(&format!("; registered at some time: {}", listed(known.registered.iter())));
    }
    Finding::critical("no-workers", &facts.broker, message)
}

/// Those who listen and do not answer, by name as far as the names are known.
fn quiet(config: &Config, facts: &Facts, roll: &Roll, nodes: &BTreeSet<&str>, before: &BTreeSet<&str>) -> Finding {
    let silent = roll.silent();
    let enough = |names: &BTreeSet<&str>| names.len() as u64 >= silent;
    // Who answered the last time is the likeliest; names of workers that were killed stay registered for ever.
    let mut candidates: BTreeSet<&str> = before.difference(nodes).copied().collect();
    if !enough(&candidates)
        && let Some(Expect::Names(names)) = &config.expect
    {
        candidates.extend(names.iter().filter_map(Name::literal).filter(|name| !nodes.contains(name)));
    }
    if !enough(&candidates)
        && let Some(known) = &facts.known
    {
        candidates.extend(known.registered.iter().map(String::as_str).filter(|name| !nodes.contains(name)));
    }
    let named = candidates.len() as u64 == silent;
    let waited = seconds(roll.waited);
    let of = roll.subscribers;
    let (subject, begin) = match (named, silent) {
        (true, 1) => (listed(candidates.iter()), format!("listens and did not answer within {waited}")),
        (true, _) => {
            (facts.broker.clone(), format!("{} listen and did not answer within {waited}", listed(candidates.iter())))
        }
        (false, _) => (facts.broker.clone(), format!("{silent} of {of} that listen did not answer within {waited}")),
    };
    let mut message = begin;
    if !named && !candidates.is_empty() {
        message.push_str(&format!(", among {}", listed(candidates.iter())));
    }
    message.push_str(": stopped or hung, or busy with a task where the pool is `solo`");
    let mut finding = Finding::critical("silent", subject, message)
        .evidence("listening", of)
        .evidence("answered", roll.answered.len() + roll.unread.len());
    if let Some(listening) = facts.known.as_ref().and_then(|known| known.listening.as_ref()) {
        finding = finding.evidence("connections that listen", listed(listening.iter()));
    }
    finding
}

/// Those who are expected and neither answered nor can be one of the silent.
fn absent(config: &Config, broker: &str, nodes: &BTreeSet<&str>, silent: u64) -> Vec<Finding> {
    let connected = match silent {
        0 => "is not connected to the broker",
        _ => "did not answer: it is one of the silent, or not connected",
    };
    match &config.expect {
        None => Vec::new(),
        Some(Expect::Count(expected)) => {
            let seen = nodes.len() as u64 + silent;
            if seen >= u64::from(*expected) {
                return Vec::new();
            }
            let message = format!("{} of {expected} workers are connected: {}", seen, listed(nodes.iter()));
            vec![Finding::critical("absent", broker, message)]
        }
        Some(expect) => {
            let each = |name: &str| Finding::critical("absent", name, format!("is expected and {connected}"));
            expect.missing(nodes).into_iter().take(50).map(each).collect()
        }
    }
}

/// Fewer than at the last look, where nothing else says how many there should be.
fn gone(
    config: &Config,
    broker: &str,
    nodes: &BTreeSet<&str>,
    before: &BTreeSet<&str>,
    silent: u64,
) -> Option<Finding> {
    let gone: BTreeSet<&str> = before.difference(nodes).copied().collect();
    let here = nodes.len() as u64 + silent;
    if config.expect.is_some() || here >= before.len() as u64 {
        return None;
    }
    let message = format!("{} at the last look, {here} now: gone is {}", count(before.len()), listed(gone.iter()));
    Some(Finding::critical("gone", broker, message))
}

/// Names that nobody expected, for knowledge.
fn not_expected(config: &Config, nodes: &BTreeSet<&str>) -> Option<Finding> {
    let strange: Vec<&str> = match &config.expect {
        Some(Expect::Names(names)) => {
            nodes.iter().copied().filter(|node| !names.iter().any(|name| name.matches(node))).collect()
        }
        _ => Vec::new(),
    };
    let first = strange.first()?;
    let rest = strange.len() - 1;
    let more = if rest == 0 { String::new() } else { format!(", as do {rest} more") };
    Some(Finding::info("not-expected", *first, format!("answers and is not among the expected{more}")))
}

/// What the answers themselves say.
fn of_answers(broker: &str, roll: &Roll) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for answer in &roll.answered {
        *times.entry(answer.node.as_str()).or_default() += 1;
        if let Some(error) = &answer.error {
            findings.push(Finding::critical("error-answer", &answer.node, format!("answers with an error: {error}")));
        }
    }
    for (node, times) in times.into_iter().filter(|(_, times)| *times > 1) {
        let message =
            format!("is the name of {times} workers, so that nobody can tell which of them is meant or missing");
        findings.push(Finding::warning("duplicate-name", node, message));
    }
    let kinds: BTreeSet<&Unread> = roll.unread.iter().collect();
    for unread in kinds {
        let same = roll.unread.iter().filter(|other| *other == unread).count();
        let message = match unread {
            Unread::Serializer(sort) => {
                format!("{same} answered in `{sort}`, which is not read: it is alive, and its name stays unknown")
            }
            Unread::Malformed(why) => format!("{same} answered something that no worker sends: {why}"),
        };
        findings.push(Finding::unknown("unread-answer", broker, message));
    }
    if roll.cut {
        let read = roll.answered.len() as u64 + roll.unread.len() as u64 + roll.strays;
        let message = format!("more came than is read: {read} messages of {} that were asked", roll.subscribers);
        findings.push(Finding::unknown("too-many-answers", broker, message));
    }
    findings.truncate(100);
    findings
}

pub(super) fn measure(facts: &Facts) -> Vec<Measure> {
    let Some(roll) = facts.roll.as_ref().filter(|_| facts.trouble.is_none()) else {
        return Vec::new();
    };
    let mut measures = vec![
        Measure::new("workers", roll.answered.len() as f64 + roll.unread.len() as f64, Unit::Count),
        Measure::new("silent", roll.silent() as f64, Unit::Count),
    ];
    let mut slowest: BTreeMap<&str, f64> = BTreeMap::new();
    for answer in &roll.answered {
        let entry = slowest.entry(answer.node.as_str()).or_default();
        *entry = entry.max(answer.seconds);
    }
    let each = |(node, time): (&str, f64)| Measure::new("answer-time", time, Unit::Seconds).on(node);
    measures.extend(slowest.into_iter().take(200).map(each));
    measures
}
