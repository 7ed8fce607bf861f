//! Servers of this host: services of compose projects that run, and the socket file of the system's own.

use selx_core::{Context, Discovery, ErrorKind, Proposal, Result};
use serde_json::json;

use super::open::{Opened, open};
use super::refusal::apart;
use super::server::{Postgres, Server};
use super::session::{Pins, Session};
use crate::target::{Candidate, Target, running_services};

/// Where the packages of the distributions put the socket file.
const FOLDER: &str = "/var/run/postgresql";
const SOCKET: &str = "/var/run/postgresql/.s.PGSQL.5432";
/// Images that are PostgreSQL with something added.
const IMAGES: &[&str] = &["postgres", "postgresql", "postgis", "pgvector", "timescaledb", "timescaledb-ha"];
/// Whether the tables of the presets are there, with their columns.
const TASKS: &str = "SELECT count(*) FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass('public.tasks') \
     AND attname IN ('status', 'created_at') AND NOT attisdropped";

/// A server that may be there.
struct Place {
    name: String,
    reason: String,
    /// The target in TOML.
    text: String,
    target: Target<Postgres>,
    /// Whether it is of a project: then it is worth a check whatever it says now.
    owned: bool,
}

/// What was found, and what could not be found out.
#[derive(Default)]
struct Found {
    proposals: Vec<Proposal>,
    unclear: Vec<String>,
    /// Whether there is a server at all.
    any: bool,
}

impl Found {
    fn discovery(self, absent: &str) -> Discovery {
        if !self.proposals.is_empty() {
            Discovery::Found(self.proposals)
        } else if !self.unclear.is_empty() {
            Discovery::Unclear(self.unclear.join("; "))
        } else if self.any {
            Discovery::Absent(absent.to_owned())
        } else {
            Discovery::Absent(format!("no service of a compose project is PostgreSQL, and there is no socket {SOCKET}"))
        }
    }
}

fn is_server(candidate: &Candidate<'_>) -> bool {
    candidate.image_is(IMAGES)
        || matches!(candidate.service, "postgres" | "postgresql")
        || candidate.command.split_whitespace().next().is_some_and(|word| word.ends_with("postgres"))
}

/// Finds the servers that may be there.
async fn places(cx: &Context, found: &mut Found) -> Vec<Place> {
    let mut places = Vec::new();
    match running_services(is_server, cx).await {
        Ok(services) => {
            for service in services {
                let (Some(text), files) = (service.target(), &service.files) else { continue };
                let target = json!({ "compose": files, "service": service.service, "project": service.project });
                let Ok(target) = serde_json::from_value(target) else { continue };
                let reason =
                    format!("service {} of project {} runs {}", service.service, service.project, service.image);
                places.push(Place { name: service.name(), reason, text, target, owned: true });
            }
        }
        Err(error) if error.kind() == ErrorKind::Missing => {}
        Err(error) => found.unclear.push(error.to_string()),
    }
    if cx.host().path(SOCKET).exists()
        && let Ok(target) = serde_json::from_value(json!(FOLDER))
    {
        let reason = format!("a server listens on {SOCKET}");
        places.push(Place { name: "local".to_owned(), reason, text: format!("\"{FOLDER}\""), target, owned: false });
    }
    found.any = !places.is_empty();
    places
}

impl Place {
    fn proposal(&self, suffix: &str, more: &str) -> Proposal {
        let name = format!("{}{suffix}", self.name);
        Proposal::new(name, &self.reason, format!("target = {}{more}", self.text))
    }

    /// Goes as far as it goes without settings.
    async fn open(&self, cx: &Context) -> Result<Result<Opened, String>> {
        let server = Server {
            target: &self.target,
            user: None,
            database: None,
            password: None,
            tls: None,
            ca_file: None,
            weak_login: false,
        };
        let (_, opened) = open(&server, cx).await?;
        Ok(opened.map_err(|trouble| format!("{}, and {}", self.reason, trouble.words())))
    }

    /// Opens a session; why there is none is told.
    async fn session(&self, cx: &Context, found: &mut Found) -> Option<Box<Session>> {
        let why = match self.open(cx).await {
            Ok(Ok(Opened::Session(session))) => return Some(session),
            Ok(Ok(Opened::Asked)) => {
                format!("{}, and wants a password: give a check `user` and `password`", self.reason)
            }
            Ok(Err(why)) => why,
            Err(error) => error.to_string(),
        };
        found.unclear.push(why);
        None
    }
}

pub(super) async fn ready(cx: &Context) -> Discovery {
    let mut found = Found::default();
    for place in places(cx, &mut found).await {
        match place.open(cx).await {
            Ok(Ok(_)) => found.proposals.push(place.proposal("", "")),
            _ if place.owned => found.proposals.push(place.proposal("", "")),
            Ok(Err(why)) => found.unclear.push(why),
            Err(error) => found.unclear.push(error.to_string()),
        }
    }
    found.discovery("")
}

pub(super) async fn activity(cx: &Context) -> Discovery {
    let mut found = Found::default();
    for place in places(cx, &mut found).await {
        if let Some(session) = place.session(cx, &mut found).await {
            session.end(cx).await;
            found.proposals.push(place.proposal("", ""));
        }
    }
    found.discovery("")
}

pub(super) async fn query(cx: &Context) -> Discovery {
    let mut found = Found::default();
    for place in places(cx, &mut found).await {
        let Some(mut session) = place.session(cx, &mut found).await else { continue };
        let pins = Pins { statement: cx.remaining(), schemas: "", zone: None, bytes: false };
        match apart(session.ask(&pins, &[TASKS.to_owned()], 4096, cx).await) {
            Ok(Ok(tables)) => {
                let count = tables.first().and_then(|table| table.rows.first()?.first()?.as_deref());
                if count == Some("2") {
                    let each = |suffix, preset: &str| place.proposal(suffix, &format!("\npreset = \"{preset}\""));
                    found.proposals.push(each("-failure-rate", "tasks-failure-rate"));
                    found.proposals.push(each("-tasks-by-day", "tasks-by-day"));
                }
            }
            Ok(Err(trouble)) => found.unclear.push(trouble.words()),
            Err(error) => found.unclear.push(error.to_string()),
        }
        session.end(cx).await;
    }
    found.discovery("no server that lets selx in has a table `public.tasks` with `status` and `created_at`")
}
