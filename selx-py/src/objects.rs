//! Values between Rust and Python, by way of JSON: both spell every word alike.

use jiff::Timestamp;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use selx_core::report::v1::Status;
use selx_core::{Area, ErrorKind, Unit, nearest};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::errors::{SelxError, UsageError};

/// The word that stands for a value in JSON, so that both spell it alike.
pub(crate) fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

/// Reads the word that stands for a value in JSON. `what` names such values in the error.
pub(crate) fn one_of<T: DeserializeOwned>(text: &str, what: &str) -> PyResult<T> {
    serde_json::from_value(Value::from(text)).map_err(|error| {
        // `unknown variant `x`, expected one of `a`, `b``, with the nearest of them.
        let said = error.to_string();
        let listed = said.rsplit_once(", expected ").map_or("", |(_, listed)| listed);
        let known: Vec<&str> = listed.split('`').skip(1).step_by(2).collect();
        let hint = match nearest(text, known.iter().copied()) {
            Some(near) => format!("is `{near}` meant?"),
            None => format!("there are {}", known.join(", ")),
        };
        UsageError::new_err(format!("`{}` is no {what}; {hint}", text.escape_debug()))
    })
}

/// Checks a word that an author writes: `what` is the sort of words that it has to be of.
pub(crate) fn is_one_of(what: &str, text: &str) -> PyResult<()> {
    match what {
        "area" => one_of::<Area>(text, what).map(drop),
        "status" => one_of::<Status>(text, what).map(drop),
        "unit" => one_of::<Unit>(text, what).map(drop),
        _ => one_of::<ErrorKind>(text, what).map(drop),
    }
}

/// Makes Python objects of anything that JSON can say.
pub(crate) fn python<'py>(py: Python<'py>, value: &impl Serialize) -> PyResult<Bound<'py, PyAny>> {
    let value = serde_json::to_value(value).map_err(|error| unwritable(&error))?;
    object(py, &value)
}

fn object<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        Value::Number(value) => match (value.as_u64(), value.as_i64()) {
            (Some(value), _) => value.into_pyobject(py)?.into_any(),
            (None, Some(value)) => value.into_pyobject(py)?.into_any(),
            _ => value.as_f64().into_pyobject(py)?.into_any(),
        },
        Value::String(value) => value.into_pyobject(py)?.into_any(),
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(object(py, item)?)?;
            }
            list.into_any()
        }
        Value::Object(pairs) => {
            let dict = PyDict::new(py);
            for (key, item) in pairs {
                dict.set_item(key, object(py, item)?)?;
            }
            dict.into_any()
        }
    })
}

/// What pickle keeps of a value: what makes it again, and the name of its class with the value as JSON.
pub(crate) type Reduced<'py> = (Bound<'py, PyAny>, (&'static str, String));

pub(crate) fn reduced<'py>(py: Python<'py>, class: &'static str, value: &impl Serialize) -> PyResult<Reduced<'py>> {
    let text = serde_json::to_string(value).map_err(|error| unwritable(&error))?;
    Ok((py.import("selx._selx")?.getattr("_restore")?, (class, text)))
}

pub(crate) fn unwritable(error: &serde_json::Error) -> PyErr {
    SelxError::new_err(format!("this cannot be written as JSON: {error}"))
}

/// Makes a `datetime` in UTC.
pub(crate) fn moment<'py>(py: Python<'py>, time: Timestamp) -> PyResult<Bound<'py, PyAny>> {
    let module = py.import("datetime")?;
    let (class, utc) = (module.getattr("datetime")?, module.getattr("timezone")?.getattr("utc")?);
    let epoch = class.call1((1970, 1, 1, 0, 0, 0, 0, utc))?;
    let apart = module.getattr("timedelta")?.call1((0, 0, time.as_microsecond()))?;
    epoch.add(apart)
}
