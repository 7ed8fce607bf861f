//! Asks.

use selx_core::{Context, Result};
use tokio::time::Instant;

use super::config::Settings;
use super::preset::statement;
use super::value::Sort;
use super::{Answer, Column, Facts};
use crate::postgres::open;
use crate::postgres::refusal::{Ended, apart};
use crate::postgres::session::{Pins, Session};

pub(super) async fn probe(settings: &Settings, cx: &Context) -> Result<Facts> {
    let (way, opened) = open::session(&settings.server(), cx).await?;
    let asked = match opened {
        Ok(session) => apart(ask(settings, session, cx).await)?,
        Err(trouble) => Err(trouble),
    };
    Ok(match asked {
        Ok(answer) => Facts { way, trouble: None, answer: Some(answer) },
        Err(trouble) => Facts { way, trouble: Some(trouble), answer: None },
    })
}

async fn ask(settings: &Settings, mut session: Session, cx: &Context) -> Result<Answer, Ended> {
    let schemas: String = settings.schemas.iter().map(|name| format!(", {}", name.quoted())).collect();
    let statement_timeout = settings.statement_timeout.map_or(std::time::Duration::from_secs(5), |time| time.get());
    let limit = statement_timeout.min(cx.remaining());
    let pins = Pins { statement: limit, schemas: &schemas, zone: Some(settings.zone()), bytes: false };
    let began = Instant::now();
    let statement = statement(settings);
    let table = session.ask_one(&pins, &statement, settings.rows(), settings.bytes(), cx).await?;
    let took = began.elapsed().as_secs_f64();
    session.end(cx).await;
    let columns = table.columns.into_iter().map(|column| Column { name: column.name, sort: Sort::of(column.kind) });
    Ok(Answer { columns: columns.collect(), rows: table.rows, more: table.more, took })
}
