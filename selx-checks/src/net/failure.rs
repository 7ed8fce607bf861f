//! What a peer did wrong, as data.

use std::fmt;
use std::future::Future;
use std::io;

use selx_core::{Context, Error, ErrorKind, Result, TimeSpan};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// The part of a conversation with a peer in which something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Phase {
    /// The container of a service is looked for.
    Find,
    /// Its name is looked up.
    Resolve,
    /// A connection is opened.
    Connect,
    /// Encryption is agreed on.
    Tls,
    /// The peer is told who asks.
    Login,
    /// The request is sent and nothing has come back yet.
    FirstByte,
    /// The head of the answer is read.
    Head,
    /// The body of the answer is read.
    Body,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Find => "container",
            Self::Resolve => "name resolution",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Login => "login",
            Self::FirstByte => "first byte",
            Self::Head => "headers",
            Self::Body => "body",
        })
    }
}

/// What sort of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FailureKind {
    /// There is no such name, no address behind it, or no such socket file.
    NotFound,
    /// The name servers failed or did not answer, so that nobody knows.
    ServerFailure,
    /// It took longer than it may.
    TimedOut,
    /// The connection was refused.
    Refused,
    /// No way leads to the address.
    Unreachable,
    /// The peer broke the connection off with a reset.
    Reset,
    /// The peer ended the connection before it had said everything.
    Closed,
    /// What came is not allowed by the protocol.
    Malformed,
    /// More came than is read.
    TooLarge,
    /// Encryption could not be agreed on, or the certificate is not trusted.
    Tls,
    /// Policy forbids to go there.
    Forbidden,
    /// Something else; the text says what.
    Other,
}

/// One failure of a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Where it happened.
    pub phase: Phase,
    /// What sort it is.
    pub kind: FailureKind,
    /// A lower-case fragment that says it in words.
    pub text: String,
}

impl Failure {
    /// Makes one.
    pub fn new(phase: Phase, kind: FailureKind, text: impl Into<String>) -> Self {
        Self { phase, kind, text: text.into() }
    }
}

/// Maps an input or output error of a conversation: what the peer did is `Ok`, what this host lacks is `Err`.
///
/// # Errors
///
/// `Denied` where this process or a local firewall rule may not, `Local` where descriptors, ports or memory ran out.
pub fn of_io(phase: Phase, whom: &str, error: &io::Error) -> Result<Failure> {
    use io::ErrorKind as Io;
    use rustix::io::Errno;
    let number = Errno::from_io_error(error);
    let local = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS];
    if number.is_some_and(|number| local.contains(&number)) || error.kind() == Io::AddrNotAvailable {
        return Err(Error::new(ErrorKind::Local, format!("no connection to {whom} could be opened"))
            .with("phase", phase)
            .with("reason", error));
    }
    let (kind, text) = match error.kind() {
        Io::PermissionDenied => {
            return Err(Error::new(ErrorKind::Denied, format!("this process may not connect to {whom}"))
                .advice("look at the rights of the socket, or at the firewall rules of this machine")
                .with("reason", error));
        }
        Io::ConnectionRefused => (FailureKind::Refused, format!("{whom} refused the connection")),
        Io::HostUnreachable | Io::NetworkUnreachable | Io::NetworkDown => {
            (FailureKind::Unreachable, format!("no route leads to {whom}"))
        }
        Io::TimedOut => (FailureKind::TimedOut, format!("{whom} did not answer")),
        Io::NotFound => (FailureKind::NotFound, format!("{whom} does not exist")),
        Io::ConnectionReset | Io::ConnectionAborted | Io::BrokenPipe | Io::NotConnected => {
            (FailureKind::Reset, format!("{whom} reset the connection"))
        }
        Io::UnexpectedEof => (FailureKind::Closed, format!("{whom} closed the connection")),
        _ => (FailureKind::Other, format!("{whom}: {error}")),
    };
    Ok(Failure::new(phase, kind, text))
}

/// Waits for a future until a moment, but not longer than the attempt may take: `None` when the time is up.
///
/// # Errors
///
/// `Cancelled` when the run is.
pub async fn bounded<T>(cx: &Context, until: Instant, future: impl Future<Output = T>) -> Result<Option<T>> {
    tokio::select! {
        biased;
        value = future => Ok(Some(value)),
        () = cx.cancel().cancelled() => Err(Error::new(ErrorKind::Cancelled, "the run was cancelled")),
        () = tokio::time::sleep_until(until.min(cx.deadline())) => Ok(None),
    }
}

/// Shows how long was waited.
pub(crate) fn waited(since: Instant, until: Instant) -> TimeSpan {
    let length = until.saturating_duration_since(since);
    // To the millisecond: what is shown is a limit, not a measurement.
    let millis = (length.as_secs_f64() * 1e3).round();
    TimeSpan::from(std::time::Duration::from_secs_f64(millis / 1e3))
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn what_the_peer_did_and_what_the_host_lacks_are_apart() {
        let errno = |number: Errno| io::Error::from_raw_os_error(number.raw_os_error());
        let peer = |number| of_io(Phase::Connect, "10.0.0.1:80", &errno(number)).unwrap().kind;
        assert_eq!(peer(Errno::CONNREFUSED), FailureKind::Refused);
        assert_eq!(peer(Errno::HOSTUNREACH), FailureKind::Unreachable);
        assert_eq!(peer(Errno::NETUNREACH), FailureKind::Unreachable);
        assert_eq!(peer(Errno::TIMEDOUT), FailureKind::TimedOut);
        assert_eq!(peer(Errno::CONNRESET), FailureKind::Reset);
        let host = |number| of_io(Phase::Connect, "10.0.0.1:80", &errno(number)).unwrap_err().kind();
        assert_eq!(host(Errno::MFILE), ErrorKind::Local);
        assert_eq!(host(Errno::ADDRNOTAVAIL), ErrorKind::Local);
        assert_eq!(host(Errno::PERM), ErrorKind::Denied);
        assert_eq!(host(Errno::ACCESS), ErrorKind::Denied);
    }
}
