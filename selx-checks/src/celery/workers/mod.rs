//! The kind `celery-workers`: who answers, who is silent, who is missing.

mod expect;
mod judge;
mod probe;

use std::path::PathBuf;

use schemars::JsonSchema;
use selx_core::{
    Area, Check, Code, Context, Discovery, Judgement, Judging, Limit, Limits, Measure, MeasureDoc, Meta, Result,
    SecretRef, TimeSpan, Unit,
};
use serde::{Deserialize, Serialize};

use super::config::{self, Broker, FanoutPrefix, Where};
use super::pidbox::Roll;
use super::who::Known;
use crate::redis::client::{self, SHARED, Server, Trouble};

pub use expect::{Expect, Name};

/// The settings of a `celery-workers` check.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Where the broker is: `HOST:PORT`, a socket file, a URL such as `redis://HOST/1`, or
    /// `{ compose = FILE, service = NAME }`.
    pub target: Where,
    /// The user of its access list. Default: that of the URL, else the default user.
    #[serde(default)]
    pub user: Option<String>,
    /// The password, as `env:NAME` or `file:/PATH`. Default: that of the container of a compose service, else none.
    #[serde(default)]
    pub password: Option<SecretRef>,
    /// The number of the database. Default: that of the URL, else 0.
    #[serde(default)]
    pub database: Option<u32>,
    /// A file of root certificates (PEM); with it the connection is encrypted and verified against them.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// `global_keyprefix` of the application's `broker_transport_options`. Default: none.
    #[serde(default)]
    pub key_prefix: String,
    /// `fanout_prefix` of the application's `broker_transport_options`: true, false, or a text, which kombu
    /// wants to begin with `/`. Default: true, which is `/{db}.`.
    #[serde(default)]
    pub fanout_prefix: FanoutPrefix,
    /// `control_exchange` of the application. Default: `celery`.
    #[serde(default = "config::control_exchange")]
    pub control_exchange: String,
    /// How long a worker may take to answer; healthy ones take milliseconds. It ends a little before the time of the
    /// check in any case. Default: `2s`.
    #[serde(default = "config::answer_within")]
    pub answer_within: TimeSpan,
    /// Who has to answer: a number of workers, or a list of names and patterns such as `celery@web1` or `scrape@*`, each
    /// of which needs at least one. Default: as many as at the last look, which is told once.
    #[serde(default)]
    pub expect: Option<Expect>,
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Facts {
    /// Where the broker is.
    pub broker: String,
    /// The channel that was asked.
    pub channel: String,
    /// What Redis did instead of answering.
    #[serde(default)]
    pub trouble: Option<Trouble>,
    /// Who answered.
    #[serde(default)]
    pub roll: Option<Roll>,
    /// What Redis knows of those who did not.
    #[serde(default)]
    pub known: Option<Known>,
}

/// The check.
#[derive(Clone, Debug)]
pub struct CeleryWorkers {
    config: Config,
    broker: Broker,
}

const OWN: usize = 9;
const CODES: [Code; SHARED + OWN] = client::codes([
    Code::new(
        "no-workers",
        "Nobody listens for remote control: no worker is connected to the broker, or they use other names than the settings.",
        "Look whether the workers run and at their logs; then compare `database`, `key-prefix`, `fanout-prefix` and \
         `control-exchange` with the application.",
    ),
    Code::new(
        "silent",
        "A worker is connected to the broker and does not answer: it is stopped, hangs, or is busy in a pool without processes.",
        "Look at its log and state (`ps -o pid,stat,wchan,cmd`): `T` is stopped. A worker with `--pool=solo` answers \
         only between tasks. If it hangs, restart it; another program that listens on the channel counts too.",
    ),
    Code::new(
        "absent",
        "A worker that is expected is not connected to the broker.",
        "Look whether it runs, whether its container restarts, and at its log. It should connect by itself when the broker \
         is back; one that does not within a minute has to be restarted.",
    ),
    Code::new(
        "gone",
        "Fewer workers answer than at the last look, and nothing else says how many there should be.",
        "Look whether it was stopped on purpose. The next look counts from here; `expect` makes it told every time.",
    ),
    Code::new(
        "duplicate-name",
        "Two workers have one name, so that neither can be addressed or missed by itself.",
        "Start each with a name of its own: `--hostname worker1@%h`.",
    ),
    Code::new("error-answer", "A worker answers the ping with an error.", "Look at its log at the time of this check."),
    Code::new(
        "unread-answer",
        "An answer is not in JSON, or is none of a worker; it was not read.",
        "Set `task_serializer = \"json\"` in the application: remote control is written as tasks are. Look who else may \
         write to the broker.",
    ),
    Code::new("too-many-answers", "More came than is read.", "Look who writes to the broker; a worker answers once."),
    Code::new(
        "not-expected",
        "A worker answers that is not in the list of the expected.",
        "Add it to `expect`, so that it is missed when it is gone.",
    ),
]);

const PASSING: &[&str] = &[
    "no-container",
    "name-not-resolved",
    "not-connected",
    "tls-failed",
    "no-answer",
    "cut-off",
    "too-many-clients",
    "no-workers",
    "silent",
    "absent",
];

impl Check for CeleryWorkers {
    type Config = Config;
    type Facts = Facts;
    const META: Meta =
        Meta::new("celery-workers", Area::Queue, "who of the Celery workers answers, is silent, or is missing")
            .readme(include_str!("README.md"))
            .sample(include_str!("sample.toml"))
            .codes(&CODES)
            .passing(PASSING)
            .routines(&["daily", "emergency"])
            .measures(&[
                MeasureDoc::new(
                    "workers",
                    Unit::Count,
                    "number of answers that came",
                    "Look which workers are missing, and why.",
                )
                .called("workers that answer"),
                MeasureDoc::new(
                    "silent",
                    Unit::Count,
                    "number of workers that are connected and did not answer",
                    "Look which of them is stopped, hangs, or is busy.",
                )
                .called("silent workers"),
                MeasureDoc::new(
                    "answer-time",
                    Unit::Seconds,
                    "time until the answer of a worker was there",
                    "Look what else its machine does: a healthy worker answers in milliseconds.",
                )
                .called("time to answer"),
            ]);

    fn new(config: Config) -> Self {
        let server = Server {
            target: config.target.clone(),
            user: config.user.clone(),
            password: config.password.clone(),
            database: config.database,
            ca_file: config.ca_file.clone(),
        };
        let broker = Broker::new(
            server,
            config.key_prefix.clone(),
            &config.fanout_prefix,
            config.control_exchange.clone(),
            config.answer_within,
        );
        Self { config, broker }
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        probe::probe(&self.broker, cx).await
    }

    fn judge(&self, facts: &Facts, cx: &Judging<Facts>) -> Judgement {
        judge::judge(&self.config, facts, cx)
    }

    fn measure(&self, facts: &Facts, _: &Judging<Facts>) -> Vec<Measure> {
        judge::measure(facts)
    }

    fn limits(&self) -> Limits {
        Limits::default().set("answer-time", Limit::new(Unit::Seconds, "1s", ""))
    }

    async fn discover(cx: &Context) -> Discovery {
        super::discover::workers(cx).await
    }
}
