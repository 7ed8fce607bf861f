//! What is remembered of the checks of a run. It is read while they look: a history that is slow holds up judgements, and
//! looks only where as many as may run at once wait to be judged.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::history::Remembered;

/// What was recalled, by `kind.name`; nothing if there is no history or it could not be read.
type Recalled = Option<HashMap<String, Remembered>>;

/// Who hands it out when it is there.
pub(super) struct Recall(watch::Sender<Option<Arc<Recalled>>>);

/// A check's way to it.
#[derive(Clone)]
pub(crate) struct Memory(watch::Receiver<Option<Arc<Recalled>>>);

impl Recall {
    /// Hands it out.
    pub(super) fn is(&self, recalled: Recalled) {
        self.0.send_replace(Some(Arc::new(recalled)));
    }
}

impl Memory {
    /// Makes one that is yet to come.
    pub(super) fn to_come() -> (Recall, Self) {
        let (recall, memory) = watch::channel(None);
        (Recall(recall), Self(memory))
    }

    /// Waits for what is remembered of one check.
    ///
    /// Without a memory nobody can tell how long a breach has lasted: that is not the same as an empty one.
    pub(crate) async fn of(mut self, name: &str) -> Remembered {
        let recalled = self.0.wait_for(Option::is_some).await.ok().and_then(|recalled| recalled.clone());
        match recalled.as_deref() {
            Some(Some(known)) => known.get(name).cloned().unwrap_or_default(),
            Some(None) | None => Remembered { unavailable: true, ..Remembered::default() },
        }
    }
}
