//! selx as a Python module.
//!
//! The types are documented where Python looks for them, in `python/selx/_selx.pyi`.

mod errors;
mod html;
mod results;
mod runs;
mod runtime;
mod settings;
mod tables;
mod views;
mod wait;

/// The native half of the package `selx`.
#[pyo3::pymodule]
mod _selx {
    use std::path::PathBuf;
    use std::sync::Arc;

    use pyo3::prelude::*;
    use pyo3::types::PyDict;
    use selx_core::report::v1;

    use crate::errors::SelxError;
    #[pymodule_export]
    use crate::results::{CheckResult, Report};
    use crate::runs::{self, Given, Job};
    #[pymodule_export]
    use crate::views::{Attempt, Failure, Finding, Kind, Measure};
    use crate::{runtime, views, wait};

    /// A check as Python hands it over: kind, name, timeout, limits, settings.
    type Spec<'py> = (String, String, Option<Bound<'py, PyAny>>, Option<Bound<'py, PyAny>>, Bound<'py, PyDict>);

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }

    /// Runs one check of a kind.
    #[pyfunction]
    #[pyo3(signature = (kind, name = "python", *, timeout = None, limits = None, **settings))]
    fn check(
        py: Python<'_>,
        kind: String,
        name: &str,
        timeout: Option<Bound<'_, PyAny>>,
        limits: Option<Bound<'_, PyAny>>,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<CheckResult> {
        let given = Given::new(None, kind, name.to_owned(), timeout.as_ref(), limits.as_ref(), settings)?;
        let job = Job::of(&runs::registry()?, &[given])?;
        only(wait::wait(py, |cancel| job.run(cancel))?)
    }

    /// Begins the same, and returns a future of the running event loop.
    #[pyfunction]
    #[pyo3(signature = (kind, name, timeout, limits, settings))]
    fn _check_async<'py>(
        py: Python<'py>,
        kind: String,
        name: String,
        timeout: Option<Bound<'py, PyAny>>,
        limits: Option<Bound<'py, PyAny>>,
        settings: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let given = Given::new(None, kind, name, timeout.as_ref(), limits.as_ref(), Some(settings))?;
        let job = Job::of(&runs::registry()?, &[given])?;
        let give = |py: Python<'_>, report| Ok(Bound::new(py, only(report)?)?.into_any().unbind());
        wait::promise(py, |cancel| job.run(cancel), give)
    }

    /// Runs checks side by side, and returns their results in their order.
    #[pyfunction]
    fn _check_many(py: Python<'_>, checks: Vec<Spec<'_>>, concurrency: usize) -> PyResult<Vec<CheckResult>> {
        let job = many(checks, concurrency)?;
        Ok(results(wait::wait(py, |cancel| job.run(cancel))?))
    }

    /// Begins the same, and returns a future of the running event loop.
    #[pyfunction]
    fn _check_many_async<'py>(
        py: Python<'py>,
        checks: Vec<Spec<'py>>,
        concurrency: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let job = many(checks, concurrency)?;
        let give = |py: Python<'_>, report| Ok(results(report).into_pyobject(py)?.unbind());
        wait::promise(py, |cancel| job.run(cancel), give)
    }

    /// Runs checks by routine, kind, name or `kind.name`; `daily` without names.
    #[pyfunction]
    #[pyo3(signature = (*names, config = None))]
    fn run(py: Python<'_>, names: Vec<String>, config: Option<PathBuf>) -> PyResult<Report> {
        let report = wait::wait(py, |cancel| runs::run(names, config, cancel))?;
        Ok(Report(Arc::new(report)))
    }

    /// Begins the same, and returns a future of the running event loop.
    #[pyfunction]
    fn _run_async<'py>(py: Python<'py>, names: Vec<String>, config: Option<PathBuf>) -> PyResult<Bound<'py, PyAny>> {
        let give = |py: Python<'_>, report| Ok(Bound::new(py, Report(Arc::new(report)))?.into_any().unbind());
        wait::promise(py, |cancel| runs::run(names, config, cancel), give)
    }

    /// Returns every kind, in the order of their names.
    #[pyfunction]
    fn kinds() -> PyResult<Vec<Kind>> {
        Ok(runs::registry()?.kinds().map(|factory| Kind::new(factory.meta())).collect())
    }

    /// Makes a value of what pickle kept.
    #[pyfunction]
    fn _restore<'py>(py: Python<'py>, cls: &str, text: &str) -> PyResult<Bound<'py, PyAny>> {
        views::restore(py, cls, text)
    }

    /// Gives a future what it waited for.
    #[pyfunction]
    fn _settle(future: &Bound<'_, PyAny>, value: Py<PyAny>, error: Option<Bound<'_, PyAny>>) -> PyResult<()> {
        wait::settle(future, value, error)
    }

    /// Takes note that this process was forked.
    #[pyfunction]
    fn _forked() {
        runtime::forked();
    }

    fn many(checks: Vec<Spec<'_>>, concurrency: usize) -> PyResult<Job> {
        let given = checks.into_iter().enumerate().map(|(index, (kind, name, timeout, limits, settings))| {
            Given::new(Some(index), kind, name, timeout.as_ref(), limits.as_ref(), Some(&settings))
        });
        let mut job = Job::of(&runs::registry()?, &given.collect::<PyResult<Vec<_>>>()?)?;
        job.settings.concurrency = concurrency;
        Ok(job)
    }

    fn results(report: v1::Report) -> Vec<CheckResult> {
        report.entries.into_iter().map(CheckResult).collect()
    }

    fn only(report: v1::Report) -> PyResult<CheckResult> {
        let entry = report.entries.into_iter().next().map(CheckResult);
        entry.ok_or_else(|| SelxError::new_err("the run has no result: a bug of selx"))
    }
}
