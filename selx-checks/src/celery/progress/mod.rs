//! The kind `celery-progress`: whether work gets done, seen by two looks.

mod judge;
mod probe;

use std::path::PathBuf;

use schemars::JsonSchema;
use selx_core::{
    Area, Check, Code, Context, Discovery, Judgement, Judging, Measure, MeasureDoc, Meta, Result, SecretRef, TimeSpan,
    Unit,
};
use serde::{Deserialize, Serialize};

use super::config::{self, Broker, FanoutPrefix, PrioritySteps, Separator, Where};
use super::pidbox::Roll;
use super::tasks::{Head, Task};
use crate::redis::client::{self, PASSING, SHARED, Server, Trouble};

/// The settings of a `celery-progress` check.
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
    /// Queues that are looked at beside those that workers take from.
    #[serde(default)]
    pub queues: Vec<String>,
    /// `priority_steps` of the application's `broker_transport_options`. Default: `[0, 3, 6, 9]`.
    #[serde(default)]
    pub priority_steps: PrioritySteps,
    /// `sep` of the application's `broker_transport_options`. Default: the two bytes 06 and 16.
    #[serde(default)]
    pub separator: Separator,
    /// The least time between two looks from which anything can be told. Default: `1m`.
    #[serde(default = "interval")]
    pub interval: TimeSpan,
    /// How long a task may run. While every worker of a queue is busy with tasks that are younger, standing still is a
    /// warning. Default: `1h`.
    #[serde(default = "longest_task")]
    pub longest_task: TimeSpan,
}

const fn interval() -> TimeSpan {
    TimeSpan::secs(60)
}

const fn longest_task() -> TimeSpan {
    TimeSpan::secs(3600)
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
    /// Who said what it has done.
    #[serde(default)]
    pub roll: Option<Roll>,
    /// The queues, by name.
    #[serde(default)]
    pub queues: Vec<Waiting>,
    /// The workers, by name.
    #[serde(default)]
    pub workers: Vec<Worker>,
}

/// What waits in a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Waiting {
    /// The name of the queue.
    pub name: String,
    /// How much waits in it.
    pub depth: u64,
    /// The message that is taken next, if it could be read.
    #[serde(default)]
    pub head: Option<Head>,
}

/// What a worker has done and does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Worker {
    /// Its name.
    pub node: String,
    /// Its process.
    #[serde(default)]
    pub pid: Option<u64>,
    /// How many tasks it has begun since it started; nothing if it did not say.
    #[serde(default)]
    pub begun: Option<u64>,
    /// How many it can run at once.
    #[serde(default)]
    pub slots: Option<u64>,
    /// The queues that it takes from.
    #[serde(default)]
    pub queues: Vec<String>,
    /// What it runs, at most 50 of them.
    #[serde(default)]
    pub active: Vec<Task>,
    /// What it has taken and not begun, at most 50 of them.
    #[serde(default)]
    pub reserved: Vec<Task>,
    /// How much it has taken and not begun.
    #[serde(default)]
    pub holds: u64,
}

/// The check.
#[derive(Clone, Debug)]
pub struct CeleryProgress {
    config: Config,
    broker: Broker,
}

const OWN: usize = 7;
const CODES: [Code; SHARED + OWN] = client::codes([
    Code::new(
        "stalled",
        "Work waits and none was begun between two looks, although workers answer.",
        "Look at the log of the worker and at what it runs (`celery inspect active`); a worker that takes nothing after \
         the broker was restarted is restarted. Set `task_time_limit`, so that no task holds a worker for ever.",
    ),
    Code::new(
        "all-busy",
        "Work waits and none was begun between two looks, as the workers run long tasks.",
        "Add workers, or a queue of its own for long tasks; `longest-task` says how long one may run.",
    ),
    Code::new(
        "passed-over",
        "Workers begin tasks, but nothing was taken from one of their queues between two looks.",
        "Give the queue a worker of its own, or look at the order in which queues are asked (`queue_order_strategy`).",
    ),
    Code::new(
        "no-workers",
        "Nobody listens for remote control, so that nothing gets done.",
        "Look whether the workers run; then compare `database`, `key-prefix`, `fanout-prefix` and `control-exchange` with \
         the application.",
    ),
    Code::new(
        "silent",
        "A worker did not say what it does.",
        "Look at the workers with `celery-workers`; one that is busy in a `solo` pool answers between tasks.",
    ),
    Code::new(
        "unread-answer",
        "An answer of a worker was not read, or did not say what was asked.",
        "Set `task_serializer = \"json\"` in the application, and look at the log of the worker.",
    ),
    Code::new(
        "clock-ahead",
        "A task was begun in the future: the clock of a worker is ahead of that of this machine.",
        "Look who keeps the clocks of both machines.",
    ),
]);

impl Check for CeleryProgress {
    type Config = Config;
    type Facts = Facts;
    const META: Meta = Meta::new("celery-progress", Area::Queue, "whether Celery's workers get work done that waits")
        .readme(include_str!("README.md"))
        .sample(include_str!("sample.toml"))
        .remembers()
        .codes(&CODES)
        .passing(PASSING)
        .measures(&[
            MeasureDoc::new(
                "waiting",
                Unit::Count,
                "number of messages that wait in queues and in workers",
                "Look whether workers take from the queues and how long tasks run.",
            )
            .called("messages that wait"),
            MeasureDoc::new(
                "begun",
                Unit::PerSecond,
                "number of tasks that were begun since the last look, by second",
                "Look at the workers: fewer than usual means that tasks run longer, or that workers are missing.",
            )
            .called("tasks begun"),
            MeasureDoc::new(
                "longest-task",
                Unit::Seconds,
                "time for which the oldest of the running tasks has run",
                "Look what it waits for; `task_time_limit` ends tasks that run for ever.",
            )
            .called("running time of a task"),
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

    async fn discover(cx: &Context) -> Discovery {
        super::discover::application(cx).await
    }
}
