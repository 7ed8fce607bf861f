//! Questions and answers on an open connection.

use std::io;

use redis::{Cmd, Value};
use selx_core::{Context, Result, TimeSpan};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Duration, Instant};

use super::frame::{Fault, Frame};
use super::refusal::Refusal;
use super::trouble::Trouble;
use crate::net::{Attempt, Failure, FailureKind, Phase, bounded, of_io};

/// The most bytes of one reply that are read, unless [`Connection::cap`] says otherwise.
const CAP: usize = 8 << 20;

/// A connection of any sort: TCP, a socket file, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// How a server was reached.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reached {
    /// The address, or the path of the socket.
    pub address: String,
    /// The container, if it was found through the engine.
    pub container: Option<String>,
    /// Addresses that were tried before and did not answer.
    pub failed: Vec<Attempt>,
    /// The version of TLS and the store of roots, if the connection is encrypted.
    pub encryption: Option<String>,
    /// Whether the settings have a password and the server does not ask for one.
    pub password_not_needed: bool,
    /// Seconds from the search for the server to the end of the login.
    pub seconds: f64,
}

/// An open connection that is logged in. One question at a time; dropping it closes it.
pub struct Connection {
    stream: Box<dyn Stream>,
    whom: String,
    buffer: Vec<u8>,
    cap: usize,
    pub(super) phase: Phase,
    broken: Option<Failure>,
    pub(super) reached: Reached,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("whom", &self.whom).finish_non_exhaustive()
    }
}

impl Connection {
    pub(super) fn new(stream: Box<dyn Stream>, whom: String) -> Self {
        let (buffer, reached) = (Vec::new(), Reached::default());
        Self { stream, whom, buffer, cap: CAP, phase: Phase::Login, broken: None, reached }
    }

    /// Returns how the server was reached.
    pub fn reached(&self) -> &Reached {
        &self.reached
    }

    /// Sets how many bytes of one reply are read: more is [`FailureKind::TooLarge`].
    pub fn cap(&mut self, bytes: usize) {
        self.cap = bytes;
    }

    /// Asks one question, until the deadline of the check.
    ///
    /// # Errors
    ///
    /// The inner one is what the peer did or answered; the outer one what this host could not do.
    pub async fn ask(&mut self, command: &Cmd, cx: &Context) -> Result<Result<Value, Trouble>> {
        self.ask_until(command, cx.deadline(), cx).await
    }

    /// Asks one question, until a moment. An answer that is late would be taken for that of the next question, so that
    /// the connection is not to be used after that.
    ///
    /// # Errors
    ///
    /// As [`Connection::ask`].
    pub async fn ask_until(&mut self, command: &Cmd, until: Instant, cx: &Context) -> Result<Result<Value, Trouble>> {
        let answers = self.ask_all_until(std::slice::from_ref(command), until, cx).await?;
        Ok(match answers {
            Ok(mut answers) => answers.pop().unwrap_or(Ok(Value::Nil)).map_err(Trouble::Refused),
            Err(failure) => Err(Trouble::Peer(failure)),
        })
    }

    /// Asks several questions in one round trip. There are as many answers as questions; some may be refused.
    ///
    /// # Errors
    ///
    /// As [`Connection::ask`].
    pub async fn ask_all(
        &mut self,
        commands: &[Cmd],
        cx: &Context,
    ) -> Result<Result<Vec<Result<Value, Refusal>>, Failure>> {
        self.ask_all_until(commands, cx.deadline(), cx).await
    }

    /// Asks several questions in one round trip, until a moment.
    ///
    /// # Errors
    ///
    /// As [`Connection::ask`].
    pub async fn ask_all_until(
        &mut self,
        commands: &[Cmd],
        until: Instant,
        cx: &Context,
    ) -> Result<Result<Vec<Result<Value, Refusal>>, Failure>> {
        if let Some(failure) = &self.broken {
            return Ok(Err(failure.clone()));
        }
        // A question whose asker goes away is answered all the same: the next one must not take that for its own.
        self.broken = Some(self.failure(FailureKind::Other, "an earlier question was given up"));
        let answers = self.converse(commands, until, cx).await;
        match &answers {
            Ok(Ok(_)) => self.broken = None,
            Ok(Err(failure)) => self.broken = Some(failure.clone()),
            Err(_) => {}
        }
        answers
    }

    async fn converse(
        &mut self,
        commands: &[Cmd],
        until: Instant,
        cx: &Context,
    ) -> Result<Result<Vec<Result<Value, Refusal>>, Failure>> {
        let began = Instant::now();
        let packed: Vec<u8> = commands.iter().flat_map(Cmd::get_packed_command).collect();
        let sending = async {
            self.stream.write_all(&packed).await?;
            self.stream.flush().await
        };
        let unsent = match bounded(cx, until, sending).await? {
            Some(Ok(())) => None,
            // A server that has no room says so and closes; what it said is read before the broken pipe is told.
            Some(Err(error)) => Some(error),
            None => return Ok(Err(self.silent(began, until.min(cx.deadline())))),
        };
        let mut answers = Vec::with_capacity(commands.len());
        for command in commands {
            let value = match self.reply(began, until, cx).await? {
                Ok(value) => value,
                Err(failure) => {
                    return match unsent {
                        Some(error) if failure.kind == FailureKind::Closed => {
                            of_io(self.phase, &self.whom, &error).map(Err)
                        }
                        _ => Ok(Err(failure)),
                    };
                }
            };
            let answer = Refusal::of(&named(command), value).map_err(|refusal| Refusal {
                text: cx.secrets().redact(&refusal.text).unwrap_or(refusal.text),
                ..refusal
            });
            let last = answer.as_ref().err().is_some_and(Refusal::is_last);
            answers.push(answer);
            if last {
                // The server closes now: the questions that follow have the same answer.
                while let (true, Some(Err(refusal))) = (answers.len() < commands.len(), answers.last()) {
                    answers.push(Err(refusal.clone()));
                }
                break;
            }
        }
        if !self.buffer.is_empty() {
            return Ok(Err(self.failure(FailureKind::Malformed, "it sent more than it was asked for")));
        }
        Ok(Ok(answers))
    }

    /// Reads one reply.
    async fn reply(&mut self, began: Instant, until: Instant, cx: &Context) -> Result<Result<Value, Failure>> {
        let mut frame = Frame::new(self.cap);
        let mut ended = false;
        loop {
            match frame.scan(&self.buffer) {
                Ok(Some(length)) => {
                    let parsed = redis::parse_redis_value(self.buffer.get(..length).unwrap_or_default());
                    self.buffer.drain(..length);
                    return Ok(parsed.map_err(|_| self.failure(FailureKind::Malformed, "its answer cannot be read")));
                }
                Ok(None) if ended => {
                    let came = self.buffer.len();
                    let text = format!("{} closed the connection after {came} bytes of an answer", self.whom);
                    return Ok(Err(Failure::new(self.part(), FailureKind::Closed, text)));
                }
                Ok(None) => {}
                Err(fault) => return self.refused(fault, cx).await.map(Err),
            }
            let mut chunk = [0_u8; 16 << 10];
            match bounded(cx, until, self.stream.read(&mut chunk)).await? {
                Some(Ok(0)) => ended = true,
                Some(Ok(count)) => self.buffer.extend(chunk.get(..count).unwrap_or_default()),
                // A server without good manners ends encryption without saying so.
                Some(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => ended = true,
                Some(Err(error)) => return of_io(self.part(), &self.whom, &error).map(Err),
                None => return Ok(Err(self.silent(began, until.min(cx.deadline())))),
            }
        }
    }

    /// Makes a failure of what is no reply, with its first line, which is waited for a moment.
    async fn refused(&mut self, fault: Fault, cx: &Context) -> Result<Failure> {
        let mut text = fault.text;
        if let Some(at) = fault.begins {
            let until = Instant::now() + Duration::from_millis(100);
            let mut chunk = [0_u8; 64];
            while self.buffer.len() < at + 64 && !self.buffer.contains(&b'\n') {
                match bounded(cx, until, self.stream.read(&mut chunk)).await? {
                    Some(Ok(count)) if count > 0 => self.buffer.extend(chunk.get(..count).unwrap_or_default()),
                    _ => break,
                }
            }
            // Said again with what came since: the first byte alone does not tell a web server.
            if let Err(Fault { text: better, .. }) =
                Frame::new(self.cap).scan(self.buffer.get(at..).unwrap_or_default())
            {
                text = better;
            }
            let rest = String::from_utf8_lossy(self.buffer.get(at..).unwrap_or_default());
            let line: String = rest.lines().next().unwrap_or_default().to_owned();
            let line = cx.secrets().redact(&line).unwrap_or(line);
            let shown: String = line.chars().take(60).collect();
            text = format!("{text} (`{}`)", shown.escape_debug());
        }
        let text = cx.secrets().redact(&text).unwrap_or(text);
        Ok(self.failure(fault.kind, text))
    }

    fn failure(&self, kind: FailureKind, text: impl Into<String>) -> Failure {
        Failure::new(self.part(), kind, text)
    }

    /// Which part of a conversation is waited for.
    fn part(&self) -> Phase {
        match self.phase {
            Phase::FirstByte if !self.buffer.is_empty() => Phase::Body,
            phase => phase,
        }
    }

    fn silent(&self, began: Instant, until: Instant) -> Failure {
        let waited = until.saturating_duration_since(began).as_secs_f64();
        let limit = TimeSpan::from(Duration::from_secs_f64((waited * 1e3).round() / 1e3));
        let came = match self.buffer.len() {
            0 => "did not answer".to_owned(),
            count => format!("sent {count} bytes of an answer and not the rest"),
        };
        let text = format!("{} {came} within {limit}", self.whom);
        self.failure(FailureKind::TimedOut, text)
    }
}

/// Names a command without its arguments; a subcommand belongs to the name.
fn named(command: &Cmd) -> String {
    let mut words = command.args_iter().filter_map(|argument| match argument {
        redis::Arg::Simple(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    });
    let first = words.next().unwrap_or_default();
    match (first.as_str(), words.next()) {
        ("CLIENT" | "SLOWLOG" | "CONFIG" | "ACL" | "MEMORY" | "LATENCY" | "PUBSUB" | "XINFO", Some(second)) => {
            format!("{first} {second}")
        }
        _ => first,
    }
}
