//! The kind `sql-query`: what a query gives, as a table and as numbers.

mod config;
mod judge;
mod preset;
mod probe;
mod table;
mod value;

use std::sync::Arc;

use selx_core::{
    Area, Check, Code, Context, Discovery, Judgement, Judging, Limit, Limits, Measure, MeasureDoc, Meta, Result, Unit,
};
use serde::{Deserialize, Serialize};

pub use config::{Config, Preset, Rows, Settings, Sql, WhenEmpty, Zone};
pub use value::Sort;

use super::{Trouble, Way, discover};

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Facts {
    /// How the server was reached.
    pub way: Way,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// What came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// What came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Answer {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows; a value that is none is NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// Whether there are more rows than were read.
    #[serde(default)]
    pub more: bool,
    /// Seconds from the question to the end of the answer.
    pub took: f64,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What stands in it.
    pub sort: Sort,
}

/// The check.
#[derive(Clone, Debug)]
pub struct SqlQuery(Arc<Settings>);

impl Check for SqlQuery {
    type Config = Config;
    type Facts = Facts;

    const META: Meta =
        Meta::new("sql-query", Area::Database, "what a query gives, as a table and as numbers with limits")
            .readme(include_str!("README.md"))
            .sample(include_str!("sample.toml"))
            .codes(CODES)
            .passing(&["not-connected", "not-logged-in", "out-of-time"])
            .measures(MEASURES)
            .needs("a role that may read the tables of the query");

    fn new(config: Config) -> Self {
        Self(Arc::new(config.0))
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        probe::probe(&self.0, cx).await
    }

    fn judge(&self, facts: &Facts, cx: &Judging<Facts>) -> Judgement {
        judge::judge(&self.0, facts, cx.now.at)
    }

    fn measure(&self, facts: &Facts, cx: &Judging<Facts>) -> Vec<Measure> {
        judge::measure(&self.0, facts, cx.now.at)
    }

    fn limits(&self) -> Limits {
        let limits = Limits::default();
        if self.0.preset == Some(Preset::TasksFailureRate) {
            limits.set("failure-rate", Limit::new(Unit::Ratio, "1%", "5%"))
        } else {
            limits
        }
    }

    async fn discover(cx: &Context) -> Discovery {
        discover::query(cx).await
    }
}

const CODES: &[Code] = &[
    Code::new(
        "not-connected",
        "The server could not be reached, or what answers is no PostgreSQL.",
        "A `postgres-ready` check of the same target says more.",
    ),
    Code::new(
        "not-logged-in",
        "The server did not let the role in.",
        "Look at its message: all connections taken, a wrong password, no line in `pg_hba.conf`, a database that is gone.",
    ),
    Code::new(
        "query-failed",
        "The server could not answer the query.",
        "Run it by hand with `psql` as the same role; the evidence shows the place that the server names.",
    ),
    Code::new(
        "out-of-time",
        "The server ended the query because it took longer than `statement-timeout`, or waited for a lock.",
        "Look at its plan (`EXPLAIN`): an index may be missing; ask for less, or allow more time.",
    ),
    Code::new(
        "not-allowed",
        "The role may not read what the query asks for.",
        "Let the owner of the table say: GRANT SELECT ON TABLE … TO ROLE.",
    ),
    Code::new("no-rows", "The query gave no row.", "Look whether that can be; `when-empty` says what it means."),
    Code::new(
        "no-number",
        "The value of a row is NULL or no number, so that no limit can judge it.",
        "Let the query give a number (`coalesce`), or leave such rows out; `when-empty` says what it means.",
    ),
    Code::new(
        "no-tasks",
        "There was not one task, so that nothing can be said of how many fail.",
        "Look whether the application and its workers run; `when-empty` says what it means.",
    ),
    Code::new(
        "more-rows",
        "There are more rows than are read, so that the rest is not judged.",
        "Let the query give less (`LIMIT`, sums), or raise `max-rows` and `max-bytes`.",
    ),
];

const MEASURES: &[MeasureDoc] = &[
    MeasureDoc::new(
        "value",
        Unit::Count,
        "number in the column `value`, or else in the first column of numbers, by the first column of texts",
        "Look at the rows with `-v`.",
    ),
    MeasureDoc::new(
        "duration",
        Unit::Seconds,
        "length of time, where that column holds intervals",
        "Look at the rows with `-v`.",
    ),
    MeasureDoc::new(
        "age",
        Unit::Seconds,
        "time since the moment, where that column holds times with a zone",
        "Look at the rows with `-v`.",
    ),
    MeasureDoc::new("rows", Unit::Count, "number of rows that were read", "Look at the rows with `-v`.")
        .called("rows read"),
    MeasureDoc::new(
        "failure-rate",
        Unit::Ratio,
        "share of the tasks of the last 24 hours that failed",
        "Look at the log of the workers, and at the newest failed tasks.",
    )
    .called("tasks failed"),
    MeasureDoc::new(
        "failed",
        Unit::Count,
        "number of tasks of the last 24 hours that failed",
        "Look at the log of the workers.",
    )
    .called("number of failed tasks"),
    MeasureDoc::new(
        "total",
        Unit::Count,
        "number of tasks of the last 24 hours",
        "Look whether work comes in and is done.",
    )
    .called("number of tasks"),
    MeasureDoc::new(
        "took",
        Unit::Seconds,
        "time from the question to the end of the answer",
        "Look at the plan of the query (`EXPLAIN`) and at the load of the server.",
    )
    .called("time of the query"),
];

/// Reads a text as a value of every sort: the fuzzer's door.
#[cfg(feature = "fuzz")]
pub(super) fn fuzz_values(text: &str) {
    for sort in [Sort::Number, Sort::Interval, Sort::Moment, Sort::Text] {
        let _ = sort.number(text, jiff::Timestamp::UNIX_EPOCH);
    }
    let column = |sort| Column { name: text.to_owned(), sort };
    let answer = Answer {
        columns: vec![column(Sort::Text), column(Sort::Number)],
        rows: vec![vec![Some(text.to_owned()), None]],
        ..Answer::default()
    };
    assert_eq!(table::lines(&answer).len(), 2);
    let place = u32::try_from(text.len() / 2).unwrap_or(0);
    let _ = table::place(text, place);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contract() {
        selx_core::contract::check::<SqlQuery>(concat!(env!("CARGO_MANIFEST_DIR"), "/src/postgres/query"));
    }
}
