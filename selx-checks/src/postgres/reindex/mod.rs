//! The action `postgres-reindex`: indexes that are invalid or mostly air are built anew beside their use, and what earlier
//! rebuilds left behind is dropped. `REINDEX` without `CONCURRENTLY`, which locks writers out, is never done.
//!
//! How much of an index is air is estimated for B-trees, without reading them: from the number of rows and the average width
//! of the columns, as the statistics of the table have them, follows how large the index would be if it were made anew; what
//! it is larger by is air. Tables whose statistics are missing or old have no estimate, and are left alone until they are
//! analysed.
//!
//! A rebuild waits, several times, for transactions that are open. Nobody who reads or writes waits for it meanwhile; whoever
//! changes the form of the table does. So none is begun while transactions are older than `max-transaction-age`, and one that
//! waits longer than `lock-timeout` is given up and its unfinished copy dropped.

mod indexes;
mod plan;
mod rebuild;
mod state;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use selx_core::action::{Action, Applied, Permit, Plan, Seen, Tried};
use selx_core::{Area, ByteSize, Code, Context, Finding, Meta, Result, Share};
use serde::{Deserialize, Serialize};

use super::maintenance::{Held, LockTimeout, Relation, Span, StatementTimeout, TransactionAge, lock, place, settings};
use state::State;

settings! {
    /// The settings of `postgres-reindex`.
    pub struct Config {
        /// Which share of an index has to be air, by the estimate. An index that is used at random settles at about a quarter,
        /// which is no reason to rebuild it. Default: 50%.
        #[serde(default = "half")]
        bloat: Share,
        /// How large an index has to be. One that is invalid is rebuilt however small it is. Default: 10 MiB.
        #[serde(default = "ten_mib")]
        min_size: ByteSize,
        /// How large an index may be; larger ones are left alone. Default: 100 GiB.
        #[serde(default = "crate::postgres::maintenance::hundred_gib")]
        max_size: ByteSize,
        /// How many indexes one plan has; what is invalid comes first, then what wastes most, and the next plan has the
        /// others. Default: 20.
        #[serde(default = "twenty")]
        max_indexes: NonZeroU32,
        /// How old the transactions of others may be when a rebuild begins, from 100ms to 1d: it would wait for their end.
        /// Default: 1m.
        #[serde(default = "one_minute")]
        max_transaction_age: TransactionAge,
        /// How long a rebuild waits for the lock of a table, and each time for the transactions of others, from 10ms to 10m.
        /// Default: 10s, since nobody who reads or writes waits behind it.
        #[serde(default = "ten_seconds")]
        lock_timeout: LockTimeout,
        /// How long one index may take, from 1s to 7d. Default: 2h.
        #[serde(default = "two_hours")]
        statement_timeout: StatementTimeout,
    }
}

#[expect(clippy::expect_used, reason = "the text is part of this program, and every test of the kind reads it")]
fn half() -> Share {
    "50%".parse().expect("it is a share")
}

fn ten_mib() -> ByteSize {
    ByteSize(10 << 20)
}

fn twenty() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(19)
}

fn one_minute() -> TransactionAge {
    Span::millis(60_000)
}

fn ten_seconds() -> LockTimeout {
    Span::millis(10_000)
}

fn two_hours() -> StatementTimeout {
    Span::millis(7_200_000)
}

/// What happens to an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Work {
    /// It is built anew beside its use.
    Rebuild {
        /// The numbers of the leftovers that were there before: they are not of this rebuild.
        before: Vec<u32>,
    },
    /// It is the leftover of a rebuild, and is dropped.
    Drop,
}

/// One index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The database.
    pub database: String,
    /// Its table.
    pub table: Relation,
    /// Its number in the catalogue of the database; a rebuild gives it another one.
    pub index: u32,
    /// The number of its file.
    pub file: u32,
    /// Its name, in the schema of the table.
    pub name: String,
    /// What it is, whatever it is called: columns, operators, order, condition, place and options.
    pub form: String,
    /// What happens to it.
    pub work: Work,
}

const CODES: &[Code] = &[
    Code::new(
        "not-rebuilt",
        "An index was rebuilt, and it is invalid or the same as before.",
        "Look at the server's log, and make the plan anew.",
    ),
    Code::new(
        "left-behind",
        "What a rebuild made for itself is still there: it slows every write down.",
        "A transaction was in the way; the next plan drops it.",
    ),
    Code::new("not-dropped", "A leftover that was dropped is there.", "Look who makes such indexes again."),
];

/// An old form of an index that is still to go: its database, table and step.
type Remainder = (Step, u32);

/// The action `postgres-reindex`.
#[derive(Clone, Debug)]
pub struct PostgresReindex {
    config: Config,
    held: Held,
    /// Old forms of indexes that were rebuilt and that a transaction, or a death, kept from being dropped.
    remainders: Arc<Mutex<Vec<Remainder>>>,
}

impl PostgresReindex {
    fn remember(&self, step: &Step, index: u32) {
        let mut remainders = self.remainders.lock().unwrap_or_else(PoisonError::into_inner);
        if !remainders.iter().any(|(_, known)| *known == index) {
            remainders.push((step.clone(), index));
        }
    }
}

impl Action for PostgresReindex {
    type Config = Config;
    type Step = Step;
    const META: Meta = Meta::new(
        "postgres-reindex",
        Area::Database,
        "rebuilds indexes that are invalid or mostly air, beside their use",
    )
    .readme(include_str!("README.md"))
    .sample(include_str!("sample.toml"))
    .codes(CODES)
    .needs("a role that owns the indexes and may read their tables, and is a member of `pg_monitor`");

    fn new(config: Config) -> Self {
        Self { config, held: Held::default(), remainders: Arc::default() }
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
        match step.work {
            Work::Rebuild { .. } => self.rebuild(step, cx).await,
            Work::Drop => self.drop_leftover(step, cx).await,
        }
    }

    async fn probe(&self, step: &Step, cx: &Context) -> Result<Seen> {
        let seen = self.look(step, cx).await?;
        let Work::Rebuild { before } = &step.work else {
            return Ok(if seen.indexes.iter().any(|index| index.oid == step.index) {
                Seen::Before
            } else {
                Seen::After
            });
        };
        Ok(match state::state(step.as_rebuild(before), &seen.indexes) {
            State::Untouched | State::Gone(_) => Seen::Before,
            State::Half(copies) => {
                let names: Vec<String> = copies.iter().map(|index| index.shown()).collect();
                Seen::Partial(format!("an unfinished copy is there: {}", names.join(", ")))
            }
            State::Rebuilt { old, .. } => {
                if let Some(old) = old {
                    self.remember(step, old.oid);
                }
                Seen::After
            }
        })
    }

    async fn undo(&self, step: &Step, _: &Permit, cx: &Context) -> Result<Applied> {
        self.drop_copies(step, cx).await
    }

    async fn tidy(&self, _: &Permit, cx: &Context) -> Result<()> {
        self.drop_remainders(cx).await
    }

    async fn verify(&self, done: &[Step], cx: &Context) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        for step in done {
            let seen = self.look(step, cx).await?;
            let subject = step.shown();
            let Work::Rebuild { before } = &step.work else {
                if seen.indexes.iter().any(|index| index.oid == step.index) {
                    findings.push(Finding::critical("not-dropped", subject, "is still there"));
                }
                continue;
            };
            match state::state(step.as_rebuild(before), &seen.indexes) {
                State::Rebuilt { old: None, .. } | State::Gone(_) => {}
                State::Rebuilt { old: Some(old), .. } => {
                    let text = format!("it was rebuilt, and its old form {} is still there", old.shown());
                    findings.push(Finding::critical("left-behind", subject, text));
                }
                State::Half(copies) => {
                    let text = format!("{} unfinished copies are there", copies.len());
                    findings.push(Finding::critical("left-behind", subject, text));
                }
                State::Untouched => findings.push(Finding::critical("not-rebuilt", subject, "is the same as before")),
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
        crate::postgres::maintenance::sample::<PostgresReindex>();
    }
}
