//! One session for the checks of a run that ask the same server in the same way.
//!
//! A login is the dearest part of a look, at the server most of all: it starts a process, computes a proof, and reads its
//! catalogue anew. So checks of one run take turns in one session. Whoever is the last ends it, and so does who ran a
//! statement of an operator in it; nothing is kept open for those who may come. Who waits long for a turn asks in a session
//! of its own: the other one may hang, and each check says for itself where the server stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use selx_core::Context;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

use super::server::Server;
use super::session::{Session, Way};

/// The longest wait for a turn. A server that is busy takes long over a login, and more of them would not help it.
const PATIENCE: Duration = Duration::from_secs(1);

/// The longest time that a session is left between two turns: what comes much later is not to trust in it.
const FRESH: Duration = Duration::from_millis(100);

/// What stands between two turns: a session, how it was reached, and when it was left.
type Between = Option<(Way, Session, Instant)>;

/// Those who ask one server in one way.
#[derive(Default)]
struct Line {
    session: Arc<Mutex<Between>>,
    waiting: AtomicUsize,
}

/// The right to open a session, or to go on in the one that was left.
pub(super) struct Turn {
    between: OwnedMutexGuard<Between>,
    line: Arc<Line>,
}

impl Turn {
    /// Waits for a turn; nothing if that takes long, which is for its asker a tenth of the time that it has in all.
    pub(super) async fn wait(server: &Server<'_>, cx: &Context) -> Option<Self> {
        let line = cx.shared(&format!("{server:?}"), Line::default);
        let waiting = Waiting::in_line(&line);
        let between =
            tokio::time::timeout(PATIENCE.min(cx.limit() / 10), Arc::clone(&line.session).lock_owned()).await.ok()?;
        drop(waiting);
        Some(Self { between, line })
    }

    /// Takes the session that the one before has left, with how it was reached.
    pub(super) fn session(&mut self) -> Option<(Way, Session)> {
        let (way, session, left) = self.between.take()?;
        // Whoever waited may have gone just then.
        (left.elapsed() < FRESH).then_some((way, session))
    }

    /// Tells whether somebody waits for the next turn.
    pub(super) fn is_awaited(&self) -> bool {
        self.line.waiting.load(Ordering::Relaxed) > 0
    }

    /// Ends the turn and leaves the session, in which nothing of anybody's is left.
    pub(super) fn leave(mut self, way: Way, session: Session) {
        *self.between = Some((way, session, Instant::now()));
    }
}

/// One who waits, for as long as it does.
struct Waiting<'a>(&'a Line);

impl<'a> Waiting<'a> {
    fn in_line(line: &'a Line) -> Self {
        line.waiting.fetch_add(1, Ordering::Relaxed);
        Self(line)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
