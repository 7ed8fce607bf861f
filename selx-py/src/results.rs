//! Results and reports as Python sees them.

use std::sync::Arc;

use pyo3::exceptions::{PyIndexError, PyKeyError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use selx_core::escape::visible;
use selx_core::nearest;
use selx_core::report::v1;

use crate::objects::{Reduced, moment, python, reduced, unwritable, word};
use crate::views::{Attempt, Failure, Finding, Measure, hash, pairs};
use crate::{html, tables, text};

/// What one check came to.
#[pyclass(frozen, eq, module = "selx", name = "Result")]
#[derive(PartialEq)]
pub(crate) struct CheckResult(pub(crate) v1::Entry);

#[pymethods]
impl CheckResult {
    /// The kind, such as ``http``.
    #[getter]
    fn kind(&self) -> &str {
        &self.0.kind
    }

    /// The name of the check; ``python`` where the caller gave none.
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    /// ``skipped``, ``ok``, ``warning``, ``unknown`` or ``critical``.
    #[getter]
    fn status(&self) -> String {
        word(self.0.status)
    }

    /// Whether it was looked at and is as it should be. Skipped and unknown are not ok.
    #[getter]
    fn ok(&self) -> bool {
        self.0.status == v1::Status::Ok
    }

    /// The line that tells most: the failure, the worst finding, or the summary.
    #[getter]
    fn headline(&self) -> &str {
        &self.0.headline
    }

    /// One line: what was seen, healthy or not. Empty if nothing was.
    #[getter]
    fn summary(&self) -> &str {
        &self.0.summary
    }

    /// Why it could not be looked at, or why there was nothing to look at.
    #[getter]
    fn failure(&self) -> Option<Failure> {
        self.0.failure.clone().map(Failure)
    }

    /// What there is to say, the worst first or in the order of the subjects.
    #[getter]
    fn findings(&self) -> Vec<Finding> {
        self.0.findings.iter().cloned().map(Finding).collect()
    }

    /// The numbers, with what their limits said.
    #[getter]
    fn measures(&self) -> Vec<Measure> {
        self.0.measures.iter().cloned().map(Measure).collect()
    }

    /// Pairs worth knowing, whatever the status.
    #[getter]
    fn evidence(&self) -> Vec<(&str, &str)> {
        pairs(&self.0.evidence)
    }

    /// Parts of the subject that could not be looked at.
    #[getter]
    fn faults(&self) -> Vec<Failure> {
        self.0.faults.iter().cloned().map(Failure).collect()
    }

    /// The attempts before the one that counted.
    #[getter]
    fn attempts(&self) -> Vec<Attempt> {
        self.0.attempts.iter().cloned().map(Attempt).collect()
    }

    /// The check whose failure explains this one's, ``kind.name``.
    #[getter]
    fn caused_by(&self) -> Option<&str> {
        self.0.caused_by.as_deref()
    }

    /// When the look began, in UTC.
    #[getter]
    fn started<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        moment(py, self.0.started)
    }

    /// Seconds, all attempts together.
    #[getter]
    fn took(&self) -> f64 {
        self.0.took_s
    }

    /// 0 ok, 1 warning, 2 critical, 3 unknown or skipped.
    #[getter]
    fn exit_code(&self) -> u8 {
        self.0.status.exit_code()
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
        format!("<selx.Result {kind}.{name} {}: {}>", word(self.0.status), visible(headline))
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
    /// The worst of its results and notices. A run that saw nothing is unknown.
    #[getter]
    fn status(&self) -> String {
        word(self.0.status)
    }

    /// Whether everything was looked at and is as it should be.
    #[getter]
    fn ok(&self) -> bool {
        self.0.status == v1::Status::Ok
    }

    /// The results in the order of the configuration.
    #[getter]
    fn results(&self) -> Vec<CheckResult> {
        self.0.entries.iter().cloned().map(CheckResult).collect()
    }

    /// What is to be said about the run itself.
    #[getter]
    fn notices(&self) -> Vec<Finding> {
        self.0.notices.iter().cloned().map(Finding).collect()
    }

    /// How many results there are of each status.
    #[getter]
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        python(py, &self.0.counts)
    }

    /// The id of the run; later ones of one host sort behind earlier ones.
    #[getter]
    fn run(&self) -> &str {
        &self.0.run
    }

    /// The routine, if the run was one.
    #[getter]
    fn routine(&self) -> Option<&str> {
        self.0.routine.as_deref()
    }

    /// The name of the host.
    #[getter]
    fn host(&self) -> &str {
        &self.0.host
    }

    /// When the run began, in UTC.
    #[getter]
    fn started<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        moment(py, self.0.started)
    }

    /// Seconds.
    #[getter]
    fn took(&self) -> f64 {
        self.0.took_s
    }

    /// 0 ok, 1 warning, 2 critical, 3 unknown.
    #[getter]
    fn exit_code(&self) -> u8 {
        self.0.status.exit_code()
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
