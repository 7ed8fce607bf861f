//! The action `postgres-analyze`: statistics are made anew where rows have changed since, so that the planner knows what
//! tables hold.
//!
//! A table is due if more rows have changed since it was analysed than `changed` of its rows and `changed-rows` together, or
//! if it was never analysed and is not empty. `ANALYZE` reads a sample and holds nobody up who reads or writes.
//!
//! Materialised views, temporary tables and the parents of partitions are not looked at: servers do not count what changes in
//! the latter.

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
    /// The settings of `postgres-analyze`.
    pub struct Config {
        /// Which share of the rows of a table has to have changed, besides `changed-rows`. Default: 10%.
        #[serde(default = "tenth")]
        changed: Share,
        /// How many rows have to have changed besides. Default: 1000.
        #[serde(default = "thousand")]
        changed_rows: NonZeroU32,
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
        /// How long one table may take, from 1s to 7d. Default: 10m.
        #[serde(default = "ten_minutes")]
        statement_timeout: StatementTimeout,
    }
}

#[expect(clippy::expect_used, reason = "the text is part of this program, and every test of the kind reads it")]
fn tenth() -> Share {
    "10%".parse().expect("it is a share")
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

fn ten_minutes() -> StatementTimeout {
    Span::millis(600_000)
}

/// One table that is to be analysed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The database.
    pub database: String,
    /// The table.
    pub table: Relation,
    /// How often it had been analysed by hand when the plan was made: by that it is seen whether it was done.
    pub analyzed: i64,
}

const CODES: &[Code] = &[Code::new(
    "not-analysed",
    "A table was analysed, and the server's statistics do not show it.",
    "Look at the server's log; a server that fell loses its statistics, and the next plan has the table again.",
)];

/// The action `postgres-analyze`.
#[derive(Clone, Debug)]
pub struct PostgresAnalyze {
    config: Config,
    held: Held,
}

impl PostgresAnalyze {
    /// Looks at a table that may have been served.
    async fn look_after(&self, step: &Step, cx: &Context) -> Result<Option<Table>> {
        let is_done = |now: &Table| now.analyzed > step.analyzed;
        look_for(&self.config.scope(), &step.database, &step.table, cx, is_done).await
    }
}

impl Action for PostgresAnalyze {
    type Config = Config;
    type Step = Step;
    const META: Meta = Meta::new("postgres-analyze", Area::Database, "makes the planner's statistics of tables anew")
        .readme(include_str!("README.md"))
        .sample(include_str!("sample.toml"))
        .codes(CODES)
        .needs("a role that owns the tables or the database and may read them; `pg_monitor` to name who is in the way");

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
        if before.analyzed > step.analyzed && before.relation() == step.table {
            return Ok(Applied::AlreadyDone);
        }
        let worker = Worker { scope, held: &self.held, keys: cx };
        let statement = format!("ANALYZE {}", step.table.quoted());
        let (database, progress) = (step.database.as_str(), Progress::Analyze);
        let job = Job { database, table: &step.table, index: None, statement: &statement, progress };
        let notices = match worker.patiently(&job, cx).await?.or_why(&scope) {
            Ok(notices) => notices,
            Err(why) => return Ok(Applied::Skipped(why)),
        };
        match self.look_after(step, cx).await? {
            Some(after) if after.analyzed > step.analyzed => Ok(Applied::Changed(format!(
                "analysed: {} rows had changed, {} rows now",
                Plain::count(before.changed),
                Plain::count(after.live)
            ))),
            _ => Err(left(&notices)),
        }
    }

    async fn probe(&self, step: &Step, cx: &Context) -> Result<Seen> {
        // What cannot be shown to have happened counts as not done: to do it again harms nothing.
        Ok(match self.look_after(step, cx).await? {
            Some(now) if now.relation() == step.table && now.analyzed > step.analyzed => Seen::After,
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
            // Whoever dropped or emptied it meanwhile needs no statistics of it.
            let is_done = now.is_none_or(|now| now.relation() != step.table || now.analyzed > step.analyzed);
            if !is_done {
                let subject = step.table.shown();
                findings.push(Finding::critical("not-analysed", subject, "the server's statistics do not show it"));
            }
        }
        Ok(findings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_settings_with_every_line_of_it() {
        crate::postgres::maintenance::sample::<PostgresAnalyze>();
    }
}
