//! Looks.

use std::time::Duration;

use selx_core::{Context, Error, ErrorKind, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::facts::{self, Facts, Group, Look};
use super::questions::questions;
use crate::net::{Failure, FailureKind, Phase};
use crate::postgres::exchange::Table;
use crate::postgres::open;
use crate::postgres::refusal::{Ended, Trouble, apart};
use crate::postgres::server::Server;
use crate::postgres::session::{Pins, Session};
use crate::postgres::without_literals;

/// The most bytes of the answers that are read.
const CAP: usize = 4 << 20;
/// The longest that one question may take at the server.
const STATEMENT: Duration = Duration::from_secs(5);

pub(super) async fn probe(server: &Server<'_>, cx: &Context) -> Result<Facts> {
    let (way, opened) = open::session(server, cx).await?;
    let mut facts = Facts { way, ..Facts::default() };
    let session = match opened {
        Ok(session) => session,
        Err(trouble) => {
            facts.trouble = Some(trouble);
            return Ok(facts);
        }
    };
    match apart(look(session, cx).await)? {
        Ok(look) => {
            if !look.server.sees_all {
                cx.fault(hidden(&facts.way.user));
            }
            facts.look = Some(look);
        }
        Err(Trouble::Refused(error)) if error.code == "42501" => {
            let text =
                format!("the server does not show role `{}` what is asked for: {}", facts.way.user, error.words());
            return Err(Error::new(ErrorKind::Denied, text).advice(grant(&facts.way.user)));
        }
        Err(trouble) => facts.trouble = Some(trouble),
    }
    Ok(facts)
}

fn hidden(user: &str) -> Error {
    let text = format!("role `{user}` does not see what the sessions of others do, nor how far standbys are");
    Error::new(ErrorKind::Denied, text).advice(grant(user))
}

fn grant(user: &str) -> String {
    let user = user.replace('"', "\"\"");
    format!("let a superuser say: GRANT pg_monitor TO \"{user}\"")
}

async fn look(mut session: Session, cx: &Context) -> Result<Look, Ended> {
    let pins = Pins { statement: STATEMENT.min(cx.remaining()), schemas: "", zone: None, bytes: true };
    let questions = questions(session.major());
    let tables = session.ask(&pins, &questions, CAP, cx).await?;
    let look = read(&tables).map_err(|said| {
        let text = format!("{} answered what is no answer: {said}", session.wire.whom);
        Failure::new(Phase::Body, FailureKind::Malformed, text)
    });
    let process = session.process;
    session.end(cx).await;
    let mut look = look?;
    look.server.pooled = look.server.process != process;
    Ok(look)
}

/// The answer about sessions.
#[derive(Deserialize)]
struct Activity {
    groups: Vec<Group>,
    sessions: Vec<facts::Session>,
}

/// Reads the answers, in the order of the questions.
fn read(tables: &[Table]) -> Result<Look, String> {
    let mut tables = tables.iter();
    let mut next = || tables.next().ok_or_else(|| "one is missing".to_owned());
    let server = rows(next()?)?.pop().ok_or("nothing about the server")?;
    let Activity { groups, sessions } = rows(next()?)?.pop().ok_or("nothing about the sessions")?;
    let mut look = Look {
        server,
        groups,
        sessions,
        prepared: rows(next()?)?,
        slots: rows(next()?)?,
        standbys: rows(next()?)?,
        replay: rows(next()?)?.pop(),
        databases: rows(next()?)?,
        tables: rows(next()?)?,
    };
    for session in &mut look.sessions {
        // What people have is not kept, not even in what is recorded.
        session.query = session.query.as_deref().map(without_literals);
    }
    Ok(look)
}

fn rows<T: DeserializeOwned>(table: &Table) -> Result<Vec<T>, String> {
    let texts = table.rows.iter().filter_map(|row| row.first()?.as_deref());
    texts.map(|text| serde_json::from_str(text).map_err(|error| error.to_string())).collect()
}
