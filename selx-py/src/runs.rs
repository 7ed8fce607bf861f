//! From keywords or a file to a selection, and from there to a report.

use std::path::Path;
use std::sync::Arc;

use pyo3::prelude::*;
use selx_core::config::{self, ConfigErrors};
use selx_core::format::{self, Format, Style};
use selx_core::report::v1;
use selx_core::{
    Context, Discovery, Id, Proposal, Registry, Runner, Secrets, Selection, Settings, Suite, is_kebab, nearest,
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
    pub(crate) settings: String,
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
    let mut text = format!("[check.{kind}.{name}]\n");
    for (key, value) in [("timeout", &given.timeout), ("limits", &given.limits)] {
        if let Some(value) = value {
            text.push_str(&format!("{key} = {value}\n"));
        }
    }
    text.push_str(&format!("with = {}\n", given.settings));
    // The places in this text are no places the caller knows, so they are left out.
    config::parse(registry, "keywords", &text).map_err(|errors| config_error(&errors, false))
}

/// Loads the file that `selx` itself would load; without any, takes what the kinds find on this host.
pub(crate) fn suite(py: Python<'_>, registry: &Arc<Registry>, explicit: Option<&Path>) -> PyResult<Suite> {
    let root = rustix::process::geteuid().is_root();
    let search = config::search(explicit, |name| std::env::var_os(name), root);
    if let Some(path) = search.found {
        return config::load(registry, &path).map_err(|errors| config_error(&errors, true));
    }
    let cancel = CancellationToken::new();
    let (kinds, token) = (Arc::clone(registry), cancel.clone());
    let proposals = wait(py, &cancel, async move { discover(&kinds, token).await })?;
    config::from_proposals(registry, &proposals).map_err(|errors| config_error(&errors, true))
}

/// Asks every kind what it finds here.
async fn discover(registry: &Registry, cancel: CancellationToken) -> Vec<(Id, Proposal)> {
    let mut found = Vec::new();
    for factory in registry.kinds() {
        let cx = Context::new(config::defaults().timeout).cancelled_by(cancel.clone());
        if let Discovery::Found(proposals) = factory.discover(&cx).await {
            found.extend(proposals.into_iter().map(|proposal| (factory.meta().id, proposal)));
        }
    }
    found
}

/// Selects by names; the error names every one that selects nothing.
pub(crate) fn select(suite: &Suite, names: &[String]) -> PyResult<Selection> {
    suite.select(names).map_err(|wrong| {
        let lines: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        UsageError::new_err(lines.join("\n"))
    })
}

/// Runs a selection and gives report version 1, secrets taken out.
pub(crate) fn run(py: Python<'_>, settings: Settings, selection: Selection) -> PyResult<Arc<v1::Report>> {
    let cancel = CancellationToken::new();
    let secrets = Arc::new(Secrets::default());
    let runner = Runner::new(settings).secrets(Arc::clone(&secrets)).cancelled_by(cancel.clone());
    let text = wait(py, &cancel, async move {
        let report = runner.run(&selection).await;
        format::render(&report, Format::Json, &Style::default(), &secrets)
    })?;
    serde_json::from_str(&text)
        .map(Arc::new)
        .map_err(|error| SelxError::new_err(format!("the report does not read: {error}: a bug of selx")))
}

fn config_error(errors: &ConfigErrors, places: bool) -> PyErr {
    let mut lines: Vec<String> = Vec::new();
    for error in &errors.errors {
        let place = match (places, error.line) {
            (false, _) => String::new(),
            (true, 0) => format!("{}: ", error.file),
            (true, line) => format!("{}:{line}:{}: ", error.file, error.column),
        };
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
