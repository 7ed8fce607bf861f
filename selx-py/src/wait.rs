//! Waiting for work without holding the interpreter: in a thread, or in an event loop.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pyo3::prelude::*;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::errors::SelxError;
use crate::runtime::runtime;

/// How often Python's signals are asked for. With [`LAST_WORDS`] it stays below half a second.
const POLL: Duration = Duration::from_millis(100);

/// How long cancelled work is waited for, so that the children of checks are ended with it.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// How much work there is that has to come to its end.
static LASTING: AtomicUsize = AtomicUsize::new(0);

/// What becomes of work that nobody waits for any more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It is dropped: it only looks.
    Dropped,
    /// It goes on until it has ended by itself, which its token asks it to do soon: it changes something.
    ByItself,
}

/// Counts work that has to come to its end, as long as there is any.
struct Lasting;

impl Lasting {
    fn new() -> Self {
        LASTING.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Lasting {
    fn drop(&mut self) {
        LASTING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Takes note that this process was forked: what its parent does, it does not do as well.
pub(crate) fn forked() {
    LASTING.store(0, Ordering::SeqCst);
}

/// Waits until all work has ended that has to come to its end: the process is about to end.
pub(crate) fn finish(py: Python<'_>) {
    let mut asked = false;
    while LASTING.load(Ordering::SeqCst) > 0 {
        py.detach(|| std::thread::park_timeout(Duration::from_millis(20)));
        // One more Ctrl-C does not cut a step in two; what would, says so: a signal that kills.
        if py.check_signals().is_err() && !asked {
            asked = true;
            let told = "selx: the step at hand is finished first\n";
            // Where nobody reads it, it is finished all the same.
            let _ = py.import("sys").and_then(|sys| sys.getattr("stderr")?.call_method1("write", (told,)));
        }
    }
}

fn begin<T, F>(ending: Ending, work: F) -> PyResult<JoinHandle<PyResult<T>>>
where
    T: Send + 'static,
    F: Future<Output = PyResult<T>> + Send + 'static,
{
    let lasting = (ending == Ending::ByItself).then(Lasting::new);
    Ok(runtime()?.spawn(async move {
        let done = work.await;
        drop(lasting);
        done
    }))
}

/// Does work to its end, the interpreter free, Ctrl-C looked at every 100 ms.
///
/// # Errors
///
/// What a signal handler raised, such as `KeyboardInterrupt`, after the token was cancelled; `SelxError` if this process
/// may start no more threads, or if the work panicked.
pub(crate) fn wait<T, F>(py: Python<'_>, ending: Ending, work: impl FnOnce(CancellationToken) -> F) -> PyResult<T>
where
    T: Send + 'static,
    F: Future<Output = PyResult<T>> + Send + 'static,
{
    let runtime = runtime()?;
    let cancel = CancellationToken::new();
    let mut task = begin(ending, work(cancel.clone()))?;
    loop {
        let polled = py.detach(|| runtime.block_on(async { tokio::time::timeout(POLL, &mut task).await }));
        if let Ok(done) = polled {
            return done.map_err(ended_early)?;
        }
        if let Err(raised) = py.check_signals() {
            cancel.cancel();
            py.detach(|| {
                runtime.block_on(async {
                    let _ = tokio::time::timeout(LAST_WORDS, &mut task).await;
                });
            });
            // What does not look at its token must not go on behind the caller's back, unless it has to.
            if ending == Ending::Dropped {
                task.abort();
            }
            return Err(raised);
        }
    }
}

/// Begins work, and returns the future of the running event loop that will have what `give` makes of it. Where that future is
/// cancelled, so is the work.
///
/// # Errors
///
/// `RuntimeError` where no event loop runs; `SelxError` if this process may start no more threads, or is ending.
pub(crate) fn promise<'py, T, F>(
    py: Python<'py>,
    ending: Ending,
    work: impl FnOnce(CancellationToken) -> F,
    give: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
) -> PyResult<Bound<'py, PyAny>>
where
    T: Send + 'static,
    F: Future<Output = PyResult<T>> + Send + 'static,
{
    if crate::attach::is_closed() {
        return Err(SelxError::new_err("the interpreter is ending, and nothing is awaited any more"));
    }
    let cancel = CancellationToken::new();
    let event_loop = py.import("asyncio")?.call_method0("get_running_loop")?;
    let future = event_loop.call_method0("create_future")?;
    future.call_method1("add_done_callback", (Watcher(cancel.clone()),))?;
    let settle = py.import("selx._selx")?.getattr("_settle")?.unbind();
    let (event_loop, promised) = (event_loop.unbind(), future.clone().unbind());
    let mut task = begin(ending, work(cancel.clone()))?;
    runtime()?.spawn(async move {
        let Some(done) = cancel.run_until_cancelled(&mut task).await else {
            if ending == Ending::Dropped {
                let _ = tokio::time::timeout(LAST_WORDS, &mut task).await;
                task.abort();
            }
            return;
        };
        // The interpreter may keep whoever asks for it waiting: not one of the threads that checks go on in.
        tokio::task::spawn_blocking(move || {
            // Where the interpreter ends, nobody waits any more; the same is true of a loop that was closed.
            crate::attach::attach(|py| -> PyResult<()> {
                let given = done.map_err(ended_early).flatten().and_then(|done| give(py, done));
                let (value, error) = match given {
                    Ok(value) => (value, None),
                    Err(error) => (py.None(), Some(error)),
                };
                event_loop.call_method1(py, "call_soon_threadsafe", (settle, promised, value, error))?;
                Ok(())
            })
        });
    });
    Ok(future)
}

/// Gives a future what it waited for, unless it was cancelled meanwhile. It is called in its event loop.
pub(crate) fn settle(future: &Bound<'_, PyAny>, value: Py<PyAny>, error: Option<Bound<'_, PyAny>>) -> PyResult<()> {
    if future.call_method0("done")?.extract()? {
        return Ok(());
    }
    match error {
        Some(error) => future.call_method1("set_exception", (error,))?,
        None => future.call_method1("set_result", (value,))?,
    };
    Ok(())
}

/// Ends the work of a future that was cancelled.
#[pyclass(frozen)]
struct Watcher(CancellationToken);

#[pymethods]
impl Watcher {
    fn __call__(&self, future: &Bound<'_, PyAny>) -> PyResult<()> {
        if future.call_method0("cancelled")?.extract::<bool>()? {
            self.0.cancel();
        }
        Ok(())
    }
}

fn ended_early(error: tokio::task::JoinError) -> PyErr {
    SelxError::new_err(format!("the run ended early: {error}"))
}
