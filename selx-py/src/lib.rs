//! selx as a Python module.
//!
//! The types are documented where Python looks for them, in `python/selx/_selx.pyi`.

mod errors;
mod runs;
mod settings;
mod views;
mod wait;

/// The native half of the package `selx`.
#[pyo3::pymodule]
mod _selx {
    use std::path::PathBuf;
    use std::sync::Arc;

    use pyo3::prelude::*;
    use pyo3::types::PyDict;

    use crate::runs::{self, Given};
    use crate::settings;
    #[pymodule_export]
    use crate::views::{Attempt, CheckResult, Finding, Kind, Measure, Report};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }

    /// Runs one check of a kind.
    #[pyfunction]
    #[pyo3(signature = (kind, name = "python", *, timeout = None, limits = None, **settings))]
    fn check(
        py: Python<'_>,
        kind: &str,
        name: &str,
        timeout: Option<Bound<'_, PyAny>>,
        limits: Option<Bound<'_, PyAny>>,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<CheckResult> {
        let given = Given {
            timeout: timeout.map(|value| settings::span(&value, "timeout")).transpose()?,
            limits: limits.map(|value| settings::value(&value, "limits")).transpose()?,
            settings: settings.map_or_else(|| Ok(Vec::new()), settings::keywords)?,
        };
        let registry = runs::registry()?;
        let mut suite = runs::single(&registry, kind, name, &given)?;
        // A call is one attempt: whoever calls can call again.
        suite.settings.retries = 0;
        let selection = runs::select(&suite, &[format!("{kind}.{name}")])?;
        let report = runs::run(py, suite.settings, selection, None)?;
        CheckResult::new(&report, 0)
    }

    /// Runs checks by routine, kind, name or `kind.name`; `daily` without names.
    #[pyfunction]
    #[pyo3(signature = (*names, config = None))]
    fn run(py: Python<'_>, names: Vec<String>, config: Option<PathBuf>) -> PyResult<Report> {
        let names = if names.is_empty() { vec!["daily".to_owned()] } else { names };
        let registry = Arc::new(runs::registry()?);
        let suite = runs::suite(py, &registry, config.as_deref())?;
        let selection = runs::select(&suite, &names)?;
        let history = runs::history(&suite.settings)?;
        Ok(Report(runs::run(py, suite.settings, selection, history)?))
    }

    /// Returns every kind, in the order of their names.
    #[pyfunction]
    fn kinds() -> PyResult<Vec<Kind>> {
        Ok(runs::registry()?.kinds().map(|factory| Kind::new(factory.meta())).collect())
    }
}
