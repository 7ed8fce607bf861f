//! Which indexes are rebuilt, and which leftovers go.

use selx_core::action::{Plan, Planned, Risk, Undo};
use selx_core::{ByteSize, Context, Result, Share, TimeSpan};

use super::indexes::{Index, MOST, indexes, transactions};
use super::state::{Leftover, leftover_of, whole_of};
use super::{Config, Step, Work};
use crate::postgres::maintenance::failure::error;
use crate::postgres::maintenance::{Blocker, Draft, Facts, Reader, Room, databases};
use crate::postgres::refusal::Ended;

/// How many bytes are read, sorted and written in a second, on a disk that has other things to do.
const SPEED: f64 = 20e6;

pub(super) const NO_WAY_BACK: &str = "what is dropped is an unfinished copy, or an old one, that nothing reads";

/// Returns how much room a rebuild needs: the new index, what is sorted for it, and the log of it.
pub(super) fn needed(bytes: u64) -> u64 {
    bytes.saturating_mul(3)
}

/// Says that there is too little room.
pub(super) fn too_little(free: u64, bytes: u64) -> Option<String> {
    (free < needed(bytes)).then(|| {
        let (free, needed, bytes) = (ByteSize(free), ByteSize(needed(bytes)), ByteSize(bytes));
        format!("{free} are free where it lies, and to rebuild an index of {bytes} takes up to {needed}")
    })
}

pub(super) async fn plan(config: &Config, cx: &Context) -> Result<Plan<Step>> {
    let scope = config.scope();
    let failed = |ended: Ended| error(ended, "looking for indexes to rebuild");
    let mut draft = Draft::new();
    let names = databases(&scope, cx, cx).await.map_err(failed)?;
    let several = names.len() > 1;
    for database in names {
        let mut reader = Reader::open(&scope.server, Some(&database), cx, cx).await.map_err(failed)?;
        let facts = reader.facts.clone();
        if draft.admits(&facts) {
            let room = Room::find(&scope.server, &facts, cx).await;
            let found: Vec<Index> = reader.rows(&indexes(&facts, None), cx).await.map_err(failed)?;
            if found.len() > MOST {
                let why = format!("database `{database}` has more than {MOST} indexes, and no more are looked at");
                draft.refuse(why, "rebuild by hand");
            }
            let before = draft.steps().count();
            Survey { config, database: &database, several, facts: &facts, room: &room }.look(&found, &mut draft);
            if draft.steps().count() > before {
                let older = config.max_transaction_age.get();
                let question = transactions(older.as_secs_f64(), None);
                let long: Vec<Blocker> = reader.rows(&question, cx).await.map_err(failed)?;
                waits(&mut draft, &facts, &long, TimeSpan::from(older));
            }
        }
        reader.end(cx).await;
    }
    let mut plan = draft.plan(config.max_indexes.get() as usize, "max-indexes");
    // What cannot be undone comes last.
    plan.steps.sort_by_key(|step| step.step.work == Work::Drop);
    Ok(plan)
}

/// Refuses where transactions are open that a rebuild would wait for, or cannot be seen.
fn waits(draft: &mut Draft<Step>, facts: &Facts, long: &[Blocker], older: TimeSpan) {
    if !facts.sees_all {
        let why = format!("role `{}` does not see how long the transactions of others last", facts.role);
        draft.refuse(why, "let a superuser say: GRANT pg_read_all_stats TO that role, or pg_monitor");
    }
    if !long.is_empty() {
        let why = format!(
            "a rebuild in database `{}` would wait for transactions older than `max-transaction-age`, {older}: {}",
            facts.database,
            Blocker::all(long)
        );
        draft.refuse(why, "let them end, or end them; then make the plan anew");
    }
}

/// One database, as it was seen.
struct Survey<'a> {
    config: &'a Config,
    database: &'a str,
    several: bool,
    facts: &'a Facts,
    room: &'a Room,
}

impl Survey<'_> {
    fn look(&self, found: &[Index], draft: &mut Draft<Step>) {
        let mut denied = Vec::new();
        for index in found {
            let shown = self.shown(index);
            let (need, step) = match self.due(index, found) {
                Err((order, why)) => {
                    draft.keep(order, why, index.bytes, shown);
                    continue;
                }
                Ok(due) => due,
            };
            if !index.may {
                denied.push(shown);
                continue;
            }
            if let (Work::Rebuild { .. }, Ok(free)) = (&step.step.work, self.room.free(index.tablespace.as_deref()))
                && let Some(why) = too_little(free, index.bytes.unwrap_or(0))
            {
                draft.refuse(format!("{shown}: {why}"), "make room, or leave the index out by `exclude`");
            }
            draft.step(need, step);
        }
        if let Some(first) = denied.first() {
            let why = format!(
                "role `{}` may not rebuild {} of the indexes that are due in database `{}`, such as {first}",
                self.facts.role,
                denied.len(),
                self.database
            );
            draft.refuse(
                why,
                "let their owner do it (`user`), with the right to read the tables, or leave them out by `exclude`",
            );
        }
    }

    fn shown(&self, index: &Index) -> String {
        if self.several { format!("{}: {}", self.database, index.shown()) } else { index.shown() }
    }

    /// Returns the step of an index that is due, or the rule that keeps it.
    fn due(&self, index: &Index, all: &[Index]) -> Result<(f64, Planned<Step>), (usize, String)> {
        let rule = |order: usize, why: &str| Err((order, why.to_owned()));
        let names = [format!("{}.{}", index.schema, index.table), format!("{}.{}", index.schema, index.name)];
        if let Some(why) = self.config.scope().leaves_out(&names) {
            return rule(10, why);
        }
        let Some(bytes) = index.bytes else { return rule(20, "somebody has or wants its table for himself alone") };
        if !index.valid {
            if index.busy {
                return rule(21, "invalid, and a session is at work on its table: it may be building it");
            }
            if let Some(whole) = whole_of(index, all) {
                return Ok((1e12, self.drop(index, whole, bytes)));
            }
            if all.iter().any(|whole| whole.oid != index.oid && leftover_of(&index.name, &whole.name).is_some()) {
                return rule(
                    22,
                    "invalid and named like a leftover, and not provably one: look at it and drop it by hand",
                );
            }
        }
        if index.exclusion {
            return rule(31, "it keeps rows apart for an exclusion constraint: to rebuild it locks the table");
        }
        if bytes > self.config.max_size.0 {
            return Err((30, format!("larger than `max-size`, {}", self.config.max_size)));
        }
        if !index.valid {
            return Ok((1e9, self.rebuild(index, all, bytes, "it is invalid: no query uses it".to_owned())));
        }
        if bytes < self.config.min_size.0 {
            return Err((50, format!("smaller than `min-size`, {}", self.config.min_size)));
        }
        let air = match index.air(u64::try_from(self.facts.block).unwrap_or(8192)) {
            Ok(air) => air,
            Err(why) => return rule(40, why),
        };
        if air <= self.config.bloat.get() {
            return Err((51, format!("not more than {} of it is air", self.config.bloat)));
        }
        if index.busy {
            return rule(23, "another session is at work on its table, such as autovacuum");
        }
        let share: Share = format!("{:.0}%", air * 100.0).parse().unwrap_or(self.config.bloat);
        Ok((air * bytes as f64, self.rebuild(index, all, bytes, format!("about {share} of it is air"))))
    }

    fn rebuild(&self, index: &Index, all: &[Index], bytes: u64, why: String) -> Planned<Step> {
        let shown = self.shown(index);
        let is_before = |other: &&Index| {
            other.oid != index.oid
                && !other.valid
                && other.table_oid == index.table_oid
                && leftover_of(&other.name, &index.name) == Some(Leftover::New)
        };
        let before = all.iter().filter(is_before).map(|other| other.oid).collect();
        let air = index.air(u64::try_from(self.facts.block).unwrap_or(8192)).ok();
        let mut not_simulated = vec![
            "how large it will be: the share of air is an estimate from the statistics".to_owned(),
            "which transactions will be open, for whose end it waits".to_owned(),
        ];
        if let Err(why) = self.room.free(index.tablespace.as_deref()) {
            let needed = ByteSize(needed(bytes));
            not_simulated.push(format!("whether {needed} are free where it lies: {why}"));
        }
        if self.facts.slots {
            not_simulated.push("how far standbys and slots fall behind by the log that it writes".to_owned());
        }
        Planned {
            what: format!("rebuild {shown}, {}, beside its use: {why}", ByteSize(bytes)),
            target: shown,
            step: self.step(index, Work::Rebuild { before }),
            risk: Risk::Disruptive,
            bytes: air.map(|air| (air * bytes as f64) as i64),
            seconds: Some((bytes as f64 * 2.0 / SPEED).round().max(1.0)),
            locks: vec![
                "SHARE UPDATE EXCLUSIVE on the table: reading and writing go on, changes of its form wait".to_owned(),
            ],
            undo: Undo::Possible(
                "the unfinished copy is dropped; the index itself is used until the copy takes its place".into(),
            ),
            not_simulated,
        }
    }

    fn drop(&self, index: &Index, whole: &Index, bytes: u64) -> Planned<Step> {
        let shown = self.shown(index);
        Planned {
            what: format!("drop {shown}, {}: left by a rebuild of {} that did not end", ByteSize(bytes), whole.shown()),
            target: shown,
            step: self.step(index, Work::Drop),
            // Nothing reads it; what waits is whoever changes the form of the table.
            risk: Risk::Disruptive,
            bytes: i64::try_from(bytes).ok(),
            seconds: Some(1.0),
            locks: vec![
                "SHARE UPDATE EXCLUSIVE on the table: reading and writing go on, changes of its form wait".to_owned(),
            ],
            undo: Undo::Impossible(NO_WAY_BACK.to_owned()),
            not_simulated: vec!["which transactions will be open, for whose end it waits".to_owned()],
        }
    }

    fn step(&self, index: &Index, work: Work) -> Step {
        Step {
            database: self.database.to_owned(),
            table: index.relation(),
            index: index.oid,
            file: index.file,
            name: index.name.clone(),
            form: index.form.clone(),
            work,
        }
    }
}
