//! Servers of this host: the socket file of the system's own.

use std::marker::PhantomData;
use std::path::PathBuf;

use selx_core::{Context, Discovery, Error, Proposal};

use super::open::{Opened, open};
use super::refusal::apart;
use super::server::{Postgres, Server};
use super::session::{Pins, Session};
use crate::target::{Address, Place, Target};

/// Where the packages of the distributions put the socket file.
const FOLDER: &str = "/var/run/postgresql";
const SOCKET: &str = "/var/run/postgresql/.s.PGSQL.5432";
/// Whether the tables of the presets are there, with their columns.
const TASKS: &str = "SELECT count(*) FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass('public.tasks') \
     AND attname IN ('status', 'created_at') AND NOT attisdropped";

/// How far selx comes at the socket of this host.
enum Local {
    Absent,
    /// It answers, and asks for a password.
    Asks,
    In(Box<Session>),
    Unclear(String),
}

async fn local(cx: &Context) -> Result<Local, Error> {
    if !cx.host().path(SOCKET).exists() {
        return Ok(Local::Absent);
    }
    let place = Place::Unix(PathBuf::from(FOLDER));
    let target: Target<Postgres> =
        Target::Address(Address { place, tls: false, user: None, database: None }, PhantomData);
    let server = Server {
        target: &target,
        user: None,
        database: None,
        password: None,
        tls: None,
        ca_file: None,
        weak_login: false,
    };
    let (_, opened) = open(&server, cx).await?;
    Ok(match opened {
        Ok(Opened::Session(session)) => Local::In(session),
        Ok(Opened::Asked) => Local::Asks,
        Err(trouble) => Local::Unclear(format!("a server listens on {SOCKET}: {}", trouble.words())),
    })
}

/// Says what was found in the words of a discovery.
async fn told(cx: &Context, proposals: impl AsyncFnOnce(Local) -> Discovery) -> Discovery {
    match local(cx).await {
        Err(error) => Discovery::Unclear(error.to_string()),
        Ok(Local::Absent) => Discovery::Absent(format!("there is no socket {SOCKET}")),
        Ok(Local::Unclear(text)) => Discovery::Unclear(text),
        Ok(local) => proposals(local).await,
    }
}

fn proposal(name: &str, reason: &str, more: &str) -> Proposal {
    Proposal::new(name, format!("a server listens on {SOCKET}{reason}"), format!("target = \"{FOLDER}\"{more}"))
}

pub(super) async fn ready(cx: &Context) -> Discovery {
    told(cx, async |_| Discovery::Found(vec![proposal("local", "", "")])).await
}

pub(super) async fn activity(cx: &Context) -> Discovery {
    told(cx, async |local| match local {
        Local::In(_) => Discovery::Found(vec![proposal("local", " and lets selx in", "")]),
        _ => password(),
    })
    .await
}

fn password() -> Discovery {
    Discovery::Unclear(format!("the server on {SOCKET} asks for a password; give the check a `user` and a `password`"))
}

pub(super) async fn query(cx: &Context) -> Discovery {
    told(cx, async |local| {
        let Local::In(mut session) = local else { return password() };
        let pins = Pins { statement: cx.remaining(), schemas: "", zone: None };
        match apart(session.ask(&pins, &[TASKS.to_owned()], 4096, cx).await) {
            Err(error) => Discovery::Unclear(error.to_string()),
            Ok(Err(trouble)) => Discovery::Unclear(trouble.words()),
            Ok(Ok(tables)) => {
                let count = tables.first().and_then(|table| table.rows.first()?.first()?.as_deref());
                if count != Some("2") {
                    return Discovery::Absent("the server of this host has no table `public.tasks`".to_owned());
                }
                let each = |name: &str, preset: &str| {
                    proposal(name, " and has a table `public.tasks`", &format!("\npreset = \"{preset}\""))
                };
                Discovery::Found(vec![
                    each("local-failure-rate", "tasks-failure-rate"),
                    each("local-tasks-by-day", "tasks-by-day"),
                ])
            }
        }
    })
    .await
}
