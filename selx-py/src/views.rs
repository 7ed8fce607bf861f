//! The small values of a report as Python sees them: thin views of report version 1, which has its secrets taken out
//! already.

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use selx_core::report::v1;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::errors::SelxError;
use crate::results::{CheckResult, Report};
use crate::runs::registry;

/// A kind of check.
#[pyclass(frozen, get_all, eq, module = "selx")]
#[derive(PartialEq)]
pub(crate) struct Kind {
    id: &'static str,
    area: String,
    summary: &'static str,
    routines: Vec<&'static str>,
}

impl Kind {
    pub(crate) fn new(meta: &selx_core::Meta) -> Self {
        Self {
            id: meta.id.as_str(),
            area: meta.area.to_string(),
            summary: meta.summary,
            routines: meta.routines.to_vec(),
        }
    }
}

#[pymethods]
impl Kind {
    fn __hash__(&self) -> u64 {
        hash(self.id)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced(py, "Kind", &self.id)
    }

    fn __repr__(&self) -> String {
        format!("<selx.Kind {}>", self.id)
    }
}

/// One thing that a check has to say about one subject.
#[pyclass(frozen, eq, module = "selx")]
#[derive(PartialEq)]
pub(crate) struct Finding(pub(crate) v1::Finding);

#[pymethods]
impl Finding {
    #[getter]
    fn code(&self) -> &str {
        &self.0.code
    }

    #[getter]
    fn severity(&self) -> String {
        word(self.0.severity)
    }

    #[getter]
    fn subject(&self) -> &str {
        &self.0.subject
    }

    #[getter]
    fn message(&self) -> &str {
        &self.0.message
    }

    #[getter]
    fn advice(&self) -> Option<&str> {
        self.0.advice.as_deref()
    }

    #[getter]
    fn evidence(&self) -> Vec<(&str, &str)> {
        pairs(&self.0.evidence)
    }

    #[getter]
    fn fix(&self) -> Option<&str> {
        self.0.fix.as_deref()
    }

    fn __hash__(&self) -> u64 {
        hash((&self.0.code, &self.0.subject, &self.0.message))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced(py, "Finding", &self.0)
    }

    fn __repr__(&self) -> String {
        let v1::Finding { code, subject, message, .. } = &self.0;
        let gap = if subject.is_empty() { "" } else { " " };
        format!("<selx.Finding {} {code}: {subject}{gap}{message}>", word(self.0.severity))
    }
}

/// One number, with what its limit said.
#[pyclass(frozen, eq, module = "selx")]
#[derive(PartialEq)]
pub(crate) struct Measure(pub(crate) v1::Measure);

#[pymethods]
impl Measure {
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    #[getter]
    fn subject(&self) -> &str {
        &self.0.subject
    }

    #[getter]
    fn value(&self) -> Option<f64> {
        self.0.value
    }

    #[getter]
    fn unit(&self) -> &str {
        &self.0.unit
    }

    #[getter]
    fn whole(&self) -> Option<f64> {
        self.0.whole
    }

    #[getter]
    fn window(&self) -> Option<f64> {
        self.0.window_s
    }

    #[getter]
    fn level(&self) -> Option<String> {
        self.0.level.map(word)
    }

    #[getter]
    fn warning(&self) -> Option<&str> {
        self.0.warning.as_deref()
    }

    #[getter]
    fn critical(&self) -> Option<&str> {
        self.0.critical.as_deref()
    }

    fn __hash__(&self) -> u64 {
        hash((&self.0.name, &self.0.subject, &self.0.unit))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced(py, "Measure", &self.0)
    }

    fn __repr__(&self) -> String {
        let v1::Measure { name, subject, unit, .. } = &self.0;
        let at = if subject.is_empty() { "" } else { "@" };
        let value = self.0.value.map_or("None".to_owned(), |value| value.to_string());
        format!("<selx.Measure {name}{at}{subject} {value} {unit}>")
    }
}

/// Why something could not be seen.
#[pyclass(frozen, eq, module = "selx")]
#[derive(PartialEq)]
pub(crate) struct Failure(pub(crate) v1::Failure);

#[pymethods]
impl Failure {
    #[getter]
    fn kind(&self) -> &str {
        &self.0.kind
    }

    #[getter]
    fn message(&self) -> &str {
        &self.0.message
    }

    #[getter]
    fn advice(&self) -> Option<&str> {
        self.0.advice.as_deref()
    }

    fn __hash__(&self) -> u64 {
        hash((&self.0.kind, &self.0.message))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced(py, "Failure", &self.0)
    }

    fn __repr__(&self) -> String {
        format!("<selx.Failure {}: {}>", self.0.kind, self.0.message)
    }
}

/// An attempt that did not count because another followed.
#[pyclass(frozen, eq, module = "selx")]
#[derive(PartialEq)]
pub(crate) struct Attempt(pub(crate) v1::Attempt);

#[pymethods]
impl Attempt {
    #[getter]
    fn status(&self) -> String {
        word(self.0.status)
    }

    #[getter]
    fn reason(&self) -> &str {
        &self.0.reason
    }

    #[getter]
    fn took(&self) -> f64 {
        self.0.took_s
    }

    fn __hash__(&self) -> u64 {
        hash(&self.0.reason)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced(py, "Attempt", &self.0)
    }

    fn __repr__(&self) -> String {
        format!("<selx.Attempt {}: {}>", word(self.0.status), self.0.reason)
    }
}

/// Pairs as tuples.
pub(crate) fn pairs(evidence: &[v1::Evidence]) -> Vec<(&str, &str)> {
    evidence.iter().map(|pair| (pair.label.as_str(), pair.value.as_str())).collect()
}

/// What pickle keeps of a value: what makes it again, and the name of its class with the value as JSON.
pub(crate) type Reduced<'py> = (Bound<'py, PyAny>, (&'static str, String));

pub(crate) fn reduced<'py>(py: Python<'py>, class: &'static str, value: &impl Serialize) -> PyResult<Reduced<'py>> {
    let text = serde_json::to_string(value).map_err(|error| unwritable(&error))?;
    Ok((py.import("selx._selx")?.getattr("_restore")?, (class, text)))
}

/// Makes a value of what pickle kept.
pub(crate) fn restore<'py>(py: Python<'py>, class: &str, text: &str) -> PyResult<Bound<'py, PyAny>> {
    fn read<T: DeserializeOwned>(text: &str) -> PyResult<T> {
        serde_json::from_str(text).map_err(|error| SelxError::new_err(format!("this is no pickle of selx: {error}")))
    }
    Ok(match class {
        "Kind" => {
            let id: String = read(text)?;
            let registry = registry()?;
            let factory = registry.get(&id);
            let unknown = || SelxError::new_err(format!("`{}` is no kind of this version of selx", id.escape_debug()));
            Bound::new(py, Kind::new(factory.ok_or_else(unknown)?.meta()))?.into_any()
        }
        "Finding" => Bound::new(py, Finding(read(text)?))?.into_any(),
        "Measure" => Bound::new(py, Measure(read(text)?))?.into_any(),
        "Failure" => Bound::new(py, Failure(read(text)?))?.into_any(),
        "Attempt" => Bound::new(py, Attempt(read(text)?))?.into_any(),
        "Result" => Bound::new(py, CheckResult(read(text)?))?.into_any(),
        "Report" => Bound::new(py, Report(Arc::new(read(text)?)))?.into_any(),
        other => {
            let text = format!("`{}` is no class of this version of selx", other.escape_debug());
            return Err(SelxError::new_err(text));
        }
    })
}

/// The hash of what two equal values have in common.
pub(crate) fn hash(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// The word that stands for a value in JSON, so that both spell it alike.
pub(crate) fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
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

pub(crate) fn unwritable(error: &serde_json::Error) -> PyErr {
    SelxError::new_err(format!("the report cannot be written as JSON: {error}"))
}
