//! One statement at a time, in a session of its own: with limits, with a guard beside it, tried again where somebody holds
//! the table.

use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use selx_core::{Context, Error, ErrorKind, Result, TimeSpan};
use serde::Deserialize;
use tokio::time::Instant;

use super::advisory::Held;
use super::failure::{error, is_busy, is_ended, is_of_content, is_without_database};
use super::guard::{Blocker, Guard, Pinned, Relation};
use super::reader::{Reader, aside, of_database};
use super::settings::Scope;
use crate::postgres::Name;
use crate::postgres::open::fresh;
use crate::postgres::refusal::{Ended, Trouble};
use crate::postgres::session::Session;

/// The most bytes of an answer that are read: there are remarks in it and nothing else.
const CAP: usize = 1 << 20;
/// How soon after its begin a statement is looked at, and how often at most and at least from then on.
const SOON: Duration = Duration::from_millis(20);
const OFTEN: Duration = Duration::from_millis(50);
const SELDOM: Duration = Duration::from_millis(500);
/// The first wait before a busy table is tried again, and the longest.
const REST: Duration = Duration::from_millis(500);
const LONGEST_REST: Duration = Duration::from_secs(30);
/// How long the end of a statement is waited for that was told to end.
const ENDING: Duration = Duration::from_secs(10);

/// What every statement of a session that works begins with: by this it is found after its client died.
pub(super) const MARK: &str = "/* selx works */";

/// By what a server notices within half a minute that the network to its client is cut. It means nothing to a socket file.
const ALIVE: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "30000"),
];

/// Where the server says how far a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::postgres) enum Progress {
    Analyze,
    Vacuum,
    Index,
    None,
}

impl Progress {
    /// Returns the view, and its columns of blocks done and blocks in all.
    pub(super) fn view(self) -> Option<(&'static str, &'static str, &'static str)> {
        match self {
            Self::Analyze => Some(("pg_stat_progress_analyze", "sample_blks_scanned", "sample_blks_total")),
            Self::Vacuum => Some(("pg_stat_progress_vacuum", "heap_blks_scanned", "heap_blks_total")),
            Self::Index => Some(("pg_stat_progress_create_index", "blocks_done", "blocks_total")),
            Self::None => None,
        }
    }
}

/// What is to be done.
pub(in crate::postgres) struct Job<'a> {
    pub(in crate::postgres) database: &'a str,
    /// The table that it is about.
    pub(in crate::postgres) table: &'a Relation,
    /// The index of it that is meant, by number and name, if one is.
    pub(in crate::postgres) index: Option<(u32, &'a str)>,
    /// One statement, which takes a lock of the sort `SHARE UPDATE EXCLUSIVE`.
    pub(in crate::postgres) statement: &'a str,
    pub(in crate::postgres) progress: Progress,
}

/// What came of it.
pub(in crate::postgres) enum Came {
    /// The server did it; what it remarked.
    Done(Vec<String>),
    /// Somebody held what it needs; who.
    Busy(String),
    /// The table is not what it was; why.
    Not(String),
    /// It took longer than a statement may.
    TooLong,
    /// The server says that it cannot be done with what is in the table; why.
    Unable(String),
}

impl Came {
    /// Returns what the server remarked, or why the table was left as it was.
    pub(in crate::postgres) fn or_why(self, scope: &Scope<'_>) -> Result<Vec<String>, String> {
        match self {
            Self::Done(notices) => Ok(notices),
            Self::Busy(why) | Self::Not(why) | Self::Unable(why) => Err(why),
            Self::TooLong => {
                let limit = TimeSpan::from(scope.statement_timeout);
                Err(format!("it took longer than `statement-timeout`, {limit}, and was ended; the table is as it was"))
            }
        }
    }
}

/// Who works.
pub(in crate::postgres) struct Worker<'a> {
    pub(in crate::postgres) scope: Scope<'a>,
    pub(in crate::postgres) held: &'a Held,
    /// Where passwords come from.
    pub(in crate::postgres) keys: &'a Context,
}

impl Worker<'_> {
    /// Tries once.
    ///
    /// # Errors
    ///
    /// What the server or the run ended it by. How far it came has to be looked at then.
    pub(in crate::postgres) async fn once(&self, job: &Job<'_>, cx: &Context) -> Result<Came> {
        let doing = format!("{} in database `{}`", job.table.shown(), job.database);
        match self.attempt(job, cx).await {
            Ok(came) => Ok(came),
            Err(ended) if is_without_database(&ended) => {
                Ok(Came::Not(format!("the database `{}` is not there any more", job.database)))
            }
            Err(ended) if is_of_content(&ended) => {
                Ok(Came::Unable(error(ended, "the server cannot do it").to_string()))
            }
            Err(ended) => Err(error(ended, &doing)),
        }
    }

    /// Tries until the table is free, a few times.
    ///
    /// # Errors
    ///
    /// As [`Worker::once`].
    pub(in crate::postgres) async fn patiently(&self, job: &Job<'_>, cx: &Context) -> Result<Came> {
        let mut attempt = 0;
        loop {
            match self.once(job, cx).await? {
                Came::Busy(who) if attempt >= self.scope.retries => return Ok(Came::Busy(self.tried(&who))),
                Came::Busy(_) => self.rest(attempt, cx).await?,
                came => return Ok(came),
            }
            attempt += 1;
        }
    }

    /// Says that all attempts were in vain.
    pub(in crate::postgres) fn tried(&self, who: &str) -> String {
        match self.scope.retries {
            0 => format!("it is held by {who}"),
            retries => format!("it is held by {who}; tried {} times", retries + 1),
        }
    }

    /// Waits before the next attempt: twice as long each time, and never just as long as another one who waits.
    pub(in crate::postgres) async fn rest(&self, attempt: u32, cx: &Context) -> Result<()> {
        let rest = REST.saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX)).min(LONGEST_REST);
        let mut hasher = std::hash::RandomState::new().build_hasher();
        hasher.write_u32(attempt);
        let share = (hasher.finish() % 1000) as f64 / 1000.0;
        cx.within("waiting for a busy table", tokio::time::sleep(rest.mul_f64(0.75 + share / 2.0))).await
    }

    async fn attempt(&self, job: &Job<'_>, cx: &Context) -> Result<Came, Ended> {
        let mut guard =
            Guard::new(Reader::open(&self.scope.server, Some(job.database), self.keys, cx).await?, self.keys);
        let came = self.guarded(job, &mut guard, cx).await;
        guard.end().await;
        came
    }

    async fn guarded(&self, job: &Job<'_>, guard: &mut Guard<'_>, cx: &Context) -> Result<Came, Ended> {
        if guard.reader().facts.standby {
            let text = "the server is a standby now, on which nothing can be changed";
            return Err(Error::new(ErrorKind::Rejected, text).into());
        }
        self.held.check(job.database, guard.reader(), cx).await?;
        let name = Name::of_server(job.database);
        let (_, mut session) = fresh(&of_database(&self.scope.server, Some(&name)), self.keys, cx).await?;
        let process = self.settle(&mut session, cx).await?;
        match guard.pin(job.table, job.index, cx).await? {
            Pinned::Ours => {}
            Pinned::Not(why) => {
                session.end(cx).await;
                return Ok(Came::Not(why));
            }
            Pinned::Busy(blockers) => {
                session.end(cx).await;
                return Ok(Came::Busy(Blocker::all(&blockers)));
            }
        }
        // From before it is sent: the server counts from when it has come, and a busy machine may be late here.
        let (began, limit) = (Instant::now(), self.limit(cx));
        session.begin(&format!("{MARK} {}", job.statement), cx).await?;
        let outcome = self.watch(job, process, &mut session, guard, cx).await;
        match outcome {
            Ok(()) => {
                let notices = session.notices.iter().map(|notice| notice.words()).collect();
                session.end(cx).await;
                Ok(Came::Done(notices))
            }
            Err(ended) if is_busy(&ended) => Ok(Came::Busy(Blocker::all(&guard.blockers))),
            // Before its time, somebody else ended it.
            Err(ended) if is_ended(&ended) && began.elapsed() >= limit => Ok(Came::TooLong),
            Err(ended @ Ended::Peer(Trouble::Refused(_))) => Err(ended),
            Err(ended) => {
                // Nobody listens to it any more: the server is told to end it, and what becomes of that is looked at.
                guard.cancel(process).await;
                let _ = session.outcome(CAP, &aside(self.keys, ENDING)).await;
                Err(ended)
            }
        }
    }

    /// Returns how long a statement may take that begins now.
    fn limit(&self, cx: &Context) -> Duration {
        self.scope.statement_timeout.min(cx.remaining())
    }

    /// Waits for the statement, and looks after it meanwhile.
    async fn watch(
        &self,
        job: &Job<'_>,
        process: u32,
        session: &mut Session,
        guard: &mut Guard<'_>,
        cx: &Context,
    ) -> Result<(), Ended> {
        let outcome = session.outcome(CAP, cx);
        tokio::pin!(outcome);
        let regular = (self.scope.lock_timeout / 4).clamp(OFTEN, SELDOM);
        let mut pause = SOON;
        loop {
            tokio::select! {
                biased;
                outcome = &mut outcome => return outcome,
                () = tokio::time::sleep(pause) => {}
            }
            guard.look(process, job.table.oid, job.progress).await;
            pause = regular;
        }
    }

    /// Sets the limits of a session that works. Returns its process.
    async fn settle(&self, session: &mut Session, cx: &Context) -> Result<u32, Ended> {
        #[derive(Deserialize)]
        struct Settled {
            process: u32,
        }
        let statement = self.limit(cx).as_millis().max(1);
        let mut settings = vec![
            ("search_path", "pg_catalog".to_owned()),
            ("application_name", "selx".to_owned()),
            ("default_transaction_read_only", "off".to_owned()),
            ("lock_timeout", self.scope.lock_timeout.as_millis().to_string()),
            ("statement_timeout", statement.to_string()),
            ("idle_in_transaction_session_timeout", "10000".to_owned()),
        ];
        settings.extend(ALIVE.iter().map(|(name, value)| (*name, (*value).to_owned())));
        if session.major() >= 14 {
            settings.push(("idle_session_timeout", "0".to_owned()));
        }
        let mut settings: Vec<String> =
            settings.iter().map(|(name, value)| format!("pg_catalog.set_config('{name}', '{value}', false)")).collect();
        if session.major() >= 14 {
            // A server whose system cannot tell whether a client is still there refuses the setting.
            settings.push(
                "CASE WHEN pg_catalog.version() OPERATOR(pg_catalog.~~) '%linux%' \
                 THEN pg_catalog.set_config('client_connection_check_interval', '500', false) END"
                    .to_owned(),
            );
        }
        let text = format!(
            "{MARK} SELECT {}; SELECT pg_catalog.json_build_object('process', pg_catalog.pg_backend_pid())",
            settings.join(", ")
        );
        let tables = session.say(&text, CAP, cx).await?;
        let process = tables.last().and_then(|table| table.rows.first()?.first()?.as_deref());
        let process = process.and_then(|text| serde_json::from_str::<Settled>(text).ok());
        let process =
            process.ok_or_else(|| Error::new(ErrorKind::Protocol, "the server does not say which process works"))?;
        Ok(process.process)
    }
}
