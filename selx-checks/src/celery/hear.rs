//! What the workers say of the queues that they take from, asked once for all checks of a run.
//!
//! Every question costs every worker some milliseconds, and three kinds have one that this answers: whether a worker is
//! there, where it takes from, and what it could take. Who waits long for what another check hears asks by itself: the
//! other one may wait for a worker that does not answer, and have less time for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use selx_core::{Context, Result};

use super::config::Broker;
use super::pidbox::{self, Heard};
use super::request::Method;
use crate::redis::client::Trouble;

/// The longest wait for what another check hears.
const PATIENCE: Duration = Duration::from_millis(100);

/// What came of a question.
type Asked = Result<Result<Heard, Trouble>>;

/// Asks every worker which queues it takes from, or hears what another check of this run hears.
///
/// # Errors
///
/// As [`pidbox::ask`].
pub(super) async fn active_queues(broker: &Broker, cx: &Context) -> Result<Result<Arc<Heard>, Trouble>> {
    let question = format!("active queues {broker:?}");
    let asks = AtomicBool::new(false);
    let asked = cx.once(&question, async {
        asks.store(true, Ordering::Relaxed);
        match ask(broker, cx).await {
            Ok(Ok(heard)) if heard.is_complete() => Ok(heard),
            // Who was silent may have answered later, and what failed belongs to who met it.
            other => Err(other),
        }
    });
    let mut asked = Box::pin(asked);
    let heard = tokio::select! {
        heard = &mut asked => Some(heard),
        () = tokio::time::sleep(PATIENCE) => None,
    };
    let heard = match heard {
        None if asks.load(Ordering::Relaxed) => Some(asked.await),
        heard => heard,
    };
    match heard {
        Some(Ok(heard)) => Ok(Ok(heard)),
        Some(Err(own)) => Ok(own?.map(Arc::new)),
        None => Ok(ask(broker, cx).await?.map(Arc::new)),
    }
}

async fn ask(broker: &Broker, cx: &Context) -> Asked {
    let mut redis = match broker.open(cx).await? {
        Ok(redis) => redis,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let methods = [Method::ActiveQueues];
    let asked = pidbox::ask(&mut redis, &broker.server, &broker.names, methods, broker.patience, cx).await?;
    Ok(asked.map(|[heard]| heard))
}
