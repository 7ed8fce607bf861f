//! Asking Python code for something, in a thread of Python's.

use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use selx_core::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::look::{PyContext, PyPermit};
use crate::attach::attach;

/// How long a pure question, such as a judgement, may take.
const PURE: Duration = Duration::from_secs(5);
/// How long an answer may be.
const LONGEST: usize = 64 << 20;

/// What Python gives its answer to.
#[pyclass(frozen)]
pub(crate) struct Promise(Mutex<Option<Take>>);

/// Takes an answer to whoever waits for it.
type Take = Box<dyn FnOnce(String) + Send>;

#[pymethods]
impl Promise {
    /// Gives the answer; the first one counts, and nobody may wait any more.
    fn give(&self, text: String) {
        if let Some(take) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            take(text);
        }
    }
}

/// An answer: what was asked for, or why there is none.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Given(Value),
    Failed { kind: ErrorKind, message: String, advice: Option<String> },
}

/// Begins a thread of Python's that asks an instance, and returns what can interrupt it.
fn begin(
    instance: &Py<PyAny>,
    method: &str,
    arguments: Vec<String>,
    look: Option<PyContext>,
    permission: Option<PyPermit>,
    take: Take,
) -> Result<Py<PyAny>> {
    let begun = attach(|py| -> PyResult<Py<PyAny>> {
        let worker = py.import("selx._worker")?.getattr("Worker")?;
        let promise = Promise(Mutex::new(Some(take)));
        Ok(worker.call1((instance.bind(py), method, arguments, look, permission, promise))?.unbind())
    });
    match begun {
        Some(Ok(worker)) => Ok(worker),
        Some(Err(error)) => {
            Err(Error::new(ErrorKind::Local, "no thread of Python's could be started").source_error(error))
        }
        None => Err(Error::new(ErrorKind::Cancelled, "the interpreter is ending")),
    }
}

/// Asks for something that may wait. Where nobody waits any more, code that only looks is interrupted; with a permission it
/// changes something, and there is an answer when it has ended, cancelled or not: what goes on behind the back of its journal
/// is known to nobody.
///
/// # Errors
///
/// What the code raised, as it says it; `Bug` if it raised what tells nothing, or gave back nothing that can be read.
pub(super) async fn ask(
    instance: &Arc<Py<PyAny>>,
    method: &'static str,
    arguments: Vec<String>,
    look: Option<PyContext>,
    permission: Option<PyPermit>,
    cancel: CancellationToken,
) -> Result<Value> {
    let mut guard = Guard { worker: None, cancel: cancel.clone() };
    let asked = Arc::clone(instance);
    let looks = permission.is_none();
    let (sender, receiver) = oneshot::channel();
    // Waiting for the interpreter is no work for the threads that checks go on in.
    let begun = tokio::task::spawn_blocking(move || {
        let take = Box::new(|text| drop(sender.send(text)));
        let worker = begin(&asked, method, arguments, look, permission, take)?;
        if looks && cancel.is_cancelled() {
            interrupt(worker);
            return Err(Error::new(ErrorKind::Cancelled, "the run was cancelled"));
        }
        Ok(worker)
    });
    let lost = |_| Error::new(ErrorKind::Bug, format!("`{method}` came to nothing"));
    guard.worker = Some(begun.await.map_err(|_| Error::new(ErrorKind::Bug, "Python could not be asked"))??);
    let text = receiver.await.map_err(lost)?;
    guard.worker = None;
    answered(method, &text)
}

/// Asks for something that reckons and does not wait, from a thread that has to have it.
///
/// # Errors
///
/// As for [`ask`]; `Bug` also if it takes longer than five seconds.
pub(super) fn ask_now(instance: &Py<PyAny>, method: &'static str, arguments: Vec<String>) -> Result<Value> {
    let wait = || {
        let (sender, receiver) = std::sync::mpsc::channel();
        let worker = begin(instance, method, arguments, None, None, Box::new(move |text| drop(sender.send(text))))?;
        match receiver.recv_timeout(PURE) {
            Ok(text) => answered(method, &text),
            Err(RecvTimeoutError::Disconnected) => {
                Err(Error::new(ErrorKind::Bug, format!("`{method}` came to nothing")))
            }
            Err(RecvTimeoutError::Timeout) => {
                interrupt(worker);
                let limit = selx_core::TimeSpan::from(PURE);
                Err(Error::new(ErrorKind::Bug, format!("`{method}` did not end within {limit}")))
            }
        }
    };
    match tokio::runtime::Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread => {
            tokio::task::block_in_place(wait)
        }
        _ => wait(),
    }
}

fn answered(method: &str, text: &str) -> Result<Value> {
    if text.len() > LONGEST {
        let limit = selx_core::ByteSize(LONGEST as u64);
        return Err(Error::new(ErrorKind::Limit, format!("`{method}` gave back more than {limit}")));
    }
    let answer = serde_json::from_str(text).map_err(|error| {
        Error::new(ErrorKind::Bug, format!("`{method}` gave back what cannot be read")).source_error(error)
    })?;
    match answer {
        Answer::Given(value) => Ok(value),
        Answer::Failed { kind, message, advice } => {
            let error = Error::new(kind, message);
            Err(match advice {
                Some(advice) => error.advice(advice),
                None => error,
            })
        }
    }
}

/// Interrupts code that nobody waits for any more.
struct Guard {
    worker: Option<Py<PyAny>>,
    cancel: CancellationToken,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.cancel.cancel();
        let Some(worker) = self.worker.take() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(handle) => drop(handle.spawn_blocking(move || interrupt(worker))),
            Err(_) => interrupt(worker),
        }
    }
}

fn interrupt(worker: Py<PyAny>) {
    // What it says of it is of no use: the code has ended already, or the interpreter is ending.
    let _ = attach(|py| worker.call_method0(py, "interrupt"));
}
