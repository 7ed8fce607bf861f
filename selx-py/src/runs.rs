//! From a file, or from what was given, to a report.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyo3::prelude::*;
use selx_checks::history::{Sqlite, default_state_dir};
use selx_core::format::{self, Format, Style};
use selx_core::recording::Recording;
use selx_core::report::v1;
use selx_core::{
    Context, History, Host, NothingNamed, Registry, Runner, Secrets, Selection, Settings, Suite, Survey, config,
};
use tokio_util::sync::CancellationToken;

use crate::bridge;
use crate::errors::{ConfigError, FileError, SelxError, UsageError, told};
use crate::given::{Given, Sort, config_error, suite_of};

/// Loads the file that `selx` itself would load, if there is one.
pub(crate) fn file(registry: &Registry, explicit: Option<&Path>) -> PyResult<Option<Suite>> {
    let place = |error: &config::ConfigError| {
        let place = match error.line {
            0 => format!("{}: ", error.file),
            line => format!("{}:{line}:{}: ", error.file, error.column),
        };
        Some((place, error.message.clone(), error.hint.clone()))
    };
    let root = rustix::process::geteuid().is_root();
    let search = config::search(explicit, |name| std::env::var_os(name), root);
    let loaded = search.found.map(|path| config::load(registry, &path)).transpose();
    bridge::interrupted()?;
    loaded.map_err(|errors| config_error(&errors, place))
}

/// Loads that file; without any, takes what the kinds find on this host.
async fn suite(registry: &Arc<Registry>, explicit: Option<PathBuf>, cancel: CancellationToken) -> PyResult<Suite> {
    let reading = Arc::clone(registry);
    if let Some(suite) = aside(move || file(&reading, explicit.as_deref())).await? {
        return Ok(suite);
    }
    let cx = Context::new(config::defaults().timeout).cancelled_by(cancel);
    let survey = Survey::of(registry, &cx).await;
    survey.suite(registry).map_err(|errors| config_error(&errors, |_| None))
}

/// Does what may run code of Python's, and take as long as that likes, in none of the threads that checks go on in.
pub(crate) async fn aside<T: Send + 'static>(work: impl FnOnce() -> PyResult<T> + Send + 'static) -> PyResult<T> {
    let ended = |error| SelxError::new_err(format!("it ended early: {error}"));
    let work = || {
        let done = work();
        // Threads come again: what interrupted this work is not left to the next one.
        bridge::interrupted()?;
        done
    };
    tokio::task::spawn_blocking(work).await.map_err(ended)?
}

/// Says of every name that selects nothing that it does.
pub(crate) fn nothing_named(wrong: &[NothingNamed]) -> PyErr {
    let lines: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    UsageError::new_err(lines.join("\n"))
}

/// What is to be run.
pub(crate) struct Job {
    pub(crate) settings: Settings,
    selection: Selection,
    history: Option<Arc<dyn History>>,
    /// The file that keeps what was seen.
    record: Option<PathBuf>,
}

impl Job {
    /// Makes one of checks that the caller named: one attempt each, for whoever calls can call again, and no history.
    pub(crate) fn of(registry: &Registry, checks: &[Given]) -> PyResult<Self> {
        let suite = suite_of(registry, Sort::Check, checks)?;
        // All of them, in their order: looking each up by its name costs more than the checks where there are many.
        let selection = Selection::of(suite.instances);
        Ok(Self { settings: Settings { retries: 0, ..suite.settings }, selection, history: None, record: None })
    }

    /// Makes one of what a file, or this host, has of these names; `daily` without any.
    async fn from_file(registry: &Arc<Registry>, asked: Asked, cancel: CancellationToken) -> PyResult<Self> {
        let names = if asked.names.is_empty() { vec!["daily".to_owned()] } else { asked.names };
        let suite = suite(registry, asked.config, cancel).await?;
        let selection = suite.select(&names).map_err(|wrong| nothing_named(&wrong))?;
        if let Some(path) = &asked.record {
            // Told before the look: afterwards the history has it, and the report would be lost.
            format::is_writable(path).map_err(|error| FileError::new_err(told(&error, &Secrets::default())))?;
        }
        let history = if asked.history { history(&suite.settings, asked.state)? } else { None };
        Ok(Self { settings: suite.settings, selection, history, record: asked.record })
    }

    /// Runs it, and gives report version 1, secrets taken out.
    pub(crate) async fn run(mut self, cancel: CancellationToken) -> PyResult<v1::Report> {
        self.settings.fit_descriptors(rustix::process::getrlimit(rustix::process::Resource::Nofile).current);
        let secrets = Arc::new(Secrets::default());
        let mut runner = Runner::new(self.settings).secrets(Arc::clone(&secrets)).cancelled_by(cancel);
        if let Some(history) = self.history {
            runner = runner.history(history);
        }
        let report = runner.run(&self.selection).await;
        if let Some(path) = &self.record {
            Recording::of(&report).write(path).map_err(|error| FileError::new_err(told(&error, &secrets)))?;
        }
        frozen(&report, &secrets)
    }
}

/// Writes a report in its frozen form.
fn frozen(report: &selx_core::Report, secrets: &Secrets) -> PyResult<v1::Report> {
    if secrets.is_empty() {
        return Ok(v1::Report::from(report));
    }
    let text = format::render(report, Format::Json, &Style::default(), secrets);
    serde_json::from_str(&text)
        .map_err(|error| SelxError::new_err(format!("the report does not read: {error}: a bug of selx")))
}

/// What is asked of a run from a file.
pub(crate) struct Asked {
    pub(crate) names: Vec<String>,
    pub(crate) config: Option<PathBuf>,
    pub(crate) record: Option<PathBuf>,
    /// Whether what was seen is compared with the run before.
    pub(crate) history: bool,
    /// The folder of that history, if not the usual one.
    pub(crate) state: Option<PathBuf>,
}

/// Runs what a file, or this host, has of these names.
pub(crate) async fn run(registry: Arc<Registry>, asked: Asked, cancel: CancellationToken) -> PyResult<v1::Report> {
    Job::from_file(&registry, asked, cancel.clone()).await?.run(cancel).await
}

/// Judges a run again that was recorded, by the limits of a file if one is named.
pub(crate) fn replay(registry: &Registry, path: &Path, config: Option<&Path>) -> PyResult<v1::Report> {
    let secrets = Secrets::default();
    let recording = Recording::read(path).map_err(|error| FileError::new_err(told(&error, &secrets)))?;
    let suite = config.map(|config| file(registry, Some(config))).transpose()?.flatten();
    frozen(&recording.replay(registry, suite.as_ref()), &secrets)
}

/// The history that `selx run` would keep. It is opened when the runner asks for it, not here.
///
/// # Errors
///
/// `ConfigError` if there is no folder for it: an ordinary user without a home.
fn history(settings: &Settings, named: Option<PathBuf>) -> PyResult<Option<Arc<dyn History>>> {
    if !settings.history {
        return Ok(None);
    }
    Ok(Some(Arc::new(Sqlite::new(state(settings, named)?, settings.retention))))
}

/// The folder of a machine's history, locks and journals: that of the caller, of the file, or the usual one.
///
/// # Errors
///
/// `ConfigError` if there is none.
pub(crate) fn state(settings: &Settings, named: Option<PathBuf>) -> PyResult<PathBuf> {
    if let Some(folder) = named.or_else(|| settings.state.clone()) {
        return Ok(std::path::absolute(&folder).unwrap_or(folder));
    }
    default_state_dir(&Host::default()).map_err(|error| {
        let advice = error.advice_text().map(|text| format!("; {text}")).unwrap_or_default();
        ConfigError::new_err(format!("{error}{advice}"))
    })
}
