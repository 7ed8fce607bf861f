//! Kinds for these tests: a web endpoint with nested settings and secrets, and a disk with measures.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use selx_core::{
    Area, ByteSize, Check, Context, Finding, Judgement, Judging, Limit, Limits, Measure, MeasureDoc, Meta, Registry,
    Result, SecretRef, Share, TimeSpan, Unit,
};
use serde::{Deserialize, Serialize};

pub struct Web(#[expect(dead_code, reason = "only reading it is tested")] WebConfig);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WebConfig {
    /// The address.
    pub url: String,
    /// The port; without it, that of the address.
    #[serde(default)]
    pub port: Option<u16>,
    /// How often a redirect is followed.
    #[serde(default = "five")]
    pub follow: u32,
    /// What the answer has to be.
    #[serde(default)]
    pub expect: Option<Expect>,
    /// Headers to send.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The login.
    #[serde(default)]
    pub login: Option<SecretRef>,
    /// Which way is taken.
    #[serde(default)]
    pub family: Family,
    /// Servers to ask, each in turn.
    #[serde(default)]
    pub servers: Vec<Server>,
    /// How long it may take.
    #[serde(default)]
    pub slow: Option<TimeSpan>,
    /// Whether the certificate is looked at.
    #[serde(default)]
    pub verify: bool,
    /// Some share.
    #[serde(default)]
    pub sample: Option<f64>,
}

fn five() -> u32 {
    5
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    #[default]
    Any,
    Ipv4,
    Ipv6,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expect {
    /// The status.
    pub status: u16,
    /// A text in the body.
    #[serde(default)]
    pub body: Option<String>,
    /// The most that the body may hold.
    #[serde(default)]
    pub max_body: Option<ByteSize>,
    /// Codes that are fine too.
    #[serde(default)]
    pub also: Vec<u16>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Server {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
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

pub struct Disk(DiskConfig);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DiskConfig {
    /// The mount points.
    #[serde(default)]
    pub paths: Vec<String>,
    /// What is kept free.
    #[serde(default)]
    pub reserve: Option<Share>,
    /// Whether a file system may be mounted read-only.
    #[serde(default)]
    pub read_only: bool,
}

#[derive(Serialize, Deserialize)]
pub struct DiskFacts {
    pub used: f64,
    pub total: f64,
    pub read_only: bool,
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

pub fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.check::<Web>().unwrap();
    registry.check::<Disk>().unwrap();
    registry
}
