//! The registry as Python holds it: every kind that it knows, and all that can be done with them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use selx_checks::ground::{self, HostGround};
use selx_core::report::v1;
use selx_core::{Host, Registry, Secrets, config, contract, explain, nearest};
use tokio_util::sync::CancellationToken;

use crate::actions::{self, Acting, Machine, Plan};
use crate::bridge;
use crate::errors::{ConfigError, SelxError, UsageError};
use crate::given::{Given, Sort, Spec, suite_of};
use crate::kinds::Kind;
use crate::results::{CheckResult, Report};
use crate::runs::{self, Asked, Job};
use crate::wait::{self, Ending};

/// The native half of `selx.Registry`.
#[pyclass(frozen, name = "_Registry", module = "selx._selx")]
pub(crate) struct PyRegistry(Mutex<Arc<Registry>>);

impl PyRegistry {
    /// The kinds as they are now: what is registered later is not in a run that has begun.
    fn now(&self) -> Arc<Registry> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes a copy, and puts it in the place of what was there.
    fn add(&self, add: impl FnOnce(&mut Registry) -> Result<(), selx_core::Duplicate>) -> PyResult<()> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut registry = Registry::clone(&held);
        add(&mut registry).map_err(|error| UsageError::new_err(error.to_string()))?;
        *held = Arc::new(registry);
        Ok(())
    }

    /// Finds an action: the one that was given, or the one of a file. `state` is the folder of its locks and journals.
    fn acting(&self, action: Described<'_>, config: Option<PathBuf>, state: Option<PathBuf>) -> PyResult<Acting> {
        let registry = self.now();
        let (suite, name) = match action {
            Described::Given(spec) => {
                let given = Given::new(Sort::Action, None, &spec)?;
                (suite_of(&registry, Sort::Action, std::slice::from_ref(&given))?, given.full_name())
            }
            Described::Named(name) => {
                let none = || {
                    let text = "there is no configuration file, and by name an action is only what one describes; or give \
                                its settings: `selx.Action(KIND, …)`";
                    ConfigError::new_err(text)
                };
                (runs::file(&registry, config.as_deref())?.ok_or_else(none)?, name)
            }
        };
        let mut found =
            suite.select_actions(std::slice::from_ref(&name)).map_err(|wrong| runs::nothing_named(&wrong))?;
        let action = match (found.pop(), found.pop()) {
            (Some(action), None) => action,
            (Some(last), Some(other)) => {
                let text = format!(
                    "one plan is one action's, and `{}` names {}, {} and maybe more; name one as `kind.name`",
                    name.escape_debug(),
                    other.full_name(),
                    last.full_name()
                );
                return Err(UsageError::new_err(text));
            }
            (None, _) => return Err(SelxError::new_err("nothing was selected: a bug of selx")),
        };
        let ground = HostGround::new(runs::state(&suite.settings, state)?, Host::default());
        Ok(Acting { action, ground, secrets: Arc::new(Secrets::default()), limit: suite.settings.action_timeout })
    }

    /// Finds the machine whose runs are meant.
    fn machine(&self, py: Python<'_>, config: Option<PathBuf>, state: Option<PathBuf>) -> PyResult<Machine> {
        let settings = match (&state, runs::file(&self.now(), config.as_deref())) {
            (_, Ok(Some(suite))) => suite.settings,
            // A journal holds all that is needed: without a configuration the usual places count.
            (_, Ok(None)) => config::defaults(),
            // Ctrl-C while it was read is no error of the file.
            (_, Err(error)) if !error.is_instance_of::<ConfigError>(py) => return Err(error),
            (Some(_), Err(_)) => config::defaults(),
            // It may name another folder than the usual one; a stop in the wrong one would stop nothing.
            (None, Err(error)) => {
                let told = "name the folder of locks and journals, `state=`, to do without the file";
                return Err(ConfigError::new_err(format!("{}\n{told}", error.value(py))));
            }
        };
        let ground = HostGround::new(runs::state(&settings, state)?, Host::default());
        Ok(Machine { ground, limit: settings.action_timeout })
    }

    fn many(&self, checks: &[Spec<'_>], concurrency: usize) -> PyResult<Job> {
        let given = checks.iter().enumerate().map(|(index, spec)| Given::new(Sort::Check, Some(index), spec));
        let mut job = Job::of(&self.now(), &given.collect::<PyResult<Vec<_>>>()?)?;
        job.settings.concurrency = concurrency;
        Ok(job)
    }

    fn one(&self, spec: &Spec<'_>) -> PyResult<Job> {
        Job::of(&self.now(), &[Given::new(Sort::Check, None, spec)?])
    }
}

/// An action as the caller describes it.
#[derive(FromPyObject)]
enum Described<'py> {
    Named(String),
    Given(Spec<'py>),
}

#[pymethods]
impl PyRegistry {
    /// Makes one with every kind of selx.
    #[new]
    fn new() -> PyResult<Self> {
        let mut registry = Registry::new();
        selx_checks::register(&mut registry).map_err(|error| SelxError::new_err(error.to_string()))?;
        Ok(Self(Mutex::new(Arc::new(registry))))
    }

    fn add_check(&self, adapter: &Bound<'_, PyAny>) -> PyResult<()> {
        let factory = bridge::check(adapter)?;
        self.add(|registry| registry.add(factory).map(drop))
    }

    fn add_action(&self, adapter: &Bound<'_, PyAny>) -> PyResult<()> {
        let factory = bridge::action(adapter)?;
        self.add(|registry| registry.add_action(factory).map(drop))
    }

    fn kinds(&self) -> Vec<Kind> {
        let registry = self.now();
        let checks = registry.kinds().map(|factory| Kind::new(factory.meta(), Sort::Check));
        let actions = registry.actions().map(|factory| Kind::new(factory.meta(), Sort::Action));
        let mut kinds: Vec<Kind> = checks.chain(actions).collect();
        kinds.sort_by(|a, b| a.0.id.cmp(&b.0.id));
        kinds
    }

    /// Returns the page of a kind.
    fn explain(&self, kind: &str) -> PyResult<String> {
        let registry = self.now();
        let page = explain::page(&registry, kind).ok_or_else(|| no_kind(&registry, kind));
        bridge::interrupted()?;
        page
    }

    /// Returns the JSON Schema of a configuration file, as text.
    fn schema(&self) -> String {
        config::schema(&self.now()).to_string()
    }

    /// Reads a file as a run would, and returns the names of its checks and of its actions.
    fn validate(&self, config: Option<PathBuf>) -> PyResult<(Vec<String>, Vec<String>)> {
        let none =
            || ConfigError::new_err("there is no configuration file; `selx init` writes one of what this host has");
        let suite = runs::file(&self.now(), config.as_deref())?.ok_or_else(none)?;
        let checks = suite.instances.iter().map(selx_core::Instance::full_name).collect();
        Ok((checks, suite.actions.iter().map(selx_core::ActionInstance::full_name).collect()))
    }

    fn check(&self, py: Python<'_>, spec: Spec<'_>) -> PyResult<CheckResult> {
        let job = self.one(&spec)?;
        only(wait::wait(py, Ending::Dropped, |cancel| job.run(cancel))?)
    }

    fn check_async<'py>(&self, py: Python<'py>, spec: Spec<'py>) -> PyResult<Bound<'py, PyAny>> {
        let job = self.one(&spec)?;
        let give = |py: Python<'_>, report| Ok(Bound::new(py, only(report)?)?.into_any().unbind());
        wait::promise(py, Ending::Dropped, |cancel| job.run(cancel), give)
    }

    fn check_many(&self, py: Python<'_>, checks: Vec<Spec<'_>>, concurrency: usize) -> PyResult<Vec<CheckResult>> {
        let job = self.many(&checks, concurrency)?;
        Ok(results(wait::wait(py, Ending::Dropped, |cancel| job.run(cancel))?))
    }

    fn check_many_async<'py>(
        &self,
        py: Python<'py>,
        checks: Vec<Spec<'py>>,
        concurrency: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let job = self.many(&checks, concurrency)?;
        let give = |py: Python<'_>, report| Ok(results(report).into_pyobject(py)?.unbind());
        wait::promise(py, Ending::Dropped, |cancel| job.run(cancel), give)
    }

    fn run(
        &self,
        py: Python<'_>,
        names: Vec<String>,
        config: Option<PathBuf>,
        record: Option<PathBuf>,
        history: bool,
        state: Option<PathBuf>,
    ) -> PyResult<Report> {
        let (registry, asked) = (self.now(), Asked { names, config, record, history, state });
        let report = wait::wait(py, Ending::Dropped, |cancel| runs::run(registry, asked, cancel))?;
        Ok(Report(Arc::new(report)))
    }

    fn run_async<'py>(
        &self,
        py: Python<'py>,
        names: Vec<String>,
        config: Option<PathBuf>,
        record: Option<PathBuf>,
        history: bool,
        state: Option<PathBuf>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (registry, asked) = (self.now(), Asked { names, config, record, history, state });
        let give = |py: Python<'_>, report| Ok(Bound::new(py, Report(Arc::new(report)))?.into_any().unbind());
        wait::promise(py, Ending::Dropped, |cancel| runs::run(registry, asked, cancel), give)
    }

    fn replay(&self, py: Python<'_>, recording: PathBuf, config: Option<PathBuf>) -> PyResult<Report> {
        let registry = self.now();
        // Judgements that are written in Python may take their time.
        let report = wait::wait(py, Ending::Dropped, |_| {
            runs::aside(move || runs::replay(&registry, &recording, config.as_deref()))
        })?;
        Ok(Report(Arc::new(report)))
    }

    fn plan(
        &self,
        py: Python<'_>,
        action: Described<'_>,
        config: Option<PathBuf>,
        state: Option<PathBuf>,
    ) -> PyResult<Plan> {
        let acting = self.acting(action, config, state)?;
        wait::wait(py, Ending::Dropped, |cancel| acting.plan(cancel))
    }

    fn plan_async<'py>(
        &self,
        py: Python<'py>,
        action: Described<'py>,
        config: Option<PathBuf>,
        state: Option<PathBuf>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let acting = self.acting(action, config, state)?;
        let give = |py: Python<'_>, plan| Ok(Bound::new(py, plan)?.into_any().unbind());
        wait::promise(py, Ending::Dropped, |cancel| acting.plan(cancel), give)
    }

    /// Reads a plan that was saved, for the action that `action` describes; the one of the file without it.
    fn load_plan(
        &self,
        path: PathBuf,
        action: Option<Described<'_>>,
        config: Option<PathBuf>,
        state: Option<PathBuf>,
    ) -> PyResult<Plan> {
        let plan = actions::read(&path)?;
        let action = action.unwrap_or_else(|| Described::Named(plan.action.clone()));
        let acting = self.acting(action, config, state)?;
        ground::know(&acting.action, &acting.secrets);
        Ok(Plan { acting, plan, confined: None })
    }

    fn unfinished(&self, py: Python<'_>, config: Option<PathBuf>, state: Option<PathBuf>) -> PyResult<String> {
        self.machine(py, config, state)?.unfinished()
    }

    fn recover(
        &self,
        py: Python<'_>,
        run: &str,
        as_it_is: bool,
        config: Option<PathBuf>,
        state: Option<PathBuf>,
    ) -> PyResult<(String, String)> {
        self.machine(py, config, state)?.recover(py, self.now(), run, as_it_is)
    }

    fn recover_async<'py>(
        &self,
        py: Python<'py>,
        run: &str,
        as_it_is: bool,
        config: Option<PathBuf>,
        state: Option<PathBuf>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.machine(py, config, state)?.recover_async(py, self.now(), run, as_it_is)
    }

    fn stop(
        &self,
        py: Python<'_>,
        by: String,
        reason: String,
        config: Option<PathBuf>,
        state: Option<PathBuf>,
    ) -> PyResult<bool> {
        self.machine(py, config, state)?.stop(by, reason)
    }

    fn start(&self, py: Python<'_>, config: Option<PathBuf>, state: Option<PathBuf>) -> PyResult<bool> {
        self.machine(py, config, state)?.start()
    }

    /// Returns what of the contract a kind breaks, one sentence each.
    fn violations(&self, py: Python<'_>, kind: &str, folder: PathBuf) -> PyResult<Vec<String>> {
        let registry = self.now();
        let kind = kind.to_owned();
        let look = move || match (registry.get(&kind), registry.get_action(&kind)) {
            (Some(factory), _) => Ok(contract::of_factory(factory, &registry, &folder)),
            (None, Some(factory)) => Ok(contract::of_action(factory, &registry, &folder)),
            (None, None) => Err(no_kind(&registry, &kind)),
        };
        wait::wait(py, Ending::Dropped, |_| runs::aside(look))
    }

    /// Takes an action through a life in a world that may be changed, and returns what it breaks.
    fn life(&self, py: Python<'_>, spec: Spec<'_>, state: PathBuf) -> PyResult<Vec<String>> {
        let acting = self.acting(Described::Given(spec), None, Some(state))?;
        wait::wait(py, Ending::ByItself, |cancel: CancellationToken| async move {
            let cx = selx_core::Context::new(acting.limit).cancelled_by(cancel);
            let Acting { action, ground, .. } = &acting;
            Ok(contract::life_of(&*action.action, &action.with, ground, &cx).await)
        })
    }
}

fn no_kind(registry: &Registry, kind: &str) -> PyErr {
    let near = nearest(kind, registry.names().chain(registry.action_names()));
    let hint = near.map(|near| format!("; is `{near}` meant?")).unwrap_or_default();
    UsageError::new_err(format!("no kind is named `{}`{hint}", kind.escape_debug()))
}

fn results(report: v1::Report) -> Vec<CheckResult> {
    report.entries.into_iter().map(CheckResult).collect()
}

fn only(report: v1::Report) -> PyResult<CheckResult> {
    let entry = report.entries.into_iter().next().map(CheckResult);
    entry.ok_or_else(|| SelxError::new_err("the run has no result: a bug of selx"))
}
