//! What an answer means. Pure.

use selx_core::{Finding, Judgement, Unit, show};

use super::{Config, Facts, Role};
use crate::net::{Failure, FailureKind, Phase};
use crate::postgres::{ServerError, Trouble};

pub(super) fn judge(config: &Config, facts: &Facts) -> Judgement {
    let way = &facts.way;
    let whom = format!("role {} on database {}", way.user, way.database);
    let summary = match (&facts.trouble, &facts.state) {
        (Some(trouble), _) if way.method.is_some() => format!("accepts, but not {whom}: {}", short(trouble)),
        (Some(trouble), _) => short(trouble).to_owned(),
        (None, Some(state)) => format!(
            "accepts {whom}: PostgreSQL {}, {}, up {}",
            state.version,
            role(state.role),
            show::value(state.uptime, Unit::Seconds)
        ),
        (None, None) => format!(
            "accepts; the login was not tried ({} is asked for, and the check has no password)",
            way.method.as_deref().unwrap_or("a password")
        ),
    };
    let subject = config.target.to_string();
    let mut judgement = Judgement::new(summary).evidence("address", &way.address);
    if let Some(container) = &way.container {
        judgement = judgement.evidence("container", container);
    }
    judgement = judgement.evidence("encryption", way.tls.as_deref().unwrap_or("none"));
    if let Some(method) = &way.method {
        judgement = judgement.evidence("login by", method);
    }
    for attempt in &way.attempts {
        if let Some(failure) = &attempt.failure {
            judgement = judgement.evidence("no connection", format!("{}: {}", attempt.address, failure.text));
        }
    }
    if let Some(trouble) = &facts.trouble {
        let finding = Finding::critical(code(trouble), &subject, trouble.words());
        judgement = judgement.with(match trouble {
            Trouble::Refused(ServerError { hint: Some(hint), .. }) => finding.evidence("hint of the server", hint),
            _ => finding,
        });
    }
    if facts.state.as_ref().is_some_and(|state| state.pooled) {
        judgement = judgement.evidence("pooler", "what answers is a pooler; the server stands behind it");
    }
    match (config.role, &facts.state) {
        (Some(wanted), Some(state)) if wanted != state.role => judgement.with(Finding::critical(
            "wrong-role",
            subject,
            format!("is a {}, and a {} is expected", role(state.role), role(wanted)),
        )),
        (Some(wanted), None) if facts.trouble.is_none() => judgement.with(Finding::unknown(
            "role-not-seen",
            subject,
            format!("a {} is expected; the server tells what it is only to those that it lets in", role(wanted)),
        )),
        _ => judgement,
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Primary => "primary",
        Role::Standby => "standby",
    }
}

/// Says a trouble in a few words; the finding says all.
fn short(trouble: &Trouble) -> &str {
    match trouble {
        Trouble::Broken(failure) => &failure.text,
        Trouble::Refused(error) => &error.message,
        Trouble::UnknownMethod(method) => method,
        Trouble::WeakMethod(_) => "the password would be readable on the way",
    }
}

fn code(trouble: &Trouble) -> &'static str {
    match trouble {
        Trouble::Broken(failure) => of_failure(failure),
        Trouble::Refused(error) => of_error(error),
        Trouble::UnknownMethod(_) => "unknown-method",
        Trouble::WeakMethod(_) => "weak-method",
    }
}

fn of_failure(failure: &Failure) -> &'static str {
    match (failure.phase, failure.kind) {
        (Phase::Find | Phase::Resolve | Phase::Connect, _) => "not-connected",
        (_, FailureKind::Malformed | FailureKind::TooLarge) => "not-postgres",
        (_, FailureKind::Tls) => "tls-failed",
        _ => "no-answer",
    }
}

/// The code names the state whatever language the server speaks; its words only tell states of one code apart.
fn of_error(error: &ServerError) -> &'static str {
    match error.code.as_str() {
        "57P03" if error.message.contains("starting up") => "starting-up",
        "57P03" if error.message.contains("shutting down") => "shutting-down",
        "57P03" => "not-accepting",
        "57P01" | "57P02" => "shutting-down",
        "53300" => "too-many-clients",
        "28P01" => "wrong-password",
        "28000" | "42501" => "login-not-allowed",
        "3D000" => "no-such-database",
        _ => "refused",
    }
}
