//! What pickle keeps of a value: what makes it again, and the name of its class with the value as JSON.

use std::sync::Arc;

use pyo3::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::errors::SelxError;
use crate::kinds::Kind;
use crate::objects::unwritable;
use crate::results::{CheckResult, Report};
use crate::views::{Attempt, Failure, Finding, Measure};

/// What pickle keeps of a value: what makes it again, and the name of its class with the value as JSON.
pub(crate) type Reduced<'py> = (Bound<'py, PyAny>, (&'static str, String));

pub(crate) fn reduced<'py>(py: Python<'py>, class: &'static str, value: &impl Serialize) -> PyResult<Reduced<'py>> {
    let text = serde_json::to_string(value).map_err(|error| unwritable(&error))?;
    Ok((py.import("selx._selx")?.getattr("_restore")?, (class, text)))
}

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
