//! Connections, opened within a time.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use selx_core::{Context, Result};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Instant;

use super::failure::{Failure, FailureKind, Phase, bounded, of_io, waited};
use super::unbroken::{self, Unbroken};

/// One address that was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The address with its port, or the path of a socket.
    pub address: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Why there is no connection; nothing if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// What trying several addresses came to.
#[derive(Debug)]
pub struct Dialled {
    /// The first connection that was opened, with its address.
    pub stream: Option<(SocketAddr, Unbroken<TcpStream>)>,
    /// Every address that was tried, in order; the last one is the one that was reached, if one was.
    pub attempts: Vec<Attempt>,
}

/// Opens a TCP connection.
///
/// # Errors
///
/// The inner error is what the peer did: refused, unreachable, timed out. The outer one is what this host could not do.
pub async fn connect(
    address: SocketAddr,
    until: Instant,
    cx: &Context,
) -> Result<Result<Unbroken<TcpStream>, Failure>> {
    let whom = address.to_string();
    let began = Instant::now();
    match bounded(cx, until, unbroken::opened(|| TcpStream::connect(address))).await? {
        Some(Ok(stream)) => {
            // Requests are written in one piece and waited for; there is nothing to gather.
            let _ = stream.0.set_nodelay(true);
            Ok(Ok(stream))
        }
        Some(Err(error)) if error.kind() == io::ErrorKind::AddrNotAvailable && unroutable(address) => {
            let text = format!("this machine has no address from which {whom} could be reached");
            Ok(Err(Failure::new(Phase::Connect, FailureKind::Unreachable, text)))
        }
        Some(Err(error)) => of_io(Phase::Connect, &whom, &error).map(Err),
        None => Ok(Err(silent(&whom, waited(began, until.min(cx.deadline()))))),
    }
}

/// Tells a machine without a way to an address (IPv6 switched off) from one whose ports are used up: the same error.
///
/// A datagram socket takes the same way, needs no port of a connection, and sends nothing by being connected.
fn unroutable(address: SocketAddr) -> bool {
    let any = if address.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
    std::net::UdpSocket::bind(any).and_then(|socket| socket.connect(address)).is_err()
}

/// Opens a connection to a socket file.
///
/// # Errors
///
/// As [`connect`]; a socket file that is not there is the peer's failure, a right that is missing is this host's.
pub async fn connect_unix(path: &Path, until: Instant, cx: &Context) -> Result<Result<Unbroken<UnixStream>, Failure>> {
    let whom = format!("unix:{}", path.display());
    let began = Instant::now();
    match bounded(cx, until, unbroken::opened(|| UnixStream::connect(path))).await? {
        Some(Ok(stream)) => Ok(Ok(stream)),
        // A full queue of a socket file is answered at once, not waited for.
        Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
            let text = format!("{whom} accepts no more connections, its queue is full");
            Ok(Err(Failure::new(Phase::Connect, FailureKind::Refused, text)))
        }
        Some(Err(error)) => of_io(Phase::Connect, &whom, &error).map(Err),
        None => Ok(Err(silent(&whom, waited(began, until.min(cx.deadline()))))),
    }
}

/// Opens a connection to a socket file for a client that bounds time itself.
#[cfg(feature = "docker")]
pub(crate) async fn open_unix(path: &Path) -> io::Result<Unbroken<UnixStream>> {
    unbroken::opened(|| UnixStream::connect(path)).await
}

/// Tries addresses in order until one is reached.
///
/// Each gets `each`, but not more than an equal share of the time that is left, so that a black hole in front does not
/// take the time of those behind it.
///
/// # Errors
///
/// What this host could not do; what the peers did stands in the attempts.
pub async fn dial(addresses: &[SocketAddr], each: Duration, cx: &Context) -> Result<Dialled> {
    let mut dialled = Dialled { stream: None, attempts: Vec::new() };
    for (index, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let began = Instant::now();
        let until = began + each.min(cx.remaining() / left);
        let (stream, failure) = match connect(*address, until, cx).await? {
            Ok(stream) => (Some((*address, stream)), None),
            Err(failure) => (None, Some(failure)),
        };
        dialled.attempts.push(Attempt {
            address: address.to_string(),
            seconds: began.elapsed().as_secs_f64(),
            failure,
        });
        if stream.is_some() {
            dialled.stream = stream;
            break;
        }
    }
    Ok(dialled)
}

fn silent(whom: &str, limit: selx_core::TimeSpan) -> Failure {
    let text = format!("{whom} did not accept a connection within {limit}");
    Failure::new(Phase::Connect, FailureKind::TimedOut, text)
}
