//! From keywords to a suite: they take the road of a configuration file.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use selx_core::config::{self, ConfigErrors};
use selx_core::{Registry, Suite, is_kebab, nearest};

use crate::bridge;
use crate::errors::{ConfigError, UsageError};
use crate::settings::{self, Line, key_of};

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
    settings: Vec<Line>,
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
        given.settings.iter().for_each(|Line { keyword, text }| push(keyword, text));
    }
    if !wrong.is_empty() {
        return Err(UsageError::new_err(wrong.join("\n")));
    }
    let parsed = config::parse(registry, "keywords", &text);
    bridge::interrupted()?;
    parsed.map_err(|errors| {
        // The places in this text are none that the caller knows; what was given and the keyword on the line are.
        config_error(&errors, |error| {
            let (given, keyword) = lines.get(error.line.checked_sub(1)?)?;
            let message = as_keywords(&error.message, keyword);
            let told = keyword.is_empty() || message.contains(&format!("`{keyword}`"));
            let place = if told { given.place.clone() } else { format!("{}`{keyword}`: ", given.place) };
            // Only where the keyword itself is wrong does a hint name others; below it stand keys of a file.
            let is_keyword = keyword.is_empty() || error.column <= 1;
            let hint = error.hint.as_deref();
            Some((place, message, hint.map(|hint| if is_keyword { snake(hint) } else { hint.to_owned() })))
        })
    })
}

/// Writes the key of a line, and without one every key, as the keyword that it is in Python.
fn as_keywords(message: &str, keyword: &str) -> String {
    match keyword {
        "" => snake(message),
        keyword => message.replace(&format!("`{}`", key_of(keyword)), &format!("`{keyword}`")),
    }
}

/// Writes every name of several words that stands in a text, between backticks, with `_`.
fn snake(text: &str) -> String {
    let words = text.split('`').enumerate();
    let shown = words
        .map(|(index, word)| if index % 2 == 1 && is_kebab(word) { word.replace('-', "_") } else { word.to_owned() });
    shown.collect::<Vec<_>>().join("`")
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

/// Puts every error on a line of its own: place, message and hint, as `told` has them, or as they are.
pub(crate) fn config_error(
    errors: &ConfigErrors,
    told: impl Fn(&config::ConfigError) -> Option<(String, String, Option<String>)>,
) -> PyErr {
    let mut lines: Vec<String> = Vec::new();
    for error in &errors.errors {
        let as_it_is = || (String::new(), error.message.clone(), error.hint.clone());
        let (place, message, hint) = told(error).unwrap_or_else(as_it_is);
        let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        lines.push(format!("{place}{message}{hint}"));
    }
    if errors.more > 0 {
        lines.push(format!("and {} more", errors.more));
    }
    ConfigError::new_err(lines.join("\n"))
}
