//! Which tables are due.

use selx_core::action::{Plan, Planned, Risk, Undo};
use selx_core::{ByteSize, Context, Result};

use super::{Config, Step};
use crate::postgres::maintenance::catalogue::{MOST, Table, tables};
use crate::postgres::maintenance::failure::error;
use crate::postgres::maintenance::{Draft, Plain, RIGHTS, Reader, databases};
use crate::postgres::refusal::Ended;

/// How many bytes of a table and its indexes are gone through in a second, on a disk that has other things to do.
const SPEED: f64 = 50e6;

pub(super) const NO_WAY_BACK: &str = "what nobody can see any more is gone, and nobody misses it";

/// The ages at which the server begins to freeze by itself: of transactions, and of shared row locks.
pub(super) type Ages = (f64, f64);

/// Asks for these ages.
pub(super) async fn limits(config: &Config, cx: &Context) -> Result<Ages> {
    let asking = crate::postgres::maintenance::aside(cx, std::time::Duration::from_secs(30));
    let reader = Reader::open(&config.scope().server, None, cx, &asking).await;
    let reader = reader.map_err(|ended| error(ended, "asking when the server freezes"))?;
    let ages = (reader.facts.freeze_max, reader.facts.multixact_freeze_max);
    reader.end(&asking).await;
    Ok(ages)
}

/// Tells whether a table is to be frozen.
pub(super) fn is_old(config: &Config, table: &Table, ages: Ages) -> bool {
    let share = config.freeze_age.get();
    table.age > share * ages.0 || table.multixact_age > share * ages.1
}

pub(super) async fn plan(config: &Config, cx: &Context) -> Result<Plan<Step>> {
    let scope = config.scope();
    let failed = |ended: Ended| error(ended, "looking for tables to vacuum");
    let mut draft = Draft::new();
    let names = databases(&scope, cx, cx).await.map_err(failed)?;
    let several = names.len() > 1;
    for database in names {
        let mut reader = Reader::open(&scope.server, Some(&database), cx, cx).await.map_err(failed)?;
        let facts = reader.facts.clone();
        if draft.admits(&facts) {
            if !facts.counts {
                draft.refuse(
                    "the server does not count dead rows, so that nothing is known of its tables",
                    "set `track_counts = on`, the default",
                );
            }
            let found: Vec<Table> = reader.rows(&tables(&facts, None), cx).await.map_err(failed)?;
            if found.len() > MOST {
                let why = format!("database `{database}` has more than {MOST} tables, and no more are looked at");
                draft.refuse(why, "name a part of them in `include` in several actions, or vacuum by hand");
            }
            let ages = (facts.freeze_max, facts.multixact_freeze_max);
            let mut denied = Vec::new();
            for table in &found {
                let shown = if several { format!("{database}: {}", table.shown()) } else { table.shown() };
                match due(config, table, ages) {
                    Err((order, why)) => draft.keep(order, why, table.bytes, shown),
                    Ok(_) if !table.may => denied.push(shown),
                    Ok(why) => draft.step(need(config, table, ages), step(config, &database, table, shown, &why, ages)),
                }
            }
            if let Some(first) = denied.first() {
                let why = format!(
                    "role `{}` may not vacuum {} of the tables that are due in database `{database}`, such as {first}",
                    facts.role,
                    denied.len()
                );
                draft.refuse(why, RIGHTS);
            }
        }
        reader.end(cx).await;
    }
    Ok(draft.plan(config.max_tables.get() as usize, "max-tables"))
}

/// Returns why a table is due, or the rule that keeps it.
fn due(config: &Config, table: &Table, ages: Ages) -> Result<String, (usize, String)> {
    let rule = |order: usize, why: &str| Err((order, why.to_owned()));
    if table.system && !config.system {
        return rule(60, "a table of the server itself");
    }
    if let Some(why) = config.scope().leaves_out(&[table.plain()]) {
        return rule(10, why);
    }
    let limit = config.dead.get() * table.live + f64::from(config.dead_rows.get());
    let mut why = Vec::new();
    if table.dead > limit {
        why.push(format!("{} dead rows beside {} live ones", Plain::count(table.dead), Plain::count(table.live)));
    }
    if is_old(config, table, ages) {
        why.push(format!("its oldest transaction is {} transactions old, freeze", Plain::count(table.age)));
    }
    if why.is_empty() {
        let (share, rows) = (config.dead, config.dead_rows);
        return Err((50, format!("not more than {share} and {rows} rows dead, and not old")));
    }
    let Some(bytes) = table.bytes else { return rule(20, "somebody has or wants it for himself alone") };
    if table.busy {
        return rule(21, "another session is at work on it, such as autovacuum");
    }
    if bytes > config.max_size.0 {
        return Err((30, format!("larger than `max-size`, {}", config.max_size)));
    }
    Ok(why.join("; "))
}

/// What is old comes before what is large: it stops a server that is not looked after.
fn need(config: &Config, table: &Table, ages: Ages) -> f64 {
    if is_old(config, table, ages) { 1e12 + table.age } else { table.dead / (table.live + 1.0) }
}

fn step(config: &Config, database: &str, table: &Table, shown: String, why: &str, ages: Ages) -> Planned<Step> {
    let bytes = table.bytes.unwrap_or(0);
    let mut locks =
        vec!["SHARE UPDATE EXCLUSIVE on the table: reading and writing go on, changes of its form wait".to_owned()];
    if config.truncate {
        locks.push(
            "ACCESS EXCLUSIVE on the table for a moment at its end, given up as soon as somebody waits".to_owned(),
        );
    }
    Planned {
        what: format!("vacuum {shown}, {}: {why}", ByteSize(bytes)),
        target: shown,
        step: Step {
            database: database.to_owned(),
            table: table.relation(),
            freeze: is_old(config, table, ages),
            vacuumed: table.vacuumed,
        },
        risk: if config.truncate { Risk::Disruptive } else { Risk::Safe },
        bytes: None,
        seconds: Some(((bytes + table.index_bytes) as f64 / SPEED).round().max(1.0)),
        locks,
        undo: Undo::Impossible(NO_WAY_BACK.to_owned()),
        not_simulated: vec!["how many of the dead rows somebody may still see, which stay".to_owned()],
    }
}
