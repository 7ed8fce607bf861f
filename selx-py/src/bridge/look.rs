//! What Python code is given: the limits of this look, secrets, and where to say what could not be seen.

use std::collections::HashMap;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use pyo3::prelude::*;
use selx_core::action::{Permit, Risk};
use selx_core::{Context, Error, ErrorKind, Extent, Moment, Previous, Secret, SecretRef};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::errors::UsageError;
use crate::objects::{moment, one_of, python};

/// What a probe, a plan or a step is given.
#[pyclass(frozen, name = "Context", module = "selx")]
#[derive(Clone)]
pub(crate) struct PyContext(Arc<Inner>);

struct Inner {
    until: Instant,
    limit: f64,
    cancel: CancellationToken,
    extent: Arc<Extent>,
    secrets: HashMap<String, Result<Secret, String>>,
    faults: Mutex<Vec<Error>>,
    now: Moment,
    previous: Option<Previous<Value>>,
}

impl PyContext {
    /// Takes from a context what another thread may hold. Secrets are those that the settings name, read here.
    pub(super) fn of(cx: &Context, cancel: CancellationToken, secrets: &[SecretRef]) -> Self {
        let read = |from: &SecretRef| cx.secrets().get(from).map_err(|error| error.to_string());
        Self(Arc::new(Inner {
            until: Instant::now() + cx.remaining(),
            limit: cx.limit().as_secs_f64(),
            cancel,
            extent: Arc::clone(cx.extent()),
            secrets: secrets.iter().map(|from| (from.to_string(), read(from))).collect(),
            faults: Mutex::default(),
            now: Moment::of(cx.clock()),
            previous: None,
        }))
    }

    /// Adds what the same check saw the last time.
    pub(super) fn remembering(mut self, previous: Option<Previous<Value>>) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.previous = previous;
        }
        self
    }

    /// Takes out what could not be seen.
    pub(super) fn faults(&self) -> Vec<Error> {
        std::mem::take(&mut *self.0.faults.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl PyContext {
    /// Seconds that this look may take.
    #[getter]
    fn limit(&self) -> f64 {
        self.0.limit
    }

    /// Seconds that are left of them.
    #[getter]
    fn remaining(&self) -> f64 {
        self.0.until.saturating_duration_since(Instant::now()).as_secs_f64()
    }

    /// Whether nobody waits any more: what takes its time looks at this, and ends.
    #[getter]
    fn cancelled(&self) -> bool {
        self.0.cancel.is_cancelled()
    }

    /// When the look began, in UTC.
    #[getter]
    fn now<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        moment(py, self.0.now.at)
    }

    /// What the same check saw the last time, if its class ``remembers``; else ``None``.
    #[getter]
    fn previous<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.previous.as_ref().map(|previous| python(py, &previous.facts)).transpose()
    }

    /// Seconds since that look, by a clock that nobody sets.
    #[getter]
    fn since_previous(&self) -> Option<f64> {
        self.0.now.since(&self.0.previous.as_ref()?.seen).map(|since| since.as_secs_f64())
    }

    /// Returns the value of a secret that the settings name.
    fn secret(&self, reference: &str) -> PyResult<&str> {
        match self.0.secrets.get(reference) {
            Some(Ok(secret)) => Ok(secret.expose()),
            Some(Err(why)) => Err(crate::errors::ProbeError::new_err(("missing", why.clone()))),
            None => {
                let text =
                    "this is no secret of the settings: give the field of the settings the type `selx.SecretRef`";
                Err(UsageError::new_err(text))
            }
        }
    }

    /// Says that a part of the subject could not be seen; the look goes on with the others.
    #[pyo3(signature = (kind, message, advice = None))]
    fn fault(&self, kind: &str, message: String, advice: Option<String>) -> PyResult<()> {
        let kind: ErrorKind = one_of(kind, "kind of failure")?;
        if kind.is_skip() {
            // A check may be skipped whole; a part that could not be seen is never fine.
            let text =
                format!("a part is not `{kind}`: leave it out, or raise a ProbeError of that kind for the whole");
            return Err(UsageError::new_err(text));
        }
        let error = Error::new(kind, message);
        let error = match advice {
            Some(advice) => error.advice(advice),
            None => error,
        };
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner).push(error);
        Ok(())
    }

    /// Says in a few words what is being done, for those who wait at a terminal.
    fn doing(&self, words: String) {
        self.0.extent.doing(words);
    }

    fn __repr__(&self) -> String {
        format!("<selx.Context {:.1} of {:.1} s left>", self.remaining(), self.0.limit)
    }
}

/// The permission to change something, which only the envelope of actions gives. It is over with the step that it is for:
/// Python may keep the object for as long as it likes, but not the locks.
#[pyclass(frozen, name = "Permit", module = "selx")]
#[derive(Clone)]
pub(crate) struct PyPermit {
    risk: Risk,
    locks: Arc<Mutex<Vec<Arc<OwnedFd>>>>,
}

impl PyPermit {
    pub(super) fn of(permit: &Permit) -> Self {
        Self { risk: permit.risk(), locks: Arc::new(Mutex::new(permit.locks().to_vec())) }
    }

    /// Ends it.
    pub(super) fn end(&self) {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[pymethods]
impl PyPermit {
    /// The greatest risk that is permitted.
    #[getter]
    fn risk(&self) -> &'static str {
        self.risk.as_str()
    }

    /// The descriptors of the locks, for ``pass_fds`` of a child that changes something.
    #[getter]
    fn locks(&self) -> Vec<i32> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|lock| lock.as_raw_fd()).collect()
    }

    fn __repr__(&self) -> String {
        format!("<selx.Permit {}>", self.risk.as_str())
    }
}
