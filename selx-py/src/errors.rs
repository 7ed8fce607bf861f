//! The exceptions, which are Python classes so that one of them can have two bases.

pyo3::import_exception!(selx.errors, ActionError);
pyo3::import_exception!(selx.errors, ConfigError);
pyo3::import_exception!(selx.errors, ProbeError);
pyo3::import_exception!(selx.errors, SelxError);
pyo3::import_exception!(selx.errors, UsageError);
