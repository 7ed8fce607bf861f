//! The words of selx: checks and actions, limits, reports, the registry and the runner.
//!
//! A **check** looks and judges; a **runner** gives it time, order and limits; a **report** says what came out; a
//! format carries it to whoever waits. Everything that a user can name is a **kind** in a [`Registry`].
//!
//! This crate knows no product, no network and no terminal. The kinds are in `selx-checks`.

pub mod action;
mod check;
mod clock;
pub mod config;
mod context;
#[cfg(feature = "contract")]
pub mod contract;
mod discovery;
mod error;
pub mod escape;
pub mod exit_codes;
pub mod explain;
mod finding;
pub mod format;
mod history;
pub mod limit;
mod measure;
mod meta;
mod nearest;
mod quantity;
pub mod recording;
mod registry;
pub mod report;
mod runner;
mod secret;
pub mod show;
mod suite;
pub mod survey;

pub use check::{BoxFuture, Check, DynCheck, Judged, Judging, Moment, Previous, Typed};
pub use clock::{Clock, ManualClock, SystemClock};
pub use context::{Context, Host};
pub use discovery::{Discovery, Proposal};
pub use error::{Error, ErrorKind, Result, Retry};
pub use finding::{Evidence, Finding, Judgement, Severity};
pub use history::{History, Remembered, RunStart};
pub use limit::{Limit, Limits};
pub use measure::{Measure, Unit};
pub use meta::{Area, Code, Id, MeasureDoc, Meta, is_kebab};
pub use nearest::nearest;
pub use quantity::{ByteSize, Share, TimeSpan};
pub use registry::{Duplicate, Factory, Registry};
pub use report::{Entry, Report, Status};
pub use runner::{Observer, Runner, judge_facts};
pub use secret::{Secret, SecretRef, Secrets};
pub use suite::{Instance, NothingNamed, Routine, Selection, Settings, Suite};
pub use survey::{Survey, Surveyed};
