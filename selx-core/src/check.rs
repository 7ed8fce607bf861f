//! What a check is: look, judge, measure. And its twin that a runner can hold.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::context::Context;
use crate::discovery::Discovery;
use crate::error::{Error, ErrorKind, Result};
use crate::finding::Judgement;
use crate::limit::Limits;
use crate::measure::Measure;
use crate::meta::Meta;
use crate::secret::SecretRef;

/// A future in a box that may be spawned.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// When something was seen, on both clocks: the wall clock can be moved, the time since boot cannot.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Wall time.
    pub at: Timestamp,
    /// Time since the machine booted.
    pub since_boot: Duration,
    /// Which boot it was; 0 if that could not be read.
    pub boot: u64,
}

impl Moment {
    /// Reads both clocks.
    pub fn of(clock: &dyn crate::clock::Clock) -> Self {
        Self { at: clock.now(), since_boot: clock.since_boot(), boot: clock.boot() }
    }

    /// Returns the time from an earlier moment to this one, or `None` if the machine was booted in between.
    ///
    /// It is taken from the time since boot, so that a wall clock that was set does not bend rates.
    pub fn since(&self, earlier: &Self) -> Option<Duration> {
        if self.boot != earlier.boot {
            return None;
        }
        self.since_boot.checked_sub(earlier.since_boot)
    }
}

/// What a judgement may know besides the facts: the time of the look, and the last look.
///
/// A judgement is pure: the same facts, time and last look give the same findings, today and in a replay.
#[derive(Clone, Debug)]
pub struct Judging<F> {
    /// When these facts were seen.
    pub now: Moment,
    /// What the same check saw the last time, if a history is kept and it could be read.
    pub previous: Option<Previous<F>>,
}

/// What the same check saw the last time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Previous<F> {
    /// The facts.
    pub facts: F,
    /// When they were seen.
    pub seen: Moment,
}

impl<F> Judging<F> {
    /// Makes one without a last look.
    pub fn at(now: Moment) -> Self {
        Self { now, previous: None }
    }

    /// Returns the time since the last look, unless there is none or the machine was booted in between.
    pub fn since_previous(&self) -> Option<Duration> {
        self.now.since(&self.previous.as_ref()?.seen)
    }
}

/// What an author of a check writes.
///
/// The parts are apart on purpose. `probe` does all input and output and only reads. `judge` and `measure` are pure, so
/// that they are tested without a server, and so that facts that were recorded can be judged again. Limits on measures
/// are judged by the core, the same way for every kind.
///
/// ```
/// use schemars::JsonSchema;
/// use selx_core::{Area, Check, Code, Context, Finding, Judgement, Judging, Meta, Result};
/// use serde::{Deserialize, Serialize};
///
/// /// A file that must not be there, such as a maintenance flag.
/// struct Flag(Config);
///
/// #[derive(Deserialize, JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Config {
///     /// The file.
///     path: std::path::PathBuf,
/// }
///
/// #[derive(Serialize, Deserialize)]
/// struct Facts {
///     exists: bool,
/// }
///
/// impl Check for Flag {
///     type Config = Config;
///     type Facts = Facts;
///     const META: Meta = Meta::new("flag-absent", Area::Host, "a flag file is not left behind")
///         .codes(&[Code::new("flag-set", "The flag file is there.", "Remove it when the work is done.")]);
///
///     fn new(config: Config) -> Self {
///         Self(config)
///     }
///
///     async fn probe(&self, cx: &Context) -> Result<Facts> {
///         Ok(Facts { exists: cx.host().path(&self.0.path).exists() })
///     }
///
///     fn judge(&self, facts: &Facts, _: &Judging<Facts>) -> Judgement {
///         let subject = self.0.path.display().to_string();
///         if facts.exists {
///             Judgement::new("the flag is set").with(Finding::warning("flag-set", subject, "is there"))
///         } else {
///             Judgement::new("no flag")
///         }
///     }
/// }
/// ```
pub trait Check: Send + Sync + Sized + 'static {
    /// The settings: unknown keys refused (`deny_unknown_fields`), bounds in the types of the fields.
    type Config: DeserializeOwned + JsonSchema;

    /// What was seen. It can be saved, replayed, compared and benched.
    type Facts: Serialize + DeserializeOwned + Send + Sync;

    /// What the kind says about itself.
    const META: Meta;

    /// Takes the settings. No input or output, no failure: settings that parsed are right.
    fn new(config: Self::Config) -> Self;

    /// Looks. Reads only, never writes; errors say what could not be seen and why.
    ///
    /// # Cancellation safety
    ///
    /// The runner drops the future when the time is up or the run is cancelled. Work that does not yield goes through
    /// [`Context::blocking`].
    fn probe(&self, cx: &Context) -> impl Future<Output = Result<Self::Facts>> + Send;

    /// Judges what was seen. Pure, and it does not panic whatever the facts are.
    fn judge(&self, facts: &Self::Facts, cx: &Judging<Self::Facts>) -> Judgement;

    /// Takes the numbers out of what was seen, for limits and trends. Pure.
    fn measure(&self, facts: &Self::Facts, cx: &Judging<Self::Facts>) -> Vec<Measure> {
        let _ = (facts, cx);
        Vec::new()
    }

    /// Returns the limits that hold unless the configuration sets others.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// Finds out what of this kind this host has. Kinds that cannot know return [`Discovery::Manual`].
    fn discover(cx: &Context) -> impl Future<Output = Discovery> + Send {
        let _ = cx;
        async { Discovery::Manual }
    }
}

/// A judgement with the measures of the same facts.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// The line, the findings, the evidence.
    pub judgement: Judgement,
    /// The numbers.
    pub measures: Vec<Measure>,
}

/// The object-safe twin of [`Check`]: what a runner holds. It is implemented for every `Check` by [`Typed`], and by hand
/// where facts have no Rust type.
pub trait DynCheck: Send + Sync {
    /// Returns what the kind says about itself.
    fn meta(&self) -> &Meta;

    /// Looks; the facts come back as JSON, which is also the form that is saved.
    fn probe<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Value>>;

    /// Judges and measures facts, fresh or replayed.
    ///
    /// # Errors
    ///
    /// `Bug` if the facts are not of this kind's shape.
    fn judge(&self, facts: &Value, cx: &Judging<Value>) -> Result<Judged>;

    /// Returns the limits that hold unless the configuration sets others.
    fn limits(&self) -> Limits;

    /// Returns the secrets that its settings name. A run reads those of all its checks before the first of them looks:
    /// what one check sends, another may see come back, and could not tell from any other text.
    fn secrets(&self) -> &[SecretRef] {
        &[]
    }
}

/// Makes a [`DynCheck`] of a [`Check`].
pub struct Typed<C> {
    check: C,
    secrets: Vec<SecretRef>,
}

impl<C: Check> Typed<C> {
    /// Takes a check.
    pub fn new(check: C) -> Self {
        Self { check, secrets: Vec::new() }
    }

    /// Says which secrets its settings name.
    #[must_use]
    pub fn naming(mut self, secrets: Vec<SecretRef>) -> Self {
        self.secrets = secrets;
        self
    }
}

impl<C: Check> DynCheck for Typed<C> {
    fn meta(&self) -> &Meta {
        &C::META
    }

    fn probe<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Value>> {
        Box::pin(async move {
            let facts = self.check.probe(cx).await?;
            serde_json::to_value(&facts)
                .map_err(|error| Error::new(ErrorKind::Bug, "the facts cannot be written as JSON").source_error(error))
        })
    }

    fn judge(&self, facts: &Value, cx: &Judging<Value>) -> Result<Judged> {
        let facts = C::Facts::deserialize(facts).map_err(|error| {
            Error::new(ErrorKind::Bug, format!("the facts are not those of `{}`", C::META.id)).source_error(error)
        })?;
        // Facts of an older version may have another shape: then this is like a first look.
        let previous = cx.previous.as_ref().and_then(|previous| {
            Some(Previous { facts: C::Facts::deserialize(&previous.facts).ok()?, seen: previous.seen })
        });
        let cx = Judging { now: cx.now, previous };
        Ok(Judged { judgement: self.check.judge(&facts, &cx), measures: self.check.measure(&facts, &cx) })
    }

    fn limits(&self) -> Limits {
        self.check.limits()
    }

    fn secrets(&self) -> &[SecretRef] {
        &self.secrets
    }
}
