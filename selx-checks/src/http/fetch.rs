//! One request whose answer another kind reads: the same wire, the same caps, no expectations and no redirects.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::response::Parts;
use selx_core::{Context, Error, ErrorKind, Result};
use tokio::time::Instant;

use super::exchange::exchange;
use super::secure::secure;
use super::url::Url;
use super::wire::Stream;
use crate::net::{self, Failure};

/// What is asked.
pub(crate) struct Wanted<'a> {
    /// The URL; it is also where to connect, unless `socket` says otherwise.
    pub(crate) url: &'a Url,
    /// A socket file to connect to.
    pub(crate) socket: Option<PathBuf>,
    /// Fields of a form: it makes the request a `POST`.
    pub(crate) form: Option<String>,
    /// The `authorization` header.
    pub(crate) authorization: Option<&'a HeaderValue>,
    /// Roots of one's own.
    pub(crate) ca_file: Option<&'a Path>,
    /// How long one address may take to accept a connection.
    pub(crate) connect_timeout: Duration,
    /// How many bytes of the body are read.
    pub(crate) max_body: u64,
}

/// What came.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    /// Status and headers, as far as they came.
    pub(crate) parts: Option<Parts>,
    /// The body, as far as it came.
    pub(crate) body: Vec<u8>,
    /// Why it is not whole.
    pub(crate) failure: Option<Failure>,
    /// How many bytes of an answer came.
    pub(crate) received: u64,
}

/// Sends one request and reads its answer.
///
/// # Errors
///
/// What this host could not do; what the peer did is in [`Fetched::failure`].
pub(crate) async fn fetch(wanted: &Wanted<'_>, cx: &Context) -> Result<Fetched> {
    let broken = |failure| Ok(Fetched { failure: Some(failure), ..Fetched::default() });
    let mut stream = match open(wanted, cx).await? {
        Ok(stream) => stream,
        Err(failure) => return broken(failure),
    };
    if wanted.url.is_secure() {
        stream = match secure(wanted.ca_file, wanted.url.host(), stream, cx).await? {
            Ok((stream, _)) => stream,
            Err(failure) => return broken(failure),
        };
    }
    let got = exchange(stream, request(wanted)?, wanted.max_body, |_| false, cx).await?;
    Ok(Fetched { parts: got.parts, body: got.body, failure: got.failure, received: got.received })
}

async fn open(wanted: &Wanted<'_>, cx: &Context) -> Result<Result<Box<dyn Stream>, Failure>> {
    if let Some(path) = &wanted.socket {
        let until = Instant::now() + wanted.connect_timeout;
        let connected = net::connect_unix(&cx.host().path(path), until, cx).await?;
        return Ok(connected.map(|stream| Box::new(stream) as Box<dyn Stream>));
    }
    let addresses: Vec<SocketAddr> = match net::resolve(wanted.url.host(), wanted.url.port(), cx).await? {
        Ok(found) => found.addresses,
        Err(failure) => return Ok(Err(failure)),
    };
    let dialled = net::dial(&addresses, wanted.connect_timeout, cx).await?;
    if let Some((_, stream)) = dialled.stream {
        return Ok(Ok(Box::new(stream)));
    }
    let failure = dialled.attempts.into_iter().rev().find_map(|attempt| attempt.failure);
    Ok(Err(failure
        .unwrap_or_else(|| Failure::new(net::Phase::Connect, net::FailureKind::Other, "no address could be tried"))))
}

fn request(wanted: &Wanted<'_>) -> Result<Request<Full<Bytes>>> {
    let mut headers = HeaderMap::new();
    if let Ok(host) = HeaderValue::try_from(wanted.url.authority()) {
        headers.insert(header::HOST, host);
    }
    headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("selx/", env!("CARGO_PKG_VERSION"))));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if let Some(authorization) = wanted.authorization {
        headers.insert(header::AUTHORIZATION, authorization.clone());
    }
    let mut method = hyper::Method::GET;
    if wanted.form.is_some() {
        method = hyper::Method::POST;
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, kind);
    }
    let body = wanted.form.clone().unwrap_or_default();
    let mut request = Request::builder()
        .method(method)
        .uri(wanted.url.target())
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| Error::new(ErrorKind::Bug, "the request cannot be made").source_error(error))?;
    *request.headers_mut() = headers;
    Ok(request)
}
