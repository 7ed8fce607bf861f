//! From keywords or a file to a selection, and from there to a report.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use selx_checks::history::{Sqlite, default_state_dir};
use selx_core::config::{self, ConfigErrors};
use selx_core::format::{self, Format, Style};
use selx_core::report::v1;
use selx_core::{
    Context, History, Host, Registry, Runner, Secrets, Selection, Settings, Suite, Survey, is_kebab, nearest,
};
use tokio_util::sync::CancellationToken;

use crate::errors::{ConfigError, SelxError, UsageError};
use crate::settings;

/// Every kind that this module knows.
pub(crate) fn registry() -> PyResult<Registry> {
    let mut registry = Registry::new();
    selx_checks::register(&mut registry).map_err(|error| SelxError::new_err(error.to_string()))?;
    Ok(registry)
}

/// What the caller says of one check, as TOML.
pub(crate) struct Given {
    /// What stands before errors about it: which of several it is.
    place: String,
    kind: String,
    name: String,
    timeout: Option<String>,
    limits: Option<String>,
    /// Key and line of each setting.
    settings: Vec<(String, String)>,
}

impl Given {
    /// Reads keywords. `index` is the place among several.
    pub(crate) fn new(
        index: Option<usize>,
        kind: String,
        name: String,
        timeout: Option<&Bound<'_, PyAny>>,
        limits: Option<&Bound<'_, PyAny>>,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let before = index.map(|index| format!("checks[{index}].")).unwrap_or_default();
        Ok(Self {
            timeout: timeout.map(|value| settings::span(value, &format!("{before}timeout"))).transpose()?,
            limits: limits.map(|value| settings::value(value, &format!("{before}limits"))).transpose()?,
            settings: settings.map_or_else(|| Ok(Vec::new()), |settings| settings::keywords(settings, &before))?,
            place: index.map(|index| format!("checks[{index}], `{}`: ", kind.escape_debug())).unwrap_or_default(),
            kind,
            name,
        })
    }
}

/// Makes a suite of checks, in their order.
fn suite_of(registry: &Registry, checks: &[Given]) -> PyResult<Suite> {
    let mut wrong = Vec::new();
    // The text, and of each line the check and the keyword that it came from.
    let (mut text, mut lines) = (String::new(), Vec::new());
    for given in checks {
        let Given { place, kind, name, .. } = given;
        if registry.get(kind).is_none() {
            let near = nearest(kind, registry.names());
            wrong.push(format!("{place}{}", unknown("kind", kind, near)));
            continue;
        }
        if !is_kebab(name) {
            let rule = "lower-case letters, digits and single hyphens, beginning with a letter";
            return Err(ConfigError::new_err(format!("{place}`{}` is not a name: {rule}", name.escape_debug())));
        }
        // Both names are kebab-case here, and every value was written by `settings`: nothing of the caller's is TOML.
        let mut push = |keyword: &str, line: &str| {
            text.push_str(line);
            text.push('\n');
            lines.push((given, keyword.to_owned()));
        };
        push("", &format!("[check.{kind}.{name}]"));
        for (key, value) in [("timeout", &given.timeout), ("limits", &given.limits)] {
            if let Some(value) = value {
                push(key, &format!("{key} = {value}"));
            }
        }
        push("", &format!("[check.{kind}.{name}.with]"));
        given.settings.iter().for_each(|(key, line)| push(key, line));
    }
    if !wrong.is_empty() {
        return Err(UsageError::new_err(wrong.join("\n")));
    }
    config::parse(registry, "keywords", &text).map_err(|errors| {
        // The places in this text are none that the caller knows; the check and the keyword on the line are.
        config_error(&errors, |error| {
            let (given, keyword) = lines.get(error.line.checked_sub(1)?)?;
            let told = keyword.is_empty() || error.message.contains(&format!("`{keyword}`"));
            let keyword = if told { String::new() } else { format!("`{keyword}`: ") };
            Some(format!("{}{keyword}", given.place))
        })
    })
}

/// Loads the file that `selx` itself would load; without any, takes what the kinds find on this host.
async fn suite(registry: &Registry, explicit: Option<&Path>, cancel: CancellationToken) -> PyResult<Suite> {
    let place = |error: &config::ConfigError| {
        Some(match error.line {
            0 => format!("{}: ", error.file),
            line => format!("{}:{line}:{}: ", error.file, error.column),
        })
    };
    let root = rustix::process::geteuid().is_root();
    let search = config::search(explicit, |name| std::env::var_os(name), root);
    if let Some(path) = search.found {
        return config::load(registry, &path).map_err(|errors| config_error(&errors, place));
    }
    let cx = Context::new(config::defaults().timeout).cancelled_by(cancel);
    let survey = Survey::of(registry, &cx).await;
    survey.suite(registry).map_err(|errors| config_error(&errors, place))
}

/// Selects by names; the error names every one that selects nothing.
fn select(suite: &Suite, names: &[String]) -> PyResult<Selection> {
    suite.select(names).map_err(|wrong| {
        let lines: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        UsageError::new_err(lines.join("\n"))
    })
}

/// What is to be run.
pub(crate) struct Job {
    pub(crate) settings: Settings,
    selection: Selection,
    history: Option<Arc<dyn History>>,
}

impl Job {
    /// Makes one of checks that the caller named: one attempt each, for whoever calls can call again, and no history.
    pub(crate) fn of(registry: &Registry, checks: &[Given]) -> PyResult<Self> {
        let suite = suite_of(registry, checks)?;
        let names: Vec<String> = checks.iter().map(|given| format!("{}.{}", given.kind, given.name)).collect();
        let selection = select(&suite, &names)?;
        Ok(Self { settings: Settings { retries: 0, ..suite.settings }, selection, history: None })
    }

    /// Makes one of what a file, or this host, has of these names; `daily` without any.
    async fn from_file(names: Vec<String>, config: Option<PathBuf>, cancel: CancellationToken) -> PyResult<Self> {
        let names = if names.is_empty() { vec!["daily".to_owned()] } else { names };
        let suite = suite(&registry()?, config.as_deref(), cancel).await?;
        let selection = select(&suite, &names)?;
        let history = history(&suite.settings)?;
        Ok(Self { settings: suite.settings, selection, history })
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
        let text = format::render(&report, Format::Json, &Style::default(), &secrets);
        serde_json::from_str(&text)
            .map_err(|error| SelxError::new_err(format!("the report does not read: {error}: a bug of selx")))
    }
}

/// Runs what a file, or this host, has of these names.
pub(crate) async fn run(
    names: Vec<String>,
    config: Option<PathBuf>,
    cancel: CancellationToken,
) -> PyResult<v1::Report> {
    Job::from_file(names, config, cancel.clone()).await?.run(cancel).await
}

/// The history that `selx run` would keep. It is opened when the runner asks for it, not here.
///
/// # Errors
///
/// `ConfigError` if there is no folder for it: an ordinary user without a home.
fn history(settings: &Settings) -> PyResult<Option<Arc<dyn History>>> {
    if !settings.history {
        return Ok(None);
    }
    let folder = match &settings.state {
        Some(folder) => folder.clone(),
        None => default_state_dir(&Host::default()).map_err(|error| {
            let advice = error.advice_text().map(|text| format!("; {text}")).unwrap_or_default();
            ConfigError::new_err(format!("{error}{advice}"))
        })?,
    };
    Ok(Some(Arc::new(Sqlite::new(folder, settings.retention))))
}

/// Puts every error on a line of its own, after what `place` says of it.
fn config_error(errors: &ConfigErrors, place: impl Fn(&config::ConfigError) -> Option<String>) -> PyErr {
    let mut lines: Vec<String> = Vec::new();
    for error in &errors.errors {
        let place = place(error).unwrap_or_default();
        let hint = error.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        lines.push(format!("{place}{}{hint}", error.message));
    }
    if errors.more > 0 {
        lines.push(format!("and {} more", errors.more));
    }
    ConfigError::new_err(lines.join("\n"))
}

fn unknown(what: &str, name: &str, near: Option<&str>) -> String {
    let hint = near.map(|near| format!("; is `{near}` meant?")).unwrap_or_default();
    format!("no {what} is named `{}`{hint}", name.escape_debug())
}
