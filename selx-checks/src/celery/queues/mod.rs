//! The kind `celery-queues`: how much waits, for how long, and whether anybody takes it.

mod judge;
mod probe;
mod search;

use std::path::PathBuf;

use schemars::JsonSchema;
use selx_core::{
    Area, Check, Code, Context, Discovery, Judgement, Judging, Limit, Limits, Measure, MeasureDoc, Meta, Result,
    SecretRef, TimeSpan, Unit,
};
use serde::{Deserialize, Serialize};

use super::config::{self, Broker, FanoutPrefix, PrioritySteps, Separator, Where};
use super::pidbox::Roll;
use super::tasks::Head;
use crate::redis::client::{self, PASSING, SHARED, Server, Trouble};

pub(super) use search::consumers;

/// The settings of a `celery-queues` check.
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
    /// Queues that are looked at whether or not a worker takes from them; each needs one that does. Default: those that
    /// workers take from and those that are found.
    #[serde(default)]
    pub queues: Vec<String>,
    /// Whether the keys of the database are looked through for queues that no worker takes from, up to a million keys.
    /// Default: true.
    #[serde(default = "search")]
    pub search: bool,
    /// `priority_steps` of the application's `broker_transport_options`. Default: `[0, 3, 6, 9]`.
    #[serde(default)]
    pub priority_steps: PrioritySteps,
    /// `sep` of the application's `broker_transport_options`. Default: the two bytes 06 and 16.
    #[serde(default)]
    pub separator: Separator,
}

const fn search() -> bool {
    true
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Facts {
    /// Where the broker is.
    pub broker: String,
    /// What Redis did instead of answering.
    #[serde(default)]
    pub trouble: Option<Trouble>,
    /// Who said what it takes from.
    #[serde(default)]
    pub roll: Option<Roll>,
    /// How many answered without saying it.
    #[serde(default)]
    pub unclear: u64,
    /// Whether every key was looked at in the search for queues; nothing if none was.
    #[serde(default)]
    pub searched: Option<bool>,
    /// The queues, by name.
    #[serde(default)]
    pub queues: Vec<Queue>,
    /// How many more there are than were looked at.
    #[serde(default)]
    pub beyond: u64,
    /// Messages that were taken and not acknowledged.
    #[serde(default)]
    pub unacked: Option<Unacked>,
    /// The clock of the broker, as a Unix time.
    #[serde(default)]
    pub time: Option<f64>,
}

/// One queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Queue {
    /// Its name; bytes that are no text stand as `\xNN`.
    pub name: String,
    /// How much waits in it, by step of priority.
    pub lists: Vec<u64>,
    /// Whether a key of its name is no list.
    #[serde(default)]
    pub foreign: bool,
    /// The workers that take from it.
    #[serde(default)]
    pub consumers: Vec<String>,
    /// The message that is taken next, if it could be read.
    #[serde(default)]
    pub head: Option<Head>,
}

impl Queue {
    /// How much waits in it.
    pub fn depth(&self) -> u64 {
        self.lists.iter().fold(0, |sum, length| sum.saturating_add(*length))
    }
}

/// Messages that workers have taken and not acknowledged: those that they hold until they begin them, those with a time
/// to come, and those that run where tasks are acknowledged late.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Unacked {
    /// How many messages are kept.
    pub messages: u64,
    /// How many are in the index by time.
    pub indexed: u64,
    /// When the first of them was delivered, as a Unix time by the clock of the worker.
    #[serde(default)]
    pub oldest: Option<f64>,
    /// When the last of them was delivered.
    #[serde(default)]
    pub newest: Option<f64>,
    /// The first of them, if it could be read.
    #[serde(default)]
    pub head: Option<Head>,
}

impl Unacked {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.messages.max(self.indexed)
    }
}

/// The check.
#[derive(Clone, Debug)]
pub struct CeleryQueues {
    config: Config,
    broker: Broker,
}

const OWN: usize = 9;
const CODES: [Code; SHARED + OWN] = client::codes([
    Code::new(
        "no-consumer",
        "No worker takes from a queue.",
        "Look whether the worker of this queue runs, and with which `-Q`; a task may also be sent to a queue by a misspelt name.",
    ),
    Code::new(
        "consumers-unknown",
        "Workers did not say what they take from, so that it is not known whether anybody takes from a queue.",
        "Look at the workers with `celery-workers`; one that is busy in a `solo` pool answers between tasks.",
    ),
    Code::new(
        "no-queues",
        "No queue was found.",
        "Compare `database` and `key-prefix` with the application, or name its queues in `queues`.",
    ),
    Code::new(
        "too-many-queues",
        "There are more queues than are looked at.",
        "Name those that matter in `queues`, and set `search = false`.",
    ),
    Code::new(
        "not-a-queue",
        "A key with the name of a queue is of another type.",
        "Look who else writes to this database (`TYPE KEY`); give the application one of its own, or a `key-prefix`.",
    ),
    Code::new(
        "expired",
        "The next message of a queue has expired, and will be thrown away when it is taken.",
        "Look why it waited: too few workers, or none that takes from the queue.",
    ),
    Code::new(
        "clock-ahead",
        "The clock of a worker is ahead of that of the broker.",
        "Look who keeps the clocks of both machines; tasks with a time are begun early, and are delivered twice or late.",
    ),
    Code::new(
        "unacked-unknown",
        "The broker does not tell how many messages are taken and not acknowledged.",
        "Look what answers at the address of the broker: another product, or a proxy in between.",
    ),
    Code::new(
        "search-cut",
        "The database has more keys than were looked through for queues.",
        "Name the queues in `queues`; results in the same database are usual (`result_expires`).",
    ),
]);

impl Check for CeleryQueues {
    type Config = Config;
    type Facts = Facts;
    const META: Meta = Meta::new(
        "celery-queues",
        Area::Queue,
        "how much waits in Celery's queues, how long, and who takes it",
    )
    .readme(include_str!("README.md"))
    .sample(include_str!("sample.toml"))
    .codes(&CODES)
    .passing(PASSING)
    .measures(&[
        MeasureDoc::new(
            "depth",
            Unit::Count,
            "number of messages that wait in a queue, of every priority",
            "Look whether workers take from it and how long tasks run; add workers, or find who sends so many.",
        )
        .called("messages that wait"),
        MeasureDoc::new(
            "oldest",
            Unit::Seconds,
            "least time that the next message of a queue has waited, where anything tells it",
            "Look whether workers take from it, and what they do.",
        )
        .called("wait of the next message"),
        MeasureDoc::new(
            "unacked",
            Unit::Count,
            "number of messages that workers have taken and not acknowledged",
            "Look at `worker_prefetch_multiplier`, and for tasks with a time far ahead.",
        )
        .called("messages not acknowledged"),
        MeasureDoc::new(
            "unacked-age",
            Unit::Seconds,
            "time since the first of the messages that are not acknowledged was delivered",
            "A task that runs, or waits for its time, longer than `visibility_timeout` is delivered again and again: \
                 raise it above the longest task, or shorten the task. With no worker left nothing delivers it again.",
        )
        .called("age of a message not acknowledged"),
    ]);

    fn new(config: Config) -> Self {
        let server = Server {
            target: config.target.clone(),
            user: config.user.clone(),
            password: config.password.clone(),
            database: config.database,
            ca_file: config.ca_file.clone(),
        };
        let mut broker = Broker::new(
            server,
            config.key_prefix.clone(),
            &config.fanout_prefix,
            config.control_exchange.clone(),
            config.answer_within,
        );
        broker.names.steps = config.priority_steps.0.clone();
        broker.names.separator = config.separator.0.clone();
        Self { config, broker }
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        probe::probe(&self.config, &self.broker, cx).await
    }

    fn judge(&self, facts: &Facts, cx: &Judging<Facts>) -> Judgement {
        judge::judge(&self.config, facts, cx)
    }

    fn measure(&self, facts: &Facts, cx: &Judging<Facts>) -> Vec<Measure> {
        judge::measure(facts, cx)
    }

    fn limits(&self) -> Limits {
        Limits::default()
            .set("depth", Limit::new(Unit::Count, "50", "100"))
            // The time after which kombu takes a message for lost, unless the application says otherwise.
            .set("unacked-age", Limit::new(Unit::Seconds, "1h", ""))
    }

    async fn discover(cx: &Context) -> Discovery {
        super::discover::application(cx).await
    }
}
