//! What the server told, for people. Pure.

use selx_core::{Finding, Judgement, Unit, show};

use super::facts::{Facts, Look, Session};
use super::locks::roots;
use super::numbers::{connections, held_back, longest_query, longest_transaction, oldest_idle, usable};

/// The most sessions that are told by name.
const NAMED: usize = 5;

pub(super) fn judge(target: &str, facts: &Facts) -> Judgement {
    if let Some(trouble) = &facts.trouble {
        return Judgement::new(trouble.words()).with(trouble.finding_after(&facts.way, target));
    }
    let Some(look) = &facts.look else {
        return Judgement::new("nothing was seen").with(Finding::unknown("not-seen", target, "nothing was seen"));
    };
    let mut judgement = evidence(Judgement::new(summary(look)), look);
    for root in roots(&look.sessions).into_iter().take(NAMED) {
        let count = root.waiting.len();
        let (wait, sessions) = if count == 1 { ("waits", "session") } else { ("wait", "sessions") };
        let who = look.sessions.iter().find(|session| session.pid == root.pid);
        let text = match who {
            _ if root.pid == 0 => "is held by a prepared transaction".to_owned(),
            Some(session) => format!("is held by {}", name(session)),
            None => format!("is held by pid {}, which may not be seen", root.pid),
        };
        let message = format!(
            "{count} {sessions} {wait} for a lock, the longest for {}; it {text}",
            show::value(root.longest, Unit::Seconds)
        );
        let finding = Finding::info("blocks-others", target, message);
        judgement = judgement.with(match who.filter(|session| session.pid != 0) {
            Some(session) => finding.advice(format!(
                "if its owner cannot end it: SELECT pg_terminate_backend({}); it is {} now",
                session.pid,
                session.state.as_deref().unwrap_or("in a state that may not be seen")
            )),
            None => finding.advice("list them in `pg_prepared_xacts`, then COMMIT PREPARED or ROLLBACK PREPARED"),
        });
    }
    for slot in &look.slots {
        let kept = slot.kept.map_or_else(|| "no log".to_owned(), |kept| show::value(kept.max(0.0), Unit::Bytes));
        if matches!(slot.wal_status.as_deref(), Some("lost" | "unreserved")) {
            let status = slot.wal_status.as_deref().unwrap_or_default();
            judgement = judgement.with(Finding::critical(
                "slot-lost",
                &slot.name,
                format!("the log that this {} slot needs is {status}: who reads from it has to begin anew", slot.kind),
            ));
        } else if !slot.active && !slot.synced {
            judgement = judgement.with(Finding::warning(
                "slot-inactive",
                &slot.name,
                format!("nobody reads from this {} slot, and the server keeps {kept} for it", slot.kind),
            ));
        }
    }
    if look.replay.as_ref().is_some_and(|replay| !replay.receives) {
        let text = "this standby gets no log from a primary now; it knows nothing newer than its last transaction";
        judgement = judgement.with(Finding::warning("standby-cut-off", target, text));
    }
    if look.server.pooled {
        let text = "a pooler answers in front of the server; what waits in the pooler is not seen";
        judgement = judgement.with(Finding::info("behind-a-pooler", target, text));
    }
    if !look.server.tracks {
        let text = "`track_activities` is off, so the server does not know what its sessions do";
        judgement = judgement.with(Finding::unknown("not-seen", target, text));
    }
    judgement
}

fn summary(look: &Look) -> String {
    let role = if look.server.standby { "standby" } else { "primary" };
    let mut text = format!(
        "{} of {} connections used, PostgreSQL {}, {role}",
        connections(look),
        usable(look),
        look.server.version
    );
    if let Some((session, age)) = longest_transaction(look) {
        let age = show::value(age, Unit::Seconds);
        text.push_str(&format!("; longest transaction {age} (pid {})", session.pid));
    }
    text
}

/// Names a session so that it is found again.
fn name(session: &Session) -> String {
    let or = |text: &Option<String>, other: &str| {
        text.clone().filter(|text| !text.is_empty()).unwrap_or_else(|| other.to_owned())
    };
    let mut text = format!("pid {} (user {}", session.pid, or(&session.user, "not seen"));
    for (label, value) in [("application", &session.application), ("database", &session.database)] {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            text.push_str(&format!(", {label} {value}"));
        }
    }
    if let Some(client) = &session.client {
        text.push_str(&format!(", from {client}"));
    }
    text.push_str(&format!("), {}", or(&session.state, "state not seen")));
    if let Some(age) = session.state_age {
        text.push_str(&format!(" for {}", show::value(age.max(0.0), Unit::Seconds)));
    }
    if let Some(query) = session.query.as_ref().filter(|query| !query.is_empty()) {
        text.push_str(&format!(": {query}"));
    }
    text
}

fn evidence(mut judgement: Judgement, look: &Look) -> Judgement {
    for group in look.groups.iter().filter(|group| group.kind.is_empty() || group.kind == "client backend") {
        let state = if group.state.is_empty() { "state not seen" } else { &group.state };
        judgement = judgement.evidence("sessions", format!("{} {state}", group.count));
    }
    let age = |age: f64| show::value(age.max(0.0), Unit::Seconds);
    for (label, found) in [
        ("longest query", longest_query(look)),
        ("longest transaction", longest_transaction(look)),
        ("longest idle in transaction", oldest_idle(look)),
    ] {
        if let Some((session, seconds)) = found {
            judgement = judgement.evidence(label, format!("{}, {}", age(seconds), name(session)));
        }
    }
    for held in held_back(look) {
        let text = format!("{} transactions, by {}", held.age, held.who);
        judgement = judgement.evidence("holds vacuum back", text);
    }
    for prepared in look.prepared.iter().take(NAMED) {
        let owner = if prepared.owner.is_empty() { "a role that is gone" } else { &prepared.owner };
        let text = format!("{} in {} by {owner}, {}", prepared.gid, prepared.database, age(prepared.age));
        judgement = judgement.evidence("prepared transaction", text);
    }
    for database in look.databases.iter().take(3) {
        judgement = judgement.evidence("oldest database", format!("{}: {} transactions", database.name, database.age));
    }
    for table in &look.tables {
        judgement = judgement.evidence("oldest table here", format!("{}: {} transactions", table.name, table.age));
    }
    judgement
}
