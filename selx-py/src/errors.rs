//! The exceptions, which are Python classes so that one of them can have two bases.

pyo3::import_exception!(selx.errors, ActionError);
pyo3::import_exception!(selx.errors, ConfigError);
pyo3::import_exception!(selx.errors, FileError);
pyo3::import_exception!(selx.errors, ProbeError);
pyo3::import_exception!(selx.errors, SelxError);
pyo3::import_exception!(selx.errors, UsageError);

/// Returns what an exception says of an error of selx: what, where and why; and what to do.
pub(crate) fn told(error: &selx_core::Error, secrets: &selx_core::Secrets) -> (String, Option<String>) {
    let clean = |text: &str| secrets.redact(text).unwrap_or_else(|| text.to_owned());
    (clean(&error.to_string()), error.advice_text().map(clean))
}
