//! The exceptions, which are Python classes so that one of them can have two bases.
#![expect(missing_docs, reason = "the macro documents the types it makes with its own text")]

pyo3::import_exception!(selx.errors, ConfigError);
pyo3::import_exception!(selx.errors, SelxError);
pyo3::import_exception!(selx.errors, UsageError);
