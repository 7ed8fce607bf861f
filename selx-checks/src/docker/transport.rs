//! One request on one connection: nothing but `GET`, or the one removal that a step of an action is; a cap on the bytes
//! that come back, and what went wrong kept apart from the client's own words for it.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll};

use bollard::errors::Error as ClientError;
use bollard::{BollardRequest, Docker, body_full};
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{DATE, HOST, HeaderValue};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
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

/// The way of one exchange to the engine.
#[derive(Clone)]
pub(super) struct Line {
    /// The socket file.
    pub(super) path: PathBuf,
    /// The minor number of the version of the API that is spoken, if one is said.
    pub(super) version: Option<usize>,
    /// How many bytes are read at most.
    pub(super) cap: usize,
    /// The one request besides reads that may leave: its method, and its path without a version.
    pub(super) allowed: Option<(Method, String)>,
    /// What the exchange comes to.
    pub(super) exchange: Arc<Exchange>,
}

impl Line {
    /// Makes a client for this exchange.
    pub(super) fn docker(&self) -> Result<Docker, ClientError> {
        let line = self.clone();
        let transport = move |request: BollardRequest| send(request, line.clone());
        let client_version =
            bollard::ClientVersion { major_version: 1, minor_version: self.version.unwrap_or_default() };
        // The time is bounded by who waits; this is only never reached before.
        Docker::connect_with_custom_transport(transport, Some("http://engine"), 86_400, &client_version)
    }

    /// Sends a request without a body, and reads the answer as a type of ours: the client's own types know one version of
    /// the API, and take a list that an older engine gives in another place for none. An answer without a body is `null`.
    pub(super) async fn json<T: DeserializeOwned>(self, method: Method, path: String) -> Result<T, ClientError> {
        let request = Request::builder().method(method).uri(path).body(body_full(Bytes::new()));
        let request = request.map_err(|_| self.exchange.fail(io::ErrorKind::InvalidInput.into()))?;
        let response = send(request, self).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            #[derive(serde::Deserialize)]
            struct Said {
                message: String,
            }
            let message = match serde_json::from_slice::<Said>(&body) {
                Ok(said) => said.message,
                Err(_) => String::from_utf8_lossy(&body).into_owned(),
            };
            return Err(ClientError::DockerResponseServerError { status_code: status.as_u16(), message });
        }
        let text: &[u8] = if body.is_empty() { b"null" } else { &body };
        serde_json::from_slice(text).map_err(ClientError::from)
    }
}

async fn send(mut request: BollardRequest, line: Line) -> Result<Response<Incoming>, ClientError> {
    let Line { path, version, cap, allowed, exchange } = line;
    let asked = request.uri().path_and_query().map_or("/", |asked| asked.as_str());
    // The client leaves the version out of the path, or says that which it was made with.
    let bare = asked.strip_prefix("/v1.").map(|rest| rest.trim_start_matches(|letter: char| letter.is_ascii_digit()));
    // This is the one place through which every request leaves.
    let is_removal = allowed.is_some_and(|(method, path)| request.method() == method && bare.unwrap_or(asked) == path);
    if request.method() != Method::GET && !is_removal {
        return Err(exchange.fail(io::Error::other("only reads are allowed")));
    }
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
        let allowed = Some((Method::DELETE, "/containers/y".to_owned()));
        let line = Line { path: path.clone(), version: Some(44), cap: 1024, allowed, exchange: Arc::clone(&exchange) };
        let docker = line.docker().unwrap();
        docker.stop_container("x", None).await.unwrap_err();
        docker.remove_container("x", None).await.unwrap_err();
        docker.pause_container("x").await.unwrap_err();
        // The one removal is that alone: not another method, and nothing more than its path.
        docker.start_container("y", None).await.unwrap_err();
        for (method, asked) in [(Method::DELETE, "/containers/y?force=true"), (Method::POST, "/containers/y")] {
            line.clone().json::<serde_json::Value>(method, asked.to_owned()).await.unwrap_err();
        }
        assert!(take(&exchange.refused).unwrap().to_string().contains("only reads"));
        // No connection was even opened.
        let waited = tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept()).await;
        assert!(waited.is_err());
    }
}
