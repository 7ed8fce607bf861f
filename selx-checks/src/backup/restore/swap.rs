//! Databases by their names, numbers and comments: made, swapped, swapped back, dropped.

use selx_core::action::Applied;
use selx_core::{Context, Error, ErrorKind, Result};

use super::About;
use crate::backup::load::Source;
use crate::backup::made::Locale;
use crate::backup::rows::PINS;
use crate::postgres::talk::Talk;

/// How often a name is tried to be changed. The server waits five seconds by itself for sessions to go, each time.
const TRIES: u32 = 3;
/// How long between two tries.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);
/// What stands in the comment of a database that was loaded and compared.
const COMPLETE: &str = "whole";

/// What is there of the databases of a step.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The number and the comment of the new one, under the name that it has while it is loaded.
    pub(super) scratch: Option<(u32, String)>,
    /// Those of the one that has the name.
    pub(super) into: Option<(u32, String)>,
    complete: String,
}

impl Seen {
    /// Tells whether the new one was loaded and compared, whatever it is called.
    pub(super) fn is_loaded(&self) -> bool {
        self.is_swapped() || self.scratch.as_ref().is_some_and(|(_, comment)| comment.ends_with(&self.complete))
    }

    /// Tells whether the new one has the name.
    pub(super) fn is_swapped(&self) -> bool {
        self.into.as_ref().is_some_and(|(_, comment)| comment.ends_with(&self.complete))
    }
}

/// Writes a text of SQL.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Writes a name of SQL.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Asks one question of the catalogue.
pub(super) async fn ask(talk: &mut Talk, question: &str, cx: &Context) -> Result<Vec<Vec<Option<String>>>> {
    talk.rows(&format!("BEGIN READ ONLY; {PINS}; {question}; ROLLBACK"), cx).await
}

/// Returns the server, as `pg_controldata` shows it.
pub(super) async fn system(talk: &mut Talk, cx: &Context) -> Result<String> {
    let rows = ask(talk, "SELECT system_identifier::text FROM pg_control_system()", cx).await?;
    let first = rows.into_iter().next().and_then(|row| row.into_iter().next().flatten());
    first.ok_or_else(|| Error::new(ErrorKind::Protocol, "the server does not say what it is"))
}

/// Looks what is there of a step.
pub(super) async fn look(talk: &mut Talk, about: &About, cx: &Context) -> Result<Seen> {
    let names = format!("{}, {}", literal(&about.scratch), literal(&about.into));
    let question = format!(
        "SELECT datname, oid::text, coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database \
         WHERE datname IN ({names})"
    );
    let mut seen = Seen { complete: format!("{} {COMPLETE}", about.identity), ..Seen::default() };
    for row in ask(talk, &question, cx).await? {
        let [Some(name), Some(oid), Some(comment)] = &*row else { continue };
        let oid = oid.parse().map_err(|_| Error::new(ErrorKind::Protocol, "the number of a database is none"))?;
        let found = Some((oid, comment.clone()));
        if *name == about.scratch {
            seen.scratch = found;
        } else {
            seen.into = found;
        }
    }
    Ok(seen)
}

/// Makes the new database, empty.
pub(super) async fn create(
    talk: &mut Talk,
    about: &About,
    locale: &Locale,
    owner: Option<&str>,
    cx: &Context,
) -> Result<()> {
    let name = identifier(&about.scratch);
    let owner = owner.map(|owner| format!(" OWNER {}", identifier(owner))).unwrap_or_default();
    let text = format!("CREATE DATABASE {name}{owner} {}", locale.words(literal));
    talk.say(&text, cx).await?;
    comment(talk, about, &format!("selx: being restored, {}", about.identity), cx).await
}

/// Says of the new database that it was loaded and compared.
pub(super) async fn complete(talk: &mut Talk, about: &About, source: &Source, cx: &Context) -> Result<()> {
    let archive = source.path.rsplit('/').next().unwrap_or_default();
    comment(talk, about, &format!("selx: restored from {archive}, {} {COMPLETE}", about.identity), cx).await
}

async fn comment(talk: &mut Talk, about: &About, text: &str, cx: &Context) -> Result<()> {
    talk.say(&format!("COMMENT ON DATABASE {} IS {}", identifier(&about.scratch), literal(text)), cx).await?;
    Ok(())
}

/// Gives the new database the name, and the old one another, at once.
pub(super) async fn swap(talk: &mut Talk, about: &About, disconnect: bool, cx: &Context) -> Result<Applied> {
    let seen = look(talk, about, cx).await?;
    if seen.is_swapped() {
        return Ok(Applied::AlreadyDone);
    }
    if seen.into.as_ref().map(|(oid, _)| *oid) != about.oid {
        let message = format!("`{}` is another database than when the plan was made", about.into);
        return Err(Error::new(ErrorKind::Local, message).advice("make the plan anew"));
    }
    if !seen.is_loaded() {
        return Err(Error::new(ErrorKind::Local, format!("`{}` was not loaded", about.scratch)));
    }
    let (into, scratch, old) = (identifier(&about.into), identifier(&about.scratch), identifier(&about.old));
    let mut renames = Vec::new();
    if about.oid.is_some() {
        renames.push(format!("ALTER DATABASE {into} RENAME TO {old}"));
    }
    renames.push(format!("ALTER DATABASE {scratch} RENAME TO {into}"));
    at_once(talk, about, &renames, disconnect, cx).await?;
    Ok(Applied::Changed(match about.oid {
        Some(_) => format!("`{}` is the restored database, and what was there is `{}`", about.into, about.old),
        None => format!("`{}` is the restored database", about.into),
    }))
}

/// Gives both databases the names that they had.
pub(super) async fn swap_back(talk: &mut Talk, about: &About, disconnect: bool, cx: &Context) -> Result<Applied> {
    if !look(talk, about, cx).await?.is_swapped() {
        return Ok(Applied::AlreadyDone);
    }
    let (into, scratch, old) = (identifier(&about.into), identifier(&about.scratch), identifier(&about.old));
    let mut renames = vec![format!("ALTER DATABASE {into} RENAME TO {scratch}")];
    if about.oid.is_some() {
        renames.push(format!("ALTER DATABASE {old} RENAME TO {into}"));
    }
    at_once(talk, about, &renames, disconnect, cx).await?;
    Ok(Applied::Changed(format!("`{}` is the database that it was before", about.into)))
}

/// Renames in one transaction, as soon as nobody is in the databases.
async fn at_once(talk: &mut Talk, about: &About, renames: &[String], disconnect: bool, cx: &Context) -> Result<()> {
    let names = format!("{}, {}", literal(&about.scratch), literal(&about.into));
    let disconnecting = format!(
        "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname IN ({names}) \
         AND pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()"
    );
    let text = format!("BEGIN; {}; COMMIT", renames.join("; "));
    let mut tried = 0;
    loop {
        if disconnect {
            talk.say(&disconnecting, cx).await?;
        }
        tried += 1;
        match talk.say(&text, cx).await {
            Ok(_) => return Ok(()),
            Err(error) => {
                talk.say("ROLLBACK", cx).await?;
                // 55006: somebody is in it; a session of ours may be on its way out.
                if tried == TRIES || !error.message().contains("55006") {
                    return Err(error.advice("stop what uses the database, or set `disconnect`"));
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Drops the new database, under the name that it has while it is loaded.
pub(super) async fn drop_scratch(talk: &mut Talk, about: &About, cx: &Context) -> Result<Applied> {
    let Some((oid, comment)) = look(talk, about, cx).await?.scratch else { return Ok(Applied::AlreadyDone) };
    // One without a word is ours as well: it is killed between making it and saying what it is.
    if !comment.is_empty() && !comment.contains(&about.identity) {
        let message = format!("`{}` is a database of somebody else", about.scratch);
        return Err(Error::new(ErrorKind::Local, message).advice("look at it, and rename or drop it by hand"));
    }
    if about.oid == Some(oid) {
        return Err(Error::new(ErrorKind::Bug, "the database that is there is not dropped"));
    }
    // Versions before 13 know no other way.
    let text = format!(
        "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname OPERATOR(pg_catalog.=) {}",
        literal(&about.scratch)
    );
    let mut tried = 0;
    loop {
        talk.say(&text, cx).await?;
        tried += 1;
        match talk.say(&format!("DROP DATABASE {}", identifier(&about.scratch)), cx).await {
            Ok(_) => return Ok(Applied::Changed(format!("`{}` was dropped", about.scratch))),
            Err(error) if tried == TRIES || !error.message().contains("55006") => return Err(error),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
