//! From keywords or a file to a selection, and from there to a report.

use std::path::Path;
use std::sync::Arc;

use pyo3::prelude::*;
use selx_checks::history::{Sqlite, default_state_dir};
use selx_core::config::{self, ConfigErrors};
use selx_core::format::{self, Format, Style};
use selx_core::report::v1;
use selx_core::{
    Context, History, Host, Registry, Runner, Secrets, Selection, Settings, Suite, Survey, is_kebab, nearest,
};
use tokio_util::sync::CancellationToken;

use crate::errors::{ConfigError, SelxError, UsageError};
use crate::wait::wait;

/// Every kind that this module knows.
pub(crate) fn registry() -> PyResult<Registry> {
    let mut registry = Registry::new();
    selx_checks::register(&mut registry).map_err(|error| SelxError::new_err(error.to_string()))?;
    Ok(registry)
}

/// What the keywords of `check` say, as TOML.
pub(crate) struct Given {
    pub(crate) timeout: Option<String>,
    pub(crate) limits: Option<String>,
    /// Key and line of each setting.
    pub(crate) settings: Vec<(String, String)>,
}

/// Makes a suite of one check.
pub(crate) fn single(registry: &Registry, kind: &str, name: &str, given: &Given) -> PyResult<Suite> {
    if registry.get(kind).is_none() {
        let known = registry.names();
        return Err(UsageError::new_err(unknown("kind", kind, nearest(kind, known))));
    }
    if !is_kebab(name) {
        let rule = "lower-case letters, digits and single hyphens, beginning with a letter";
        return Err(ConfigError::new_err(format!("`{}` is not a name: {rule}", name.escape_debug())));
    }
    // Both names are kebab-case here, and every value was written by `settings`: nothing of the caller's is TOML.
    let mut lines = vec![(String::new(), format!("[check.{kind}.{name}]"))];
    for (key, value) in [("timeout", &given.timeout), ("limits", &given.limits)] {
        if let Some(value) = value {
            lines.push((key.to_owned(), format!("{key} = {value}")));
        }
    }
    lines.push((String::new(), format!("[check.{kind}.{name}.with]")));
    lines.extend(given.settings.iter().cloned());
    let text: Vec<&str> = lines.iter().map(|(_, line)| line.as_str()).collect();
    config::parse(registry, "keywords", &text.join("\n")).map_err(|errors| {
        // The places in this text are none that the caller knows; the keyword on the line is.
        config_error(&errors, |error| {
            let (keyword, _) = lines.get(error.line.checked_sub(1)?)?;
            let told = keyword.is_empty() || error.message.contains(&format!("`{keyword}`"));
            (!told).then(|| format!("`{keyword}`: "))
        })
    })
}

/// Loads the file that `selx` itself would load; without any, takes what the kinds find on this host.
pub(crate) fn suite(py: Python<'_>, registry: &Arc<Registry>, explicit: Option<&Path>) -> PyResult<Suite> {
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
    let cancel = CancellationToken::new();
    let (kinds, token) = (Arc::clone(registry), cancel.clone());
    let survey = wait(py, &cancel, async move {
        let cx = Context::new(config::defaults().timeout).cancelled_by(token);
        Survey::of(&kinds, &cx).await
    })?;
    survey.suite(registry).map_err(|errors| config_error(&errors, place))
}

/// Selects by names; the error names every one that selects nothing.
pub(crate) fn select(suite: &Suite, names: &[String]) -> PyResult<Selection> {
    suite.select(names).map_err(|wrong| {
        let lines: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        UsageError::new_err(lines.join("\n"))
    })
}

/// Runs a selection and gives report version 1, secrets taken out.
pub(crate) fn run(
    py: Python<'_>,
    settings: Settings,
    selection: Selection,
    history: Option<Arc<dyn History>>,
) -> PyResult<Arc<v1::Report>> {
    let cancel = CancellationToken::new();
    let secrets = Arc::new(Secrets::default());
    let mut runner = Runner::new(settings).secrets(Arc::clone(&secrets)).cancelled_by(cancel.clone());
    if let Some(history) = history {
        runner = runner.history(history);
    }
    let text = wait(py, &cancel, async move {
        let report = runner.run(&selection).await;
        format::render(&report, Format::Json, &Style::default(), &secrets)
    })?;
    serde_json::from_str(&text)
        .map(Arc::new)
        .map_err(|error| SelxError::new_err(format!("the report does not read: {error}: a bug of selx")))
}

/// The history that `selx run` would keep. It is opened when the runner asks for it, not here.
///
/// # Errors
///
/// `ConfigError` if there is no folder for it: an ordinary user without a home.
pub(crate) fn history(settings: &Settings) -> PyResult<Option<Arc<dyn History>>> {
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
