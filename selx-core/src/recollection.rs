//! What a probe may know of the last look of its own check.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::check::Previous;
use crate::runner::memory::Memory;

/// What is remembered of the last look.
#[derive(Clone, Debug)]
pub enum Recalled<F> {
    /// What was seen, and when.
    Seen(Previous<F>),
    /// There was no look before this one, or one of another shape of facts.
    First,
    /// No history is kept, or it could not be read: whether there was a look is not known.
    Unavailable,
}

impl<F> Recalled<F> {
    /// Returns the last look, if it is known.
    pub fn seen(self) -> Option<Previous<F>> {
        match self {
            Self::Seen(previous) => Some(previous),
            Self::First | Self::Unavailable => None,
        }
    }
}

/// Where a context finds it.
pub(crate) enum Recollection {
    /// Nowhere.
    None,
    /// Here: a check that runs without a runner was told.
    Known(Previous<Value>),
    /// In the history of the run.
    OfRun(Memory, String),
}

impl Recollection {
    pub(crate) async fn recall<F: DeserializeOwned>(&self) -> Recalled<F> {
        let previous = match self {
            Self::None => return Recalled::Unavailable,
            Self::Known(previous) => Some(previous.clone()),
            Self::OfRun(memory, name) => {
                let remembered = memory.clone().of(name).await;
                if remembered.unavailable {
                    return Recalled::Unavailable;
                }
                remembered.previous
            }
        };
        let read = |previous: Previous<Value>| {
            Some(Previous { facts: F::deserialize(previous.facts).ok()?, seen: previous.seen })
        };
        previous.and_then(read).map_or(Recalled::First, Recalled::Seen)
    }
}
