//! Signals do not end a conversation.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection whose calls are made again when a signal interrupts them: that says nothing about the peer.
#[derive(Debug)]
pub struct Unbroken<S>(pub S);

/// How often in a row a call is made again. A kernel that interrupts for ever is not waited for.
const TRIES: u32 = 100;

/// Makes a call again while it is interrupted.
fn again<T>(mut call: impl FnMut() -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
    for _ in 1..TRIES {
        match call() {
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
    call()
}

/// Opens a connection, again while that is interrupted.
pub(super) async fn opened<S, F>(mut open: impl FnMut() -> F) -> io::Result<Unbroken<S>>
where
    F: Future<Output = io::Result<S>>,
{
    for _ in 1..TRIES {
        match open().await {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map(Unbroken),
        }
    }
    open().await.map(Unbroken)
}

impl<S: AsyncRead + Unpin> AsyncRead for Unbroken<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        again(|| Pin::new(&mut self.0).poll_read(cx, buffer))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unbroken<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        again(|| Pin::new(&mut self.0).poll_write(cx, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        again(|| Pin::new(&mut self.0).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        again(|| Pin::new(&mut self.0).poll_shutdown(cx))
    }
}
