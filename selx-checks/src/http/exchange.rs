//! One request and its answer on a connection.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper::http::response::Parts;
use hyper_util::rt::TokioIo;
use selx_core::{ByteSize, Context, Error, ErrorKind, Result};
use tokio::time::Instant;

use super::wire::{Stream, Watch, Wire};
use crate::net::{Failure, FailureKind, Phase, bounded, of_io};

/// An answer as far as it came.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    /// Its status and headers.
    pub(super) parts: Option<Parts>,
    /// Its body.
    pub(super) body: Vec<u8>,
    /// How many bytes came.
    pub(super) received: u64,
    /// From sending the request to the first byte; the whole time if none came.
    pub(super) first_byte: Duration,
    /// From the first byte to the last.
    pub(super) rest: Duration,
    /// Where it broke off.
    pub(super) failure: Option<Failure>,
}

/// Why reading stopped.
enum Stop {
    /// The client library could not go on.
    Library(hyper::Error),
    /// The body is longer than what is read.
    Body,
}

impl From<hyper::Error> for Stop {
    fn from(error: hyper::Error) -> Self {
        Self::Library(error)
    }
}

/// Sends a request and reads the answer until the deadline of the attempt; bodies of statuses that `skip` names are
/// left.
///
/// # Errors
///
/// What this host could not do. Whatever the peer did stands in [`Exchange::failure`].
pub(super) async fn exchange(
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
    max_body: u64,
    skip: impl Fn(u16) -> bool,
    cx: &Context,
) -> Result<Exchange> {
    let began = Instant::now();
    let (wire, watch) = Wire::new(stream);
    let mut got = Exchange::default();
    let stopped = bounded(cx, cx.deadline(), converse(wire, request, max_body, skip, &mut got)).await?;
    let ended = Instant::now();
    let seen = watch.look();
    got.received = seen.received;
    let first = seen.first_byte.unwrap_or(ended);
    got.first_byte = first.saturating_duration_since(began);
    got.rest = ended.saturating_duration_since(first);
    drop(seen);
    got.failure = match stopped {
        Some(Ok(())) => None,
        Some(Err(stop)) => Some(told(&stop, &watch, max_body)?),
        None => Some(silence(&watch, cx)),
    };
    Ok(got)
}

async fn converse(
    wire: Wire,
    request: Request<Full<Bytes>>,
    max_body: u64,
    skip: impl Fn(u16) -> bool,
    got: &mut Exchange,
) -> Result<(), Stop> {
    // Above what the watched head lets through, so that the library's own limits are never the ones that speak.
    let (mut sender, connection) =
        http1::Builder::new().max_headers(128).max_buf_size(128 * 1024).handshake(TokioIo::new(wire)).await?;
    let conversation = async move {
        let (parts, mut body) = sender.send_request(request).await?.into_parts();
        let skipped = skip(parts.status.as_u16());
        got.parts = Some(parts);
        while !skipped && let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            let room = max_body.saturating_sub(got.body.len() as u64);
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            got.body.extend_from_slice(data.get(..room).unwrap_or(&data));
            if data.len() > room {
                return Err(Stop::Body);
            }
        }
        Ok(())
    };
    tokio::pin!(conversation, connection);
    tokio::select! {
        biased;
        done = &mut conversation => done,
        ended = &mut connection => match (conversation.await, ended) {
            // The connection knows better why it broke than the request that waited for it.
            (Err(Stop::Library(error)), Err(why)) if error.is_canceled() => Err(Stop::Library(why)),
            (done, _) => done,
        },
    }
}

/// Says where the peer was when the time was up.
fn silence(watch: &Watch, cx: &Context) -> Failure {
    let seen = watch.look();
    let limit = selx_core::TimeSpan::from(cx.limit());
    let came = bytes(seen.received);
    let (phase, text) = if seen.received == 0 {
        (Phase::FirstByte, format!("no byte of an answer within {limit}"))
    } else if seen.head_is_whole() {
        (Phase::Body, format!("the body was not whole within {limit}, {came} came"))
    } else {
        (Phase::Head, format!("the headers were not whole within {limit}, {came} came"))
    };
    Failure::new(phase, FailureKind::TimedOut, text)
}

/// Says what the peer did, or what this host lacks.
fn told(stop: &Stop, watch: &Watch, max_body: u64) -> Result<Failure> {
    let seen = watch.look();
    if let Some(fault) = &seen.fault {
        return Ok(Failure::new(Phase::Head, fault.kind, fault.text.clone()));
    }
    let error = match stop {
        Stop::Body => {
            let text = format!("the body is longer than the {} that are read", ByteSize(max_body));
            return Ok(Failure::new(Phase::Body, FailureKind::TooLarge, text));
        }
        Stop::Library(error) => error,
    };
    let came = bytes(seen.received);
    let (phase, place) = if seen.received == 0 {
        (Phase::FirstByte, "before any answer".to_owned())
    } else if seen.head_is_whole() {
        (Phase::Body, format!("inside the body, after {came}"))
    } else {
        (Phase::Head, format!("inside the headers, after {came}"))
    };
    if error.is_user() {
        return Err(Error::new(ErrorKind::Bug, "the request could not be written").with("reason", error));
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        let text = format!("the connection was closed {place}");
        return Ok(Failure::new(phase, FailureKind::Closed, text));
    }
    if error.is_parse() {
        return Ok(Failure::new(phase, FailureKind::Malformed, error.to_string()));
    }
    let Some(io) = cause(error) else {
        return Ok(Failure::new(phase, FailureKind::Other, error.to_string()));
    };
    if let Some(error) = io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        let (_, text) = crate::tls::error::explain(error);
        return Ok(Failure::new(phase, FailureKind::Tls, text));
    }
    let failure = of_io(phase, "the peer", io)?;
    Ok(match io.kind() {
        io::ErrorKind::UnexpectedEof => {
            Failure::new(phase, FailureKind::Closed, format!("the connection was closed {place}"))
        }
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            Failure::new(phase, FailureKind::Malformed, format!("the chunks of the body are not right: {io}"))
        }
        _ if failure.kind == FailureKind::Reset => {
            Failure::new(phase, FailureKind::Reset, format!("the connection was reset {place}"))
        }
        _ => failure,
    })
}

/// Finds the input or output error below an error of the library.
fn cause(error: &hyper::Error) -> Option<&io::Error> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io);
        }
        source = error.source();
    }
    None
}

fn bytes(count: u64) -> String {
    match count {
        1 => "1 byte".to_owned(),
        count if count < 1000 => format!("{count} bytes"),
        count => ByteSize(count).to_string(),
    }
}
