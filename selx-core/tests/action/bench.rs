//! Everything that a test of the envelope needs.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use jiff::tz::TimeZone;
use selx_core::action::{
    ActionReport, DynAction, Ground as _, Permission, Request, SavedPlan, TypedAction, apply, recover,
};
use selx_core::{Context, Host, ManualClock, Secrets};

use crate::world::{Change, Config, World};

/// Everything that a test needs.
pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) config: Config,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) cx: Context,
}

impl Bench {
    pub(crate) fn new(names: &[&str], config: Config) -> Self {
        let clock = Arc::new(ManualClock::at("2026-11-23T03:00:00Z".parse().unwrap()));
        let cx = Context::with(
            Arc::clone(&clock) as Arc<_>,
            Arc::new(Host::default()),
            Arc::new(Secrets::default()),
            Duration::from_secs(60),
        );
        Self { world: World::of(names), config, clock, cx }
    }

    pub(crate) fn action<const BATCH: usize>(&self) -> TypedAction<Change<BATCH>> {
        TypedAction::new(Change(self.config.clone(), self.world.clone()))
    }

    pub(crate) fn plan(&self) -> SavedPlan {
        let plan = now(self.action::<1>().plan(&self.cx)).unwrap();
        let with = serde_json::to_value(&self.config).unwrap();
        SavedPlan::new("change.it".to_owned(), with, self.world.machine(), &*self.clock, plan)
    }

    pub(crate) fn apply(&self) -> ActionReport {
        self.apply_as(&self.plan(), &Permission::Given)
    }

    pub(crate) fn apply_as(&self, plan: &SavedPlan, permission: &Permission) -> ActionReport {
        self.apply_by(&self.action::<1>(), plan, permission)
    }

    pub(crate) fn apply_by(&self, action: &dyn DynAction, plan: &SavedPlan, permission: &Permission) -> ActionReport {
        let with = serde_json::to_value(&self.config).unwrap();
        let request = Request { action, name: "change.it", with: &with, plan, permission, zone: &TimeZone::UTC };
        now(apply(&request, &self.world, &self.cx))
    }

    /// Recovers the only run that is open.
    pub(crate) fn recover(&self) -> ActionReport {
        self.recover_as(false)
    }

    pub(crate) fn recover_as(&self, as_it_is: bool) -> ActionReport {
        let open = self.world.open().unwrap();
        assert_eq!(open.len(), 1);
        now(recover(&open[0], &self.action::<1>(), as_it_is, &self.world, &self.cx))
    }
}

/// Runs a future that never waits.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}
