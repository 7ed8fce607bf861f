//! Actions as a person would use them: planned, confirmed, applied, and the world looked at by other means.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod backup_prune;
mod logs_clean;
mod logs_rotate;
mod struck;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use selx_checks::ground::HostGround;
use selx_core::action::{
    Action, ActionReport, DynAction as _, Ground as _, Permission, Request, SavedPlan, TypedAction, apply,
};
use selx_core::{Clock, Context, Host, ManualClock, Result};
use serde_json::Value;

/// A machine of a test: a folder for what is changed, one for the state, and a clock that can be moved.
struct Machine {
    _whole: tempfile::TempDir,
    folder: PathBuf,
    state: PathBuf,
    clock: Arc<ManualClock>,
    /// How long an action may take.
    limit: Duration,
}

impl Machine {
    fn new() -> Self {
        let whole = tempfile::tempdir().unwrap();
        let path = whole.path().canonicalize().unwrap();
        let (folder, state) = (path.join("logs"), path.join("state"));
        std::fs::create_dir(&folder).unwrap();
        let clock = Arc::new(ManualClock::at(selx_core::SystemClock.now()));
        Self { _whole: whole, folder, state, clock, limit: Duration::from_secs(60) }
    }

    /// Lets files become older: their times of change cannot be set.
    fn days_pass(&self, days: u64) {
        // A minute more: the files were made after the clock was.
        self.clock.advance(Duration::from_secs(days * 86_400 + 60));
    }

    fn file(&self, name: &str, bytes: usize) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, vec![b'x'; bytes]).unwrap();
        path
    }

    /// Returns the names of all files, in order.
    fn names(&self) -> Vec<String> {
        fn collect(root: &Path, folder: &Path, names: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.symlink_metadata().unwrap().is_dir() {
                    true => collect(root, &path, names),
                    false => names.push(path.strip_prefix(root).unwrap().to_string_lossy().into_owned()),
                }
            }
        }
        let mut names = Vec::new();
        collect(&self.folder, &self.folder, &mut names);
        names.sort();
        names
    }

    fn ground(&self) -> HostGround {
        HostGround::new(&self.state, Host::default())
    }

    fn context(&self) -> Context {
        Context::with(Arc::clone(&self.clock) as Arc<_>, Arc::default(), Arc::default(), self.limit)
    }

    fn plan<A: Action>(&self, with: &Value) -> Result<SavedPlan> {
        let action = self.action::<A>(with);
        let plan = run(action.plan(&self.context()))?;
        let name = format!("{}.test", A::META.id);
        Ok(SavedPlan::new(name, with.clone(), self.ground().machine(), &*self.clock, plan))
    }

    fn action<A: Action>(&self, with: &Value) -> TypedAction<A> {
        TypedAction::new(A::new(serde_json::from_value(with.clone()).unwrap()))
    }

    /// Applies a plan as somebody does who typed its hash.
    fn apply<A: Action>(&self, plan: &SavedPlan) -> ActionReport {
        let action = self.action::<A>(&plan.with);
        let permission = Permission::Typed(plan.hash().to_string().parse().unwrap());
        let (name, with) = (plan.action.as_str(), &plan.with);
        let request = Request { action: &action, name, with, plan, permission: &permission, zone: &TimeZone::UTC };
        run(apply(&request, &self.ground(), &self.context()))
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
