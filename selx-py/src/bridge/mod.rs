//! Kinds that are written in Python: what the registry, the runner and the envelope of actions hold of them.
//!
//! Everything travels as JSON, which is also how facts, steps and plans are saved. Python code runs in threads of Python's own,
//! never in one that checks go on in: it may block, and it may be ended by the interpreter. What is asked of it has a limit,
//! and what it says is read as if a stranger had said it.

mod action;
mod call;
mod check;
mod look;
mod meta;

use std::cell::Cell;
use std::sync::Arc;

use pyo3::prelude::*;
use schemars::{Schema, SchemaGenerator};
use selx_core::{ActionFactory, ErrorKind, Factory, Kind, Meta, SecretRef};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::Spanned;
use toml::de::DeValue;

pub(crate) use look::{PyContext, PyPermit};

use crate::errors::ConfigError;

/// Makes the factory of a kind of check of its adapter.
pub(crate) fn check(adapter: &Bound<'_, PyAny>) -> PyResult<Arc<dyn Factory>> {
    Ok(Arc::new(Class::new(adapter)?))
}

/// Makes the factory of a kind of action of its adapter.
pub(crate) fn action(adapter: &Bound<'_, PyAny>) -> PyResult<Arc<dyn ActionFactory>> {
    Ok(Arc::new(Class::new(adapter)?))
}

/// A kind: its class, and what that says about itself.
struct Class {
    adapter: Py<PyAny>,
    meta: Meta,
    schema: Schema,
}

impl Kind for Class {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn schema(&self, _: &mut SchemaGenerator) -> Schema {
        self.schema.clone()
    }
}

thread_local! {
    /// What ended the reading of settings in this thread, and is none of their errors.
    static INTERRUPTED: Cell<Option<PyErr>> = const { Cell::new(None) };
}

/// Raises what ended the reading of settings in this thread, if something did.
pub(crate) fn interrupted() -> PyResult<()> {
    INTERRUPTED.take().map_or(Ok(()), Err)
}

/// What an adapter made of settings.
struct Built<T> {
    instance: Arc<Py<PyAny>>,
    secrets: Vec<SecretRef>,
    told: T,
}

impl Class {
    fn new(adapter: &Bound<'_, PyAny>) -> PyResult<Self> {
        let said: meta::ClassInfo = of_adapter(adapter, "meta")?;
        Ok(Self { adapter: adapter.clone().unbind(), meta: said.leaked()?, schema: of_adapter(adapter, "schema")? })
    }

    /// Makes an instance of settings, or says the first thing that is wrong with them.
    fn make<T: DeserializeOwned>(&self, with: &Spanned<DeValue<'_>>) -> Result<Built<T>, toml::de::Error> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            secrets: Vec<(Vec<String>, String)>,
            #[serde(default)]
            wrong: Option<(Vec<String>, String)>,
            #[serde(default)]
            told: Value,
        }
        let wrong = |path: &[String], message: &str| selx_core::config::wrong_setting(with, path, message);
        let json = selx_core::config::settings_json(with)?.to_string();
        let answer = crate::attach::attach(|py| -> PyResult<(Py<PyAny>, String)> {
            self.adapter.bind(py).call_method1("build", (json,))?.extract()
        });
        let answer = answer.ok_or_else(|| wrong(&[], "the interpreter is ending"))?;
        let (instance, said) = answer.map_err(|error| {
            // Ctrl-C, and whatever else is no error of the settings: it goes to whoever called. Its text tells no setting.
            INTERRUPTED.set(Some(error));
            wrong(&[], "reading the settings was interrupted")
        })?;
        let said: Answer = serde_json::from_str(&said).map_err(|error| wrong(&[], &error.to_string()))?;
        if let Some((path, message)) = said.wrong {
            return Err(wrong(&path, &message));
        }
        let secrets = said.secrets.iter().map(|(path, text)| text.parse().map_err(|why: String| wrong(path, &why)));
        let secrets = secrets.collect::<Result<_, _>>()?;
        let told = serde_json::from_value(said.told).map_err(|error| wrong(&[], &error.to_string()))?;
        Ok(Built { instance: Arc::new(instance), secrets, told })
    }
}

/// Reads what an adapter says of its class.
fn of_adapter<T: DeserializeOwned>(adapter: &Bound<'_, PyAny>, method: &str) -> PyResult<T> {
    let text: String = adapter.call_method0(method)?.extract()?;
    serde_json::from_str(&text).map_err(|error| {
        ConfigError::new_err(format!("what the kind says of itself (`{method}`) does not read: {error}"))
    })
}

/// Reads what Python code gave back. `what` names it.
fn read<T: DeserializeOwned>(value: Value, what: &str) -> selx_core::Result<T> {
    serde_json::from_value(value).map_err(|error| {
        selx_core::Error::new(ErrorKind::Bug, format!("{what} gave back what cannot be used")).source_error(error)
    })
}

/// Keeps a text for the life of the process. Each text is kept once, however often a kind is registered.
fn leak(text: &str) -> &'static str {
    static KEPT: std::sync::Mutex<std::collections::BTreeSet<&'static str>> =
        std::sync::Mutex::new(std::collections::BTreeSet::new());
    let mut kept = KEPT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(known) = kept.get(text) {
        return known;
    }
    let leaked: &'static str = Box::leak(text.to_owned().into_boxed_str());
    kept.insert(leaked);
    leaked
}
