//! The small values of a report as Python sees them: thin views of report version 1, which has its secrets taken out
//! already.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use pyo3::prelude::*;
use pyo3::types::PyMapping;
use selx_core::escape::visible;
use selx_core::report::v1;

use crate::objects::{Reduced, one_of, python, reduced, word};

/// One thing that a check has to say about one subject.
#[pyclass(frozen, eq, module = "selx")]
#[derive(PartialEq)]
pub(crate) struct Finding(pub(crate) v1::Finding);

#[pymethods]
impl Finding {
    /// Makes one, for a check that is written in Python.
    #[new]
    #[pyo3(
        signature = (severity, code, subject, message, *, advice = None, evidence = Pairs::default(), fix = None),
        text_signature = "(severity, code, subject, message, *, advice=None, evidence=(), fix=None)"
    )]
    fn new(
        severity: &str,
        code: String,
        subject: String,
        message: String,
        advice: Option<String>,
        evidence: Pairs<'_>,
        fix: Option<String>,
    ) -> PyResult<Self> {
        let evidence = evidence.read()?;
        let severity = one_of(severity, "severity")?;
        Ok(Self(v1::Finding { code, severity, subject, message, advice, evidence, fix }))
    }

    /// The documented code, such as ``expires-soon``; that of a limit is ``limit-`` and the measure.
    #[getter]
    fn code(&self) -> &str {
        &self.0.code
    }

    /// ``info``, ``warning``, ``unknown`` or ``critical``.
    #[getter]
    fn severity(&self) -> String {
        word(self.0.severity)
    }

    /// What it is about: a mount point, an address, a file. Empty if it is about the whole check.
    #[getter]
    fn subject(&self) -> &str {
        &self.0.subject
    }

    /// One line that reads well after the subject.
    #[getter]
    fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do.
    #[getter]
    fn advice(&self) -> Option<&str> {
        self.0.advice.as_deref()
    }

    /// Pairs that prove it.
    #[getter]
    fn evidence(&self) -> Vec<(&str, &str)> {
        pairs(&self.0.evidence)
    }

    /// The action that mends it, if there is one.
    #[getter]
    fn fix(&self) -> Option<&str> {
        self.0.fix.as_deref()
    }

    /// Returns the finding of report version 1.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        python(py, &self.0)
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
        visible(&format!("<selx.Finding {} {code}: {subject}{gap}{message}>", word(self.0.severity))).into_owned()
    }
}

/// One number, with what its limit said.
#[pyclass(frozen, eq, module = "selx")]
#[derive(PartialEq)]
pub(crate) struct Measure(pub(crate) v1::Measure);

#[pymethods]
impl Measure {
    /// Makes one, for a check that is written in Python.
    #[new]
    #[pyo3(
        signature = (name, value, unit, *, subject = String::new(), whole = None, window = None),
        text_signature = "(name, value, unit, *, subject='', whole=None, window=None)"
    )]
    fn new(
        name: String,
        value: f64,
        unit: &str,
        subject: String,
        whole: Option<f64>,
        window: Option<f64>,
    ) -> PyResult<Self> {
        let known: selx_core::Unit = one_of(unit, "unit")?;
        Ok(Self(v1::Measure {
            name,
            subject,
            value: Some(value),
            unit: word(known),
            whole,
            window_s: window,
            level: None,
            warning: None,
            critical: None,
        }))
    }

    /// The name, as the page of the kind lists it.
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    /// What it was measured on; empty if the check has one subject only.
    #[getter]
    fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The number in the base unit: bytes, seconds, a share from 0 to 1. ``None`` if it was not finite.
    #[getter]
    fn value(&self) -> Option<f64> {
        self.0.value
    }

    /// ``bytes``, ``seconds``, ``ratio``, ``count``, ``per-second`` or ``bytes-per-second``.
    #[getter]
    fn unit(&self) -> &str {
        &self.0.unit
    }

    /// What the value is a part of, in the same unit.
    #[getter]
    fn whole(&self) -> Option<f64> {
        self.0.whole
    }

    /// How many seconds the value speaks for, if it is an average or a rate.
    #[getter]
    fn window(&self) -> Option<f64> {
        self.0.window_s
    }

    /// What its limit said; ``None`` if no limit holds for it, or if what it says cannot be told.
    #[getter]
    fn level(&self) -> Option<String> {
        self.0.level.map(word)
    }

    /// The warning limit as it was written.
    #[getter]
    fn warning(&self) -> Option<&str> {
        self.0.warning.as_deref()
    }

    /// The critical limit as it was written.
    #[getter]
    fn critical(&self) -> Option<&str> {
        self.0.critical.as_deref()
    }

    /// Returns the measure of report version 1.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        python(py, &self.0)
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
        visible(&format!("<selx.Measure {name}{at}{subject} {value} {unit}>")).into_owned()
    }
}

/// Why something could not be seen.
#[pyclass(frozen, eq, module = "selx")]
#[derive(PartialEq)]
pub(crate) struct Failure(pub(crate) v1::Failure);

#[pymethods]
impl Failure {
    /// ``unreachable``, ``no-answer``, ``timed-out``, ``denied`` and others.
    #[getter]
    fn kind(&self) -> &str {
        &self.0.kind
    }

    /// What, where and why, one line.
    #[getter]
    fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do.
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
        visible(&format!("<selx.Failure {}: {}>", self.0.kind, self.0.message)).into_owned()
    }
}

/// An attempt that did not count because another followed.
#[pyclass(frozen, eq, module = "selx")]
#[derive(PartialEq)]
pub(crate) struct Attempt(pub(crate) v1::Attempt);

#[pymethods]
impl Attempt {
    /// What it came to.
    #[getter]
    fn status(&self) -> String {
        word(self.0.status)
    }

    /// Why it was not the last one.
    #[getter]
    fn reason(&self) -> &str {
        &self.0.reason
    }

    /// Seconds.
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
        visible(&format!("<selx.Attempt {}: {}>", word(self.0.status), self.0.reason)).into_owned()
    }
}

/// Pairs as an author gives them: a mapping, as for a judgement, or the pairs themselves.
#[derive(FromPyObject)]
enum Pairs<'py> {
    Mapping(Bound<'py, PyMapping>),
    List(Vec<(String, Bound<'py, PyAny>)>),
}

impl Default for Pairs<'_> {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Pairs<'_> {
    fn read(self) -> PyResult<Vec<v1::Evidence>> {
        let pairs = match self {
            Self::List(pairs) => pairs,
            Self::Mapping(mapping) => mapping.items()?.extract()?,
        };
        let read =
            |(label, value): (String, Bound<'_, PyAny>)| Ok(v1::Evidence { label, value: value.str()?.extract()? });
        pairs.into_iter().map(read).collect()
    }
}

/// Pairs as tuples.
pub(crate) fn pairs(evidence: &[v1::Evidence]) -> Vec<(&str, &str)> {
    evidence.iter().map(|pair| (pair.label.as_str(), pair.value.as_str())).collect()
}

/// The hash of what two equal values have in common.
pub(crate) fn hash(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
