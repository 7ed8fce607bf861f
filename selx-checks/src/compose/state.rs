//! What the state of one container means.

use jiff::Timestamp;
use selx_core::{Finding, Unit, show};

use super::facts::{Container, Expected, Service};

/// How long a container that the engine restarted has to run before it is believed, in seconds: after as long, the engine
/// itself begins to count its pauses anew.
const TRUSTED: f64 = 10.0;

/// Says what is wrong with the state of a container, if something is.
pub(super) fn wrong(service: &Service, container: &Container, now: Timestamp) -> Option<Finding> {
    let (code, message) = match &*container.state {
        "running" if container.frozen == Some(true) => {
            ("frozen", "is shown as up, and its first process is stopped by a signal".to_owned())
        }
        "running" if container.health == "unhealthy" => {
            ("unhealthy", "is unhealthy: its health check fails".to_owned())
        }
        // Between two ends of a loop it runs too, for a moment; the engine itself trusts a start after ten seconds.
        "running" if container.restarts > 0 && age(container.started, now).is_some_and(|age| age < TRUSTED) => (
            "restarting",
            format!(
                "was started again {} ago: before, it {}; restarted {} so far",
                show::value(age(container.started, now).unwrap_or_default(), Unit::Seconds),
                ended_before(container, now),
                times(container.restarts)
            ),
        ),
        "running" => return None,
        "exited" => match service.expected {
            Expected::Completes | Expected::MayEnd | Expected::Unsaid if container.exit_code == 0 => return None,
            Expected::Completes => ("exited", format!("is to end with 0 and {}", ended(container, now))),
            _ => ("exited", ended(container, now)),
        },
        "restarting" => (
            "restarting",
            format!("is restarting: it {}; restarted {} so far", ended(container, now), times(container.restarts)),
        ),
        "paused" => ("paused", "is paused".to_owned()),
        "created" if container.error.is_empty() => ("created", "was created and never started".to_owned()),
        "created" => ("created", format!("could not be started: {}", container.error)),
        "dead" => ("dead", "is dead: the engine could not remove it".to_owned()),
        "removing" => ("missing", "is being removed".to_owned()),
        state => ("unknown-state", format!("is in the state `{state}`")),
    };
    // A service that may be there or not, and one that is in no file, is not missed.
    let not_missed = matches!(service.expected, Expected::Nothing | Expected::Orphan);
    let gone = ["exited", "paused", "created", "dead", "missing"].contains(&code);
    if not_missed && gone {
        return None;
    }
    let subject = subject(service, container);
    let finding = match (code, service.expected) {
        ("unknown-state", _) => Finding::unknown(code, subject, message),
        (_, Expected::Nothing | Expected::Orphan) => Finding::warning(code, subject, message),
        _ => Finding::critical(code, subject, message),
    };
    Some(evidence(finding, container))
}

/// Names a container: by its service, where that has one only.
pub(super) fn subject(service: &Service, container: &Container) -> String {
    match service.containers.len() {
        1 => service.name.clone(),
        _ => format!("{} ({})", service.name, container.name),
    }
}

fn ended(container: &Container, now: Timestamp) -> String {
    let code = container.exit_code;
    let signal = match code {
        137 if container.oom_killed => " (killed for memory)",
        137 => " (killed)",
        139 => " (segmentation fault)",
        143 => " (ended by SIGTERM)",
        _ if container.oom_killed => " (killed for memory)",
        _ => "",
    };
    match age(container.finished, now) {
        Some(ago) => format!("ended with code {code}{signal} {} ago", show::value(ago, Unit::Seconds)),
        None => format!("ended with code {code}{signal}"),
    }
}

/// Says how a container ended that runs again: the engine forgets the code as soon as it starts it, and shows 0.
fn ended_before(container: &Container, now: Timestamp) -> String {
    let how = if container.oom_killed { "was killed for memory" } else { "ended" };
    match age(container.finished, now) {
        Some(ago) => format!("{how} {} ago", show::value(ago, Unit::Seconds)),
        None => how.to_owned(),
    }
}

fn age(moment: Option<Timestamp>, now: Timestamp) -> Option<f64> {
    moment.map(|moment| now.duration_since(moment).as_secs_f64().max(0.0).round())
}

/// Shows a number of times.
pub(super) fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        count => format!("{count} times"),
    }
}

fn evidence(mut finding: Finding, container: &Container) -> Finding {
    finding = finding.evidence("container", format!("{} ({})", container.name, container.id));
    if container.state != "running" {
        finding =
            finding.evidence("exit code", container.exit_code).evidence("killed for memory", container.oom_killed);
        if let Some(finished) = container.finished {
            finding = finding.evidence("ended", finished);
        }
    }
    if !container.restart_policy.is_empty() {
        finding = finding.evidence("restart policy", &container.restart_policy);
    }
    if !container.health_output.is_empty() {
        finding = finding.evidence("health check", &container.health_output);
    }
    for line in &container.log {
        finding = finding.evidence("log", line);
    }
    finding
}
