//! Sessions that look: they cannot write, and names mean in them what they mean in the catalogue.

use std::sync::Arc;
use std::time::Duration;

use selx_core::{Context, Error, ErrorKind, Secrets, SystemClock};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::settings::{Databases, Scope};
use crate::net::{Failure, FailureKind, Phase};
use crate::postgres::Name;
use crate::postgres::exchange::Table;
use crate::postgres::open::fresh;
use crate::postgres::refusal::Ended;
use crate::postgres::server::Server;
use crate::postgres::session::{Pins, Session};

/// The most bytes of an answer that are read.
const CAP: usize = 32 << 20;
/// The longest that one question may take at the server.
const STATEMENT: Duration = Duration::from_secs(30);
/// The most databases that one action is about.
const DATABASES: usize = 32;

const PINS: Pins<'static> = Pins { statement: STATEMENT, schemas: "", zone: None, bytes: false };

/// What lasts in the session, besides what each question brings.
const SETTLED: &str = "SELECT pg_catalog.set_config('default_transaction_read_only', 'on', false), \
     pg_catalog.set_config('search_path', 'pg_catalog', false), \
     pg_catalog.set_config('tcp_keepalives_idle', '10', false), pg_catalog.set_config('tcp_keepalives_interval', '5', false), \
     pg_catalog.set_config('tcp_keepalives_count', '3', false), pg_catalog.set_config('tcp_user_timeout', '30000', false)";

const FACTS: &str = r#"SELECT pg_is_in_recovery() AS standby, pg_backend_pid() AS process, current_user AS role,
current_setting('server_version_num')::int4 AS number, current_setting('server_version') AS version,
current_database() AS database, pg_has_role('pg_read_all_stats', 'USAGE') AS "sees-all",
current_setting('track_counts')::bool AS counts, current_setting('block_size')::int8 AS block,
current_setting('autovacuum_freeze_max_age')::float8 AS "freeze-max",
current_setting('autovacuum_multixact_freeze_max_age')::float8 AS "multixact-freeze-max",
(date_part('epoch', pg_postmaster_start_time()))::float8 AS started,
CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') THEN current_setting('data_directory') END AS data,
EXISTS (SELECT FROM pg_replication_slots) AS slots"#;

/// What a server says of itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::postgres) struct Facts {
    pub(in crate::postgres) standby: bool,
    pub(in crate::postgres) process: u32,
    pub(in crate::postgres) role: String,
    number: u32,
    pub(in crate::postgres) version: String,
    pub(in crate::postgres) database: String,
    pub(in crate::postgres) sees_all: bool,
    pub(in crate::postgres) counts: bool,
    pub(in crate::postgres) block: i64,
    pub(in crate::postgres) freeze_max: f64,
    pub(in crate::postgres) multixact_freeze_max: f64,
    /// When it started, in seconds of 1970.
    pub(super) started: f64,
    /// Its folder, if the role may know.
    pub(super) data: Option<String>,
    pub(in crate::postgres) slots: bool,
    /// Whether another one answers in front of it.
    #[serde(skip)]
    pub(in crate::postgres) is_pooled: bool,
}

impl Facts {
    /// Returns the major version, such as 15.
    pub(in crate::postgres) fn major(&self) -> u32 {
        self.number / 10_000
    }
}

/// A session that looks.
pub(in crate::postgres) struct Reader {
    session: Session,
    pub(in crate::postgres) facts: Facts,
}

/// Makes a context that has a time of its own and is not cancelled with the run: how far a step is has to be found out
/// also when its time is up.
pub(in crate::postgres) fn aside(cx: &Context, limit: Duration) -> Context {
    let secrets = Arc::new(Secrets::default());
    Context::with(Arc::new(SystemClock), Arc::new(cx.host().clone()), secrets, limit)
}

/// Returns the settings of the server for another of its databases.
pub(super) fn of_database<'a>(server: &Server<'a>, database: Option<&'a Name>) -> Server<'a> {
    Server { database: database.or(server.database), ..*server }
}

impl Reader {
    /// Opens one in a database, or in that of the target. `keys` is where the password comes from.
    pub(in crate::postgres) async fn open(
        server: &Server<'_>,
        database: Option<&str>,
        keys: &Context,
        cx: &Context,
    ) -> Result<Self, Ended> {
        let name = database.map(Name::of_server);
        let (_, mut session) = fresh(&of_database(server, name.as_ref()), keys, cx).await?;
        session.say(SETTLED, CAP, cx).await?;
        let tables = session.ask(&PINS, &[wrapped(FACTS)], CAP, cx).await?;
        let facts: Vec<Facts> = decoded(&session, tables.first())?;
        let mut facts = facts.into_iter().next().ok_or_else(|| strange(&session, "nothing about the server"))?;
        facts.is_pooled = session.process != facts.process;
        Ok(Self { session, facts })
    }

    /// Asks one question, in a transaction of its own.
    pub(in crate::postgres) async fn rows<T: DeserializeOwned>(
        &mut self,
        question: &str,
        cx: &Context,
    ) -> Result<Vec<T>, Ended> {
        let tables = self.session.ask(&PINS, &[wrapped(question)], CAP, cx).await?;
        decoded(&self.session, tables.first())
    }

    /// Asks one question that has one row.
    pub(in crate::postgres) async fn row<T: DeserializeOwned>(
        &mut self,
        question: &str,
        cx: &Context,
    ) -> Result<T, Ended> {
        let row = self.rows(question, cx).await?.into_iter().next();
        row.ok_or_else(|| strange(&self.session, "nothing"))
    }

    /// Begins a transaction, takes a lock in it, and asks a question under that.
    pub(super) async fn hold<T: DeserializeOwned>(
        &mut self,
        lock: &str,
        question: &str,
        cx: &Context,
    ) -> Result<Vec<T>, Ended> {
        let text = format!("{} {lock}; {}", self.session.opening(&PINS), wrapped(question));
        let tables = self.session.say(&text, CAP, cx).await?;
        decoded(&self.session, tables.last())
    }

    /// Asks a question in the transaction that was begun.
    pub(super) async fn go_on<T: DeserializeOwned>(&mut self, question: &str, cx: &Context) -> Result<Vec<T>, Ended> {
        let tables = self.session.say(&wrapped(question), CAP, cx).await?;
        decoded(&self.session, tables.last())
    }

    /// Ends the transaction that was begun.
    pub(super) async fn release(&mut self, cx: &Context) -> Result<(), Ended> {
        self.session.say("ROLLBACK", CAP, cx).await.map(|_| ())
    }

    /// Hands the session over.
    pub(super) fn into_session(self) -> Session {
        self.session
    }

    /// Says goodbye.
    pub(in crate::postgres) async fn end(self, cx: &Context) {
        self.session.end(cx).await;
    }
}

fn wrapped(question: &str) -> String {
    format!("SELECT row_to_json(q) FROM ({question}) q")
}

fn strange(session: &Session, said: &str) -> Ended {
    let text = format!("{} answered what is no answer: {said}", session.wire.whom);
    Failure::new(Phase::Body, FailureKind::Malformed, text).into()
}

fn decoded<T: DeserializeOwned>(session: &Session, table: Option<&Table>) -> Result<Vec<T>, Ended> {
    let table = table.ok_or_else(|| strange(session, "one is missing"))?;
    let texts = table.rows.iter().filter_map(|row| row.first()?.as_deref());
    let rows = texts.map(|text| serde_json::from_str(text).map_err(|error| strange(session, &error.to_string())));
    rows.collect()
}

/// Returns the names of the databases that an action is about, in order.
pub(in crate::postgres) async fn databases(
    scope: &Scope<'_>,
    keys: &Context,
    cx: &Context,
) -> Result<Vec<String>, Ended> {
    #[derive(Deserialize)]
    struct Row {
        name: String,
    }
    if let Databases::Named(names) = scope.databases {
        return Ok(names.iter().map(|name| name.as_str().to_owned()).collect());
    }
    let mut reader = Reader::open(&scope.server, None, keys, cx).await?;
    let question = match scope.databases {
        Databases::All => {
            "SELECT datname AS name FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname"
        }
        _ => "SELECT current_database() AS name",
    };
    let rows: Vec<Row> = reader.rows(question, cx).await?;
    reader.end(cx).await;
    if rows.len() > DATABASES {
        let text = format!("the server has {} databases, and an action is about {DATABASES} at most", rows.len());
        return Err(Error::new(ErrorKind::Limit, text).advice("name some in `databases`").into());
    }
    Ok(rows.into_iter().map(|row| row.name).collect())
}
