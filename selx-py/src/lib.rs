//! selx as a Python module.
//!
//! What Python shows of its types is documented here; the same stands in the stub, `python/selx/_selx.pyi`, for editors.

mod actions;
mod attach;
mod bridge;
mod errors;
mod given;
mod html;
mod kinds;
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
    use crate::bridge::{PyContext, PyPermit};
    #[pymodule_export]
    use crate::kinds::Kind;
    #[pymodule_export]
    use crate::registry::PyRegistry;
    #[pymodule_export]
    use crate::results::{CheckResult, Report};
    #[pymodule_export]
    use crate::views::{Attempt, Failure, Finding, Measure};
    use crate::{actions, attach, html, objects, pickle, runtime, wait};

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

    /// Raises what is to be said of a word that is none of its sort.
    #[pyfunction]
    fn _is_one_of(what: &str, word: &str) -> PyResult<()> {
        objects::is_one_of(what, word)
    }

    /// Reads a length of time as every kind does, in seconds.
    #[pyfunction]
    fn _seconds(text: &str) -> PyResult<f64> {
        let read = text.parse::<selx_core::TimeSpan>();
        read.map(|span| span.get().as_secs_f64()).map_err(pyo3::exceptions::PyValueError::new_err)
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
    fn _finish(py: Python<'_>) {
        wait::finish(py);
    }

    /// Takes note that an interpreter has selx.
    #[pyfunction]
    fn _enter() {
        attach::enter();
    }

    /// Takes note that this interpreter is about to end, after what has to come to its end.
    #[pyfunction]
    fn _leave(py: Python<'_>) {
        wait::finish(py);
        attach::leave(py);
    }
}
