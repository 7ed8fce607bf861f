//! The action `logs-rotate`: a log that is due gets another name, and who writes to it is told to open a new one.

mod config;
mod plan;

use std::path::{Path, PathBuf};
use std::time::Duration;

use selx_core::action::{Action, Applied, Permit, Plan, Seen};
use selx_core::{Area, Code, Context, Error, ErrorKind, Finding, Meta, Result, escape};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

pub use config::{Config, Reopen};

use super::clean::open;
use super::clean::plan::{read, written};
use crate::command::{Child, Exit};
use crate::deletion::{Node, Place, Print, Root, Rotated};

/// How long those who write may take to open a new file after they were told.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked.
const PAUSE: Duration = Duration::from_millis(100);

/// A log, by its number: it grows, so that its length and its times say nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Where it lies, from the folder. Bytes that are no plain ASCII, and `%`, are written as `%` and two digits.
    pub file: String,
    /// Its file system.
    pub device: (u32, u32),
    /// Its number there.
    pub inode: u64,
}

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do", deny_unknown_fields)]
pub enum Step {
    /// One log gets a name with the time in it, and an empty file takes its place.
    Rotate {
        /// The log.
        log: Log,
    },
    /// Those who write to logs are told to open them anew.
    Reopen {
        /// The logs that programs have open.
        logs: Vec<Log>,
    },
}

impl Log {
    fn of(file: &Path, print: &Print) -> Self {
        Self { file: written(file), device: print.device, inode: print.inode }
    }

    fn node(&self) -> Node {
        (self.device, self.inode)
    }

    fn place(&self, root: &Root) -> Result<Place> {
        root.place(&read(&self.file)?, self.node())
    }
}

const CODES: &[Code] = &[
    Code::new(
        "not-rotated",
        "A log that was rotated is not where it should be.",
        "Look whether another program rotates the same logs.",
    ),
    Code::new(
        "still-written",
        "A program still has a log open that was rotated.",
        "Nothing is lost: it writes on under the new name. Look at what `reopen` tells it.",
    ),
];

/// The action `logs-rotate`.
#[derive(Clone, Debug)]
pub struct LogsRotate(Config);

impl LogsRotate {
    fn root(&self) -> Result<Root> {
        Root::open(Path::new(self.0.path.as_str()))
    }

    async fn reopen(&self, logs: &[Log], cx: &Context) -> Result<Applied> {
        let root = self.root()?;
        let mut renamed = 0;
        for log in logs {
            renamed += usize::from(log.place(&root)? != Place::There);
        }
        let Some(reopen) = self.0.reopen.as_ref().filter(|_| renamed > 0) else {
            return Ok(Applied::AlreadyDone);
        };
        // It does not hold the lock: what it starts may live for as long as the machine, and nothing waits for that.
        let ended = Child::new(&reopen.program).args(reopen.args.iter().cloned()).run(cx).await?;
        if ended.exit == Exit::Code(0) {
            return Ok(Applied::Changed("told".to_owned()));
        }
        let said: String = ended.stderr.text.lines().next().unwrap_or_default().chars().take(200).collect();
        let message = format!("`{reopen}` ended with {:?}: {}", ended.exit, escape::visible(&said));
        let advice = "nothing is lost: the logs are written on under their new names; tell their programs by hand";
        Err(Error::new(ErrorKind::Local, message).advice(advice))
    }

    /// Returns the logs of a step that have another name by now and that a program still writes to.
    async fn written_on(&self, logs: &[Log], cx: &Context) -> Result<Vec<String>> {
        let (host, asked) = (cx.host().clone(), logs.iter().map(Log::node).collect());
        let look = move |cancel: &CancellationToken| open::files(&host, asked, cancel);
        let open = cx.blocking("looking at what programs have open", look).await?;
        let root = self.root()?;
        let mut found = Vec::new();
        for log in logs.iter().filter(|log| open.writes(log.node())) {
            if let Place::Named(name) = log.place(&root)? {
                found.push(name.to_string_lossy().into_owned());
            }
        }
        Ok(found)
    }
}

impl Action for LogsRotate {
    type Config = Config;
    type Step = Step;
    const META: Meta =
        Meta::new("logs-rotate", Area::Logs, "gives logs that are due another name, and tells who writes")
            .readme(include_str!("README.md"))
            .sample(include_str!("sample.toml"))
            .codes(CODES)
            .needs("to write to the folder, and to see which files processes have open: root");

    fn new(config: Config) -> Self {
        Self(config)
    }

    fn resources(&self) -> Vec<String> {
        vec![format!("files:{}", self.0.path.as_str())]
    }

    async fn places(&self, _: &Context) -> Vec<PathBuf> {
        vec![self.0.path.as_str().into()]
    }

    async fn plan(&self, cx: &Context) -> Result<Plan<Step>> {
        let (config, host, now) = (self.0.clone(), cx.host().clone(), cx.clock().now());
        cx.blocking("looking for logs", move |cancel| plan::plan(&config, &host, now, cancel)).await
    }

    async fn apply(&self, step: &Step, _: &Permit, cx: &Context) -> Result<Applied> {
        let log = match step {
            Step::Rotate { log } => log,
            Step::Reopen { logs } => return self.reopen(logs, cx).await,
        };
        let (root, file) = (self.root()?, read(&log.file)?);
        if let Place::Named(name) = log.place(&root)?
            && is_rotated(&file, &name.to_string_lossy())
        {
            let is_new = root.renew(&file, log.node(), &name)?;
            return Ok(if is_new { Applied::Changed("has a new file".to_owned()) } else { Applied::AlreadyDone });
        }
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let to = format!("{name}{}", cx.clock().now().strftime(STAMP));
        Ok(match root.rotate(&file, log.node(), to.as_ref())? {
            Rotated::Done => Applied::Changed(format!("it is {to} now")),
            Rotated::Left(why) => Applied::Skipped(why),
        })
    }

    async fn probe(&self, step: &Step, cx: &Context) -> Result<Seen> {
        let root = self.root()?;
        match step {
            Step::Rotate { log } => Ok(match log.place(&root)? {
                Place::There => Seen::Before,
                Place::Named(name) if is_rotated(&read(&log.file)?, &name.to_string_lossy()) => {
                    match root.is_there(&read(&log.file)?)? {
                        true => Seen::After,
                        false => Seen::Partial(format!("it is {} now, and no file has its name", name.display())),
                    }
                }
                Place::Named(name) => Seen::Unknown(format!("it is {} now", escape::visible(&name.to_string_lossy()))),
                Place::Gone => Seen::Unknown("it is not in its folder any more".to_owned()),
            }),
            Step::Reopen { logs } => {
                let mut is_renamed = false;
                for log in logs {
                    is_renamed |= log.place(&root)? != Place::There;
                }
                let waits = !self.written_on(logs, cx).await?.is_empty();
                Ok(if is_renamed && !waits { Seen::After } else { Seen::Before })
            }
        }
    }

    async fn undo(&self, _: &Step, _: &Permit, _: &Context) -> Result<Applied> {
        // No plan says that a step can be undone.
        Err(Error::new(ErrorKind::Bug, "a rotation is not taken back"))
    }

    async fn verify(&self, done: &[Step], cx: &Context) -> Result<Vec<Finding>> {
        let root = self.root()?;
        let mut findings = Vec::new();
        for step in done {
            match step {
                Step::Rotate { log } => {
                    if log.place(&root)? == Place::There {
                        findings.push(Finding::critical("not-rotated", log.file.clone(), "has its old name"));
                    }
                }
                Step::Reopen { logs } => {
                    let until = tokio::time::Instant::now() + PATIENCE.min(cx.remaining());
                    let mut left = self.written_on(logs, cx).await?;
                    while !left.is_empty() && tokio::time::Instant::now() < until {
                        tokio::time::sleep(PAUSE).await;
                        left = self.written_on(logs, cx).await?;
                    }
                    findings.extend(left.into_iter().map(|name| {
                        Finding::critical("still-written", name, "is still open in the program that writes to it")
                    }));
                }
            }
        }
        Ok(findings)
    }
}

/// What a rotation puts between the name of a log and the end.
const STAMP: &str = "-%Y%m%dT%H%M%SZ";

/// Tells whether a name is one that a rotation of ours gives to a file.
fn is_rotated(file: &Path, name: &str) -> bool {
    let own = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.strip_prefix(&*own).is_some_and(|rest| jiff::civil::DateTime::strptime(STAMP, rest).is_ok())
}
