//! Kinds for these tests: a web endpoint with nested settings and secrets, and a disk with measures.

#![expect(
    dead_code,
    clippy::unwrap_used,
    reason = "only reading the settings is tested, and a test fails by panicking"
)]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use selx_core::{
    Area, ByteSize, Check, Context, Finding, Judgement, Judging, Limit, Limits, Measure, MeasureDoc, Meta, Registry,
    Result, SecretRef, Share, TimeSpan, Unit,
};
use serde::{Deserialize, Serialize};

pub(crate) struct Web(WebConfig);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct WebConfig {
    /// The address.
    pub(crate) url: String,
    /// The port; without it, that of the address.
    #[serde(default)]
    pub(crate) port: Option<u16>,
    /// How often a redirect is followed.
    #[serde(default = "five")]
    pub(crate) follow: u32,
    /// What the answer has to be.
    #[serde(default)]
    pub(crate) expect: Option<Expect>,
    /// Headers to send.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// The login.
    #[serde(default)]
    pub(crate) login: Option<SecretRef>,
    /// Which way is taken.
    #[serde(default)]
    pub(crate) family: Family,
    /// Servers to ask, each in turn.
    #[serde(default)]
    pub(crate) servers: Vec<Server>,
    /// How long it may take.
    #[serde(default)]
    pub(crate) slow: Option<TimeSpan>,
    /// Whether the certificate is looked at.
    #[serde(default)]
    pub(crate) verify: bool,
    /// Some share.
    #[serde(default)]
    pub(crate) sample: Option<f64>,
}

fn five() -> u32 {
    5
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Family {
    #[default]
    Any,
    Ipv4,
    Ipv6,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Expect {
    /// The status.
    pub(crate) status: u16,
    /// A text in the body.
    #[serde(default)]
    pub(crate) body: Option<String>,
    /// The most that the body may hold.
    #[serde(default)]
    pub(crate) max_body: Option<ByteSize>,
    /// Codes that are fine too.
    #[serde(default)]
    pub(crate) also: Vec<u16>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Server {
    /// Its host.
    pub(crate) host: String,
    /// Its port.
    pub(crate) port: u16,
}

impl Check for Web {
    type Config = WebConfig;
    type Facts = ();
    const META: Meta = Meta::new("web", Area::Http, "a web endpoint answers").measures(&[MeasureDoc::new(
        "time",
        Unit::Seconds,
        "time to the last byte",
        "look at the server",
    )]);
    fn new(config: WebConfig) -> Self {
        Self(config)
    }
    async fn probe(&self, _: &Context) -> Result<()> {
        Ok(())
    }
    fn judge(&self, (): &(), _: &Judging<()>) -> Judgement {
        Judgement::new("fine")
    }
    fn limits(&self) -> Limits {
        Limits::default().set("time", Limit::new(Unit::Seconds, "1s", "2s"))
    }
}

pub(crate) struct Disk(DiskConfig);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct DiskConfig {
    /// The mount points.
    #[serde(default)]
    pub(crate) paths: Vec<String>,
    /// What is kept free.
    #[serde(default)]
    pub(crate) reserve: Option<Share>,
    /// Whether a file system may be mounted read-only.
    #[serde(default)]
    pub(crate) read_only: bool,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct DiskFacts {
    pub(crate) used: f64,
    pub(crate) total: f64,
    pub(crate) read_only: bool,
}

impl Check for Disk {
    type Config = DiskConfig;
    type Facts = DiskFacts;
    const META: Meta = Meta::new("disk", Area::Host, "file systems have room").measures(&[
        MeasureDoc::new("used", Unit::Bytes, "space in use", "make room"),
        MeasureDoc::new("inodes", Unit::Count, "inodes in use", "delete small files"),
    ]);
    fn new(config: DiskConfig) -> Self {
        Self(config)
    }
    async fn probe(&self, _: &Context) -> Result<DiskFacts> {
        Ok(DiskFacts { used: 30.0, total: 40.0, read_only: false })
    }
    fn judge(&self, facts: &DiskFacts, _: &Judging<DiskFacts>) -> Judgement {
        let judgement = Judgement::new("one file system");
        if facts.read_only && !self.0.read_only {
            judgement.with(Finding::critical("read-only", "/", "is read-only"))
        } else {
            judgement
        }
    }
    fn measure(&self, facts: &DiskFacts, _: &Judging<DiskFacts>) -> Vec<Measure> {
        vec![Measure::new("used", facts.used, Unit::Bytes).on("/").of(facts.total)]
    }
    fn limits(&self) -> Limits {
        Limits::default().set("used", Limit::new(Unit::Bytes, "70%", "85%"))
    }
}

pub(crate) fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.check::<Web>().unwrap();
    registry.check::<Disk>().unwrap();
    registry
}
