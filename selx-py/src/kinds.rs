//! Kinds as Python sees them.

use pyo3::prelude::*;
use serde::{Deserialize, Serialize};

use crate::given::Sort;
use crate::objects::{Reduced, reduced};
use crate::views::hash;

/// What a kind says about itself.
#[derive(PartialEq, Serialize, Deserialize)]
pub(crate) struct KindText {
    pub(crate) id: String,
    sort: String,
    area: String,
    summary: String,
    routines: Vec<String>,
}

/// A kind of check or of action.
#[pyclass(frozen, eq, module = "selx")]
#[derive(PartialEq)]
pub(crate) struct Kind(pub(crate) KindText);

impl Kind {
    pub(crate) fn new(meta: &selx_core::Meta, sort: Sort) -> Self {
        // An action is begun by somebody, and permitted: it belongs to no routine.
        let routines = if sort == Sort::Check { meta.routines } else { &[] };
        Self(KindText {
            id: meta.id.to_string(),
            sort: sort.as_str().to_owned(),
            area: meta.area.to_string(),
            summary: meta.summary.to_owned(),
            routines: routines.iter().map(|routine| (*routine).to_owned()).collect(),
        })
    }
}

#[pymethods]
impl Kind {
    /// The name, such as ``host-disk``: the first argument of ``check`` or ``Action``.
    #[getter]
    fn id(&self) -> &str {
        &self.0.id
    }

    /// ``check`` or ``action``.
    #[getter]
    fn sort(&self) -> &str {
        &self.0.sort
    }

    /// The part of an operator's world that it looks at, such as ``host``.
    #[getter]
    fn area(&self) -> &str {
        &self.0.area
    }

    /// One line: what it tells its reader.
    #[getter]
    fn summary(&self) -> &str {
        &self.0.summary
    }

    /// The routines a check belongs to unless a configuration says otherwise.
    #[getter]
    fn routines(&self) -> Vec<String> {
        self.0.routines.clone()
    }

    fn __hash__(&self) -> u64 {
        hash(&self.0.id)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced(py, "Kind", &self.0)
    }

    fn __repr__(&self) -> String {
        format!("<selx.Kind {}>", self.0.id)
    }
}
