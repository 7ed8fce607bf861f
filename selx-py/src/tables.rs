//! Reports as rows, for what reckons with tables.

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use selx_core::nearest;
use selx_core::report::v1::{Entry, Report};

use crate::errors::UsageError;
use crate::objects::{moment, word};

/// What there are rows of.
const OF: [&str; 3] = ["results", "findings", "measures"];

/// Makes flat rows. Each has the same keys, and the first two name the check.
pub(crate) fn rows<'py>(py: Python<'py>, report: &Report, of: &str) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let mut rows = Vec::new();
    for entry in &report.entries {
        match of {
            "results" => rows.push(result(py, entry)?),
            "findings" => findings(py, entry, &mut rows)?,
            "measures" => measures(py, entry, &mut rows)?,
            _ => {
                let hint = nearest(of, OF).map(|near| format!("; is `{near}` meant?")).unwrap_or_default();
                let text = format!("there are no rows of `{}`, only of {}{hint}", of.escape_debug(), OF.join(", "));
                return Err(UsageError::new_err(text));
            }
        }
    }
    Ok(rows)
}

fn begin<'py>(py: Python<'py>, entry: &Entry) -> PyResult<Bound<'py, PyDict>> {
    let row = PyDict::new(py);
    row.set_item("kind", &entry.kind)?;
    row.set_item("name", &entry.name)?;
    Ok(row)
}

fn result<'py>(py: Python<'py>, entry: &Entry) -> PyResult<Bound<'py, PyDict>> {
    let row = begin(py, entry)?;
    row.set_item("status", word(entry.status))?;
    row.set_item("headline", &entry.headline)?;
    row.set_item("findings", entry.findings.len())?;
    row.set_item("started", moment(py, entry.started)?)?;
    row.set_item("took", entry.took_s)?;
    Ok(row)
}

fn findings<'py>(py: Python<'py>, entry: &Entry, rows: &mut Vec<Bound<'py, PyDict>>) -> PyResult<()> {
    for finding in &entry.findings {
        let row = begin(py, entry)?;
        row.set_item("code", &finding.code)?;
        row.set_item("severity", word(finding.severity))?;
        row.set_item("subject", &finding.subject)?;
        row.set_item("message", &finding.message)?;
        row.set_item("advice", finding.advice.as_deref())?;
        rows.push(row);
    }
    Ok(())
}

fn measures<'py>(py: Python<'py>, entry: &Entry, rows: &mut Vec<Bound<'py, PyDict>>) -> PyResult<()> {
    for measure in &entry.measures {
        let row = begin(py, entry)?;
        row.set_item("measure", &measure.name)?;
        row.set_item("subject", &measure.subject)?;
        row.set_item("value", measure.value)?;
        row.set_item("unit", &measure.unit)?;
        row.set_item("level", measure.level.map(word))?;
        row.set_item("warning", measure.warning.as_deref())?;
        row.set_item("critical", measure.critical.as_deref())?;
        rows.push(row);
    }
    Ok(())
}

/// Makes a data frame of a library that the caller has.
pub(crate) fn frame<'py>(py: Python<'py>, library: &str, report: &Report, of: &str) -> PyResult<Bound<'py, PyAny>> {
    let rows = rows(py, report, of)?;
    let module = py.import(library).map_err(|error| {
        let text = format!("{library} is not there ({error}); `pip install {library}`, or take the rows as they are");
        PyImportError::new_err(text)
    })?;
    module.getattr("DataFrame")?.call1((rows,))
}
