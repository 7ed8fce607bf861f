//! The kind `postgres-ready`: a PostgreSQL server accepts, and lets this role into this database.

mod judge;
mod probe;

use std::sync::Arc;

use schemars::JsonSchema;
use selx_core::{
    Area, Check, Code, Context, Discovery, Judgement, Judging, Limit, Limits, Measure, MeasureDoc, Meta, Result, Unit,
};
use serde::{Deserialize, Serialize};

use super::server::settings;
use super::{Trouble, Way, discover};

settings! {
    /// The settings of `postgres-ready`.
    pub struct Config {
        /// What the server is to be: `primary`, or `standby`. Only a server that lets selx in says what it is.
        #[serde(default)]
        role: Option<Role>,
    }
}

/// What a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It writes.
    Primary,
    /// It replays what another one writes.
    Standby,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Facts {
    /// How the server was reached.
    pub way: Way,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// What the server says of itself, to those that it lets in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct State {
    /// Its version, such as `15.20`.
    pub version: String,
    /// What it is.
    pub role: Role,
    /// Seconds since it was started.
    pub uptime: f64,
    /// Whether a pooler stands in front of it.
    pub pooled: bool,
}

/// The check.
#[derive(Clone, Debug)]
pub struct PostgresReady(Arc<Config>);

impl Check for PostgresReady {
    type Config = Config;
    type Facts = Facts;

    const META: Meta =
        Meta::new("postgres-ready", Area::Database, "a PostgreSQL server accepts, and lets this role into this database")
            .readme(include_str!("README.md"))
            .sample(include_str!("sample.toml"))
            .codes(CODES)
            .passing(&[
                "not-connected",
                "no-answer",
                "starting-up",
                "shutting-down",
                "not-accepting",
                "too-many-clients",
                "refused",
            ])
            .measures(MEASURES)
            .routines(&["daily", "emergency"]);

    fn new(config: Config) -> Self {
        Self(Arc::new(config))
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        probe::probe(&self.0.server(), cx).await
    }

    fn judge(&self, facts: &Facts, _: &Judging<Facts>) -> Judgement {
        judge::judge(&self.0, facts)
    }

    fn measure(&self, facts: &Facts, _: &Judging<Facts>) -> Vec<Measure> {
        let measure = |name, value: Option<f64>| value.map(|value| Measure::new(name, value, Unit::Seconds));
        [measure("connect", facts.way.connect), measure("login", facts.way.login)].into_iter().flatten().collect()
    }

    fn limits(&self) -> Limits {
        Limits::default()
            .set("connect", Limit::new(Unit::Seconds, "1s", "3s"))
            .set("login", Limit::new(Unit::Seconds, "1s", "3s"))
    }

    async fn discover(cx: &Context) -> Discovery {
        discover::ready(cx).await
    }
}

const CODES: &[Code] = &[
    Code::new(
        "not-connected",
        "No connection to the server could be opened.",
        "Look whether the server runs and listens there (`ss -ltnx`, `listen_addresses`), and at its log.",
    ),
    Code::new(
        "no-answer",
        "The server accepted the connection and did not answer, or ended it without a word.",
        "Look at the server: a stopped process, a disk that hangs, a machine that swaps; then at its log.",
    ),
    Code::new(
        "not-postgres",
        "What answers does not speak the protocol of PostgreSQL.",
        "Look what listens there (`ss -ltnp`), and whether the port is right.",
    ),
    Code::new(
        "tls-failed",
        "The connection could not be encrypted as the settings want it.",
        "Look at `ssl` of the server and its certificate; a root of one's own is trusted with `ca-file`.",
    ),
    Code::new(
        "starting-up",
        "The server is starting: it replays its log and lets nobody in yet.",
        "Wait, and look in its log how far it is; after a crash this takes minutes.",
    ),
    Code::new(
        "shutting-down",
        "The server is being shut down and lets nobody in any more.",
        "Look who stops it; a shutdown that waits for sessions to end hangs until they do.",
    ),
    Code::new(
        "not-accepting",
        "The server runs and lets nobody in: it recovers from a crash, or is a standby that is not to be read or not there yet.",
        "Look in its log; on a standby also at `hot_standby`, and whether it gets and replays the log of its primary.",
    ),
    Code::new(
        "too-many-clients",
        "All connections that the server allows are taken.",
        "See by a `postgres-activity` check who has them; put a pooler in front or raise `max_connections`.",
    ),
    Code::new(
        "login-not-allowed",
        "The server does not let this role in from here, whatever the password.",
        "Look at `pg_hba.conf` and the rights of the role; the message of the server says which.",
    ),
    Code::new("wrong-password", "The server refuses the password.", "Look whether the secret is that of the role."),
    Code::new("no-such-database", "There is no such database.", "Look at `database` of the check, and for a database that was dropped."),
    Code::new(
        "unknown-method",
        "The server asks for a way to log in that selx does not speak.",
        "Give the role of selx a line with `scram-sha-256` in `pg_hba.conf`.",
    ),
    Code::new(
        "weak-method",
        "The server asks for the password in a form that others could read on the way, so it was not sent.",
        "Set `scram-sha-256` in `pg_hba.conf` and `password_encryption`, and the password anew; or use `tls = \"verify\"`.",
    ),
    Code::new("refused", "The server refuses for another reason.", "Look at its message and its log."),
    Code::new(
        "wrong-role",
        "The server is a standby where a primary is expected, or the other way round.",
        "Look whether there was a failover; then at the address that the application uses.",
    ),
    Code::new(
        "role-not-seen",
        "It is set what the server is to be, and it did not let selx in to see.",
        "Give the check a role and its password.",
    ),
];

const MEASURES: &[MeasureDoc] = &[
    MeasureDoc::new(
        "connect",
        Unit::Seconds,
        "time from the lookup of the name to the server's first answer",
        "Look at the load of the server: it starts a process for each connection.",
    )
    .called("time to connect"),
    MeasureDoc::new(
        "login",
        Unit::Seconds,
        "time from the first answer until the session stood",
        "Look at the load of the server, and at `auth_delay` or a directory server that logins are asked from.",
    )
    .called("time to log in"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contract() {
        selx_core::contract::check::<PostgresReady>(concat!(env!("CARGO_MANIFEST_DIR"), "/src/postgres/ready"));
    }
}
