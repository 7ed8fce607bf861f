//! Looks.

use selx_core::{Context, Result};

use super::{Facts, Role, State};
use crate::net::{Failure, FailureKind, Phase};
use crate::postgres::exchange::Table;
use crate::postgres::open::{Opened, open};
use crate::postgres::refusal::{Ended, apart};
use crate::postgres::server::Server;
use crate::postgres::session::{Pins, Session};

/// The most bytes of the answer that are read.
const CAP: usize = 64 << 10;
const STATE: &str = "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.pg_backend_pid(), \
     pg_catalog.date_part('epoch', pg_catalog.now() OPERATOR(pg_catalog.-) pg_catalog.pg_postmaster_start_time())";

pub(super) async fn probe(server: &Server<'_>, cx: &Context) -> Result<Facts> {
    let (way, opened) = open(server, cx).await?;
    let seen = match opened {
        Ok(Opened::Session(session)) => apart(state(*session, cx).await)?.map(Some),
        Ok(Opened::Asked) => Ok(None),
        Err(trouble) => Err(trouble),
    };
    Ok(match seen {
        Ok(state) => Facts { way, trouble: None, state },
        Err(trouble) => Facts { way, trouble: Some(trouble), state: None },
    })
}

async fn state(mut session: Session, cx: &Context) -> Result<State, Ended> {
    let pins = Pins { statement: cx.remaining(), schemas: "", zone: None, bytes: false };
    let tables = session.ask(&pins, &[STATE.to_owned()], CAP, cx).await?;
    let state = read(&session, &tables).ok_or_else(|| {
        let text = format!("{} answered what is no answer to the question what it is", session.wire.whom);
        Failure::new(Phase::Body, FailureKind::Malformed, text)
    });
    session.end(cx).await;
    Ok(state?)
}

/// Reads the answer; nothing if it is none.
fn read(session: &Session, tables: &[Table]) -> Option<State> {
    let row = tables.first()?.rows.first()?;
    let value = |index: usize| row.get(index)?.as_deref();
    Some(State {
        version: session.parameters.get("server_version").cloned().unwrap_or_else(|| "unknown".to_owned()),
        role: match value(0)? {
            "t" => Role::Standby,
            "f" => Role::Primary,
            _ => return None,
        },
        uptime: value(2)?.parse().ok().filter(|seconds: &f64| seconds.is_finite())?,
        pooled: value(1)? != session.process.to_string(),
    })
}
