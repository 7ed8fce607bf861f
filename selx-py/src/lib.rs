//! selx as a Python module.
//!
//! The types are documented where Python looks for them, in `python/selx`.

mod actions;
mod attach;
mod bridge;
mod errors;
mod given;
mod html;
mod objects;
mod pickle;
mod registry;
mod results;
mod runs;
mod runtime;
mod settings;
mod tables;
mod text;
mod views;
mod wait;

/// The native half of the package `selx`.
#[pyo3::pymodule]
mod _selx {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::actions::Plan;
    #[pymodule_export]
    use crate::bridge::{Look, Permission};
    #[pymodule_export]
    use crate::registry::Native;
    #[pymodule_export]
    use crate::results::{CheckResult, Report};
    #[pymodule_export]
    use crate::views::{Attempt, Failure, Finding, Kind, Measure};
    use crate::{actions, attach, html, pickle, runtime, wait};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("_OUTCOMES", actions::outcomes())
    }

    /// Makes a value of what pickle kept.
    #[pyfunction]
    fn _restore<'py>(py: Python<'py>, cls: &str, text: &str) -> PyResult<Bound<'py, PyAny>> {
        pickle::restore(py, cls, text)
    }

    /// Gives a future what it waited for.
    #[pyfunction]
    fn _settle(future: &Bound<'_, PyAny>, value: Py<PyAny>, error: Option<Bound<'_, PyAny>>) -> PyResult<()> {
        wait::settle(future, value, error)
    }

    /// Writes a text as people read it into a page.
    #[pyfunction]
    fn _html(text: &str) -> String {
        html::text(text)
    }

    /// Takes note that this process was forked.
    #[pyfunction]
    fn _forked() {
        attach::forked();
        runtime::forked();
        wait::forked();
    }

    /// Waits for what changes something, and has to come to its end.
    #[pyfunction]
    fn _finish(py: Python<'_>) -> PyResult<()> {
        wait::finish(py)
    }
}
