//! The lock in the server: whoever works on a database from wherever holds it, by a connection that does nothing else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use selx_core::action::{Lock, Tried};
use selx_core::{Context, Error, ErrorKind, Result, escape};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::failure::error;
use super::guard::Blocker;
use super::reader::{Reader, databases};
use super::settings::Scope;
use crate::postgres::refusal::Ended;
use crate::postgres::session::Session;
use crate::postgres::wire::frame;

/// The two halves of the lock's number: `selx` in ASCII, and what it is for.
const CLASS: u32 = 0x7365_6c78;
const MAINTENANCE: u32 = 1;
/// How often it is tried where a session holds it whose client may just have died, and the time between.
const TRIES: u32 = 5;
const BETWEEN: Duration = Duration::from_millis(200);
/// How often the connection is used, so that a dead one is noticed, and how long its answer may take.
const BEAT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(15);

/// The processes of the server that hold the locks of this run, by database.
#[derive(Clone, Debug, Default)]
pub(in crate::postgres) struct Held(Arc<Mutex<BTreeMap<String, u32>>>);

impl Held {
    fn note(&self, database: &str, process: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(database.to_owned(), process);
    }

    /// Asks the server whether the lock of a database is still there.
    pub(super) async fn check(&self, database: &str, reader: &mut Reader, cx: &Context) -> Result<(), Ended> {
        #[derive(Deserialize)]
        struct Row {
            held: bool,
        }
        let process = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(database).copied();
        let Some(process) = process else { return Ok(()) };
        let row: Row =
            reader.row(&format!("SELECT EXISTS ({} AND l.pid = {process}) AS held", holders("")), cx).await?;
        if row.held { Ok(()) } else { Err(lost(database, "the server does not know of it any more").into()) }
    }
}

fn lost(database: &str, why: &str) -> Error {
    let database = escape::visible(database);
    let text = format!("the lock of the run in database `{database}` is gone: {why}");
    Error::new(ErrorKind::Local, text).advice("see why the session ended; then make the plan anew")
}

fn holders(columns: &str) -> String {
    format!(
        "SELECT {columns} FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' \
         AND l.classid = {CLASS} AND l.objid = {MAINTENANCE} AND l.objsubid = 2 AND l.granted \
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
}

/// Takes the lock of every database that the action is about; all or none.
///
/// # Errors
///
/// A server that cannot be asked, or with another one in front: a lock there may be anybody's.
pub(in crate::postgres) async fn lock(scope: &Scope<'_>, held: &Held, cx: &Context) -> Result<Vec<(String, Tried)>> {
    let failed = |ended| error(ended, "taking the lock in the server");
    let mut taken = Vec::new();
    for database in databases(scope, cx, cx).await.map_err(failed)? {
        let mut reader = match Reader::open(&scope.server, Some(&database), cx, cx).await {
            Ok(reader) => reader,
            // There is nothing in it any more that could be worked on.
            Err(ended) if super::failure::is_without_database(&ended) => continue,
            Err(ended) => return Err(failed(ended)),
        };
        if reader.facts.is_pooled {
            return Err(Error::new(ErrorKind::Config, POOLED).advice(super::draft::POOLED_ADVICE));
        }
        let name = format!("database {} of {}", escape::visible(&database), scope.server.target);
        if try_once(&mut reader, cx).await.map_err(failed)? {
            held.note(&database, reader.facts.process);
            taken.push((name, Tried::Ours(Box::new(Connection::keep(database, reader.into_session())))));
            continue;
        }
        let question = holders(&format!("l.pid, {}", Blocker::COLUMNS));
        let who: Vec<Blocker> = reader.rows(&question, cx).await.map_err(failed)?;
        reader.end(cx).await;
        return Ok(vec![(format!("{name}, by {} of the server", Blocker::all(&who)), Tried::Taken(None))]);
    }
    Ok(taken)
}

/// Why an action does not work through a pooler.
pub(super) const POOLED: &str =
    "a pooler answers in front of the server, and a lock of a session may be anybody's there";

async fn try_once(reader: &mut Reader, cx: &Context) -> Result<bool, Ended> {
    #[derive(Deserialize)]
    struct Row {
        ours: bool,
    }
    for number in 0..TRIES {
        if number > 0 {
            cx.within("waiting for a session that may be ending", tokio::time::sleep(BETWEEN)).await?;
        }
        // It lasts beyond the transaction of the question: a lock of the session is no write.
        let row: Row = reader.row(&format!("SELECT pg_try_advisory_lock({CLASS}, {MAINTENANCE}) AS ours"), cx).await?;
        if row.ours {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The connection that holds a lock. A task keeps it in use and notes when it ends.
struct Connection {
    database: String,
    end: Arc<Mutex<Option<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Connection {
    fn keep(database: String, session: Session) -> Self {
        let end = Arc::new(Mutex::new(None));
        let noted = Arc::clone(&end);
        let task = tokio::spawn(async move {
            let why = beat(session).await;
            *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        });
        Self { database, end, task }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // With the task goes the connection, and with that the lock.
        self.task.abort();
    }
}

impl Lock for Connection {
    fn check(&self) -> Result<()> {
        let end = self.end.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match end {
            Some(why) => Err(lost(&self.database, &why)),
            None if self.task.is_finished() => Err(lost(&self.database, "its connection is not looked after")),
            None => Ok(()),
        }
    }
}

/// Uses the connection until it ends. Returns why it did.
async fn beat(session: Session) -> String {
    let mut stream = session.wire.stream;
    let mut piece = [0_u8; 4096];
    // Whether an answer is awaited.
    let mut is_asked = false;
    loop {
        let wait = if is_asked { ANSWER } else { BEAT };
        match tokio::time::timeout(wait, stream.read(&mut piece)).await {
            Ok(Ok(0)) => return "the server closed its connection".to_owned(),
            Ok(Ok(count)) => {
                let said = piece.get(..count).unwrap_or_default();
                // Errors are told when the session is ended by somebody; nothing else that is said here is one.
                if said.first() == Some(&b'E') {
                    return "the server ended its session".to_owned();
                }
                is_asked = false;
            }
            Ok(Err(error)) => return format!("its connection broke: {error}"),
            Err(_) if is_asked => return "the server does not answer on its connection".to_owned(),
            Err(_) => {
                let question = frame(b'Q', b"SELECT 1\0");
                let sent = async {
                    stream.write_all(&question).await?;
                    stream.flush().await
                };
                match tokio::time::timeout(ANSWER, sent).await {
                    Ok(Ok(())) => is_asked = true,
                    _ => return "its connection takes nothing any more".to_owned(),
                }
            }
        }
    }
}
