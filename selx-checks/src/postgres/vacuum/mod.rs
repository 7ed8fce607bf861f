//! The action `postgres-vacuum`: the room of dead rows is made free for new ones, and old rows are frozen before the
//! numbers of transactions run out. `VACUUM FULL`, which locks a table for everybody, is never done.
//!
//! A table is due if it has more dead rows than `dead` of its live ones and `dead-rows` together. It is frozen if its oldest
//! transaction, or its oldest shared row lock, is older than `freeze-age` of what the server itself allows before it begins
//! to freeze at a time of its own choosing.

mod plan;

use std::path::PathBuf;

use std::num::NonZeroU32;

use selx_core::action::{Action, Applied, Permit, Plan, Seen, Tried};
use selx_core::{Area, ByteSize, Code, Context, Error, ErrorKind, Finding, Meta, Result, Share};
use serde::{Deserialize, Serialize};

use super::maintenance::catalogue::{Table, look, look_for};
use super::maintenance::failure::left;
use super::maintenance::{
    Held, Job, LockTimeout, Plain, Progress, Relation, Span, StatementTimeout, Worker, lock, place, settings,
};

settings! {
    /// The settings of `postgres-vacuum`.
    pub struct Config {
        /// Which share of the live rows of a table has to be dead, besides `dead-rows`. Default: 10%.
        #[serde(default = "tenth")]
        dead: Share,
        /// How many rows have to be dead besides. Default: 1000.
        #[serde(default = "thousand")]
        dead_rows: NonZeroU32,
        /// From which share of `autovacuum_freeze_max_age`, and of its like for shared row locks, a table is frozen, however
        /// few rows are dead. Default: 75%.
        #[serde(default = "three_quarters")]
        freeze_age: Share,
        /// Whether empty pages at the end of a table are given back to the disk, for which everybody waits for a moment.
        /// Default: false.
        #[serde(default)]
        truncate: bool,
        /// Whether the tables of the server itself are looked after as well. Default: false.
        #[serde(default)]
        system: bool,
        /// How many tables one plan has; those most in need come first, and the next plan has the others. Default: 100.
        #[serde(default = "hundred")]
        max_tables: NonZeroU32,
        /// How large a table may be; larger ones are left alone. Default: 100 GiB.
        #[serde(default = "crate::postgres::maintenance::hundred_gib")]
        max_size: ByteSize,
        /// How long the lock of a table is waited for, from 10ms to 10m. Default: 500ms, which is less than the second after
        /// which a server ends an autovacuum that somebody waits for.
        #[serde(default = "half_a_second")]
        lock_timeout: LockTimeout,
        /// How long one table may take, from 1s to 7d; what is ended then has done its part, and the rest is done another
        /// time. Default: 2h.
        #[serde(default = "two_hours")]
        statement_timeout: StatementTimeout,
    }
}

#[expect(clippy::expect_used, reason = "the text is part of this program, and every test of the kind reads it")]
fn tenth() -> Share {
    "10%".parse().expect("it is a share")
}

#[expect(clippy::expect_used, reason = "the text is part of this program, and every test of the kind reads it")]
fn three_quarters() -> Share {
    "75%".parse().expect("it is a share")
}

fn thousand() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(999)
}

fn hundred() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(99)
}

fn half_a_second() -> LockTimeout {
    Span::millis(500)
}

fn two_hours() -> StatementTimeout {
    Span::millis(7_200_000)
}

/// One table that is to be vacuumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The database.
    pub database: String,
    /// The table.
    pub table: Relation,
    /// Whether its rows are frozen.
    pub freeze: bool,
    /// How often it had been vacuumed by hand when the plan was made: by that it is seen whether it was done.
    pub vacuumed: i64,
}

const CODES: &[Code] = &[
    Code::new(
        "not-vacuumed",
        "A table was vacuumed, and the server's statistics do not show it.",
        "Look at the server's log; a server that fell loses its statistics, and the next plan has the table again.",
    ),
    Code::new(
        "not-removable",
        "Dead rows stayed: somebody may still see them.",
        "`postgres-activity` names who holds vacuum back: a long transaction, a prepared one, a slot or a standby.",
    ),
    Code::new(
        "not-frozen",
        "A table was frozen, and its oldest transaction is as old as before.",
        "`postgres-activity` names who holds vacuum back: a long transaction, a prepared one, a slot or a standby.",
    ),
];

/// The action `postgres-vacuum`.
#[derive(Clone, Debug)]
pub struct PostgresVacuum {
    config: Config,
    held: Held,
}

impl Action for PostgresVacuum {
    type Config = Config;
    type Step = Step;
    const META: Meta =
        Meta::new("postgres-vacuum", Area::Database, "frees the room of dead rows, and freezes old ones")
            .readme(include_str!("README.md"))
            .sample(include_str!("sample.toml"))
            .codes(CODES)
            .needs(
                "a role that owns the tables or the database and may read them; `pg_monitor` to name who is in the way",
            );

    fn new(config: Config) -> Self {
        Self { config, held: Held::default() }
    }

    fn resources(&self) -> Vec<String> {
        vec![self.config.scope().resource()]
    }

    async fn places(&self, cx: &Context) -> Vec<PathBuf> {
        place(&self.config.scope().server, cx).await.into_iter().collect()
    }

    async fn lock(&self, cx: &Context) -> Result<Vec<(String, Tried)>> {
        lock(&self.config.scope(), &self.held, cx).await
    }

    async fn plan(&self, cx: &Context) -> Result<Plan<Step>> {
        plan::plan(&self.config, cx).await
    }

    async fn apply(&self, step: &Step, _: &Permit, cx: &Context) -> Result<Applied> {
        let scope = self.config.scope();
        let Some(before) = look(&scope, &step.database, &step.table, cx).await? else {
            return Ok(Applied::Skipped("it is not there any more".to_owned()));
        };
        if before.vacuumed > step.vacuumed && before.relation() == step.table {
            return Ok(Applied::AlreadyDone);
        }
        let worker = Worker { scope, held: &self.held, keys: cx };
        let statement = self.statement(step);
        let (database, progress) = (step.database.as_str(), Progress::Vacuum);
        let job = Job { database, table: &step.table, index: None, statement: &statement, progress };
        let notices = match worker.patiently(&job, cx).await?.or_why(&scope) {
            Ok(notices) => notices,
            Err(why) => return Ok(Applied::Skipped(why)),
        };
        match self.look_after(step, cx).await? {
            Some(after) if after.vacuumed > step.vacuumed => Ok(Applied::Changed(change(step, &before, &after))),
            _ => Err(left(&notices)),
        }
    }

    async fn probe(&self, step: &Step, cx: &Context) -> Result<Seen> {
        // What was done in part is no other state: the rest is done another time, and to do it again harms nothing.
        Ok(match self.look_after(step, cx).await? {
            Some(now) if now.relation() == step.table && now.vacuumed > step.vacuumed => Seen::After,
            _ => Seen::Before,
        })
    }

    async fn undo(&self, _: &Step, _: &Permit, _: &Context) -> Result<Applied> {
        Err(Error::new(ErrorKind::NotApplicable, plan::NO_WAY_BACK))
    }

    async fn verify(&self, done: &[Step], cx: &Context) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        for step in done {
            let now = self.look_after(step, cx).await?;
            let Some(now) = now.filter(|now| now.relation() == step.table) else { continue };
            let subject = step.table.shown();
            if now.vacuumed <= step.vacuumed {
                findings.push(Finding::critical("not-vacuumed", subject, "the server's statistics do not show it"));
                continue;
            }
            let limit = self.config.dead.get() * now.live + f64::from(self.config.dead_rows.get());
            if now.dead > limit {
                let text = format!("{} dead rows are still there", Plain::count(now.dead));
                findings.push(Finding::warning("not-removable", subject.clone(), text));
            }
            if step.freeze && plan::is_old(&self.config, &now, plan::limits(&self.config, cx).await?) {
                let text = format!("its oldest transaction is still {} transactions old", Plain::count(now.age));
                findings.push(Finding::warning("not-frozen", subject, text));
            }
        }
        Ok(findings)
    }
}

impl PostgresVacuum {
    /// Looks at a table that may have been served.
    async fn look_after(&self, step: &Step, cx: &Context) -> Result<Option<Table>> {
        let is_done = |now: &Table| now.vacuumed > step.vacuumed;
        look_for(&self.config.scope(), &step.database, &step.table, cx, is_done).await
    }

    fn statement(&self, step: &Step) -> String {
        let mut options = Vec::new();
        if step.freeze {
            options.push("FREEZE");
        }
        options.push(if self.config.truncate { "TRUNCATE TRUE" } else { "TRUNCATE FALSE" });
        format!("VACUUM ({}) {}", options.join(", "), step.table.quoted())
    }
}

fn change(step: &Step, before: &Table, after: &Table) -> String {
    let mut text = format!("{} dead rows before, {} now", Plain::count(before.dead), Plain::count(after.dead));
    if let (Some(before), Some(after)) = (before.bytes, after.bytes) {
        text.push_str(&format!("; {} before, {} now", ByteSize(before), ByteSize(after)));
    }
    if step.freeze {
        let (before, after) = (Plain::count(before.age), Plain::count(after.age));
        text.push_str(&format!("; its oldest transaction was {before} transactions old, and is {after}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_settings_with_every_line_of_it() {
        crate::postgres::maintenance::sample::<PostgresVacuum>();
    }
}
