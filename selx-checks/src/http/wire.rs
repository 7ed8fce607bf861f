//! The bytes of a connection, watched: when the first one came, how many there were, whether the head is right.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::head::{Fault, HeadGuard};

/// A connection of any sort: TCP, a socket file, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// What passed so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// When the first byte came.
    pub(super) first_byte: Option<Instant>,
    /// How many bytes came.
    pub(super) received: u64,
    /// Why the head was refused.
    pub(super) fault: Option<Fault>,
    guard: HeadGuard,
}

impl Seen {
    /// Tells whether the head came to its end.
    pub(super) fn head_is_whole(&self) -> bool {
        self.guard.is_done()
    }
}

/// What passed, shared with whoever waits.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch(Arc<Mutex<Seen>>);

impl Watch {
    /// Looks at it.
    pub(super) fn look(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is watched.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    watch: Watch,
}

impl Wire {
    /// Wraps a connection.
    pub(super) fn new(stream: Box<dyn Stream>) -> (Self, Watch) {
        let watch = Watch::default();
        let wire = Self { stream, watch: watch.clone() };
        (wire, watch)
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let new = buffer.filled().get(before..).unwrap_or_default();
        if new.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let mut seen = self.watch.look();
        seen.first_byte.get_or_insert_with(Instant::now);
        seen.received += new.len() as u64;
        if let Err(fault) = seen.guard.push(new) {
            // The client library is not to read what is refused here.
            buffer.set_filled(before);
            let error = io::Error::new(io::ErrorKind::InvalidData, fault.text.clone());
            seen.fault = Some(fault);
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
