//! From keywords to a suite: they take the road of a configuration file.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use selx_core::config::{self, ConfigErrors};
use selx_core::{Registry, Suite, is_kebab, nearest};

use crate::errors::{ConfigError, UsageError};
use crate::settings;

/// What is described: something that looks, or something that changes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Check,
    Action,
}

impl Sort {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Action => "action",
        }
    }

    /// The kinds of this sort.
    fn names(self, registry: &Registry) -> Vec<&'static str> {
        match self {
            Self::Check => registry.names().collect(),
            Self::Action => registry.action_names().collect(),
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Check => Self::Action,
            Self::Action => Self::Check,
        }
    }
}

/// A check or an action as Python hands it over: kind, name, what the runner is told (`timeout`, and `limits` or `permit`),
/// the settings of the kind.
pub(crate) type Spec<'py> = (String, String, Option<Bound<'py, PyAny>>, Option<Bound<'py, PyAny>>, Bound<'py, PyDict>);

/// The same as TOML.
pub(crate) struct Given {
    /// What stands before errors about it: which of several it is.
    place: String,
    kind: String,
    name: String,
    /// Key and line of what the runner is told.
    own: Vec<(&'static str, String)>,
    /// Key and line of each setting.
    settings: Vec<(String, String)>,
}

impl Given {
    /// Reads keywords. `index` is the place among several.
    pub(crate) fn new(sort: Sort, index: Option<usize>, spec: &Spec<'_>) -> PyResult<Self> {
        let (kind, name, timeout, other, with) = spec;
        let before = index.map(|index| format!("checks[{index}].")).unwrap_or_default();
        let mut own = Vec::new();
        if let Some(timeout) = timeout {
            own.push(("timeout", settings::span(timeout, &format!("{before}timeout"))?));
        }
        let key = if sort == Sort::Check { "limits" } else { "permit" };
        if let Some(other) = other {
            own.push((key, settings::value(other, &format!("{before}{key}"))?));
        }
        Ok(Self {
            settings: settings::keywords(with, &before)?,
            place: index.map(|index| format!("checks[{index}], `{}`: ", kind.escape_debug())).unwrap_or_default(),
            kind: kind.clone(),
            name: name.clone(),
            own,
        })
    }

    pub(crate) fn full_name(&self) -> String {
        format!("{}.{}", self.kind, self.name)
    }
}

/// Makes a suite of what was given, in its order.
pub(crate) fn suite_of(registry: &Registry, sort: Sort, all: &[Given]) -> PyResult<Suite> {
    let mut wrong = Vec::new();
    // The text, and of each line what was given and the keyword that it came from.
    let (mut text, mut lines) = (String::new(), Vec::new());
    for given in all {
        let Given { place, kind, name, .. } = given;
        let names = sort.names(registry);
        if !names.contains(&kind.as_str()) {
            wrong.push(format!("{place}{}", unknown(registry, sort, kind, &names)));
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
        let sort = sort.as_str();
        push("", &format!("[{sort}.{kind}.{name}]"));
        given.own.iter().for_each(|(key, value)| push(key, &format!("{key} = {value}")));
        push("", &format!("[{sort}.{kind}.{name}.with]"));
        given.settings.iter().for_each(|(key, line)| push(key, line));
    }
    if !wrong.is_empty() {
        return Err(UsageError::new_err(wrong.join("\n")));
    }
    config::parse(registry, "keywords", &text).map_err(|errors| {
        // The places in this text are none that the caller knows; what was given and the keyword on the line are.
        config_error(&errors, |error| {
            let (given, keyword) = lines.get(error.line.checked_sub(1)?)?;
            let told = keyword.is_empty() || error.message.contains(&format!("`{keyword}`"));
            let keyword = if told { String::new() } else { format!("`{keyword}`: ") };
            Some(format!("{}{keyword}", given.place))
        })
    })
}

/// Says that there is no such kind, and what may be meant.
fn unknown(registry: &Registry, sort: Sort, kind: &str, names: &[&'static str]) -> String {
    let shown = kind.escape_debug();
    if sort.other().names(registry).contains(&kind) {
        return match sort {
            Sort::Check => format!("`{shown}` is a kind of action: `selx.plan` shows what it would do"),
            Sort::Action => format!("`{shown}` is a kind of check: `selx.check` runs it"),
        };
    }
    let hint = nearest(kind, names.iter().copied()).map(|near| format!("; is `{near}` meant?")).unwrap_or_default();
    let what = if sort == Sort::Check { "kind" } else { "kind of action" };
    format!("no {what} is named `{shown}`{hint}")
}

/// Puts every error on a line of its own, after what `place` says of it.
pub(crate) fn config_error(errors: &ConfigErrors, place: impl Fn(&config::ConfigError) -> Option<String>) -> PyErr {
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
