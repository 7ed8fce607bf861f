//! What Python sees of a report: thin views of report version 1, which has its secrets taken out already.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use selx_core::report::v1;
use serde::Serialize;
use serde_json::Value;

use crate::errors::SelxError;

/// A kind of check.
#[pyclass(frozen, get_all, module = "selx")]
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
    fn __repr__(&self) -> String {
        format!("<selx.Kind {}>", self.id)
    }
}

/// One thing that a check has to say about one subject.
#[pyclass(frozen, get_all, module = "selx")]
pub(crate) struct Finding {
    code: String,
    severity: String,
    subject: String,
    message: String,
    advice: Option<String>,
    evidence: Vec<(String, String)>,
}

impl From<&v1::Finding> for Finding {
    fn from(finding: &v1::Finding) -> Self {
        let pair = |pair: &v1::Evidence| (pair.label.clone(), pair.value.clone());
        Self {
            code: finding.code.clone(),
            severity: word(finding.severity),
            subject: finding.subject.clone(),
            message: finding.message.clone(),
            advice: finding.advice.clone(),
            evidence: finding.evidence.iter().map(pair).collect(),
        }
    }
}

#[pymethods]
impl Finding {
    fn __repr__(&self) -> String {
        let gap = if self.subject.is_empty() { "" } else { " " };
        format!("<selx.Finding {} {}: {}{gap}{}>", self.severity, self.code, self.subject, self.message)
    }
}

/// One number, with what its limit said.
#[pyclass(frozen, get_all, module = "selx")]
pub(crate) struct Measure {
    name: String,
    subject: String,
    value: Option<f64>,
    unit: String,
    level: Option<String>,
    warning: Option<String>,
    critical: Option<String>,
}

impl From<&v1::Measure> for Measure {
    fn from(measure: &v1::Measure) -> Self {
        Self {
            name: measure.name.clone(),
            subject: measure.subject.clone(),
            value: measure.value,
            unit: measure.unit.clone(),
            level: measure.level.map(word),
            warning: measure.warning.clone(),
            critical: measure.critical.clone(),
        }
    }
}

#[pymethods]
impl Measure {
    fn __repr__(&self) -> String {
        let at = if self.subject.is_empty() { "" } else { "@" };
        let value = self.value.map_or("None".to_owned(), |value| value.to_string());
        format!("<selx.Measure {}{at}{} {value} {}>", self.name, self.subject, self.unit)
    }
}

/// An attempt that did not count because another followed.
#[pyclass(frozen, get_all, module = "selx")]
pub(crate) struct Attempt {
    status: String,
    reason: String,
    took: f64,
}

#[pymethods]
impl Attempt {
    fn __repr__(&self) -> String {
        format!("<selx.Attempt {}: {}>", self.status, self.reason)
    }
}

/// What one check came to.
#[pyclass(frozen, module = "selx", name = "Result")]
pub(crate) struct CheckResult {
    report: Arc<v1::Report>,
    index: usize,
}

impl CheckResult {
    /// Views one entry of a report; an entry that is not there is a bug.
    pub(crate) fn new(report: &Arc<v1::Report>, index: usize) -> PyResult<Self> {
        let view = Self { report: Arc::clone(report), index };
        view.entry().map(|_| ()).map(|()| view)
    }

    fn entry(&self) -> PyResult<&v1::Entry> {
        let entry = self.report.entries.get(self.index);
        entry.ok_or_else(|| SelxError::new_err("the report has no such entry: a bug of selx"))
    }
}

#[pymethods]
impl CheckResult {
    #[getter]
    fn kind(&self) -> PyResult<&str> {
        Ok(&self.entry()?.kind)
    }

    #[getter]
    fn name(&self) -> PyResult<&str> {
        Ok(&self.entry()?.name)
    }

    #[getter]
    fn status(&self) -> PyResult<String> {
        Ok(word(self.entry()?.status))
    }

    #[getter]
    fn ok(&self) -> PyResult<bool> {
        Ok(self.entry()?.status == v1::Status::Ok)
    }

    #[getter]
    fn headline(&self) -> PyResult<&str> {
        Ok(&self.entry()?.headline)
    }

    #[getter]
    fn summary(&self) -> PyResult<&str> {
        Ok(&self.entry()?.summary)
    }

    #[getter]
    fn findings(&self) -> PyResult<Vec<Finding>> {
        Ok(self.entry()?.findings.iter().map(Finding::from).collect())
    }

    #[getter]
    fn measures(&self) -> PyResult<Vec<Measure>> {
        Ok(self.entry()?.measures.iter().map(Measure::from).collect())
    }

    #[getter]
    fn attempts(&self) -> PyResult<Vec<Attempt>> {
        let view = |attempt: &v1::Attempt| Attempt {
            status: word(attempt.status),
            reason: attempt.reason.clone(),
            took: attempt.took_s,
        };
        Ok(self.entry()?.attempts.iter().map(view).collect())
    }

    #[getter]
    fn took(&self) -> PyResult<f64> {
        Ok(self.entry()?.took_s)
    }

    /// Returns the entry of report version 1.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        python(py, self.entry()?)
    }

    fn __repr__(&self) -> PyResult<String> {
        let entry = self.entry()?;
        let status = word(entry.status);
        Ok(format!("<selx.Result {}.{} {status}: {}>", entry.kind, entry.name, entry.headline))
    }
}

/// What a run came to.
#[pyclass(frozen, module = "selx")]
pub(crate) struct Report(pub(crate) Arc<v1::Report>);

#[pymethods]
impl Report {
    #[getter]
    fn status(&self) -> String {
        word(self.0.status)
    }

    #[getter]
    fn ok(&self) -> bool {
        self.0.status == v1::Status::Ok
    }

    #[getter]
    fn results(&self) -> PyResult<Vec<CheckResult>> {
        (0..self.0.entries.len()).map(|index| CheckResult::new(&self.0, index)).collect()
    }

    #[getter]
    fn notices(&self) -> Vec<Finding> {
        self.0.notices.iter().map(Finding::from).collect()
    }

    #[getter]
    fn exit_code(&self) -> u8 {
        match self.0.status {
            v1::Status::Ok => 0,
            v1::Status::Warning => 1,
            v1::Status::Critical => 2,
            v1::Status::Unknown | v1::Status::Skipped => 3,
        }
    }

    /// Returns the whole report, version 1.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        python(py, &*self.0)
    }

    /// Returns the whole report, version 1, as text.
    fn to_json(&self) -> PyResult<String> {
        serde_json::to_string(&*self.0).map_err(|error| unwritable(&error))
    }

    fn __repr__(&self) -> String {
        let counts = &self.0.counts;
        format!(
            "<selx.Report {}: {} critical, {} unknown, {} warning, {} ok, {} skipped>",
            word(self.0.status),
            counts.critical,
            counts.unknown,
            counts.warning,
            counts.ok,
            counts.skipped
        )
    }
}

/// The word that stands for a value in JSON, so that both spell it alike.
fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

/// Makes Python objects of anything that JSON can say.
fn python<'py>(py: Python<'py>, value: &impl Serialize) -> PyResult<Bound<'py, PyAny>> {
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

fn unwritable(error: &serde_json::Error) -> PyErr {
    SelxError::new_err(format!("the report cannot be written as JSON: {error}"))
}
