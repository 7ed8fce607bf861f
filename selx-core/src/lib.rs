//! The words of selx: checks and actions, limits, reports, the registry and the runner.
//!
//! A **check** looks and judges; a **runner** gives it time, order and limits; a **report** says what came out; a
//! format carries it to whoever waits. Everything that a user can name is a **kind** in a [`Registry`].
//!
//! This crate knows no product, no network and no terminal. The kinds are in `selx-checks`.
//!
//! A kind is a type with settings, facts, a look and a judgement:
//!
//! ```
//! use schemars::JsonSchema;
//! use selx_core::{Area, Check, Context, Error, Finding, Judgement, Judging, Meta, Registry, Result, Runner, config};
//! use serde::{Deserialize, Serialize};
//!
//! /// A flag file that stops deployments.
//! struct DeployLock(Config);
//!
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     /// The flag file, an absolute path.
//!     path: std::path::PathBuf,
//! }
//!
//! #[derive(Serialize, Deserialize)]
//! struct Facts {
//!     locked: bool,
//! }
//!
//! impl Check for DeployLock {
//!     type Config = Config;
//!     type Facts = Facts;
//!     const META: Meta = Meta::new("deploy-lock", Area::Host, "whether deployments are stopped");
//!
//!     fn new(config: Config) -> Self {
//!         Self(config)
//!     }
//!
//!     async fn probe(&self, cx: &Context) -> Result<Facts> {
//!         let path = cx.host().path(&self.0.path);
//!         Ok(Facts { locked: path.try_exists().map_err(|error| Error::from_io(error, path.display()))? })
//!     }
//!
//!     fn judge(&self, facts: &Facts, _: &Judging<Facts>) -> Judgement {
//!         match facts.locked {
//!             true => Judgement::new("locked").with(Finding::warning("locked", "", "deployments are stopped")),
//!             false => Judgement::new("deployments may run"),
//!         }
//!     }
//! }
//!
//! let mut registry = Registry::new();
//! registry.check::<DeployLock>()?;
//! let suite = config::parse(&registry, "example", "[check.deploy-lock.shop]\nwith = { path = '/nowhere/lock' }")?;
//! let selection = suite.select(&["daily".to_owned()]).map_err(|wrong| format!("{wrong:?}"))?;
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! let report = runtime.block_on(Runner::new(suite.settings).run(&selection));
//! assert_eq!(report.entries[0].headline(), "deployments may run");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where to go next: [`Check`] and [`Context`] to write a kind, [`Meta`] for what it says of itself, `contract` (a
//! feature) to test it, [`config`] and [`Suite`] for what is run, [`Runner`] to run it, [`Report`] and
//! [`format`](mod@format) for what came out, [`limit`] for numbers, [`recording`] to judge again what was seen.

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
mod extent;
mod finding;
pub mod format;
mod history;
pub mod limit;
mod measure;
mod meta;
mod nearest;
mod quantity;
mod recollection;
pub mod recording;
mod registry;
pub mod report;
mod runner;
mod secret;
mod shared;
pub mod show;
mod suite;
pub mod survey;

pub use check::{BoxFuture, Check, DynCheck, Judged, Judging, Moment, Previous, Typed};
pub use clock::{Clock, ManualClock, SystemClock};
pub use context::{Context, Host};
pub use discovery::{Discovery, Proposal};
pub use error::{Error, ErrorKind, Result, Retry};
pub use extent::Extent;
pub use finding::{Evidence, Finding, Judgement, Severity};
pub use history::{History, Remembered, RunStart};
pub use limit::{Limit, Limits};
pub use measure::{Measure, Unit};
pub use meta::{Area, Code, Id, MeasureDoc, Meta, is_kebab};
pub use nearest::nearest;
pub use quantity::{ByteSize, Share, TimeSpan};
pub use recollection::Recalled;
pub use registry::{ActionFactory, Duplicate, Factory, Kind, Registry};
pub use report::{Entry, Report, Status};
pub use runner::{Observer, Runner, judge_facts};
pub use secret::{Secret, SecretRef, Secrets};
pub use shared::Shared;
pub use suite::{ActionInstance, Instance, NothingNamed, Routine, Selection, Settings, Suite};
pub use survey::{Survey, Surveyed};
