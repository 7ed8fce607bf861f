//! The journal of an action: what it is about to do is on the disk before, what came of it after.
//!
//! One file a run, only ever appended to. A line is a record: the first sixteen digits of the SHA-256 of the rest, a
//! space, and JSON, which holds its number and the digits of the line before. A person can read it with any pager. The end
//! of a file that a power cut tore is told from damage within it: behind the former nothing stands that is whole.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::outcome::Outcome;
use super::plan::Applied;
use super::saved::{FORMAT, SavedPlan, hex};
use crate::check::Moment;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secrets;

/// How long a line may be: a plan of the largest size with room to spare.
const LINE: usize = 64 << 20;
/// How many digits of its hash a line begins with.
const DIGITS: usize = 16;

/// What a record says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "record", deny_unknown_fields)]
pub enum Event {
    /// The run begins. Nothing was changed before this.
    Begin(Box<Begin>),
    /// These steps, by their numbers in the plan, are about to be done.
    Intent {
        /// The numbers.
        steps: Vec<usize>,
    },
    /// These steps were about to be done, and were not begun.
    Left {
        /// The numbers.
        steps: Vec<usize>,
    },
    /// A step has been done, or was found as planned, or left alone.
    Done {
        /// Its number.
        step: usize,
        /// What came of it.
        applied: Applied,
        /// Whether this was found out by asking the world afterwards, not by doing it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        probed: bool,
    },
    /// A step failed, or was found not to have happened.
    Failed {
        /// Its number.
        step: usize,
        /// The reason.
        why: String,
    },
    /// A step is about to be undone.
    UndoIntent {
        /// Its number.
        step: usize,
    },
    /// A step has been undone.
    UndoDone {
        /// Its number.
        step: usize,
        /// What came of it.
        applied: Applied,
    },
    /// A step could not be undone.
    UndoFailed {
        /// Its number.
        step: usize,
        /// The reason.
        why: String,
    },
    /// The run is over. Nothing is changed after this.
    End {
        /// What it came to.
        outcome: Outcome,
        /// Whether a later process wrote it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        recovered: bool,
    },
}

/// What the first record says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// The form of the journal.
    pub format: u32,
    /// The run, which is the name of the file as well.
    pub run: String,
    /// The process.
    pub pid: u32,
    /// The user.
    pub user: u32,
    /// Who confirmed it: a person, or the policy in the file.
    pub confirmed: String,
    /// What nobody else may change meanwhile.
    pub resources: Vec<String>,
    /// The plan that was confirmed, and where it is applied.
    pub plan: SavedPlan,
    /// Which of its steps are to be done: those that were still as planned when the lock was held.
    pub steps: Vec<usize>,
}

/// A record with its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its number, from 0.
    pub number: u64,
    /// The digits of the line before; empty for the first.
    pub before: String,
    /// When it was written.
    pub at: Moment,
    /// What it says.
    #[serde(flatten)]
    pub event: Event,
}

/// Where a journal's lines go.
pub trait Ledger: Send {
    /// Appends lines, and returns when they are on the disk. After an error nothing more may be appended: what the system
    /// could not write it may have forgotten.
    ///
    /// # Errors
    ///
    /// `Local`, naming the file.
    fn append(&mut self, lines: &[u8]) -> Result<()>;
}

/// A journal that is being written.
pub struct Journal {
    ledger: Box<dyn Ledger>,
    next: u64,
    before: String,
    dead: bool,
}

impl Journal {
    /// Begins a journal in a file that is empty.
    pub fn begin(ledger: Box<dyn Ledger>) -> Self {
        Self { ledger, next: 0, before: String::new(), dead: false }
    }

    /// Goes on with one that was read.
    pub fn go_on(ledger: Box<dyn Ledger>, read: &Read) -> Self {
        Self { ledger, next: read.records.len() as u64, before: read.last.clone(), dead: false }
    }

    /// Writes records, all at once, and waits until they are on the disk.
    ///
    /// # Errors
    ///
    /// `Local`. The journal is dead then: every later record fails as well.
    pub fn write(&mut self, events: impl IntoIterator<Item = Event>, clock: &dyn Clock) -> Result<()> {
        if self.dead {
            return Err(Error::new(ErrorKind::Local, "the journal could not be written before, and is not written on"));
        }
        // It is dead unless all of this succeeds.
        self.dead = true;
        let mut lines = Vec::new();
        for event in events {
            let before = std::mem::take(&mut self.before);
            let record = Record { number: self.next, before, at: Moment::of(clock), event };
            let json = serde_json::to_vec(&record).map_err(|error| {
                Error::new(ErrorKind::Bug, "a record cannot be written as JSON").source_error(error)
            })?;
            if json.len() + DIGITS + 1 > LINE {
                let message = format!("a record would be longer than {}", crate::quantity::ByteSize(LINE as u64));
                return Err(Error::new(ErrorKind::Limit, message).advice("let the plan have fewer steps"));
            }
            self.before = digits(&json);
            self.next += 1;
            lines.extend(self.before.as_bytes());
            lines.push(b' ');
            lines.extend(json);
            lines.push(b'\n');
        }
        if !lines.is_empty() {
            self.ledger.append(&lines)?;
        }
        self.dead = false;
        Ok(())
    }
}

fn digits(json: &[u8]) -> String {
    let hash: [u8; 32] = Sha256::digest(json).into();
    hex(&hash).get(..DIGITS).unwrap_or_default().to_owned()
}

/// What a journal's file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Read {
    /// Its records, in order.
    pub records: Vec<Record>,
    /// How many bytes they take: what stands behind them is torn.
    pub whole: usize,
    last: String,
}

/// Why a journal cannot be relied on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damaged {
    /// A line within it is not what was written.
    #[error("line {0} is damaged, and whole lines follow it")]
    Line(usize),
    /// Lines are missing, or stand in another order.
    #[error("line {0} does not follow the line before it")]
    Order(usize),
    /// It does not begin with the beginning of a run.
    #[error("it does not begin with the begin of a run")]
    NoBegin,
    /// It goes on behind its end.
    #[error("line {0} stands behind the end of the run")]
    BehindEnd(usize),
    /// A version wrote it whose form this one does not know.
    #[error("it has the form {0}, and this version knows the form {FORMAT}")]
    Format(u64),
}

impl Event {
    /// Takes the secrets that were read out of what it says; a plan is begun without them.
    pub(super) fn without(self, secrets: &Secrets) -> Self {
        let clean = |why: String| secrets.redact(&why).unwrap_or(why);
        match self {
            Self::Done { step, applied, probed } => Self::Done { step, applied: applied.without(secrets), probed },
            Self::UndoDone { step, applied } => Self::UndoDone { step, applied: applied.without(secrets) },
            Self::Failed { step, why } => Self::Failed { step, why: clean(why) },
            Self::UndoFailed { step, why } => Self::UndoFailed { step, why: clean(why) },
            other => other,
        }
    }
}

/// Reads a journal. A torn end is no damage: what was being written was not yet to be relied on.
///
/// # Errors
///
/// Damage within it; a journal of a newer version.
pub fn read(bytes: &[u8]) -> Result<Read, Damaged> {
    let mut read = Read::default();
    let mut torn = None;
    let mut ended = false;
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let Some(json) = checked(line) else {
            torn.get_or_insert(index);
            continue;
        };
        // Something whole behind something torn: this is not how an end is torn.
        if let Some(torn) = torn {
            return Err(Damaged::Line(torn + 1));
        }
        if index == 0
            && let Some(format) = format_of(json)
            && format != u64::from(FORMAT)
        {
            return Err(Damaged::Format(format));
        }
        let Ok(record) = serde_json::from_slice::<Record>(json) else { return Err(Damaged::Line(index + 1)) };
        if record.number != index as u64 || record.before != read.last {
            return Err(Damaged::Order(index + 1));
        }
        if (index == 0) != matches!(record.event, Event::Begin(_)) {
            return Err(Damaged::NoBegin);
        }
        if ended {
            return Err(Damaged::BehindEnd(index + 1));
        }
        ended = matches!(record.event, Event::End { .. });
        read.last = digits(json);
        read.whole += line.len();
        read.records.push(record);
    }
    // What was relied on began with a whole line: without one, it is the torn first line, or no journal any more.
    if read.records.is_empty() && !is_torn_begin(bytes) {
        return Err(Damaged::NoBegin);
    }
    Ok(read)
}

/// Tells whether bytes are the front of a first line, as far as they go; behind it may be what a file system leaves of a
/// write that it did not come to.
fn is_torn_begin(bytes: &[u8]) -> bool {
    const FRONT: &[u8] = b" {\"number\":0,";
    let zeros = bytes.iter().rev().take_while(|byte| **byte == 0).count();
    let bytes = bytes.get(..bytes.len() - zeros).unwrap_or_default();
    let (sum, rest) = bytes.split_at_checked(DIGITS).unwrap_or((bytes, &[]));
    let is_sum = sum.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte));
    let front = rest.get(..FRONT.len()).unwrap_or(rest);
    is_sum && FRONT.starts_with(front) && !bytes.contains(&b'\n')
}

fn checked(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\n").filter(|line| line.len() <= LINE)?;
    let (sum, rest) = line.split_at_checked(DIGITS)?;
    let json = rest.strip_prefix(b" ")?;
    (digits(json).as_bytes() == sum).then_some(json)
}

fn format_of(json: &[u8]) -> Option<u64> {
    serde_json::from_slice::<serde_json::Value>(json).ok()?.get("format")?.as_u64()
}

/// How far a step is, by the journal alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It was not begun.
    Waiting,
    /// It was about to be done, and nothing is said of what came of it.
    Begun,
    /// It was done.
    Done(Applied),
    /// It failed.
    Failed(String),
    /// It was about to be undone, and nothing is said of what came of it.
    UndoBegun,
    /// It was undone.
    Undone,
    /// It could not be undone.
    NotUndone(String),
}

impl Read {
    /// Returns the first record; `None` only of an empty journal, whose process died before it changed anything.
    pub fn begin(&self) -> Option<&Begin> {
        match &self.records.first()?.event {
            Event::Begin(begin) => Some(begin),
            _ => None,
        }
    }

    /// Returns what the run came to, if it is over.
    pub fn end(&self) -> Option<Outcome> {
        match self.records.last()?.event {
            Event::End { outcome, .. } => Some(outcome),
            _ => None,
        }
    }

    /// Returns how far each step of the plan is.
    pub fn progress(&self) -> Vec<Progress> {
        let count = self.begin().map_or(0, |begin| begin.plan.plan.steps.len());
        let mut progress = vec![Progress::Waiting; count];
        let mut set = |step: &usize, to: Progress| {
            if let Some(slot) = progress.get_mut(*step) {
                *slot = to;
            }
        };
        for record in &self.records {
            match &record.event {
                Event::Begin(_) | Event::End { .. } => {}
                Event::Intent { steps } => steps.iter().for_each(|step| set(step, Progress::Begun)),
                Event::Left { steps } => steps.iter().for_each(|step| set(step, Progress::Waiting)),
                Event::Done { step, applied, .. } => set(step, Progress::Done(applied.clone())),
                Event::Failed { step, why } => set(step, Progress::Failed(why.clone())),
                Event::UndoIntent { step } => set(step, Progress::UndoBegun),
                Event::UndoDone { step, .. } => set(step, Progress::Undone),
                Event::UndoFailed { step, why } => set(step, Progress::NotUndone(why.clone())),
            }
        }
        progress
    }
}
