//! What would be restored from where, and why it may not be.

use std::path::PathBuf;

use ring::digest::{SHA256, digest};
use selx_core::action::{Kept, Plan, Planned, Refused, Risk, Undo};
use selx_core::{ByteSize, Context, Error, ErrorKind, Result, TimeSpan};

use super::{About, BackupRestore, Config, Loading, Step, swap};
use crate::backup::load::{self, Proven};
use crate::backup::made::Dumped;
use crate::backup::programs::{Programs, major};
use crate::backup::rows;
use crate::postgres::Server;
use crate::postgres::talk::Talk;

/// How many bytes of a dump are loaded in a second, at least.
const RATE: f64 = 10e6;
/// How long the part of a name may be that is taken over into others.
const STEM: usize = 40;

/// Looks at the archive and at the server.
pub(super) async fn plan(action: &BackupRestore, cx: &Context) -> Result<Plan<Step>> {
    let config = &action.0;
    let path = load::chosen(config.archive.as_ref(), config.folder.as_ref(), config.name.as_ref(), cx.host())?;
    let mut plan = Plan { whole: true, ..Plan::of(Vec::new()) };
    let mut refuse = |why: String, advice: &str| plan.refused.push(Refused { why, advice: advice.to_owned() });
    let proven = match load::prove(&path, cx).await? {
        Ok(proven) => proven,
        Err(why) => {
            refuse(format!("`{}` is not restored: {why}", path.display()), "name an older archive with `archive`");
            return Ok(plan);
        }
    };
    let (member, dumped) = dump(config, &proven)?;
    let mut talk = action.talk(cx).await?;
    let system = swap::system(&mut talk, cx).await?;
    let there = there(&mut talk, config, cx).await?;
    if config.session().is_some_and(|session| session == config.into) {
        refuse(format!("`{}` is the database that the session is in", config.into.as_str()), "set another `database`");
    }
    let (of_dump, by): (u32, u32) = (major(&dumped.server).unwrap_or(0), major(&dumped.by).unwrap_or(0));
    if of_dump > talk.major() {
        let why =
            format!("the dump is of PostgreSQL {}, and the server is the older {}", dumped.server, talk.version());
        refuse(why, "restore it into a server of that version or a newer one");
    }
    for (why, advice) in missing(&mut talk, config, dumped, cx).await? {
        refuse(why, advice);
    }
    let inside = inside(config, there.oid, cx).await?;
    if !inside.is_empty() && !config.replace {
        let why = format!("`{}` is not empty: it has {}", config.into.as_str(), shown(&inside));
        refuse(why, "set `replace`, which keeps it under another name, or another `into`");
    }
    if there.sessions > 0 && !config.disconnect {
        let why = format!("{} sessions are in `{}`: {}", there.sessions, config.into.as_str(), there.by);
        refuse(why, "stop what uses it, or set `disconnect`");
    }
    let programs = config.programs.as_ref().map(|path| path.as_str());
    let programs = match Programs::of(programs, "pg_restore", by.max(of_dump), cx).await {
        Ok(programs) => programs,
        Err(error) if error.kind() == ErrorKind::Missing => {
            refuse(error.message().to_owned(), error.advice_text().unwrap_or("install it"));
            Programs { folder: PathBuf::new(), major: 0, version: String::new() }
        }
        Err(error) => return Err(error),
    };
    let about = about(config, system, &proven, member, there.oid);
    let taken = swap::look(&mut talk, &about, cx).await?;
    if taken.scratch.is_some() {
        let why = format!("there is a database `{}` that an earlier run left", about.scratch);
        refuse(why, "look at it, and drop it");
    }
    talk.end(cx).await;
    let sum = proven.sums.get(member).cloned().unwrap_or_default();
    let size = proven.made.sizes.get(member).copied().unwrap_or(0);
    let age = cx.clock().now().duration_since(dumped.taken);
    let age = TimeSpan::secs(u64::try_from(age.as_secs()).unwrap_or(0));
    let file = proven.source.path.rsplit('/').next().unwrap_or_default();
    let server = format!("PostgreSQL at {}", config.server().target);
    plan.steps.push(Planned {
        target: about.scratch.clone(),
        what: format!(
            "load `{}` of `{file}` ({}, {age} old, {} tables) into the new database `{}` of {server}, and compare its rows",
            dumped.database,
            ByteSize(size),
            dumped.rows.len(),
            about.scratch
        ),
        risk: Risk::Safe,
        bytes: None,
        seconds: Some((size as f64 / RATE).max(1.0).round()),
        locks: Vec::new(),
        undo: Undo::Possible("the new database is dropped".to_owned()),
        not_simulated: vec![
            "whether the server has room for it, and whether every statement of the dump succeeds".to_owned(),
            "settings and rights of the database itself (`ALTER DATABASE … SET`, `GRANT … ON DATABASE`), which such a dump \
             does not hold"
                .to_owned(),
        ],
        step: Step::Load(Box::new(Loading {
            about: about.clone(),
            source: proven.source.clone(),
            member: member.clone(),
            sum,
            locale: dumped.locale.clone(),
            owner: there.owner.filter(|_| !config.without_owners),
            programs: (programs.folder.display().to_string(), programs.major, programs.version),
        })),
    });
    let (into, old) = (&about.into, &about.old);
    plan.steps.push(Planned {
        target: into.clone(),
        what: match about.oid {
            Some(_) => format!("call `{into}` ({}) `{old}`, and the new database `{into}`, at once", shown(&inside)),
            None => format!("call the new database `{into}`; there is none of that name"),
        },
        risk: if about.oid.is_some() { Risk::Disruptive } else { Risk::Safe },
        bytes: None,
        seconds: Some(1.0),
        locks: vec![format!("ACCESS EXCLUSIVE on the database `{into}`, for a moment")],
        undo: Undo::Possible("both get the names that they had".to_owned()),
        not_simulated: match (about.oid, config.disconnect) {
            (Some(_), true) => {
                vec![format!("{} sessions of now are ended, and those that come until then", there.sessions)]
            }
            (Some(_), false) => vec!["whether somebody is in the database when its turn comes".to_owned()],
            (None, _) => Vec::new(),
        },
        step: Step::Swap(about.clone()),
    });
    if about.oid.is_some() {
        plan.kept.push(Kept {
            why: format!("the database that is there, as `{}`", about.old),
            count: 1,
            bytes: Some(there.bytes),
            examples: inside.iter().take(Kept::EXAMPLES).cloned().collect(),
        });
    }
    Ok(plan)
}

/// Finds the archive of the settings.
/// Finds the dump of the settings.
fn dump<'a>(config: &Config, proven: &'a Proven) -> Result<(&'a String, &'a Dumped)> {
    let dumps = &proven.made.dumps;
    let name = config.of.as_ref().map(|name| name.as_str());
    let found = match name {
        None if dumps.len() == 1 => dumps.iter().next(),
        name => {
            let name = name.unwrap_or(config.into.as_str());
            dumps.iter().find(|(_, dumped)| dumped.database == name)
        }
    };
    found.ok_or_else(|| {
        let names: Vec<&str> = dumps.values().map(|dumped| dumped.database.as_str()).collect();
        let message = format!("the archive holds the databases `{}`", names.join("`, `"));
        Error::new(ErrorKind::Config, message).advice("name one of them with `of`")
    })
}

/// What the server has under the name now.
#[derive(Default)]
struct There {
    oid: Option<u32>,
    owner: Option<String>,
    bytes: u64,
    sessions: u64,
    by: String,
}

async fn there(talk: &mut Talk, config: &Config, cx: &Context) -> Result<There> {
    let name = swap::literal(config.into.as_str());
    let question = format!(
        "SELECT oid::text, pg_get_userbyid(datdba), pg_database_size(oid)::text, (SELECT count(*) FROM pg_stat_activity a \
         WHERE a.datid = d.oid)::text, coalesce((SELECT string_agg(DISTINCT coalesce(nullif(application_name, ''), \
         usename), ', ') FROM pg_stat_activity a WHERE a.datid = d.oid), '') FROM pg_database d WHERE datname = {name}"
    );
    let rows = swap::ask(talk, &question, cx).await?;
    let Some(row) = rows.into_iter().next() else { return Ok(There::default()) };
    let text = |index: usize| row.get(index).cloned().flatten().unwrap_or_default();
    Ok(There {
        oid: text(0).parse().ok(),
        owner: Some(text(1)),
        bytes: text(2).parse().unwrap_or(0),
        sessions: text(3).parse().unwrap_or(0),
        by: text(4),
    })
}

/// Says what the server does not have that the dump needs, each with what to do.
async fn missing(
    talk: &mut Talk,
    config: &Config,
    dumped: &Dumped,
    cx: &Context,
) -> Result<Vec<(String, &'static str)>> {
    let mut missing = Vec::new();
    let names = |rows: Vec<Vec<Option<String>>>| -> std::collections::HashSet<String> {
        rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
    };
    let roles = names(swap::ask(talk, "SELECT rolname FROM pg_roles", cx).await?);
    let without: Vec<&str> = dumped.owners.iter().filter(|owner| !roles.contains(*owner)).map(String::as_str).collect();
    if !without.is_empty() && !config.without_owners {
        let why = format!("the server has no roles `{}`, which own something in the dump", without.join("`, `"));
        missing.push((why, "create them, or set `without-owners`"));
    }
    let extensions = names(swap::ask(talk, "SELECT name FROM pg_available_extensions", cx).await?);
    let without: Vec<&str> =
        dumped.extensions.keys().filter(|name| !extensions.contains(*name)).map(String::as_str).collect();
    if !without.is_empty() {
        let why = format!("the server has no extensions `{}`, which the dump uses", without.join("`, `"));
        missing.push((why, "install the packages that they come with"));
    }
    let question = "SELECT (rolsuper OR rolcreatedb)::text FROM pg_roles WHERE rolname = current_user";
    let may = names(swap::ask(talk, question, cx).await?);
    if !may.contains("true") {
        missing.push(("the role may not make databases".to_owned(), "`ALTER ROLE … CREATEDB`, or use another role"));
    }
    Ok(missing)
}

/// Lists the tables of the database that has the name now.
async fn inside(config: &Config, oid: Option<u32>, cx: &Context) -> Result<Vec<String>> {
    if oid.is_none() {
        return Ok(Vec::new());
    }
    let mut talk = Talk::open(&Server { database: Some(&config.into), ..config.server() }, cx).await?;
    talk.say(&format!("BEGIN READ ONLY; {}", rows::PINS), cx).await?;
    let tables = rows::tables(&mut talk, cx).await?;
    talk.say("ROLLBACK", cx).await?;
    talk.end(cx).await;
    Ok(tables.into_iter().map(|table| format!("{} (about {} rows)", table.name, table.believed)).collect())
}

fn shown(inside: &[String]) -> String {
    match inside {
        [] => "nothing in it".to_owned(),
        [first] => first.clone(),
        [first, ..] => format!("{} tables, such as {first}", inside.len()),
    }
}

fn about(config: &Config, system: String, proven: &Proven, member: &str, oid: Option<u32>) -> About {
    let into = config.into.as_str();
    let text = format!("{}\n{member}\n{system}\n{into}\n{oid:?}", proven.source.sha256);
    let sum = digest(&SHA256, text.as_bytes());
    let identity: String = sum.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let short = identity.get(..8).unwrap_or_default();
    let mut end = into.len().min(STEM);
    while !into.is_char_boundary(end) {
        end -= 1;
    }
    let stem = into.get(..end).unwrap_or_default();
    let (scratch, old) = (format!("{stem}_restore_{short}"), format!("{stem}_old_{short}"));
    About { system, into: into.to_owned(), oid, scratch, old, identity }
}
