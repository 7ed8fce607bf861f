//! What changes something holds the lock until it has ended itself; everything else never has it.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use selx_checks::command::Child;
use selx_core::action::{
    Action, Applied, Ground as _, Permission, Permit, Plan, Planned, Request, Risk, SavedPlan, Seen, Tried,
    TypedAction, Undo, apply,
};
use selx_core::{Area, Context, Finding, Meta, Result, SystemClock};
use serde_json::json;

use super::{State, holder};

/// Where the child of the test finds its folder, and whether its program is one that changes something.
const CHILD: &str = "SELX_TEST_INHERITS";

/// Starts a program that runs longer than whoever started it.
struct Long {
    folder: PathBuf,
    changes: bool,
}

impl Action for Long {
    type Config = ();
    type Step = ();
    const META: Meta = Meta::new("long", Area::Host, "runs a program");

    fn new((): ()) -> Self {
        Self { folder: "/nowhere".into(), changes: true }
    }

    fn resources(&self) -> Vec<String> {
        vec!["long".to_owned()]
    }

    async fn plan(&self, _: &Context) -> Result<Plan<()>> {
        Ok(Plan::of(vec![Planned {
            step: (),
            target: "it".to_owned(),
            what: "run it".to_owned(),
            risk: Risk::Safe,
            bytes: None,
            seconds: None,
            locks: Vec::new(),
            undo: Undo::Impossible("it has run".to_owned()),
            not_simulated: Vec::new(),
        }]))
    }

    async fn apply(&self, (): &(), permit: &Permit, cx: &Context) -> Result<Applied> {
        let told = self.folder.join("pid").display().to_string();
        let child =
            Child::new("/bin/sh").arg("-c").arg(format!("echo $$ > {told}.new; mv {told}.new {told}; exec sleep 60"));
        let child = if self.changes { child.holding(permit) } else { child };
        child.run(cx).await?;
        Ok(Applied::Changed("it has run".to_owned()))
    }

    async fn probe(&self, (): &(), _: &Context) -> Result<Seen> {
        Ok(Seen::Before)
    }

    async fn undo(&self, (): &(), _: &Permit, _: &Context) -> Result<Applied> {
        Ok(Applied::AlreadyDone)
    }

    async fn verify(&self, _: &[()], _: &Context) -> Result<Vec<Finding>> {
        Ok(Vec::new())
    }
}

/// The child: it applies the action, and is killed while its program runs.
#[test]
fn the_child_that_is_killed() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let (sort, folder) = told.split_once(':').unwrap();
    let folder = PathBuf::from(folder);
    let ground = selx_checks::ground::HostGround::new(folder.join("state"), selx_core::Host::default());
    let action = TypedAction::new(Long { folder, changes: sort == "changes" });
    let cx = Context::new(Duration::from_secs(60));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use selx_core::action::DynAction as _;
        let plan = action.plan(&cx).await.unwrap();
        let with = json!({});
        let plan = SavedPlan::new("long.it".to_owned(), with.clone(), ground.machine(), &SystemClock, plan);
        let (permission, zone) = (Permission::Given, &TimeZone::UTC);
        let request =
            Request { action: &action, name: "long.it", with: &with, plan: &plan, permission: &permission, zone };
        apply(&request, &ground, &cx).await
    });
}

/// Kills whoever runs a program of this sort, and tells whether the lock was held while the program lived, and after.
fn held_by_a_child_that(sort: &str) -> (bool, bool) {
    let whole = tempfile::tempdir().unwrap();
    let folder = whole.path().canonicalize().unwrap();
    let state = State { path: folder.join("state"), _whole: tempfile::tempdir().unwrap() };
    #[expect(clippy::disallowed_methods, reason = "a process that holds a lock, to be killed")]
    let mut runner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "inherited::the_child_that_is_killed", "--test-threads=1"])
        .env(CHILD, format!("{sort}:{}", folder.display()))
        .spawn()
        .unwrap();
    let pid = until(|| std::fs::read_to_string(folder.join("pid")).ok()?.trim().parse::<i32>().ok());
    runner.kill().unwrap();
    runner.wait().unwrap();
    let taken = || matches!(state.ground().lock("long", &holder("r2")).unwrap(), Tried::Taken(_));
    let while_it_lives = taken();
    let is_there = PathBuf::from(format!("/proc/{pid}")).exists();
    assert!(is_there, "the program is as alive as before");
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL).unwrap();
    let gone = |pid: i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        (status.is_empty() || status.contains("State:\tZ")).then_some(())
    };
    until(|| gone(pid));
    (while_it_lives, taken())
}

fn until<T>(mut see: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = see() {
            return seen;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not come");
        std::thread::yield_now();
    }
}

#[test]
fn m03_the_lock_stays_while_a_child_that_changes_something_lives() {
    assert_eq!(held_by_a_child_that("changes"), (true, false));
}

#[test]
fn m04_a_child_that_only_looks_keeps_no_lock() {
    assert_eq!(held_by_a_child_that("looks"), (false, false));
}
