//! What is seen against what is expected. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use selx_core::{Finding, Judgement, Judging, Measure, Unit};

use super::facts::{Container, Expected, Facts, Service};
use super::state::{subject, times, wrong};
use crate::net::{Failure, FailureKind};

pub(super) fn judge(facts: &Facts, cx: &Judging<Facts>) -> Judgement {
    if let Some(failure) = &facts.failure {
        return Judgement::new(format!("project {}: the engine does not tell", facts.project)).with(engine(failure));
    }
    let now = facts.now.unwrap_or(cx.now.at);
    let mut judgement = Judgement::new(summary(facts));
    for what in &facts.not_read {
        judgement = judgement.with(Finding::unknown("not-read", "", format!("was not read whole: {what}")));
    }
    if facts.services.iter().all(|service| service.containers.is_empty()) {
        return not_there(facts, judgement);
    }
    for service in &facts.services {
        for finding in of_service(service, now, cx) {
            judgement = judgement.with(finding);
        }
    }
    if !facts.from_file {
        for finding in stopped_since(facts, cx) {
            judgement = judgement.with(finding);
        }
    }
    for service in facts.services.iter().filter(|service| !service.missing.is_empty()) {
        let names = service.missing.join(", ");
        judgement = judgement.evidence("not compared", format!("{}: {names} has no value here", service.name));
    }
    for service in &facts.services {
        if let Some(why) = &service.not_compared {
            judgement = judgement.evidence("not compared", format!("variables of {}: {why}", service.name));
        }
    }
    if facts.api.is_empty() { judgement } else { judgement.evidence("engine", format!("API {}", facts.api)) }
}

fn engine(failure: &Failure) -> Finding {
    let code = match failure.kind {
        FailureKind::Refused | FailureKind::NotFound | FailureKind::Unreachable => "engine-down",
        FailureKind::TimedOut => "engine-silent",
        _ => "engine-wrong",
    };
    Finding::critical(code, "", format!("{} (phase: {})", failure.text, failure.phase))
}

/// A project without a container: one finding, not one for each of its services.
fn not_there(facts: &Facts, judgement: Judgement) -> Judgement {
    let named = format!("project {}", facts.project);
    if let Some(other) = &facts.other_project {
        let message = format!("is not there, but the same files run as project `{other}`");
        return judgement
            .with(Finding::unknown("other-project", named, message).advice(format!("Set `project = \"{other}\"`.")));
    }
    let expected = facts.services.iter().filter(|service| runs(service)).count();
    if facts.from_file && expected == 0 {
        return judgement;
    }
    let message = match expected {
        0 => "is not there: no container of it exists".to_owned(),
        1 => "is not there: it has no container, and its file expects 1 service".to_owned(),
        expected => format!("is not there: it has no container, and its file expects {expected} services"),
    };
    judgement.with(Finding::critical("project-not-there", named, message))
}

/// Tells whether a service is expected to run.
fn runs(service: &Service) -> bool {
    matches!(service.expected, Expected::Runs | Expected::MayEnd | Expected::Unsaid)
}

/// Tells whether as much of a service runs as is expected.
fn is_well(service: &Service) -> bool {
    let well = |container: &&Container| {
        container.is_well()
            || (service.expected == Expected::MayEnd && container.state == "exited" && container.exit_code == 0)
    };
    let count = service.containers.iter().filter(well).count();
    count == service.containers.len() && count >= service.replicas.max(1) as usize
}

fn of_service(service: &Service, now: Timestamp, cx: &Judging<Facts>) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        service.containers.iter().filter_map(|container| wrong(service, container, now)).collect();
    findings.extend(number(service));
    let running: Vec<&Container> = service.containers.iter().filter(|container| container.state == "running").collect();
    if service.expected == Expected::Orphan && !running.is_empty() {
        let message = "runs, and is a service of no file of the project";
        findings.push(Finding::warning("orphan", service.name.clone(), message));
    }
    findings.extend(outdated(service, &running));
    findings.extend(differs(service, &running));
    if cx.previous.is_none() {
        let restarts: u64 = service.containers.iter().map(|container| container.restarts).sum();
        if restarts > 0 && !findings.iter().any(|finding| finding.code == "restarting") {
            let message = format!("was restarted {} by the engine before the first look", times(restarts));
            findings.push(Finding::info("restarts-before", service.name.clone(), message));
        }
    }
    findings
}

/// Looks at how many containers there are.
fn number(service: &Service) -> Option<Finding> {
    let (count, wanted) = (service.containers.len(), service.replicas as usize);
    match service.expected {
        Expected::Runs | Expected::MayEnd if count == 0 => {
            Some(Finding::critical("missing", service.name.clone(), "has no container"))
        }
        Expected::Completes if count == 0 => {
            let message = "has no container, so that nobody can tell whether it ended with 0";
            Some(Finding::warning("missing", service.name.clone(), message))
        }
        Expected::Runs if count < wanted => {
            let message = format!("has {count} of {wanted} containers");
            Some(Finding::critical("too-few", service.name.clone(), message))
        }
        // Who scales up by hand knows it; the file does not, and the next `up` takes it back.
        Expected::Runs | Expected::Nothing if service.missing.is_empty() => {
            let running = service.containers.iter().filter(|container| container.state == "running").count();
            let scaled = service.expected == Expected::Runs || service.replicas == 0;
            (scaled && running > wanted).then(|| {
                let message = format!("runs {running} containers, and its file says {wanted}");
                Finding::warning("too-many", service.name.clone(), message)
            })
        }
        _ => None,
    }
}

fn outdated(service: &Service, running: &[&Container]) -> Option<Finding> {
    let old: Vec<&&Container> = running
        .iter()
        .filter(|container| container.image_now.as_ref().is_some_and(|now| *now != container.image_id))
        .collect();
    let first = old.first()?;
    let of =
        if running.len() > 1 { format!(" in {} of {} containers", old.len(), running.len()) } else { String::new() };
    let message = format!("runs an older image than `{}` names by now{of}", first.image);
    Some(
        Finding::warning("image-outdated", service.name.clone(), message)
            .evidence("runs", &first.image_id)
            .evidence("tag names", first.image_now.as_deref().unwrap_or_default()),
    )
}

fn differs(service: &Service, running: &[&Container]) -> Option<Finding> {
    if let Some(container) = running.iter().find(|container| !container.differs.is_empty()) {
        let message = format!("differs from its file: {}", container.differs.join("; "));
        return Some(Finding::warning("config-differs", subject(service, container), message));
    }
    let hashes: BTreeSet<&str> =
        running.iter().map(|container| &*container.hash).filter(|hash| !hash.is_empty()).collect();
    (hashes.len() > 1).then(|| {
        let message = format!("has containers that were made with {} different settings", hashes.len());
        Finding::warning("config-differs", service.name.clone(), message)
    })
}

/// Without a file, what ran at the last look is expected.
fn stopped_since(facts: &Facts, cx: &Judging<Facts>) -> Vec<Finding> {
    let Some(previous) = &cx.previous else { return Vec::new() };
    let before = previous.facts.services.iter().filter(|service| {
        service.expected == Expected::Unsaid && service.containers.iter().any(|container| container.state == "running")
    });
    before
        .filter(|service| {
            // What ended otherwise than with 0, or is in another state, is told as that.
            let told = |container: &Container| container.state != "exited" || container.exit_code != 0;
            !facts.services.iter().any(|now| now.name == service.name && now.containers.iter().any(told))
        })
        .map(|service| {
            Finding::critical("stopped-since", service.name.clone(), "ran at the last look and does not run now")
        })
        .collect()
}

fn summary(facts: &Facts) -> String {
    let expected: Vec<&Service> = facts.services.iter().filter(|service| runs(service)).collect();
    let well = expected.iter().filter(|service| is_well(service)).count();
    let mut text = format!("project {}: {well} of {} services run", facts.project, expected.len());
    let done = facts.services.iter().filter(|service| {
        let ended = |container: &Container| container.state == "exited" && container.exit_code == 0;
        service.expected == Expected::Completes && service.containers.iter().any(ended)
    });
    match done.count() {
        0 => {}
        1 => text.push_str(", 1 one-shot ended with 0"),
        count => text.push_str(&format!(", {count} one-shots ended with 0")),
    }
    text
}

/// Counts the restarts of a service since the last look, and how long ago that was.
fn restarts(service: &Service, cx: &Judging<Facts>) -> Option<(u64, Duration)> {
    let previous = cx.previous.as_ref()?;
    let since = cx.since_previous()?;
    let known = previous.facts.services.iter().find(|before| before.name == service.name);
    let count = |container: &Container| {
        let before = known.and_then(|service| service.containers.iter().find(|before| before.id == container.id));
        match before {
            Some(before) if container.restarts >= before.restarts => container.restarts - before.restarts,
            // Started anew by hand, the engine counts from zero; a new container has all of its restarts since then.
            _ => container.restarts,
        }
    };
    Some((service.containers.iter().map(count).fold(0, u64::saturating_add), since))
}

pub(super) fn measure(facts: &Facts, cx: &Judging<Facts>) -> Vec<Measure> {
    if facts.failure.is_some() {
        return Vec::new();
    }
    let now = facts.now.unwrap_or(cx.now.at);
    let expected: Vec<&Service> = facts.services.iter().filter(|service| runs(service)).collect();
    let well = expected.iter().filter(|service| is_well(service)).count();
    let containers: usize = facts.services.iter().map(|service| service.containers.len()).sum();
    let mut measures = vec![
        Measure::new("services-running", well as f64, Unit::Count).of(expected.len() as f64),
        Measure::new("services-expected", expected.len() as f64, Unit::Count),
        Measure::new("containers", containers as f64, Unit::Count),
    ];
    for service in facts.services.iter().filter(|service| !service.containers.is_empty()) {
        if let Some((count, since)) = restarts(service, cx) {
            measures.push(Measure::new("restarts", count as f64, Unit::Count).on(service.name.clone()).over(since));
        }
        let starting = service
            .containers
            .iter()
            .filter(|container| container.state == "running" && container.health == "starting")
            .filter_map(|container| Some(now.duration_since(container.started?).as_secs_f64().max(0.0)))
            .fold(None, |longest: Option<f64>, age| Some(longest.map_or(age, |longest| longest.max(age))));
        if let Some(age) = starting {
            measures.push(Measure::new("starting", age, Unit::Seconds).on(service.name.clone()));
        }
    }
    measures
}
