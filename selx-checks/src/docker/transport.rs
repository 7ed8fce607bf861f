//! One request on one connection: nothing but `GET`, a cap on the bytes that come back, and what went wrong kept apart
//! from the client's own words for it.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll};

use bollard::errors::Error as ClientError;
use bollard::{BollardRequest, Docker};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{DATE, HOST, HeaderValue};
use hyper::{Method, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio_util::task::AbortOnDropHandle;

use crate::net::{Phase, Unbroken};

/// What one exchange came to, beside the answer itself.
#[derive(Default)]
pub(super) struct Exchange {
    phase: AtomicU8,
    flooded: AtomicBool,
    /// Why there is no connection.
    pub(super) refused: Mutex<Option<io::Error>>,
    /// The newest version of the API that the engine speaks, by its own header.
    pub(super) speaks: Mutex<Option<String>>,
    /// What time it is at the engine, by its own header.
    pub(super) date: Mutex<Option<String>>,
    /// The connection, which ends with the exchange.
    line: Mutex<Option<AbortOnDropHandle<()>>>,
}

impl Exchange {
    /// Where the exchange is.
    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Connect,
            1 => Phase::FirstByte,
            _ => Phase::Body,
        }
    }

    /// Tells whether more came than is read.
    pub(super) fn flooded(&self) -> bool {
        self.flooded.load(Ordering::Relaxed)
    }

    fn fail(&self, error: io::Error) -> ClientError {
        let told = ClientError::from(io::Error::from(error.kind()));
        keep(&self.refused, error);
        told
    }
}

fn keep<T>(place: &Mutex<Option<T>>, value: T) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
}

/// Takes out what an exchange kept.
pub(super) fn take<T>(place: &Mutex<Option<T>>) -> Option<T> {
    place.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Makes a client for one exchange that speaks a version of the API, by its minor number, or none, and reads at most `cap`
/// bytes.
pub(super) fn client(
    path: &Path,
    version: Option<usize>,
    cap: usize,
    exchange: &Arc<Exchange>,
) -> Result<Docker, ClientError> {
    let (path, exchange) = (path.to_owned(), Arc::clone(exchange));
    let transport = move |request: BollardRequest| send(request, path.clone(), version, cap, Arc::clone(&exchange));
    let client_version = bollard::ClientVersion { major_version: 1, minor_version: version.unwrap_or_default() };
    // The time is bounded by who waits; this is only never reached before.
    Docker::connect_with_custom_transport(transport, Some("http://engine"), 86_400, &client_version)
}

async fn send(
    mut request: BollardRequest,
    path: PathBuf,
    version: Option<usize>,
    cap: usize,
    exchange: Arc<Exchange>,
) -> Result<Response<Incoming>, ClientError> {
    // This is the one place through which every request leaves.
    if request.method() != Method::GET {
        return Err(exchange.fail(io::Error::other("only reads are allowed")));
    }
    let asked = request.uri().path_and_query().map_or("/", |asked| asked.as_str());
    // The client leaves the version out of the path, or says that which it was made with.
    let bare = asked.strip_prefix("/v1.").map(|rest| rest.trim_start_matches(|letter: char| letter.is_ascii_digit()));
    let asked = match version {
        Some(minor) => format!("/v1.{minor}{}", bare.unwrap_or(asked)),
        None => bare.unwrap_or(asked).to_owned(),
    };
    *request.uri_mut() = asked.parse::<Uri>().map_err(|_| exchange.fail(io::ErrorKind::InvalidInput.into()))?;
    request.headers_mut().insert(HOST, HeaderValue::from_static("engine"));
    let stream = crate::net::open_unix(&path).await.map_err(|error| exchange.fail(error))?;
    exchange.phase.store(1, Ordering::Relaxed);
    let stream = Capped { stream, left: cap, exchange: Arc::clone(&exchange) };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let line = tokio::spawn(async move {
        // What breaks the connection reaches the reader of the answer as well.
        let _ = connection.await;
    });
    keep(&exchange.line, AbortOnDropHandle::new(line));
    let response = sender.send_request(request).await?;
    exchange.phase.store(2, Ordering::Relaxed);
    let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.chars().take(64).collect::<String>());
    if let Some(speaks) = header("api-version") {
        keep(&exchange.speaks, speaks);
    }
    if let Some(date) = header(DATE.as_str()) {
        keep(&exchange.date, date);
    }
    Ok(response)
}

/// A connection from which no more than so many bytes are read.
struct Capped {
    stream: Unbroken<UnixStream>,
    left: usize,
    exchange: Arc<Exchange>,
}

impl AsyncRead for Capped {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.left == 0 {
            self.exchange.flooded.store(true, Ordering::Relaxed);
            return Poll::Ready(Err(io::Error::other("the cap is reached")));
        }
        let before = buffer.filled().len();
        let done = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.left = self.left.saturating_sub(buffer.filled().len() - before);
        done
    }
}

impl AsyncWrite for Capped {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_but_reads_leaves() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.sock");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let exchange = Arc::new(Exchange::default());
        let docker = client(&path, Some(44), 1024, &exchange).unwrap();
        docker.stop_container("x", None).await.unwrap_err();
        docker.remove_container("x", None).await.unwrap_err();
        docker.pause_container("x").await.unwrap_err();
        assert!(take(&exchange.refused).unwrap().to_string().contains("only reads"));
        // No connection was even opened.
        let waited = tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept()).await;
        assert!(waited.is_err());
    }
}
