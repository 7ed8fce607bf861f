//! The kind `redis-stats`: how well a Redis server serves, since the last look.

mod change;
mod judge;
mod probe;

use std::path::PathBuf;

use schemars::JsonSchema;
use selx_core::{
    Area, Check, Code, Context, Discovery, Judgement, Judging, Limit, Limits, Measure, MeasureDoc, Meta, Result,
    SecretRef, Unit,
};
use serde::{Deserialize, Serialize};

use super::client::{self, Reached, Redis, Refusal, SHARED, Server, Trouble};
use super::discover;
use super::info::Info;
use crate::target::Target;

/// The settings of `redis-stats`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Where the server is: `HOST`, `HOST:PORT`, `unix:/PATH`, `redis://HOST/DATABASE`, `rediss://HOST` (encrypted), or
    /// `{ compose = "/PATH", service = "NAME" }`, whose container needs to publish no port.
    pub target: Target<Redis>,
    /// The user of the access list. Default: that of the URL, else the default user.
    #[serde(default)]
    pub user: Option<String>,
    /// The password. Default: that of the container of a compose service, from `REDIS_PASSWORD`, `REDIS_PASSWORD_FILE`
    /// or `--requirepass` in its command; else none.
    #[serde(default)]
    pub password: Option<SecretRef>,
    /// The number of the database. What is told is of all databases. Default: that of the URL, else 0.
    #[serde(default)]
    pub database: Option<u16>,
    /// The roots in PEM form that the certificate is verified against; the connection is encrypted then. Default: those
    /// of this host, for `rediss://`.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whether messages of Celery or another broker are in it, which must never be evicted. Default: found out by the
    /// keys of Celery, where the server may evict at all.
    #[serde(default)]
    pub broker: Option<bool>,
    /// How many keys have to be looked up between two looks before the hit rate says something. Default: 100.
    #[serde(default = "min_lookups")]
    pub min_lookups: u32,
    /// Whether the slow log is read, of which the names of commands are kept and no arguments. Default: `true`.
    #[serde(default = "yes")]
    pub slow_log: bool,
}

const fn min_lookups() -> u32 {
    100
}

const fn yes() -> bool {
    true
}

impl Config {
    fn server(&self) -> Server {
        Server {
            target: self.target.clone(),
            user: self.user.clone(),
            password: self.password.clone(),
            database: self.database.map(u32::from),
            ca_file: self.ca_file.clone(),
        }
    }
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Facts {
    /// Why the server could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// How it was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reached: Option<Reached>,
    /// How long a ping took, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ping: Option<f64>,
    /// What it tells about itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<Info>,
    /// The newest commands of the slow log, the newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow: Option<Vec<Slow>>,
    /// The databases with keys of Celery. Looked for only where keys may be evicted; nothing if not all were looked at and
    /// none was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub celery: Option<Vec<u16>>,
    /// Questions that it refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refusal>,
}

/// A command of the slow log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    /// Its number; a server counts from 0 at its start.
    pub id: u64,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// The name of the command, without arguments.
    pub command: String,
}

/// The check.
#[derive(Clone, Debug)]
pub struct RedisStats(Config);

impl Check for RedisStats {
    type Config = Config;
    type Facts = Facts;

    const META: Meta = Meta::new(
        "redis-stats",
        Area::Database,
        "how well a Redis server serves: hit rate, evictions, clients, memory, slow commands",
    )
    .readme(include_str!("README.md"))
    .sample(include_str!("sample.toml"))
    .codes(&CODES)
    .passing(client::PASSING)
    .measures(MEASURES)
    .remembers();

    fn new(config: Config) -> Self {
        Self(config)
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        probe::probe(&self.0, cx).await
    }

    fn judge(&self, facts: &Facts, cx: &Judging<Facts>) -> Judgement {
        judge::judge(&self.0, facts, cx)
    }

    fn measure(&self, facts: &Facts, cx: &Judging<Facts>) -> Vec<Measure> {
        judge::measure(&self.0, facts, cx)
    }

    fn limits(&self) -> Limits {
        Limits::default()
            .set("clients", Limit::new(Unit::Count, "80%", "95%"))
            .set("filled", Limit::new(Unit::Ratio, "80%", "90%"))
            .set("latency", Limit::new(Unit::Seconds, "100ms", "1s"))
            .set("rejected", Limit::new(Unit::Count, "0", ""))
            .set("replica-lag", Limit::new(Unit::Seconds, "10s", "60s"))
    }

    async fn discover(cx: &Context) -> Discovery {
        discover::discover(cx).await
    }
}

const CODES: [Code; SHARED + 7] = client::codes([
    Code::new(
        "broker-may-evict",
        "Messages are kept in a server that throws keys away when its memory is full.",
        "Set `maxmemory-policy noeviction` for a broker, and keep caches in another server.",
    ),
    Code::new(
        "broker-not-known",
        "The server may evict keys, and it was not found out whether messages are among them.",
        "Set `broker` to `true` or `false`.",
    ),
    Code::new(
        "master-link-down",
        "A replica has no connection to its master, so that what it serves is old.",
        "Look whether the master runs, at the network between, and at `masterauth`.",
    ),
    Code::new(
        "restarted",
        "The server was started anew since the last look.",
        "If nobody did it, look at its log and for `Out of memory` in the kernel log.",
    ),
    Code::new(
        "another-server",
        "Another server answers than at the last look, so that nothing is said about the time since then.",
        "After a failover this is right; the next look has rates again.",
    ),
    Code::new(
        "counters-reset",
        "The counters of the server went back without a restart, so that nothing is said about the time since the last look.",
        "Somebody ran `CONFIG RESETSTAT`; the next look has rates again.",
    ),
    Code::new(
        "not-told",
        "The server leaves out some of its numbers; the others are judged.",
        "Look at `INFO` of the server: another version or product, or a proxy in between.",
    ),
]);

const MEASURES: &[MeasureDoc] = &[
    MeasureDoc::new(
        "hit-rate",
        Unit::Ratio,
        "share of the keys looked up since the last look that were there",
        "Look whether keys expire too early or are evicted (`evicted`), or whether the application asks for what is never written.",
    )
    .called("hit rate"),
    MeasureDoc::new(
        "evicted",
        Unit::Count,
        "number of keys thrown away for memory since the last look",
        "Raise `maxmemory`, or find what fills it (`redis-cli --bigkeys`).",
    )
    .called("keys evicted"),
    MeasureDoc::new(
        "expired",
        Unit::Count,
        "number of keys whose time was up since the last look",
        "Look which application sets short times.",
    )
    .called("keys expired"),
    MeasureDoc::new(
        "rejected",
        Unit::Count,
        "number of connections refused for `maxclients` since the last look",
        "Look who has the connections (`CLIENT LIST`): a pool that leaks is usual; then at `maxclients`.",
    )
    .called("connections rejected"),
    MeasureDoc::new(
        "clients",
        Unit::Count,
        "number of connected clients, of `maxclients`",
        "Look who they are (`CLIENT LIST`): a pool that leaks is usual; then at `maxclients`.",
    )
    .called("clients connected"),
    MeasureDoc::new(
        "blocked-clients",
        Unit::Count,
        "number of clients that wait in a blocking command; workers of Celery do so all the time",
        "Look who they are (`CLIENT LIST`, flag `b`).",
    )
    .called("clients blocked"),
    MeasureDoc::new(
        "memory",
        Unit::Bytes,
        "memory of the data, of `maxmemory` where that is set",
        "Look what grew: `INFO memory`, `redis-cli --bigkeys`.",
    )
    .called("memory used"),
    MeasureDoc::new(
        "filled",
        Unit::Ratio,
        "share of `maxmemory` in use; only where nothing is evicted, since a cache is full by right",
        "Writes are refused when it is full: find what grew (`redis-cli --bigkeys`), or raise `maxmemory`.",
    )
    .called("share of `maxmemory` used"),
    MeasureDoc::new(
        "fragmentation",
        Unit::Count,
        "memory of the process as a multiple of that of the data; only from 64 MiB of data on",
        "Below 1 the process is swapped out; above 1.5 a restart or `activedefrag` gives memory back.",
    ),
    MeasureDoc::new(
        "slow",
        Unit::Count,
        "number of commands that came into the slow log since the last look",
        "`SLOWLOG GET` shows them with their arguments.",
    )
    .called("slow commands"),
    MeasureDoc::new(
        "slowest",
        Unit::Seconds,
        "time of the slowest command that came into the slow log since the last look",
        "`SLOWLOG GET` shows it with its arguments.",
    )
    .called("slowest command"),
    MeasureDoc::new(
        "latency",
        Unit::Seconds,
        "median time of three pings on an open connection",
        "Look for long commands (`SLOWLOG GET`), for swapping, and for the load of both machines.",
    )
    .called("time of a ping"),
    MeasureDoc::new(
        "keys",
        Unit::Count,
        "number of keys in all databases",
        "Look which application writes keys that do not expire.",
    ),
    MeasureDoc::new(
        "replica-lag",
        Unit::Seconds,
        "time since a replica and its master last heard of each other",
        "Look at the load of both and at the network between.",
    )
    .called("lag of the replica"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contract() {
        selx_core::contract::check::<RedisStats>(concat!(env!("CARGO_MANIFEST_DIR"), "/src/redis/stats"));
    }
}
