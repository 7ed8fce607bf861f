//! The kind `redis-ping`: a Redis server answers, in its role, and would take what is written.

mod judge;
mod probe;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use selx_core::{
    Area, Check, Code, Context, Discovery, Judgement, Judging, Limit, Limits, Measure, MeasureDoc, Meta, Result,
    SecretRef, Unit,
};
use serde::{Deserialize, Deserializer, Serialize};

use super::client::{self, Reached, Redis, Refusal, SHARED, Server, Trouble};
use super::discover;
use super::info::Info;
use crate::target::Target;

/// The settings of `redis-ping`.
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
    /// The number of the database. Default: that of the URL, else 0.
    #[serde(default)]
    pub database: Option<u16>,
    /// The roots in PEM form that the certificate is verified against; the connection is encrypted then. Default: those
    /// of this host, for `rediss://`.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The role that the server has to have, `master` or `replica`. Default: either.
    #[serde(default)]
    pub role: Option<Role>,
    /// A key that has to exist, so that a server of another application is not taken for this one. Default: none is
    /// looked for.
    #[serde(default)]
    pub marker: Option<Marker>,
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

/// What a server is to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It takes writes.
    Master,
    /// It follows a master.
    Replica,
}

/// The name of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker(String);

impl<'de> Deserialize<'de> for Marker {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name.is_empty() || name.len() > 512 {
            return Err(serde::de::Error::custom("the name of a key has 1 to 512 bytes"));
        }
        Ok(Self(name))
    }
}

impl JsonSchema for Marker {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RedisKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 512 })
    }
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Facts {
    /// Why the server could not be asked, or refused a ping.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// How it was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reached: Option<Reached>,
    /// How long each ping took, in seconds.
    pub pings: Vec<f64>,
    /// What it tells about itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<Info>,
    /// Settings of the server that decide whether a state is bad; asked only then.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// Whether the marker exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<bool>,
    /// Questions that it refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refusal>,
}

/// The check.
#[derive(Clone, Debug)]
pub struct RedisPing(Config);

impl Check for RedisPing {
    type Config = Config;
    type Facts = Facts;

    const META: Meta =
        Meta::new("redis-ping", Area::Database, "a Redis server answers, in its role, and would take what is written")
            .readme(include_str!("README.md"))
            .sample(include_str!("sample.toml"))
            .codes(&CODES)
            .passing(client::PASSING)
            .measures(&[
                MeasureDoc::new(
                    "latency",
                    Unit::Seconds,
                    "median time of five pings on an open connection",
                    "Look for long commands (`SLOWLOG GET`), for swapping, and for the load of both machines.",
                )
                .called("time of a ping"),
                MeasureDoc::new(
                    "connect",
                    Unit::Seconds,
                    "time to find the server, to connect and to log in",
                    "Look at the name servers, the network and the load of the server.",
                )
                .called("time to connect"),
            ])
            .routines(&["daily", "emergency"]);

    fn new(config: Config) -> Self {
        Self(config)
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        probe::probe(&self.0, cx).await
    }

    fn judge(&self, facts: &Facts, _: &Judging<Facts>) -> Judgement {
        judge::judge(&self.0, facts)
    }

    fn measure(&self, facts: &Facts, _: &Judging<Facts>) -> Vec<Measure> {
        judge::measure(facts)
    }

    fn limits(&self) -> Limits {
        Limits::default().set("latency", Limit::new(Unit::Seconds, "100ms", "1s"))
    }

    async fn discover(cx: &Context) -> Discovery {
        discover::discover(cx).await
    }
}

const CODES: [Code; SHARED + 7] = client::codes([
    Code::new(
        "address-down",
        "The server answers, but an address that was tried before did not accept a connection.",
        "Mend the address or take it out of the zone: clients lose time on it.",
    ),
    Code::new(
        "password-not-needed",
        "A password is configured, and the server serves everybody without one.",
        "Look whether the server lost its configuration (`CONFIG GET requirepass`, `ACL LIST`).",
    ),
    Code::new(
        "wrong-role",
        "The server has another role than it should have.",
        "Look who promoted or demoted it (`INFO replication`, the log of Sentinel), and where the clients write.",
    ),
    Code::new(
        "master-link-down",
        "A replica has no connection to its master, so that what it serves is old.",
        "Look whether the master runs, at the network between, and at `masterauth`.",
    ),
    Code::new(
        "save-failed",
        "The last save of the data failed: what was written since is lost with the next stop.",
        "Look at the disk, the rights of the data folder and the log; `BGSAVE` when it is mended.",
    ),
    Code::new(
        "marker-missing",
        "The key that tells this server from others does not exist.",
        "Look whether the address leads to the server that is meant, and whether its data was lost.",
    ),
    Code::new(
        "not-told",
        "The server leaves out what is needed to judge part of its state.",
        "Look at `INFO` of the server: another version or product, or a proxy in between.",
    ),
]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contract() {
        selx_core::contract::check::<RedisPing>(concat!(env!("CARGO_MANIFEST_DIR"), "/src/redis/ping"));
    }
}
