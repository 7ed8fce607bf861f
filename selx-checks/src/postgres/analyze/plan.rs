//! Which tables are due.

use selx_core::action::{Plan, Planned, Risk, Undo};
use selx_core::{ByteSize, Context, Result};

use super::{Config, Step};
use crate::postgres::maintenance::catalogue::{MOST, Table, tables};
use crate::postgres::maintenance::failure::error;
use crate::postgres::maintenance::{Draft, Plain, RIGHTS, Reader, databases};
use crate::postgres::refusal::Ended;

/// How many bytes a sample takes at most: 300 pages for each of the 100 steps of a histogram.
const SAMPLE: u64 = 30_000 * 8192;
/// How many bytes of a sample are read in a second, on a disk that has other things to do.
const SPEED: f64 = 50e6;

pub(super) const NO_WAY_BACK: &str = "statistics that were made anew are the true ones, and the old ones are gone";

pub(super) async fn plan(config: &Config, cx: &Context) -> Result<Plan<Step>> {
    let scope = config.scope();
    let failed = |ended: Ended| error(ended, "looking for tables to analyse");
    let mut draft = Draft::new();
    let names = databases(&scope, cx, cx).await.map_err(failed)?;
    let several = names.len() > 1;
    for database in names {
        let mut reader = Reader::open(&scope.server, Some(&database), cx, cx).await.map_err(failed)?;
        let facts = reader.facts.clone();
        if draft.admits(&facts) {
            if !facts.counts {
                draft.refuse(
                    "the server does not count what changes, so that nothing is known of its tables",
                    "set `track_counts = on`, the default",
                );
            }
            let found: Vec<Table> = reader.rows(&tables(&facts, None), cx).await.map_err(failed)?;
            if found.len() > MOST {
                let why = format!("database `{database}` has more than {MOST} tables, and no more are looked at");
                draft.refuse(why, "name a part of them in `include` in several actions, or analyse by hand");
            }
            let mut denied = Vec::new();
            for table in &found {
                let shown = if several { format!("{database}: {}", table.shown()) } else { table.shown() };
                match due(config, table) {
                    Err((order, why)) => draft.keep(order, why, table.bytes, shown),
                    Ok(_) if !table.may => denied.push(shown),
                    Ok(why) => draft.step(need(table), step(&database, table, shown, &why)),
                }
            }
            if let Some(first) = denied.first() {
                let why = format!(
                    "role `{}` may not analyse {} of the tables that are due in database `{database}`, such as {first}",
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
fn due(config: &Config, table: &Table) -> Result<String, (usize, String)> {
    let rule = |order: usize, why: &str| Err((order, why.to_owned()));
    if table.system && !config.system {
        return rule(60, "a table of the server itself");
    }
    if let Some(why) = config.scope().leaves_out(&[table.plain()]) {
        return rule(10, why);
    }
    let limit = config.changed.get() * table.live + f64::from(config.changed_rows.get());
    let why = if !table.is_analyzed && table.bytes != Some(0) {
        "never analysed".to_owned()
    } else if table.changed > limit {
        format!("{} rows changed of {}", Plain::count(table.changed), Plain::count(table.live))
    } else {
        let (share, rows) = (config.changed, config.changed_rows);
        return Err((50, format!("not more than {share} and {rows} rows changed since it was analysed")));
    };
    let Some(bytes) = table.bytes else { return rule(20, "somebody has or wants it for himself alone") };
    if table.busy {
        return rule(21, "another session is at work on it");
    }
    if bytes > config.max_size.0 {
        return Err((30, format!("larger than `max-size`, {}", config.max_size)));
    }
    Ok(why)
}

fn need(table: &Table) -> f64 {
    if table.is_analyzed { table.changed / (table.live + 1.0) } else { f64::MAX }
}

fn step(database: &str, table: &Table, shown: String, why: &str) -> Planned<Step> {
    let bytes = table.bytes.unwrap_or(0);
    Planned {
        what: format!("analyse {shown}, {}: {why}", ByteSize(bytes)),
        target: shown,
        step: Step { database: database.to_owned(), table: table.relation(), analyzed: table.analyzed },
        risk: Risk::Safe,
        bytes: None,
        seconds: Some((0.1 + bytes.min(SAMPLE) as f64 / SPEED).round().max(1.0)),
        locks: vec![
            "SHARE UPDATE EXCLUSIVE on the table: reading and writing go on, changes of its form wait".to_owned(),
        ],
        undo: Undo::Impossible(NO_WAY_BACK.to_owned()),
        not_simulated: vec!["which plans the server makes of its queries afterwards".to_owned()],
    }
}
