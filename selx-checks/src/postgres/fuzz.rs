//! The fuzzer's doors: a conversation with a server that says any bytes, and texts that come out of one.

use std::io;
use std::pin::Pin;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use selx_core::Context;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::auth::Method;
use super::open::{method, stand};
use super::refusal::{Ended, Trouble};
use super::scram::Scram;
use super::session::Pins;
use super::wire::Wire;
use super::without_literals;

/// A peer that says what it has to say in pieces of a size, and then closes; what is sent to it is lost.
struct Peer {
    bytes: Vec<u8>,
    at: usize,
    piece: usize,
}

impl AsyncRead for Peer {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Task<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let end = self.bytes.len().min(self.at + self.piece.min(buffer.remaining()));
        buffer.put_slice(self.bytes.get(self.at..end).unwrap_or_default());
        self.at = end;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Peer {
    fn poll_write(self: Pin<&mut Self>, _: &mut Task<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Talks with a server that says these bytes in pieces of a size. Returns what was understood, or the sort of trouble:
/// its words show where a piece ended.
///
/// # Errors
///
/// The sort of trouble.
pub fn talk(bytes: &[u8], piece: usize) -> Result<String, String> {
    let (own, bytes) = match bytes.split_first() {
        Some((first, bytes)) => (first % 2 == 0, bytes.to_vec()),
        None => return Err("nothing".to_owned()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(|e| e.to_string())?;
    runtime.block_on(converse(bytes, piece, own)).map_err(|ended| match ended {
        Ended::Peer(Trouble::Broken(failure)) => format!("{:?} {:?}", failure.phase, failure.kind),
        Ended::Peer(trouble) => format!("{trouble:?}"),
        Ended::Ours(error) => format!("ours: {error}"),
    })
}

async fn converse(bytes: Vec<u8>, piece: usize, own: bool) -> Result<String, Ended> {
    let cx = Context::new(Duration::from_secs(60));
    let stream = Box::new(Peer { bytes, at: 0, piece });
    let mut wire = Wire::new(stream, "peer".to_owned(), Instant::now());
    let asked = method(&mut wire, &cx).await?;
    let mut session = stand(wire, asked == Method::Trust, &cx).await?;
    let pins = Pins { statement: Duration::from_secs(1), schemas: "", zone: None, bytes: false };
    let told = format!("{:?} {} {} {:?}", asked, session.process, session.major(), session.parameters);
    let tables = if own {
        session.ask(&pins, &["SELECT 1".to_owned(), "SELECT 2".to_owned()], 10_000, &cx).await?
    } else {
        let table = session.ask_one(&pins, "SELECT 1", 3, 10_000, &cx).await?;
        assert!(table.rows.len() <= 3, "more rows than were asked for");
        vec![table]
    };
    session.end(&cx).await;
    Ok(format!("{told} {tables:?}"))
}

/// Reads texts that servers send: two words of SCRAM with a line between them, a value of each sort, a query of others.
pub fn texts(text: &str) {
    let (first, last) = text.split_once('\n').unwrap_or((text, ""));
    let rounds = first.rsplit_once("i=").map_or("", |(_, rounds)| rounds);
    // Many rounds take the time that they are for.
    if rounds.len() < 4
        && let Ok(proof) = Scram::new([0; 18]).proof(first, "secret")
    {
        assert!(!proof.is_answered_by(last), "proved without the password");
        assert!(!proof.message.contains("secret"), "the password stands in the proof");
    }
    super::query::fuzz_values(text);
    assert!(without_literals(text).chars().count() <= 201, "a query that grows");
}
