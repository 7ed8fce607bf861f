//! The kind `postgres-activity`: what the sessions of a PostgreSQL server do, and what stands in their way.

mod facts;
mod judge;
mod locks;
mod numbers;
mod probe;
mod questions;

use std::sync::Arc;

use selx_core::{
    Area, Check, Code, Context, Discovery, Judgement, Judging, Limit, Limits, Measure, MeasureDoc, Meta, Result, Unit,
};

pub use facts::{Database, Facts, Group, Look, Prepared, Replay, Server, Session, Slot, Standby, Table};

use super::discover;
use super::server::settings;

settings! {
    /// The settings of `postgres-activity`.
    pub struct Config {}
}

/// The check.
#[derive(Clone, Debug)]
pub struct PostgresActivity(Arc<Config>);

impl Check for PostgresActivity {
    type Config = Config;
    type Facts = Facts;

    const META: Meta = Meta::new(
        "postgres-activity",
        Area::Database,
        "connections, long transactions, locks, wraparound and replication of a PostgreSQL server",
    )
    .readme(include_str!("README.md"))
    .sample(include_str!("sample.toml"))
    .codes(CODES)
    .passing(&["not-connected", "not-logged-in", "query-failed"])
    .measures(MEASURES)
    .routines(&["daily", "emergency"])
    .remembers()
    .needs("a role that is a member of `pg_monitor`, or of `pg_read_all_stats`");

    fn new(config: Config) -> Self {
        Self(Arc::new(config))
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        probe::probe(&self.0.server(), cx).await
    }

    fn judge(&self, facts: &Facts, _: &Judging<Facts>) -> Judgement {
        judge::judge(&self.0.target.to_string(), facts)
    }

    fn measure(&self, facts: &Facts, cx: &Judging<Facts>) -> Vec<Measure> {
        numbers::measure(facts, cx)
    }

    fn limits(&self) -> Limits {
        let seconds = |warning, critical| Limit::new(Unit::Seconds, warning, critical);
        let count = |warning, critical| Limit::new(Unit::Count, warning, critical);
        let bytes = |warning, critical| Limit::new(Unit::Bytes, warning, critical);
        Limits::default()
            .set("connections", count("80%", "90%"))
            .set("longest-query", seconds("1h", ""))
            .set("longest-transaction", seconds("1h", "12h"))
            .set("idle-in-transaction", seconds("10m", "2h"))
            // A lock that is waited for by people is felt after seconds.
            .set("longest-wait", seconds("30s", "5m"))
            .set("prepared", seconds("1h", "12h"))
            .set("held-back", count("10000000", "200000000"))
            // Vacuum begins by itself at the whole of it; half as much again says that it does not get through.
            .set("freeze-age", count("150%", ""))
            .set("wraparound", count("25%", "50%"))
            .set("multixact-wraparound", count("25%", "50%"))
            .set("slot-wal", bytes("5GiB", "20GiB"))
            .set("standby-lag", seconds("1m", "10m"))
            .set("replay-lag", seconds("5m", "1h"))
            .set("deadlocks", count("0", ""))
            .set("temp-bytes", bytes("10GiB", ""))
    }

    async fn discover(cx: &Context) -> Discovery {
        discover::activity(cx).await
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
        "The server let the role in and did not answer what it was asked.",
        "Look at its message; a time limit means that the catalogue is locked or the machine is overloaded.",
    ),
    Code::new(
        "not-seen",
        "The server does not say what its sessions do.",
        "Set `track_activities = on`, the default.",
    ),
    Code::new(
        "blocks-others",
        "A session holds a lock that others wait for.",
        "Let its owner commit or roll back; if it cannot, end it with `pg_terminate_backend`.",
    ),
    Code::new(
        "slot-inactive",
        "Nobody reads from a replication slot, and the server keeps its log for it until the disk is full.",
        "Bring its reader back, or drop the slot: SELECT pg_drop_replication_slot('NAME').",
    ),
    Code::new(
        "slot-lost",
        "The log that a replication slot needs is gone, or about to go.",
        "Build its reader anew and drop the slot; then look at `max_slot_wal_keep_size`.",
    ),
    Code::new(
        "standby-cut-off",
        "A standby gets no log from its primary.",
        "Look at the log of the standby: the network, the password in `primary_conninfo`, a slot that is gone.",
    ),
    Code::new(
        "behind-a-pooler",
        "A pooler answers in front of the server.",
        "Give the check the address of the server itself, or ask the pooler with `SHOW POOLS` besides.",
    ),
];

const ENDS: &str = "See by `-v` which session it is; let its owner end it, or end it with `pg_terminate_backend`.";
const FREEZE: &str = "See by `-v` which database and table; end what holds vacuum back, then VACUUM FREEZE the table. \
     At the end of the numbers the server takes no more writes.";

const MEASURES: &[MeasureDoc] = &[
    MeasureDoc::new(
        "connections",
        Unit::Count,
        "number of connections taken, of those that ordinary roles may have",
        "Look which application opens them (`application_name`), and put a pooler in front.",
    )
    .called("connections used"),
    MeasureDoc::new("longest-query", Unit::Seconds, "time that the longest query has run", ENDS).called("longest query"),
    MeasureDoc::new("longest-transaction", Unit::Seconds, "age of the oldest open transaction of a client", ENDS)
        .called("longest transaction"),
    MeasureDoc::new(
        "idle-in-transaction",
        Unit::Seconds,
        "longest time that a session has done nothing in its open transaction",
        "The application forgot to commit; see by `-v` which, and set `idle_in_transaction_session_timeout`.",
    )
    .called("longest idle in transaction"),
    MeasureDoc::new(
        "idle-in-transaction-sessions",
        Unit::Count,
        "number of sessions that do nothing in an open transaction",
        "Look at the application: it holds transactions open while it does something else.",
    )
    .called("sessions idle in transaction"),
    MeasureDoc::new("waiting", Unit::Count, "number of sessions that wait for a lock, fifty at most", ENDS)
        .called("sessions that wait for a lock"),
    MeasureDoc::new("longest-wait", Unit::Seconds, "longest time that a session has waited for a lock", ENDS)
        .called("longest wait for a lock"),
    MeasureDoc::new(
        "prepared",
        Unit::Seconds,
        "age of the oldest prepared transaction",
        "List them in `pg_prepared_xacts`; COMMIT PREPARED or ROLLBACK PREPARED what nobody will end.",
    )
    .called("oldest prepared transaction"),
    MeasureDoc::new(
        "held-back",
        Unit::Count,
        "number of transactions since the oldest that is still held, by what holds it: session, prepared transaction, \
         replication slot, standby",
        "See by `-v` who holds it; until it ends, vacuum cannot remove what was deleted since.",
    )
    .called("transactions held back from vacuum"),
    MeasureDoc::new(
        "freeze-age",
        Unit::Count,
        "age of the oldest database in transactions, of `autovacuum_freeze_max_age`",
        FREEZE,
    )
    .called("age of the oldest database"),
    MeasureDoc::new(
        "wraparound",
        Unit::Count,
        "age of the oldest database in transactions, of the 2³¹ that there are",
        FREEZE,
    )
    .called("transaction numbers used"),
    MeasureDoc::new(
        "multixact-wraparound",
        Unit::Count,
        "age of the oldest shared row lock, of the 2³¹ that there are",
        FREEZE,
    )
    .called("multixact numbers used"),
    MeasureDoc::new(
        "slot-wal",
        Unit::Bytes,
        "size of the log kept for a replication slot",
        "Bring its reader back, or drop the slot, before the disk is full.",
    )
    .called("log kept"),
    MeasureDoc::new(
        "standby-behind",
        Unit::Bytes,
        "size of the log that a standby has not replayed",
        "Look at the network and the disk of the standby.",
    )
    .called("log not replayed"),
    MeasureDoc::new(
        "standby-lag",
        Unit::Seconds,
        "time that a standby is behind, as its primary sees it",
        "Look at the network and the disk of the standby, and for a query there that replay waits for.",
    )
    .called("standby behind by"),
    MeasureDoc::new(
        "replay-lag",
        Unit::Seconds,
        "time since the last transaction that this standby replayed; zero if it replayed all that it got",
        "Look whether the primary is reached, and for a query here that replay waits for.",
    )
    .called("replay behind by"),
    MeasureDoc::new(
        "deadlocks",
        Unit::Count,
        "number of deadlocks since the last look",
        "Look in the server's log for `deadlock detected`: it names both queries.",
    )
    .called("deadlocks since the last look"),
    MeasureDoc::new(
        "temp-bytes",
        Unit::Bytes,
        "size of the temporary files written since the last look",
        "Set `log_temp_files` to see which queries; raise `work_mem` for them or give them an index.",
    )
    .called("temporary files since the last look"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contract() {
        selx_core::contract::check::<PostgresActivity>(concat!(env!("CARGO_MANIFEST_DIR"), "/src/postgres/activity"));
    }
}
