//! From what pickle keeps of a value to the value.

use std::sync::Arc;

use pyo3::prelude::*;
use serde::de::DeserializeOwned;

use crate::errors::SelxError;
use crate::kinds::Kind;
use crate::results::{CheckResult, Report};
use crate::views::{Attempt, Failure, Finding, Measure};

/// Makes a value of what pickle kept.
pub(crate) fn restore<'py>(py: Python<'py>, class: &str, text: &str) -> PyResult<Bound<'py, PyAny>> {
    fn read<T: DeserializeOwned>(text: &str) -> PyResult<T> {
        serde_json::from_str(text).map_err(|error| SelxError::new_err(format!("this is no pickle of selx: {error}")))
    }
    Ok(match class {
        "Kind" => Bound::new(py, Kind(read(text)?))?.into_any(),
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
