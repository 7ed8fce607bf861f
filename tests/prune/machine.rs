//! A machine of a test: where its state is, and a clock that can be moved; the clock of the engine moves with it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::tz::TimeZone;
use selx_checks::docker::prune::DockerPrune;
use selx_checks::ground::{self, Confined, HostGround};
use selx_core::action::{ActionReport, Ground as _, Permission, Request, SavedPlan, StepState, TypedAction, apply};
use selx_core::{Clock, Context, Host, ManualClock, Result};
use serde_json::{Value, json};

use crate::engine;
use crate::socket::{Socket, pass_on};

/// What is done before a request is passed on.
type Before = Box<dyn FnMut(&str) + Send>;

pub(crate) struct Machine {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    ahead: Arc<AtomicI64>,
    before: Arc<Mutex<Option<Before>>>,
    /// The way to the engine.
    pub(crate) socket: Socket,
    limit: Duration,
}

impl Machine {
    /// Looks at the engine of these tests.
    pub(crate) fn new() -> Self {
        let engine = engine::socket();
        let (ahead, before) = (Arc::new(AtomicI64::new(0)), Arc::new(Mutex::new(None::<Before>)));
        let (seconds, hook) = (Arc::clone(&ahead), Arc::clone(&before));
        let socket = Socket::new(move |method, path, back| {
            if let Some(before) = hook.lock().unwrap().as_mut() {
                before(&format!("{method} {path}"));
            }
            pass_on(engine, method, path, seconds.load(Ordering::Relaxed), back);
        });
        Self::with(socket, ahead, before)
    }

    /// Looks at what answers behind a socket.
    pub(crate) fn of(socket: Socket) -> Self {
        Self::with(socket, Arc::default(), Arc::default())
    }

    fn with(socket: Socket, ahead: Arc<AtomicI64>, before: Arc<Mutex<Option<Before>>>) -> Self {
        let clock = Arc::new(ManualClock::at(selx_core::SystemClock.now()));
        let folder = tempfile::tempdir().unwrap();
        Self { folder, clock, ahead, before, socket, limit: Duration::from_secs(120) }
    }

    /// Lets an attempt take so long.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Lets days pass, by both clocks.
    pub(crate) fn days_pass(&self, days: u64) {
        self.own_days_pass(days);
        self.engine_days_pass(days);
    }

    /// Lets days pass by the clock of this machine alone.
    pub(crate) fn own_days_pass(&self, days: u64) {
        self.clock.advance(Duration::from_secs(days * 86_400));
    }

    /// Lets days pass by the clock of the engine alone.
    pub(crate) fn engine_days_pass(&self, days: u64) {
        self.ahead.fetch_add(i64::try_from(days).unwrap() * 86_400, Ordering::Relaxed);
    }

    /// Does something before requests are passed on; it gets each one's method and path.
    pub(crate) fn before(&self, before: impl FnMut(&str) + Send + 'static) {
        *self.before.lock().unwrap() = Some(Box::new(before));
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn ground(&self) -> HostGround {
        HostGround::new(self.state(), Host::default())
    }

    pub(crate) fn context(&self) -> Context {
        let clock = Arc::clone(&self.clock) as Arc<_>;
        Context::with(clock, Arc::default(), Arc::default(), self.limit)
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Returns settings for this engine.
    pub(crate) fn settings(&self, more: Value) -> Value {
        let mut with = json!({ "engine": format!("unix:{}", self.socket.path().display()), "max-share": "100%" });
        for (key, value) in more.as_object().unwrap() {
            with[key] = value.clone();
        }
        with
    }

    pub(crate) fn action(&self, with: &Value) -> TypedAction<DockerPrune> {
        use selx_core::action::Action as _;
        TypedAction::new(DockerPrune::new(serde_json::from_value(with.clone()).unwrap()))
    }

    pub(crate) fn try_plan(&self, more: Value) -> Result<SavedPlan> {
        let with = self.settings(more);
        // As the command does it: without the right to write to any file.
        let (plan, confined) = run(ground::plan(Arc::new(self.action(&with)), self.context()))?;
        assert_eq!(confined, Confined::Yes);
        Ok(SavedPlan::new("docker-prune.test".to_owned(), with, self.ground().machine(), &*self.clock, plan))
    }

    #[track_caller]
    pub(crate) fn plan(&self, more: Value) -> SavedPlan {
        self.try_plan(more).unwrap()
    }

    /// Applies a plan as somebody does who typed its hash.
    pub(crate) fn apply(&self, plan: &SavedPlan) -> ActionReport {
        let action = self.action(&plan.with);
        let permission = Permission::Typed(plan.hash().to_string().parse().unwrap());
        let (name, with) = (plan.action.as_str(), &plan.with);
        let request = Request { action: &action, name, with, plan, permission: &permission, zone: &TimeZone::UTC };
        run(apply(&request, &self.ground(), &self.context()))
    }
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Returns what the steps are about, in order.
pub(crate) fn targets(plan: &SavedPlan) -> Vec<&str> {
    plan.plan.steps.iter().map(|step| step.target.as_str()).collect()
}

/// Returns what is kept by a rule, which begins with these words.
#[track_caller]
pub(crate) fn kept<'a>(plan: &'a SavedPlan, why: &str) -> Vec<&'a str> {
    let found = plan.plan.kept.iter().find(|kept| kept.why.starts_with(why));
    let found = found.unwrap_or_else(|| panic!("`{why}` keeps nothing: {:#?}", plan.plan.kept));
    found.examples.iter().map(String::as_str).collect()
}

/// Returns what came of the step about something.
#[track_caller]
pub(crate) fn came<'a>(report: &'a ActionReport, target: &str) -> &'a StepState {
    let found = report.steps.iter().find(|step| step.target == target);
    &found.unwrap_or_else(|| panic!("no step is about {target}: {report:#?}")).state
}
