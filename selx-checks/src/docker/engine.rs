//! The questions that are put to an engine.

use std::collections::HashMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error as ClientError;
use bollard::query_parameters::ListContainersOptionsBuilder;
use jiff::Timestamp;
use selx_core::{Context, Error, ErrorKind, Result, TimeSpan, escape};
use tokio::time::Instant;

use super::container::{Container, Summary};
use super::place::{EngineAt, denied};
use super::transport::{Exchange, Line, take};
use super::version::{CURRENT, NEWEST, OLDEST, minor_of, other_version};
use super::words::{name, words};
use crate::net::{Failure, FailureKind, Phase, bounded, of_io};

/// What stands for the version of an engine that has not said which it speaks: it is asked without one.
const UNKNOWN: usize = 0;
/// Whose turn to ask comes later than this waited for another's answer.
const TURN: Duration = Duration::from_millis(100);

/// How much of an answer is read: of a list, of a container, of an image.
const LIST_CAP: usize = 16 << 20;
const CONTAINER_CAP: usize = 2 << 20;
const IMAGE_CAP: usize = 1 << 20;

/// A Docker engine behind a socket file.
///
/// Answers have two layers. The outer error is what this host could not do: no right to the socket, no socket at all. The
/// inner one is what the engine did wrong: it refused, hung, flooded, answered garbage.
#[derive(Debug)]
pub struct Engine {
    path: PathBuf,
    /// The minor number of the version that is spoken.
    minor: AtomicUsize,
    /// The clock of the engine against the moment at which it was told.
    clock: Mutex<Option<(Timestamp, Instant)>>,
}

/// What asking came to: an answer, nothing of that name, or what the engine did wrong.
pub(super) type Answer<T> = Result<Result<T, Failure>>;

impl Engine {
    /// Makes a client; nothing is connected yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), minor: AtomicUsize::new(UNKNOWN), clock: Mutex::default() }
    }

    /// Returns the client that the checks of this run share, for the engine of a setting or the usual one.
    ///
    /// # Errors
    ///
    /// `Config` if `DOCKER_HOST` names an engine that is not reached by a socket file.
    pub fn of(given: Option<&EngineAt>, cx: &Context) -> Result<Arc<Self>> {
        Ok(Self::at(EngineAt::or_default(given, cx)?, cx))
    }

    /// Returns the client that the checks of this run share, for the engine behind a socket file.
    pub fn at(path: impl Into<PathBuf>, cx: &Context) -> Arc<Self> {
        let path = path.into();
        cx.shared(&path.to_string_lossy(), || Self::new(&path))
    }

    /// Returns the socket file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the version of the API that is spoken, such as `1.44`; nothing before the first answer, and of an engine
    /// that does not say it.
    pub fn version(&self) -> Option<String> {
        self.minor().map(|minor| format!("1.{minor}"))
    }

    pub(super) fn minor(&self) -> Option<usize> {
        Some(self.minor.load(Ordering::Relaxed)).filter(|minor| *minor != UNKNOWN)
    }

    /// Returns what time it is by the engine's own clock, if it has said so. Ages of containers are counted from it.
    pub fn now(&self) -> Option<Timestamp> {
        let clock = *self.clock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (told, at) = clock?;
        told.checked_add(at.elapsed()).ok()
    }

    /// Lists containers, running or not, that have all of some labels: `name` or `name=value`.
    ///
    /// Checks of one run that ask the same at about the same time share an answer, as with the other questions.
    ///
    /// # Errors
    ///
    /// `Missing` if nothing is at the path of the socket, `Denied` without the right to it, `Local` if this host has no
    /// descriptors left; the inner one is what the engine did wrong.
    pub async fn list(&self, labels: &[String], cx: &Context) -> Answer<Arc<Vec<Summary>>> {
        let filters = HashMap::from([("label", labels.to_vec())]);
        self.once("containers", &labels.join(" and "), cx, async |since| {
            let listed = self
                .ask(LIST_CAP, since, cx, |docker| {
                    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
                    async move { docker.list_containers(Some(options)).await }
                })
                .await?;
            Ok(listed.map(|found| found.unwrap_or_default().into_iter().filter_map(Summary::of).collect()))
        })
        .await
    }

    /// Looks at one container, by its id or name: `None` if there is none (any more).
    ///
    /// # Errors
    ///
    /// As [`list`](Self::list).
    pub async fn container(&self, id: &str, cx: &Context) -> Answer<Arc<Option<Container>>> {
        self.once("container", id, cx, async |since| {
            let seen = self
                .ask(CONTAINER_CAP, since, cx, |docker| {
                    let id = name(id);
                    async move { docker.inspect_container(&id, None).await }
                })
                .await?;
            Ok(seen.map(|seen| seen.and_then(Container::of)))
        })
        .await
    }

    /// Returns the id of the image that a reference names now: `None` if there is no such image here.
    ///
    /// # Errors
    ///
    /// As [`list`](Self::list).
    pub async fn image(&self, reference: &str, cx: &Context) -> Answer<Arc<Option<String>>> {
        self.once("image", reference, cx, async |since| {
            let seen = self
                .ask(IMAGE_CAP, since, cx, |docker| {
                    let reference = name(reference);
                    async move { docker.inspect_image(&reference).await }
                })
                .await?;
            Ok(seen.map(|seen| seen.and_then(|image| image.id)))
        })
        .await
    }

    /// Asks, or hears what another check of this run hears to the same question. `ask` is told since when is waited.
    ///
    /// That the engine answers wrongly is an answer too. That it does not answer in time is not: times differ.
    async fn once<T: Send + Sync + 'static>(
        &self,
        sort: &str,
        of: &str,
        cx: &Context,
        ask: impl AsyncFnOnce(Instant) -> Answer<T>,
    ) -> Answer<Arc<T>> {
        let since = Instant::now();
        let question = format!("{sort} {of} at {}", self.path.display());
        let asked = cx.once(&question, async {
            match ask(since).await {
                Ok(Ok(answer)) => Ok(Ok(Arc::new(answer))),
                Ok(Err(failure)) if failure.kind == FailureKind::TimedOut => Err(Ok(failure)),
                Ok(Err(failure)) => Ok(Err(failure)),
                Err(error) => Err(Err(error)),
            }
        });
        // What a client of HTTP keeps while it waits is large, and every check that looks for a service keeps all of it.
        let asked = Box::pin(asked);
        match bounded(cx, cx.deadline(), asked).await? {
            Some(Ok(answer)) => Ok((*answer).clone()),
            Some(Err(Ok(failure))) => Ok(Err(failure)),
            Some(Err(Err(error))) => Err(error),
            None => Ok(Err(silent(&self.shown(), Phase::FirstByte, since.elapsed()))),
        }
    }

    /// Puts one question, at first without a version, which every engine answers in its own; and once more in another
    /// version if the engine asks for that, or answers in one that is newer than what is known.
    pub(super) async fn ask<T, F>(
        &self,
        cap: usize,
        since: Instant,
        cx: &Context,
        question: impl Fn(Docker) -> F,
    ) -> Answer<Option<T>>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        self.exchange((cap, None), since, cx, |line| {
            let asked = line.docker().map(&question);
            async move { asked?.await }
        })
        .await
    }

    /// The same for a question that is put over the line itself; besides reads, one request may leave over it.
    pub(super) async fn exchange<T, F>(
        &self,
        (cap, allowed): (usize, Option<(hyper::Method, String)>),
        since: Instant,
        cx: &Context,
        question: impl Fn(Line) -> F,
    ) -> Answer<Option<T>>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let mut minor = self.minor();
        for last in [false, true] {
            let exchange = Arc::new(Exchange::default());
            let line = Line {
                path: self.path.clone(),
                version: minor,
                cap,
                allowed: allowed.clone(),
                exchange: Arc::clone(&exchange),
            };
            let own = Instant::now();
            let answer = bounded(cx, cx.deadline(), Box::pin(question(line))).await?;
            self.note(&exchange, cx);
            let speaks = take(&exchange.speaks);
            let spoken = speaks.as_deref().and_then(minor_of);
            let error = match answer {
                None => {
                    // Who waited for another's answer until the time was up has none left to ask; the other was let in.
                    let phase = match exchange.phase() {
                        Phase::Connect if own > since + TURN => Phase::FirstByte,
                        phase => phase,
                    };
                    return Ok(Err(silent(&self.shown(), phase, since.elapsed())));
                }
                // Without a version it was answered in the engine's newest.
                Some(_) if minor.is_none() && !last && spoken.is_some_and(|spoken| spoken > NEWEST) => {
                    minor = Some(NEWEST);
                    continue;
                }
                // What stands before the engine may let paths with a version pass alone; the engine itself would say its own.
                Some(Err(ClientError::DockerResponseServerError { status_code: 401 | 403 | 404, .. }))
                    if minor.is_none() && !last && speaks.is_none() =>
                {
                    minor = Some(CURRENT);
                    continue;
                }
                Some(Ok(_)) if minor.is_none() && speaks.is_some() && spoken.is_none_or(|spoken| spoken < OLDEST) => {
                    return Err(self.no_version(speaks, minor));
                }
                Some(Ok(answer)) => {
                    self.minor.store(minor.or(spoken).unwrap_or(UNKNOWN), Ordering::Relaxed);
                    return Ok(Ok(Some(answer)));
                }
                Some(Err(error)) => error,
            };
            match other_version(&error, speaks.as_deref(), minor) {
                Some(Ok(other)) if !last => minor = Some(other),
                Some(why) => return Err(self.no_version(why.err(), minor).with("answer", words(&error))),
                None => return self.failed(&exchange, error),
            }
        }
        Err(Error::new(ErrorKind::Bug, "an engine was asked without end"))
    }

    /// Keeps what time it is at the engine.
    fn note(&self, exchange: &Exchange, cx: &Context) {
        let Some(date) = take(&exchange.date) else { return };
        let Ok(told) = jiff::fmt::rfc2822::parse(&date) else { return };
        let (told, own) = (told.timestamp(), cx.clock().now());
        // The header counts whole seconds; a clock that agrees with ours is not made worse by that.
        let agrees = told.duration_since(own).abs() <= jiff::SignedDuration::from_secs(2);
        let told = if agrees { own } else { told };
        *self.clock.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some((told, Instant::now()));
    }

    fn shown(&self) -> String {
        format!("the engine at unix:{}", self.path.display())
    }

    /// Both versions, for an engine with which there is no common one.
    fn no_version(&self, speaks: Option<String>, minor: Option<usize>) -> Error {
        let speaks = match (speaks, minor) {
            (Some(speaks), _) => format!("speaks version {} of its API", escape::visible(&speaks)),
            (None, Some(minor)) => format!("refuses version 1.{minor} of its API"),
            (None, None) => "refuses to be asked without a version of its API".to_owned(),
        };
        Error::new(ErrorKind::Missing, format!("{} {speaks}; selx speaks 1.{OLDEST} to 1.{NEWEST}", self.shown()))
            .advice("update the older of the two")
    }

    /// Maps what the client could not do.
    fn failed<T>(&self, exchange: &Exchange, error: ClientError) -> Answer<Option<T>> {
        let shown = self.shown();
        let failure = |phase, kind, text| Ok(Err(Failure::new(phase, kind, text)));
        if let Some(error) = take(&exchange.refused) {
            return match error.kind() {
                std::io::ErrorKind::NotFound => {
                    let place = self.path.display();
                    Err(Error::new(
                        ErrorKind::Missing,
                        format!("no engine listens at unix:{place}: there is no socket"),
                    )
                    .advice("start the engine, or set `engine` if its socket is elsewhere"))
                }
                std::io::ErrorKind::PermissionDenied => Err(denied(&self.path)),
                std::io::ErrorKind::ConnectionRefused => failure(
                    Phase::Connect,
                    FailureKind::Refused,
                    format!("{shown} is down: its socket file is there, and nothing listens on it"),
                ),
                std::io::ErrorKind::WouldBlock => failure(
                    Phase::Connect,
                    FailureKind::Refused,
                    format!("{shown} accepts no more connections, its queue is full"),
                ),
                _ => of_io(Phase::Connect, &shown, &error).map(Err),
            };
        }
        if exchange.flooded() {
            return failure(exchange.phase(), FailureKind::TooLarge, format!("{shown} answers more than is read"));
        }
        match error {
            ClientError::DockerResponseServerError { status_code: 404, .. } => Ok(Ok(None)),
            ClientError::DockerResponseServerError { status_code: status @ (401 | 403), .. } => {
                Err(Error::new(ErrorKind::Denied, format!("{shown} may not be asked: {status}, {}", words(&error)))
                    .advice("let what stands before the engine pass `GET` of containers, images and logs"))
            }
            ClientError::DockerResponseServerError { status_code: status, .. } => {
                failure(Phase::Head, FailureKind::Other, format!("{shown} answers {status}: {}", words(&error)))
            }
            ClientError::HyperResponseError { err } => self.broken(exchange, &err),
            ClientError::JsonDataError { .. } | ClientError::JsonSerdeError { .. } => failure(
                Phase::Body,
                FailureKind::Malformed,
                format!("{shown} answers what is not the JSON of its API: {}", words(&error)),
            ),
            ClientError::IOError { err } => of_io(exchange.phase(), &shown, &err).map(Err),
            error => failure(exchange.phase(), FailureKind::Other, format!("{shown}: {}", words(&error))),
        }
    }

    fn broken<T>(&self, exchange: &Exchange, error: &hyper::Error) -> Answer<Option<T>> {
        let (shown, phase) = (self.shown(), exchange.phase());
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            if let Some(inner) = inner.downcast_ref::<std::io::Error>()
                && inner.kind() != std::io::ErrorKind::UnexpectedEof
            {
                return of_io(phase, &shown, inner).map(Err);
            }
            source = inner.source();
        }
        let (kind, text) = if error.is_parse() {
            (FailureKind::Malformed, format!("{shown} answers what is not HTTP"))
        } else {
            (FailureKind::Closed, format!("{shown} broke off before its answer was whole"))
        };
        Ok(Err(Failure::new(phase, kind, text)))
    }
}

fn silent(shown: &str, phase: Phase, waited: Duration) -> Failure {
    let waited = TimeSpan::from(Duration::from_millis(u64::try_from(waited.as_millis()).unwrap_or(u64::MAX)));
    let text = match phase {
        Phase::Connect => format!("{shown} did not accept a connection within {waited}"),
        Phase::FirstByte => format!("{shown} accepted and said nothing within {waited}"),
        _ => format!("{shown} did not end its answer within {waited}"),
    };
    Failure::new(phase, FailureKind::TimedOut, text)
}
