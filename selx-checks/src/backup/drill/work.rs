//! The drill itself.

use std::collections::BTreeMap;
use std::time::Duration;

use selx_core::action::Permit;
use selx_core::{Context, Error, ErrorKind, Result};
use tokio::time::Instant;

use super::cluster::Cluster;
use super::proof::{self, Proof};
use super::{Config, Step};
use crate::backup::archive::{Level, whole};
use crate::backup::load::{self, Load};
use crate::backup::made::{Dumped, Locale, Made, identity};
use crate::postgres::Name;
use crate::postgres::talk::{Login, Talk};

/// Seconds of each phase, in the order of their end.
#[derive(Default)]
struct Phases(BTreeMap<String, f64>);

impl Phases {
    async fn time<T>(&mut self, phase: &str, work: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let result = work.await;
        *self.0.entry(phase.to_owned()).or_default() += began.elapsed().as_secs_f64();
        result
    }
}

/// Restores the archive into a server of its own, and returns what that proves. Its folder is left to whoever called.
pub(super) async fn drill(config: &Config, step: &Step, name: &str, permit: &Permit, cx: &Context) -> Result<Proof> {
    let began = Instant::now();
    let mut phases = Phases::default();
    phases.time("read", load::is_same(&step.source, cx)).await?;
    let manifest = whole::manifest(step.source.path.as_ref())?;
    let created = manifest.as_ref().and_then(|manifest| manifest.created);
    let made = manifest.and_then(|manifest| serde_json::from_value::<Made>(manifest.selx?).ok());
    let made = made.ok_or_else(|| Error::new(ErrorKind::Local, "the archive does not say what is in it"))?;
    let cluster = phases.time("make", Cluster::make(step, name, permit, cx)).await?;
    let (mut compared, mut assertions) = (BTreeMap::new(), Vec::new());
    let loading = async {
        for (member, sum) in &step.dumps {
            let none = || Error::new(ErrorKind::Local, format!("the archive does not say what `{member}` is"));
            let dumped = made.dumps.get(member).ok_or_else(none)?;
            let database = database(&dumped.database)?;
            phases.time("load", restore(&cluster, step, member, sum, dumped, permit, cx)).await?;
            let mut talk = Talk::open(&cluster.server(Some(&database)), cx).await?;
            let found = phases.time("compare", load::compare(&mut talk, dumped, cx)).await?;
            talk.end(cx).await;
            if config.amcheck {
                phases.time("amcheck", cluster.amcheck(&dumped.database, cx)).await?;
            }
            compared.insert(dumped.database.clone(), found);
        }
        for (name, assertion) in &config.assertions {
            let database = match &assertion.database {
                Some(database) => database.clone(),
                None => only(&made)?,
            };
            phases.time("assert", holds(&cluster, name, &database, &assertion.sql, cx)).await?;
            assertions.push(name.clone());
        }
        Ok(began.elapsed().as_secs_f64())
    };
    let recovery_time = cluster.during(cx, loading).await?;
    let (now, created) = (cx.clock().now(), created.unwrap_or(made.started));
    Ok(Proof {
        level: if assertions.is_empty() { Level::Restored } else { Level::Started },
        at: now,
        sha256: step.source.sha256.clone(),
        bytes: step.source.bytes,
        step: identity(step)?,
        selx: env!("CARGO_PKG_VERSION").to_owned(),
        server: cluster.programs().version.clone(),
        created,
        recovery_point: now.duration_since(created).as_secs_f64(),
        recovery_time,
        phases: phases.0,
        compared,
        assertions,
        path: proof::beside(&step.source.path),
    })
}

fn database(name: &str) -> Result<Name> {
    Name::new(name).map_err(|error| Error::new(ErrorKind::Local, format!("`{name}` is no name of a database: {error}")))
}

/// Returns the database that is meant where none is named.
fn only(made: &Made) -> Result<Name> {
    match made.dumps.values().collect::<Vec<_>>().as_slice() {
        [dumped] => database(&dumped.database),
        _ => Err(super::config("the archive holds several databases", "name one for each assertion: `database`")),
    }
}

/// Makes a database with the roles that are named in it, and loads it.
async fn restore(
    cluster: &Cluster<'_>,
    step: &Step,
    member: &str,
    sum: &str,
    dumped: &Dumped,
    permit: &Permit,
    cx: &Context,
) -> Result<()> {
    let mut talk = Talk::open(&cluster.server(None), cx).await?;
    let (quoted, literal) = (
        |name: &str| format!("\"{}\"", name.replace('"', "\"\"")),
        |text: &str| format!("'{}'", text.replace('\'', "''")),
    );
    let known = talk.rows("SELECT rolname FROM pg_catalog.pg_roles", cx).await?;
    let known: Vec<String> = known.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
    for owner in dumped.owners.iter().filter(|owner| !known.contains(owner)) {
        talk.say(&format!("CREATE ROLE {}", quoted(owner)), cx).await?;
    }
    let name = quoted(&dumped.database);
    let is_there = talk
        .rows(&format!("SELECT 1 FROM pg_catalog.pg_database WHERE datname = {}", literal(&dumped.database)), cx)
        .await?;
    if is_there.is_empty() {
        let create = |locale: &Locale| format!("CREATE DATABASE {name} {}", locale.words(literal));
        // A host of drills need not know the language of the product: its order of words is not what is proven here.
        if talk.say(&create(&dumped.locale), cx).await.is_err() {
            let plain = Locale { collation: "C".into(), encoding: dumped.locale.encoding.clone(), ..Locale::default() };
            talk.say(&create(&plain), cx).await?;
        }
    }
    talk.end(cx).await;
    let login = Login::of(&cluster.server(None), cx).await?;
    let (source, programs) = (&step.source, cluster.programs());
    let load = Load { source, member, sum, programs, without_owners: false, is_apart: true };
    let loaded = load.run(&login, &dumped.database, permit, cx).await;
    loaded.map_err(|error| load::into_older(error, &programs.version, dumped))
}

/// Makes sure that an assertion holds.
async fn holds(cluster: &Cluster<'_>, name: &str, database: &Name, sql: &str, cx: &Context) -> Result<()> {
    let failed = |why: String| Error::new(ErrorKind::Rejected, format!("the assertion `{name}` does not hold: {why}"));
    let mut talk = Talk::open(&cluster.server(Some(database)), cx).await?;
    let rows = talk.rows(sql, cx).await.map_err(|error| failed(error.message().to_owned()))?;
    let value = rows.first().and_then(|row| row.first().cloned().flatten());
    tokio::time::timeout(Duration::from_secs(5), talk.end(cx)).await.ok();
    match value.as_deref() {
        Some("t" | "true") => Ok(()),
        Some(other) => Err(failed(format!("it gives `{}`", selx_core::escape::visible(other)))),
        None => Err(failed("it gives nothing".to_owned())),
    }
}
