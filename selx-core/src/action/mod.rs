//! Actions: what changes something, and the envelope that keeps it from doing harm.
//!
//! An [`Action`] plans, does, asks the world how far a step is, undoes and verifies. Everything between is the envelope's:
//! a plan is shown before anything happens and confirmed by its hash or by the policy of the file; under a lock it is made
//! again and has to be the same; what a step is about to do is on the disk before, what came of it after; a run that was
//! killed is mended by asking the world, never by guessing.
//!
//! ```text
//! plan → confirm → lock → plan again, compare → [ intent → do → done ]* → verify → end
//!                              a failure: no further step → undo in reverse → verify → end
//! ```
//!
//! [`apply`] is that machine, [`recover()`] mends what was left of one. Both stand on a [`Ground`], which is the stop file,
//! the locks and the journals of a machine.

mod ground;
pub mod journal;
mod life;
mod locks;
mod mend;
mod outcome;
mod permission;
mod plan;
mod recover;
mod report;
mod saved;
mod typed;

use std::future::Future;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::error::Result;
use crate::finding::Finding;
use crate::meta::Meta;

pub use ground::{Ground, Holder, Lock, Open, Space, Stopped, Tried};
pub use life::{Request, apply, hindrance};
pub use outcome::Outcome;
pub use permission::{Permission, Policy, Window};
pub use plan::{Applied, Compared, Keeping, Kept, Plan, Planned, Refused, Risk, Seen, Undo};
pub use recover::{recover, recover_by};
pub use report::{ActionReport, SpaceChange, StepReport, StepState};
pub use saved::{FORMAT, GOOD_FOR, Machine, PlanHash, SavedPlan, ShortHash, Unfit};
pub use typed::{DynAction, TypedAction};

/// The permission to change something. Only the runner of actions can make one, so neither a check nor an accident can
/// call `apply`.
///
/// ```compile_fail
/// let permit = selx_core::action::Permit { risk: selx_core::action::Risk::Safe, locks: Vec::new() };
/// ```
#[derive(Debug)]
pub struct Permit {
    risk: Risk,
    locks: Vec<Arc<OwnedFd>>,
}

impl Permit {
    /// Returns the greatest risk that is permitted.
    pub fn risk(&self) -> Risk {
        self.risk
    }

    /// Returns the locks of the run. A child that changes something inherits them: should this process die, its locks are
    /// held until the child has ended too.
    pub fn locks(&self) -> &[Arc<OwnedFd>] {
        &self.locks
    }
}

/// What an author of an action writes.
///
/// # Cancellation safety
///
/// `plan`, `probe` and `verify` only read and may be dropped. `apply`, `undo` and `tidy` are never dropped: the runner asks for
/// cancellation between steps only.
pub trait Action: Send + Sync + Sized + 'static {
    /// The settings.
    type Config: DeserializeOwned + JsonSchema;

    /// One exact, saved step.
    type Step: Serialize + DeserializeOwned + Send + Sync;

    /// What the kind says about itself.
    const META: Meta;

    /// How many steps may be on the way at once: their intent is written together, and so is what came of them. More than
    /// one only where each step stands for itself and takes no time.
    const BATCH: usize = 1;

    /// Takes the settings. No input or output, no failure.
    fn new(config: Self::Config) -> Self;

    /// Returns what nobody else may change meanwhile, such as `files:/var/log`, one lock each. They are taken in order.
    fn resources(&self) -> Vec<String>;

    /// Returns where room on a disk is looked at before and after: it is asked for once the locks are held. What cannot be
    /// found is left out. The default is none.
    fn places(&self, _: &Context) -> impl Future<Output = Vec<PathBuf>> + Send {
        async { Vec::new() }
    }

    /// Takes locks that reach beyond this machine, such as an advisory lock of a database, each with the name of what it is
    /// for. It is called after the locks of [`Action::resources`] were taken, and does not wait either. The default are none.
    fn lock(&self, _: &Context) -> impl Future<Output = Result<Vec<(String, Tried)>>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Looks at the world and says what would be done. Reads only.
    fn plan(&self, cx: &Context) -> impl Future<Output = Result<Plan<Self::Step>>> + Send;

    /// Does one step.
    fn apply(&self, step: &Self::Step, permit: &Permit, cx: &Context) -> impl Future<Output = Result<Applied>> + Send;

    /// Asks the real world how far a step is.
    fn probe(&self, step: &Self::Step, cx: &Context) -> impl Future<Output = Result<Seen>> + Send;

    /// Takes a step back.
    fn undo(&self, step: &Self::Step, permit: &Permit, cx: &Context) -> impl Future<Output = Result<Applied>> + Send;

    /// Takes away what the steps made for themselves, such as a folder in which they worked. It is called when no further
    /// step is begun, also after a run that died; it may be called without need.
    fn tidy(&self, _: &Permit, _: &Context) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Looks whether the goal was reached by the steps that were done, whatever they returned.
    fn verify(&self, done: &[Self::Step], cx: &Context) -> impl Future<Output = Result<Vec<Finding>>> + Send;
}
