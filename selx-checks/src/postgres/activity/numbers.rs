//! The numbers in what the server told. Pure.

use selx_core::{Judging, Measure, Unit};

use super::facts::{Database, Facts, Look, Session, Standby};
use super::questions::MOST_DATABASES;

/// The distance at which transaction numbers come round.
const WRAPAROUND: f64 = 2_147_483_648.0;

/// How many connections are taken. Where what sessions are may not be seen, those that belong to a database count.
pub(super) fn connections(look: &Look) -> u64 {
    let takes = |kind: &str, database: bool| kind == "client backend" || (kind.is_empty() && database);
    let groups = look.groups.iter().filter(|group| takes(&group.kind, group.database));
    groups.fold(0, |sum, group| sum.saturating_add(group.count))
}

/// How many there are for ordinary roles.
pub(super) fn usable(look: &Look) -> u64 {
    look.server.max_connections.saturating_sub(look.server.reserved)
}

fn longest(
    look: &Look,
    counts: impl Fn(&Session) -> bool,
    age: impl Fn(&Session) -> Option<f64>,
) -> Option<(&Session, f64)> {
    let found = look.sessions.iter().filter(|session| counts(session));
    let aged = found.filter_map(|session| Some((session, age(session)?.max(0.0))));
    aged.max_by(|a, b| a.1.total_cmp(&b.1))
}

fn is_client(session: &Session) -> bool {
    session.kind.as_deref() == Some("client backend")
}

fn is_idle_in_transaction(session: &Session) -> bool {
    session.state.as_deref().is_some_and(|state| state.starts_with("idle in transaction"))
}

/// The session whose query has run for the longest.
pub(super) fn longest_query(look: &Look) -> Option<(&Session, f64)> {
    let runs = |session: &Session| is_client(session) && session.state.as_deref() == Some("active");
    longest(look, runs, |session| session.query_age)
}

/// The session whose transaction is open for the longest.
pub(super) fn longest_transaction(look: &Look) -> Option<(&Session, f64)> {
    longest(look, is_client, |session| session.transaction_age)
}

/// The session that has done nothing in its transaction for the longest.
pub(super) fn oldest_idle(look: &Look) -> Option<(&Session, f64)> {
    longest(look, is_idle_in_transaction, |session| session.state_age)
}

/// Who keeps old rows from being removed.
pub(super) struct Held {
    pub(super) cause: &'static str,
    pub(super) age: f64,
    pub(super) who: String,
}

/// Finds for each cause who holds vacuum back the most.
pub(super) fn held_back(look: &Look) -> Vec<Held> {
    // What a standby asks for stands beside its walsender as well.
    let sessions = look.sessions.iter().filter(|session| session.kind.as_deref() != Some("walsender"));
    let sessions = sessions.filter_map(|session| Some((session.xmin_age?, format!("pid {}", session.pid))));
    let prepared = look.prepared.iter().map(|prepared| (prepared.xmin_age, format!("`{}`", prepared.gid)));
    let slots = look.slots.iter().filter_map(|slot| Some((slot.xmin_age?, format!("slot {}", slot.name))));
    let standbys =
        look.standbys.iter().filter_map(|standby| Some((standby.xmin_age?, format!("standby {}", standby.name))));
    let oldest = |cause, found: Vec<(f64, String)>| {
        let (age, who) = found.into_iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
        Some(Held { cause, age, who })
    };
    [
        oldest("session", sessions.collect()),
        oldest("prepared transaction", prepared.collect()),
        oldest("replication slot", slots.collect()),
        oldest("standby", standbys.collect()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Returns how much a counter grew since the last look, over all databases that were there then. A counter that was
/// reset counts from zero.
fn grown(now: &[Database], before: &[Database], counter: impl Fn(&Database) -> f64) -> f64 {
    now.iter()
        .map(|database| match before.iter().find(|earlier| earlier.name == database.name) {
            Some(earlier) if earlier.reset == database.reset && counter(earlier) <= counter(database) => {
                counter(database) - counter(earlier)
            }
            // One that was not among those that were told then may have counted for long.
            None if before.len() >= MOST_DATABASES => 0.0,
            _ => counter(database),
        })
        .sum()
}

/// Names standbys so that no two have one name: many call themselves `walreceiver`, which is what they do unless told
/// otherwise.
fn subjects(standbys: &[Standby]) -> Vec<String> {
    let plain = |standby: &Standby| if standby.name.is_empty() { "standby" } else { &standby.name }.to_owned();
    let placed = |standby: &Standby| match &standby.client {
        Some(client) => format!("{} {client}", plain(standby)),
        None => plain(standby),
    };
    let alone = |names: &[String], name: &String| names.iter().filter(|other| *other == name).count() == 1;
    let names: Vec<String> = standbys.iter().map(plain).collect();
    let names: Vec<String> = standbys
        .iter()
        .zip(&names)
        .map(|(one, name)| if alone(&names, name) { name.clone() } else { placed(one) })
        .collect();
    let numbered = names.iter().enumerate().map(|(index, name)| {
        let before = names.iter().take(index).filter(|other| *other == name).count();
        if before == 0 { name.clone() } else { format!("{name} ({})", before + 1) }
    });
    numbered.collect()
}

pub(super) fn measure(facts: &Facts, cx: &Judging<Facts>) -> Vec<Measure> {
    let Some(look) = &facts.look else { return Vec::new() };
    let count = |name, value: f64| Measure::new(name, value, Unit::Count);
    let seconds = |name, value: f64| Measure::new(name, value, Unit::Seconds);
    let mut measures = vec![count("connections", connections(look) as f64).of(usable(look) as f64)];
    if look.server.sees_all && look.server.tracks {
        let age = |found: Option<(&Session, f64)>| found.map_or(0.0, |(_, age)| age);
        measures.push(seconds("longest-query", age(longest_query(look))));
        measures.push(seconds("longest-transaction", age(longest_transaction(look))));
        measures.push(seconds("idle-in-transaction", age(oldest_idle(look))));
        let idle = look.groups.iter().filter(|group| group.state.starts_with("idle in transaction"));
        measures.push(count("idle-in-transaction-sessions", idle.map(|group| group.count as f64).sum()));
        let waiting: Vec<f64> = look.sessions.iter().filter_map(|session| session.waits).collect();
        measures.push(count("waiting", waiting.len() as f64));
        measures.push(seconds("longest-wait", waiting.iter().copied().fold(0.0, f64::max)));
    }
    measures.push(seconds("prepared", look.prepared.iter().map(|prepared| prepared.age).fold(0.0, f64::max)));
    measures.extend(held_back(look).into_iter().map(|held| count("held-back", held.age).on(held.cause)));
    if let Some(oldest) = look.databases.iter().max_by(|a, b| a.age.total_cmp(&b.age)) {
        measures.push(count("wraparound", oldest.age).of(WRAPAROUND));
        measures.push(count("freeze-age", oldest.age).of(look.server.freeze_max_age));
        let multixact = look.databases.iter().map(|database| database.multixact_age).fold(0.0, f64::max);
        measures.push(count("multixact-wraparound", multixact).of(WRAPAROUND));
    }
    for slot in &look.slots {
        if let Some(kept) = slot.kept {
            measures.push(Measure::new("slot-wal", kept.max(0.0), Unit::Bytes).on(&slot.name));
        }
    }
    for (standby, name) in look.standbys.iter().zip(subjects(&look.standbys)) {
        if let Some(behind) = standby.behind {
            measures.push(Measure::new("standby-behind", behind.max(0.0), Unit::Bytes).on(&name));
            measures.push(seconds("standby-lag", standby.lag.unwrap_or(0.0).max(0.0)).on(&name));
        }
    }
    measures.extend(look.replay.as_ref().and_then(|replay| Some(seconds("replay-lag", replay.lag?.max(0.0)))));
    let previous = cx.previous.as_ref().and_then(|previous| previous.facts.look.as_ref());
    if let Some(previous) = previous {
        let grown = |counter: fn(&Database) -> f64| grown(&look.databases, &previous.databases, counter);
        let mut since = [
            count("deadlocks", grown(|database| database.deadlocks)),
            Measure::new("temp-bytes", grown(|database| database.temp_bytes), Unit::Bytes),
        ];
        if let Some(interval) = cx.since_previous() {
            since = since.map(|measure| measure.over(interval));
        }
        measures.extend(since);
    }
    measures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standbys_of_one_name_are_told_apart() {
        let standby = |name: &str, client: Option<&str>| Standby {
            name: name.to_owned(),
            client: client.map(str::to_owned),
            ..Standby::default()
        };
        let all = [
            standby("walreceiver", Some("192.0.2.7")),
            standby("walreceiver", Some("192.0.2.8")),
            standby("far", Some("192.0.2.9")),
            standby("", None),
            standby("walreceiver", Some("192.0.2.8")),
        ];
        assert_eq!(
            subjects(&all),
            ["walreceiver 192.0.2.7", "walreceiver 192.0.2.8", "far", "standby", "walreceiver 192.0.2.8 (2)"]
        );
    }

    #[test]
    fn what_a_database_counted_before_it_was_told_is_not_new() {
        let database = |name: String, deadlocks| Database { name, deadlocks, ..Database::default() };
        let some = |count: usize| (0..count).map(|n| database(n.to_string(), 1.0)).collect::<Vec<_>>();
        let now = [database("0".to_owned(), 3.0), database("new".to_owned(), 9.0)];
        let deadlocks = |database: &Database| database.deadlocks;
        assert_eq!(grown(&now, &some(3), deadlocks), 11.0);
        assert_eq!(grown(&now, &some(MOST_DATABASES), deadlocks), 2.0);
    }
}
