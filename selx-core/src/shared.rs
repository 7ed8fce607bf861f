//! What the checks of one run find out once for all of them.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

/// For so long before an attempt began, an answer may have been asked for and still count for it: checks of one run begin
/// closer together than that.
const FRESH: Duration = Duration::from_millis(250);

/// What the checks of one run have in common: clients, files that were read, answers.
///
/// It lives as long as the run, so what is in it is never older than that. An attempt that tries again has one of its own.
#[derive(Default)]
pub struct Shared {
    /// Whether several checks share it.
    several: bool,
    things: Mutex<HashMap<(TypeId, String), Arc<dyn Any + Send + Sync>>>,
}

/// An answer, and since when it has been asked for.
struct Asked<T> {
    since: Instant,
    answer: OnceCell<Arc<T>>,
}

impl Shared {
    /// Makes one for so many checks.
    pub(crate) fn among(checks: usize) -> Self {
        Self { several: checks > 1, ..Self::default() }
    }

    /// Tells whether one check has it for itself.
    pub(crate) fn is_alone(&self) -> bool {
        !self.several
    }

    /// Returns the one thing of this type and name, which the first to ask makes.
    pub(crate) fn thing<T: Send + Sync + 'static>(&self, name: &str, make: impl FnOnce() -> T) -> Arc<T> {
        let mut things = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (TypeId::of::<T>(), name.to_owned());
        if let Some(known) = things.get(&key)
            && let Ok(known) = Arc::clone(known).downcast::<T>()
        {
            return known;
        }
        let made = Arc::new(make());
        things.insert(key, Arc::<T>::clone(&made));
        made
    }

    /// Returns an answer that was asked for shortly before `began` or later, or asks.
    pub(crate) async fn answer<T, E, F>(&self, name: &str, began: Instant, ask: F) -> Result<Arc<T>, E>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T, E>>,
    {
        let newest = self.thing(name, || Mutex::new(Arc::new(Asked::<T>::now())));
        let asked = {
            let mut newest = newest.lock().unwrap_or_else(PoisonError::into_inner);
            if newest.since + FRESH < began {
                *newest = Arc::new(Asked::now());
            }
            Arc::clone(&newest)
        };
        // Who asks may be dropped; then the next one who waits asks. An error is not kept either.
        asked.answer.get_or_try_init(|| async { ask.await.map(Arc::new) }).await.map(Arc::clone)
    }
}

impl<T> Asked<T> {
    fn now() -> Self {
        Self { since: Instant::now(), answer: OnceCell::new() }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_asks_and_the_others_hear_the_same() {
        let shared = Shared::default();
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let ask = |began: Instant| {
            shared.answer("list", began, async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok::<_, ()>(asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
            })
        };
        let began = Instant::now();
        let both = tokio::join!(ask(began), ask(began + Duration::from_millis(200)));
        assert_eq!(both, (Ok(Arc::new(0)), Ok(Arc::new(0))));
        // A second later, who began then asks anew, and who began before does not.
        assert_eq!(ask(began).await, Ok(Arc::new(0)));
        assert_eq!(ask(Instant::now()).await, Ok(Arc::new(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_and_one_who_gives_up_leave_the_question_to_the_next() {
        let shared = Shared::default();
        let began = Instant::now();
        let gives_up = shared.answer("x", began, std::future::pending::<Result<u8, ()>>());
        tokio::time::timeout(Duration::from_millis(1), gives_up).await.unwrap_err();
        assert_eq!(shared.answer("x", began, async { Err::<u8, _>(()) }).await, Err(()));
        assert_eq!(shared.answer("x", began, async { Ok::<u8, ()>(7) }).await, Ok(Arc::new(7)));
        // Another type and another name are other questions.
        assert_eq!(shared.answer("x", began, async { Ok::<u16, ()>(8) }).await, Ok(Arc::new(8)));
        assert_eq!(shared.answer("y", began, async { Ok::<u8, ()>(9) }).await, Ok(Arc::new(9)));
    }
}
