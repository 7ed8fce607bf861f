//! Results and reports as Python sees them.

use std::sync::Arc;

use jiff::Timestamp;
use pyo3::exceptions::{PyIndexError, PyKeyError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use selx_core::nearest;
use selx_core::report::v1::{self, Status};

use crate::objects::{python, unwritable, word};
use crate::pickle::{Reduced, reduced};
use crate::views::{Attempt, Failure, Finding, Measure, hash, pairs};
use crate::{html, tables, text};

/// What one check came to.
#[pyclass(frozen, eq, module = "selx", name = "Result")]
#[derive(PartialEq)]
pub(crate) struct CheckResult(pub(crate) v1::Entry);

#[pymethods]
impl CheckResult {
    #[getter]
    fn kind(&self) -> &str {
        &self.0.kind
    }

    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    #[getter]
    fn status(&self) -> String {
        word(self.0.status)
    }

    #[getter]
    fn ok(&self) -> bool {
        self.0.status == Status::Ok
    }

    #[getter]
    fn headline(&self) -> &str {
        &self.0.headline
    }

    #[getter]
    fn summary(&self) -> &str {
        &self.0.summary
    }

    #[getter]
    fn failure(&self) -> Option<Failure> {
        self.0.failure.clone().map(Failure)
    }

    #[getter]
    fn findings(&self) -> Vec<Finding> {
        self.0.findings.iter().cloned().map(Finding).collect()
    }

    #[getter]
    fn measures(&self) -> Vec<Measure> {
        self.0.measures.iter().cloned().map(Measure).collect()
    }

    #[getter]
    fn evidence(&self) -> Vec<(&str, &str)> {
        pairs(&self.0.evidence)
    }

    #[getter]
    fn faults(&self) -> Vec<Failure> {
        self.0.faults.iter().cloned().map(Failure).collect()
    }

    #[getter]
    fn attempts(&self) -> Vec<Attempt> {
        self.0.attempts.iter().cloned().map(Attempt).collect()
    }

    #[getter]
    fn caused_by(&self) -> Option<&str> {
        self.0.caused_by.as_deref()
    }

    #[getter]
    fn started<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        moment(py, self.0.started)
    }

    #[getter]
    fn took(&self) -> f64 {
        self.0.took_s
    }

    /// Returns the entry of report version 1.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        python(py, &self.0)
    }

    fn __bool__(&self) -> bool {
        self.ok()
    }

    fn __hash__(&self) -> u64 {
        hash((&self.0.kind, &self.0.name, self.0.started))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced(py, "Result", &self.0)
    }

    fn __repr__(&self) -> String {
        let v1::Entry { kind, name, headline, .. } = &self.0;
        format!("<selx.Result {kind}.{name} {}: {headline}>", word(self.0.status))
    }

    fn __str__(&self) -> String {
        text::result(&self.0)
    }

    fn _repr_html_(&self) -> String {
        html::result(&self.0)
    }
}

/// What a run came to.
#[pyclass(frozen, eq, module = "selx")]
#[derive(PartialEq)]
pub(crate) struct Report(pub(crate) Arc<v1::Report>);

#[pymethods]
impl Report {
    #[getter]
    fn status(&self) -> String {
        word(self.0.status)
    }

    #[getter]
    fn ok(&self) -> bool {
        self.0.status == Status::Ok
    }

    #[getter]
    fn results(&self) -> Vec<CheckResult> {
        self.0.entries.iter().cloned().map(CheckResult).collect()
    }

    #[getter]
    fn notices(&self) -> Vec<Finding> {
        self.0.notices.iter().cloned().map(Finding).collect()
    }

    #[getter]
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        python(py, &self.0.counts)
    }

    #[getter]
    fn run(&self) -> &str {
        &self.0.run
    }

    #[getter]
    fn routine(&self) -> Option<&str> {
        self.0.routine.as_deref()
    }

    #[getter]
    fn host(&self) -> &str {
        &self.0.host
    }

    #[getter]
    fn started<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        moment(py, self.0.started)
    }

    #[getter]
    fn took(&self) -> f64 {
        self.0.took_s
    }

    #[getter]
    fn exit_code(&self) -> u8 {
        match self.0.status {
            Status::Ok => 0,
            Status::Warning => 1,
            Status::Critical => 2,
            Status::Unknown | Status::Skipped => 3,
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

    /// Returns flat rows: of the results, their findings, or their measures.
    #[pyo3(signature = (of = "results"))]
    fn rows<'py>(&self, py: Python<'py>, of: &str) -> PyResult<Vec<Bound<'py, PyDict>>> {
        tables::rows(py, &self.0, of)
    }

    /// Makes a data frame of pandas of such rows.
    #[pyo3(signature = (of = "results"))]
    fn to_pandas<'py>(&self, py: Python<'py>, of: &str) -> PyResult<Bound<'py, PyAny>> {
        tables::frame(py, "pandas", &self.0, of)
    }

    /// Makes a data frame of polars of such rows.
    #[pyo3(signature = (of = "results"))]
    fn to_polars<'py>(&self, py: Python<'py>, of: &str) -> PyResult<Bound<'py, PyAny>> {
        tables::frame(py, "polars", &self.0, of)
    }

    fn __bool__(&self) -> bool {
        self.ok()
    }

    fn __len__(&self) -> usize {
        self.0.entries.len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.results().into_pyobject(py)?.call_method0("__iter__")
    }

    fn __getitem__(&self, key: Key) -> PyResult<CheckResult> {
        let entries = &self.0.entries;
        let found = match key {
            Key::Index(index) => {
                let index = if index < 0 { index + isize::try_from(entries.len()).unwrap_or(0) } else { index };
                let entry = usize::try_from(index).ok().and_then(|index| entries.get(index));
                entry.ok_or_else(|| PyIndexError::new_err(format!("the report has {} results", entries.len())))?
            }
            Key::Name(name) => {
                let full = |entry: &v1::Entry| format!("{}.{}", entry.kind, entry.name);
                entries.iter().find(|entry| full(entry) == name).ok_or_else(|| {
                    let names: Vec<String> = entries.iter().map(full).collect();
                    let near = nearest(&name, names.iter().map(String::as_str));
                    let hint = near.map(|near| format!("; is `{near}` meant?")).unwrap_or_default();
                    PyKeyError::new_err(format!("no result is named `{}`{hint}", name.escape_debug()))
                })?
            }
        };
        Ok(CheckResult(found.clone()))
    }

    fn __hash__(&self) -> u64 {
        hash(&self.0.run)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced(py, "Report", &*self.0)
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

    fn __str__(&self) -> String {
        text::report(&self.0)
    }

    fn _repr_html_(&self) -> String {
        html::report(&self.0)
    }
}

/// What a result is asked for by: its place, or `kind.name`.
#[derive(FromPyObject)]
enum Key {
    Index(isize),
    Name(String),
}

/// Makes a `datetime` in UTC.
pub(crate) fn moment<'py>(py: Python<'py>, time: Timestamp) -> PyResult<Bound<'py, PyAny>> {
    let module = py.import("datetime")?;
    let (class, utc) = (module.getattr("datetime")?, module.getattr("timezone")?.getattr("utc")?);
    let epoch = class.call1((1970, 1, 1, 0, 0, 0, 0, utc))?;
    let apart = module.getattr("timedelta")?.call1((0, 0, time.as_microsecond()))?;
    epoch.add(apart)
}
