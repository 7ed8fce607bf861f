//! Python values written as TOML, so that keywords take the same road as a configuration file: the same types, bounds and
//! errors.

use std::fmt::Write as _;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDelta, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple};

use crate::errors::ConfigError;

/// Deeper than this no setting is; a list that holds itself is.
const MAX_DEPTH: usize = 16;

/// A keyword, and the line of a table that it is.
pub(crate) struct Line {
    /// As it was given: `connect_timeout`.
    pub(crate) keyword: String,
    pub(crate) text: String,
}

/// Returns how the keyword of a setting is called in a file. A `_` at its end keeps it apart from a word that is taken.
pub(crate) fn key_of(keyword: &str) -> String {
    keyword.strip_suffix('_').unwrap_or(keyword).replace('_', "-")
}

/// Writes keywords as lines of a table, one each. A keyword that is `None` is left out. `place` stands before the keyword in
/// errors.
pub(crate) fn keywords(settings: &Bound<'_, PyDict>, place: &str) -> PyResult<Vec<Line>> {
    let mut lines = Vec::new();
    // A copy: code of the caller's runs while values are read, and may change them.
    for (key, value) in settings.copy()? {
        if value.is_none() {
            continue;
        }
        let keyword: String = key.extract()?;
        let mut text = String::new();
        push_text(&mut text, &key_of(&keyword));
        text.push_str(" = ");
        push(&mut text, &value, &format!("{place}{keyword}"), 0)?;
        lines.push(Line { keyword, text });
    }
    Ok(lines)
}

/// Writes one value. `place` names it in errors.
pub(crate) fn value(value: &Bound<'_, PyAny>, place: &str) -> PyResult<String> {
    let mut out = String::new();
    push(&mut out, value, place, 0)?;
    Ok(out)
}

/// Writes a length of time: seconds as a number, a text as it is, a `timedelta`.
pub(crate) fn span(value: &Bound<'_, PyAny>, place: &str) -> PyResult<String> {
    let mut out = String::new();
    if value.is_instance_of::<PyString>() {
        push_text(&mut out, &text(value, place)?);
        return Ok(out);
    }
    let seconds: f64 = if value.is_instance_of::<PyDelta>() {
        value.call_method0("total_seconds")?.extract()?
    } else if value.is_instance_of::<PyBool>() {
        return Err(refused(value, place, "seconds, a text such as \"5s\" or a timedelta"));
    } else {
        value.extract().map_err(|_| refused(value, place, "seconds, a text such as \"5s\" or a timedelta"))?
    };
    // `!` and not `<`: it has to catch NaN too.
    if !(seconds > 0.0 && seconds.is_finite()) {
        return Err(ConfigError::new_err(format!("`{place}` is not a time above zero: {seconds}")));
    }
    push_text(&mut out, &format!("{seconds}s"));
    Ok(out)
}

fn push(out: &mut String, value: &Bound<'_, PyAny>, place: &str, depth: usize) -> PyResult<()> {
    if depth > MAX_DEPTH {
        return Err(ConfigError::new_err(format!("`{place}` is nested more than {MAX_DEPTH} deep")));
    }
    // `bool` is an `int` in Python, so it is asked for first.
    if value.is_instance_of::<PyBool>() {
        out.push_str(if value.extract()? { "true" } else { "false" });
    } else if value.is_instance_of::<PyInt>() {
        let number: i64 =
            value.extract().map_err(|_| ConfigError::new_err(format!("`{place}` does not fit into 64 bits")))?;
        let _ = write!(out, "{number}");
    } else if value.is_instance_of::<PyFloat>() {
        push_float(out, value.extract()?, place)?;
    } else if value.is_instance_of::<PyString>() {
        push_text(out, &text(value, place)?);
    } else if value.is_instance_of::<PyDelta>() {
        out.push_str(&span(value, place)?);
    } else if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        out.push('[');
        for item in value.try_iter()? {
            separate(out);
            push(out, &item?, place, depth + 1)?;
        }
        out.push(']');
    } else if let Ok(mapping) = value.cast::<PyMapping>() {
        out.push('{');
        for pair in mapping.items()?.iter() {
            let (key, item): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair.extract()?;
            let key: String = key.extract().map_err(|_| refused(&key, place, "a text as key"))?;
            separate(out);
            push_text(out, &key);
            out.push_str(" = ");
            push(out, &item, &format!("{place}.{key}"), depth + 1)?;
        }
        out.push('}');
    } else if value.hasattr("__fspath__")? {
        let path: PathBuf = value.extract()?;
        let text =
            path.to_str().ok_or_else(|| ConfigError::new_err(format!("`{place}` is a path that is not UTF-8")))?;
        push_text(out, text);
    } else {
        let wanted = "None, bool, int, float, str, a path, a timedelta, a list or a dict";
        return Err(refused(value, place, wanted));
    }
    Ok(())
}

/// Reads a text; what the system could not decode is half of a character, and none.
fn text(value: &Bound<'_, PyAny>, place: &str) -> PyResult<String> {
    value.extract().map_err(|_| ConfigError::new_err(format!("`{place}` is a text that is not UTF-8")))
}

fn push_float(out: &mut String, number: f64, place: &str) -> PyResult<()> {
    if !number.is_finite() {
        return Err(ConfigError::new_err(format!("`{place}` is not a finite number: {number}")));
    }
    // Debug keeps the point or the exponent that makes it a float in TOML too.
    let _ = write!(out, "{number:?}");
    Ok(())
}

fn separate(out: &mut String) {
    if !out.ends_with(['{', '[']) {
        out.push_str(", ");
    }
}

/// Writes a basic string. What TOML asks to be escaped, and nothing else, is.
fn push_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn refused(value: &Bound<'_, PyAny>, place: &str, wanted: &str) -> PyErr {
    let given = value.get_type().name().map_or_else(|_| "this type".to_owned(), |name| name.to_string());
    ConfigError::new_err(format!("`{place}` is a {given}; wanted is {wanted}"))
}
