//! Actions: planned, confirmed, applied and recovered. Python makes its values of the JSON that programs read everywhere.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use selx_checks::ground::{self, Confined, HostGround};
use selx_core::action::{
    ActionReport, Ground as _, Open, Outcome, Permission, SavedPlan, Stopped, hindrance, recover_by,
};
use selx_core::escape::visible;
use selx_core::format::{self, Style};
use selx_core::{ActionInstance, Clock as _, Context, Host, Registry, Secrets, SystemClock};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::errors::{ActionError, UsageError, told};
use crate::wait::{self, Ending};

/// What came of an action: as programs read it, and as people do.
type Reported = (String, String);

/// Makes an exception of an error.
fn raised(error: &selx_core::Error, secrets: &Secrets) -> PyErr {
    ActionError::new_err(told(error, secrets))
}

/// Work that ends by itself, and must not be dropped before.
type Work = Pin<Box<dyn Future<Output = PyResult<Reported>> + Send>>;

/// What stands around one action.
#[derive(Clone)]
pub(crate) struct Acting {
    pub(crate) action: ActionInstance,
    pub(crate) ground: HostGround,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) limit: Duration,
}

fn context(limit: Duration, secrets: &Arc<Secrets>, cancel: CancellationToken) -> Context {
    Context::with(Arc::new(SystemClock), Arc::new(Host::default()), Arc::clone(secrets), limit).cancelled_by(cancel)
}

fn reported(report: &ActionReport, secrets: &Secrets) -> Reported {
    (format::action_json(report, secrets), format::action(report, &Style::default(), secrets))
}

impl Acting {
    fn context(&self, cancel: CancellationToken) -> Context {
        context(self.action.timeout.unwrap_or(self.limit), &self.secrets, cancel)
    }

    /// Makes the plan.
    pub(crate) async fn plan(self, cancel: CancellationToken) -> PyResult<Plan> {
        let planned = ground::planned(&self.action, &self.ground, self.context(cancel)).await;
        match planned {
            Ok((plan, confined)) => Ok(Plan { acting: self, plan, confined: Some(confined == Confined::Yes) }),
            Err(error) => Err(raised(&error, &self.secrets)),
        }
    }
}

/// A plan, with all that it takes to apply it.
#[pyclass(frozen, name = "_Plan", module = "selx._selx")]
pub(crate) struct Plan {
    pub(crate) acting: Acting,
    pub(crate) plan: SavedPlan,
    /// Whether the kernel kept it from writing while it was made; of one that was read from a file nobody knows.
    #[pyo3(get)]
    pub(crate) confined: Option<bool>,
}

impl Plan {
    fn permission(&self, confirm: Option<&str>, permitted: bool) -> PyResult<Permission> {
        let refused = |text: String| Err(UsageError::new_err(text));
        match (confirm, permitted, &self.acting.action.permit) {
            (Some(typed), false, _) => typed.parse().map(Permission::Typed).map_err(UsageError::new_err),
            (None, true, Some(policy)) => Ok(Permission::Policy(policy.clone())),
            (None, true, None) => refused(format!(
                "nothing permits `{}` to run by itself; say `permit` where the action is described",
                self.plan.action.escape_debug()
            )),
            (None, false, _) => refused(
                "nobody confirmed this plan: show it, then give its hash, `plan.apply(plan.hash)`; or let the policy of the \
                 action decide, `plan.apply(permitted=True)`"
                    .to_owned(),
            ),
            (Some(_), true, _) => refused("a plan is confirmed by its hash or by a policy, not by both".to_owned()),
        }
    }

    fn work(&self, confirm: Option<&str>, permitted: bool) -> PyResult<impl FnOnce(CancellationToken) -> Work + use<>> {
        let permission = self.permission(confirm, permitted)?;
        let (acting, plan) = (self.acting.clone(), self.plan.clone());
        Ok(move |cancel| -> Work {
            Box::pin(async move {
                let cx = acting.context(cancel);
                let report = ground::apply(&acting.action, &plan, &permission, &acting.ground, &cx).await;
                Ok(reported(&report, &acting.secrets))
            })
        })
    }
}

#[pymethods]
impl Plan {
    /// Returns it as one line of JSON, with its hash.
    fn json(&self) -> String {
        format::plan_json(&self.plan, &self.acting.secrets)
    }

    /// Returns it as people read it, with what a program in Python calls to do it.
    fn text(&self) -> String {
        let how = format!("plan.apply(\"{}\")", self.plan.hash());
        format::plan(&self.plan, &how, &Style::default(), &self.acting.secrets)
    }

    /// Returns what would keep it from beginning now.
    fn hindrance(&self) -> Option<String> {
        let Acting { action, ground, secrets, .. } = &self.acting;
        let report = hindrance(&*action.action, &action.full_name(), ground)?;
        let why = report.why.join("; ");
        Some(visible(&secrets.redact(&why).unwrap_or(why)).into_owned())
    }

    fn apply(&self, py: Python<'_>, confirm: Option<&str>, permitted: bool) -> PyResult<Reported> {
        wait::wait(py, Ending::ByItself, self.work(confirm, permitted)?)
    }

    fn apply_async<'py>(&self, py: Python<'py>, confirm: Option<&str>, permitted: bool) -> PyResult<Bound<'py, PyAny>> {
        wait::promise(py, Ending::ByItself, self.work(confirm, permitted)?, pair)
    }

    fn save(&self, path: PathBuf) -> PyResult<()> {
        ground::save_plan(&path, &self.plan).map_err(|error| raised(&error, &self.acting.secrets))
    }
}

fn pair(py: Python<'_>, report: Reported) -> PyResult<Py<PyAny>> {
    Ok(report.into_pyobject(py)?.into_any().unbind())
}

/// The runs that are not over on a machine.
pub(crate) struct Machine {
    pub(crate) ground: HostGround,
    pub(crate) limit: Duration,
}

impl Machine {
    /// Returns the runs that did not come to their end, as JSON.
    pub(crate) fn unfinished(&self) -> PyResult<String> {
        let open = self.open()?;
        let runs = open.iter().filter(|open| !open.alive).map(|open| {
            let read = open.read.as_ref().ok();
            json!({
                "run": open.run,
                "action": read.and_then(|read| read.begin()).map(|begin| begin.plan.action.clone()),
                "begun": read.and_then(|read| read.records.first()).map(|record| record.at.at.to_string()),
                "damaged": open.read.as_ref().err().map(ToString::to_string),
            })
        });
        Ok(serde_json::Value::from_iter(runs).to_string())
    }

    fn open(&self) -> PyResult<Vec<Open>> {
        self.ground.open().map_err(|error| raised(&error, &Secrets::default()))
    }

    /// Brings one to an end.
    pub(crate) fn work(
        self,
        registry: Arc<Registry>,
        run: &str,
        as_it_is: bool,
    ) -> PyResult<impl FnOnce(CancellationToken) -> Work + use<>> {
        let open = self.open()?.into_iter().find(|open| open.run == run);
        let unknown = || UsageError::new_err(format!("no run `{}` is open", run.escape_debug()));
        let open = open.ok_or_else(unknown)?;
        Ok(move |cancel| -> Work {
            Box::pin(async move {
                let secrets = Arc::new(Secrets::default());
                let cx = context(self.limit, &secrets, cancel);
                let report = recover_by(&registry, &open, as_it_is, &self.ground, &cx).await;
                Ok(reported(&report, &secrets))
            })
        })
    }

    pub(crate) fn recover(
        self,
        py: Python<'_>,
        registry: Arc<Registry>,
        run: &str,
        as_it_is: bool,
    ) -> PyResult<Reported> {
        wait::wait(py, Ending::ByItself, self.work(registry, run, as_it_is)?)
    }

    pub(crate) fn recover_async<'py>(
        self,
        py: Python<'py>,
        registry: Arc<Registry>,
        run: &str,
        as_it_is: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        wait::promise(py, Ending::ByItself, self.work(registry, run, as_it_is)?, pair)
    }

    /// Stops all actions. Tells whether they were not stopped before.
    pub(crate) fn stop(&self, by: String, reason: String) -> PyResult<bool> {
        let failed = |error| raised(&error, &Secrets::default());
        if self.ground.stopped().map_err(failed)?.is_some() {
            return Ok(false);
        }
        let at = SystemClock.now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        self.ground.stop(&Stopped { by, reason, at }).map_err(failed)?;
        Ok(true)
    }

    /// Allows them again. Tells whether they were stopped.
    pub(crate) fn start(&self) -> PyResult<bool> {
        let started = self.ground.start().map_err(|error| raised(&error, &Secrets::default()))?;
        Ok(started.is_some())
    }
}

/// The words for what an action can come to, with their exit codes.
pub(crate) fn outcomes() -> Vec<(&'static str, u8)> {
    Outcome::ALL.iter().map(|outcome| (outcome.as_str(), outcome.exit_code())).collect()
}

/// Reads a plan that was saved.
pub(crate) fn read(path: &std::path::Path) -> PyResult<SavedPlan> {
    ground::read_plan(path).map_err(|error| match error {
        ground::NoPlan::Unread(error) => raised(&error, &Secrets::default()),
        other @ ground::NoPlan::Unfit(..) => ActionError::new_err(other.to_string()),
    })
}
