//! The messages of the protocol on a stream: read with caps, never allocated by what is announced.

use selx_core::{Context, TimeSpan};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::Instant;

use super::refusal::{Ended, ServerError};
use crate::net::{Failure, FailureKind, Phase, bounded, of_io};

/// A connection of any sort.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// The most bytes of one message before a session stands. Servers send a few hundred.
pub(super) const LOGIN_CAP: usize = 30_000;

/// The most parameters and notices before a session stands. Servers send about fifteen.
pub(super) const MESSAGES: usize = 200;

/// One message.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) tag: u8,
    pub(super) body: Vec<u8>,
}

/// A conversation.
pub(super) struct Wire {
    pub(super) stream: Box<dyn Stream>,
    /// Who answers, for messages.
    pub(super) whom: String,
    began: Instant,
    buffer: Vec<u8>,
}

impl Wire {
    pub(super) fn new(stream: Box<dyn Stream>, whom: String, began: Instant) -> Self {
        Self { stream, whom, began, buffer: Vec::new() }
    }

    /// Begins anew for somebody else.
    pub(super) fn begin(&mut self) {
        self.began = Instant::now();
    }

    /// Says that the time is up.
    pub(super) fn silent(&self, phase: Phase, cx: &Context) -> Failure {
        let limit = TimeSpan::from(std::time::Duration::from_millis(
            u64::try_from(cx.deadline().saturating_duration_since(self.began).as_millis()).unwrap_or(u64::MAX),
        ));
        let text = format!("{} accepted the connection and did not answer within {limit}", self.whom);
        Failure::new(phase, FailureKind::TimedOut, text)
    }

    fn malformed(&self, phase: Phase, said: impl std::fmt::Display) -> Failure {
        Failure::new(phase, FailureKind::Malformed, format!("{} {said}", self.whom))
    }

    /// Sends.
    pub(super) async fn send(&mut self, bytes: &[u8], phase: Phase, cx: &Context) -> Result<(), Ended> {
        let write = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match bounded(cx, cx.deadline(), write).await? {
            Some(Ok(())) => Ok(()),
            // A server that refuses may have said why before it closed: that is read next.
            Some(Err(error)) if matches!(error.kind(), std::io::ErrorKind::BrokenPipe) => Ok(()),
            Some(Err(error)) => Err(of_io(phase, &self.whom, &error)?.into()),
            None => Err(self.silent(phase, cx).into()),
        }
    }

    /// Reads what is there, at most a few kilobytes.
    async fn fill(&mut self, phase: Phase, cx: &Context) -> Result<(), Ended> {
        let mut piece = [0; 8192];
        match bounded(cx, cx.deadline(), self.stream.read(&mut piece)).await? {
            Some(Ok(0)) => {
                let text = if self.buffer.is_empty() {
                    format!("{} closed the connection without an answer", self.whom)
                } else {
                    format!("{} closed the connection in the middle of a message", self.whom)
                };
                Err(Failure::new(phase, FailureKind::Closed, text).into())
            }
            Some(Ok(count)) => {
                self.buffer.extend_from_slice(piece.get(..count).unwrap_or_default());
                Ok(())
            }
            Some(Err(error)) => Err(of_io(phase, &self.whom, &error)?.into()),
            None => Err(self.silent(phase, cx).into()),
        }
    }

    /// Reads the one byte that answers the request to encrypt; what comes with it was sent in the clear.
    pub(super) async fn answer_to_tls(&mut self, cx: &Context) -> Result<u8, Ended> {
        self.fill(Phase::Tls, cx).await?;
        match *self.buffer {
            [answer @ (b'S' | b'N')] => {
                self.buffer.clear();
                Ok(answer)
            }
            [b'S' | b'N', ..] => {
                let count = self.buffer.len() - 1;
                let said = format!("sent {count} bytes in the clear behind its answer to the request to encrypt");
                Err(self.malformed(Phase::Tls, said).into())
            }
            // A server that cannot start a session says so instead.
            [b'E', ..] => Ok(b'E'),
            _ => Err(self.foreign(Phase::Tls)),
        }
    }

    /// Reads the error that stands in the place of the answer to the request to encrypt.
    pub(super) async fn refusal(&mut self, cx: &Context) -> Ended {
        match self.message(b"E", LOGIN_CAP, Phase::Login, cx).await {
            Ok(message) => ServerError::read(&message.body).into(),
            Err(ended) => ended,
        }
    }

    /// Says what it looks like that is no PostgreSQL.
    fn foreign(&self, phase: Phase) -> Ended {
        let begins = self.buffer.get(..self.buffer.len().min(32)).unwrap_or_default();
        let guess = match begins {
            [b'H', b'T', b'T', b'P', ..] => ", which is HTTP",
            [b'S', b'S', b'H', b'-', ..] => ", which is SSH",
            [b'-' | b'+', ..] => ", which may be Redis",
            [0x15 | 0x16, 3, ..] => ", which is TLS",
            _ => "",
        };
        self.malformed(phase, format!("does not speak PostgreSQL: its answer begins with {}{guess}", shown(begins)))
            .into()
    }

    /// Reads one message of those that are allowed here.
    pub(super) async fn message(
        &mut self,
        allowed: &[u8],
        cap: usize,
        phase: Phase,
        cx: &Context,
    ) -> Result<Message, Ended> {
        loop {
            let Some((&tag, rest)) = self.buffer.split_first() else {
                self.fill(phase, cx).await?;
                continue;
            };
            if !allowed.contains(&tag) {
                return Err(if phase == Phase::Login { self.foreign(phase) } else { self.unexpected(tag, phase) });
            }
            let Some((length, _)) = rest.split_first_chunk::<4>() else {
                self.fill(phase, cx).await?;
                continue;
            };
            if tag == b'E' && phase == Phase::Login && length.iter().all(|byte| matches!(byte, b' '..=b'~')) {
                return Err(self.plain_error(cx).await);
            }
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            if length < 4 {
                let said = format!("sent a message of length {length}, which no message has");
                return Err(self.malformed(phase, said).into());
            }
            if length > cap {
                let shown = selx_core::ByteSize(length as u64);
                let text = format!("{} announces a message of {shown}; it is not read", self.whom);
                return Err(Failure::new(phase, FailureKind::TooLarge, text).into());
            }
            if self.buffer.len() <= length {
                self.fill(phase, cx).await?;
                continue;
            }
            let body = self.buffer.get(5..=length).unwrap_or_default().to_vec();
            self.buffer.drain(..=length);
            return Ok(Message { tag, body });
        }
    }

    fn unexpected(&self, tag: u8, phase: Phase) -> Ended {
        self.malformed(phase, format!("sent a message of sort {}, which has no place here", shown(&[tag]))).into()
    }

    /// Reads an error of the oldest form: text up to a zero byte. A server that cannot start a process answers so.
    async fn plain_error(&mut self, cx: &Context) -> Ended {
        while !self.buffer.contains(&0) && self.buffer.len() < 1000 {
            if self.fill(Phase::Login, cx).await.is_err() {
                break;
            }
        }
        let text = self.buffer.get(1..).unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default();
        match std::str::from_utf8(text) {
            Ok(text) if !text.trim_end().contains(char::is_control) => {
                ServerError { message: text.trim_end().chars().take(500).collect(), ..ServerError::default() }.into()
            }
            _ => self.foreign(Phase::Login),
        }
    }

    /// Says that a server does not come to the point.
    pub(super) fn endless(&self) -> Ended {
        let text = format!("{} sent {MESSAGES} messages and no session", self.whom);
        Failure::new(Phase::Login, FailureKind::TooLarge, text).into()
    }

    /// Says goodbye. Whatever becomes of that, the look is over.
    pub(super) async fn end(mut self, cx: &Context) {
        let _ = self.send(&frame(b'X', &[]), Phase::Body, cx).await;
        let _ = bounded(cx, cx.deadline(), self.stream.shutdown()).await;
    }
}

/// Writes a message.
pub(super) fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(body.len() + 5);
    bytes.push(tag);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// Shows bytes that may be anything.
fn shown(bytes: &[u8]) -> String {
    format!("`{}`", bytes.escape_ascii())
}
