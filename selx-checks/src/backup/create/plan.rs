//! What would go into an archive, where to, and why it may not be made.

use selx_core::action::{Kept, Plan, Planned, Refused, Risk, Undo};
use selx_core::{ByteSize, Context, ErrorKind, Result};

use super::database::Database;
use super::files::{self, Listed};
use super::place::{self, Place};
use super::volumes::origins;
use super::{Config, Step};
use crate::backup::programs::{Programs, is_older, short};

/// How many bytes of a database are read and packed in a second, at least, on a machine of today.
const RATE: f64 = 30e6;
/// How far the newest archive may be dated ahead of the clock.
const AHEAD: f64 = 300.0;

/// Looks at the server, the files and the folder.
pub(super) async fn plan(config: &Config, cx: &Context) -> Result<Plan<Step>> {
    let place = Place::open(config, cx.host())?;
    let (finished, leftovers) = place.look()?;
    let mut databases = Vec::new();
    for name in names(config) {
        let database = Database::open(config, name, cx).await?;
        databases.push(database);
    }
    let (list, origins, host) = (config.clone(), origins(config, cx).await?, cx.host().clone());
    let listed = cx.blocking("listing files", move |token| files::list(&list, &origins, &host, token)).await?;
    let mut refused = of_place(config, &place, &finished, cx)?;
    let server = databases.first().map_or(0, |database| database.major);
    let programs = Programs::of(config.programs.as_ref().map(|path| path.as_str()), "pg_dump", server, cx).await;
    let programs = match programs {
        Ok(programs) => Some(programs),
        Err(error) if matches!(error.kind(), ErrorKind::Missing) => {
            refused.push(Refused {
                why: error.message().to_owned(),
                advice: error.advice_text().unwrap_or("install it").to_owned(),
            });
            None
        }
        Err(error) => return Err(error),
    };
    refused.extend(of_content(&databases, &listed));
    let (bytes, expected) = expected(&place, &databases, &listed, finished.last());
    let free = place.free()?;
    if free < expected.saturating_add(config.min_free.get()) {
        refused.push(Refused {
            why: format!(
                "{} are free in `{}`; the archive may take {}, and {} have to stay free",
                ByteSize(free),
                config.folder.as_str(),
                ByteSize(expected),
                config.min_free
            ),
            advice: "make room, or write to another disk".to_owned(),
        });
    }
    if expected > config.max_bytes.get() {
        refused.push(Refused {
            why: format!("the archive may take {}, and `max-bytes` is {}", ByteSize(expected), config.max_bytes),
            advice: "raise `max-bytes` if it is right that it is so large".to_owned(),
        });
    }
    let step = Step {
        folder: config.folder.as_str().to_owned(),
        inode: place.inode,
        newest: finished.last().cloned(),
        leftovers,
        system: databases.first().map(|database| database.system.clone()).unwrap_or_default(),
        server,
        program: programs.as_ref().map(|found| found.program("pg_dump").display().to_string()).unwrap_or_default(),
        by: programs.as_ref().map(|found| found.version.clone()).unwrap_or_default(),
        databases: databases.iter().map(|database| (database.name.clone(), database.oid)).collect(),
    };
    let mut not_simulated = vec![
        format!("how small it becomes: {} are read, and the newest archive or half of that was taken", ByteSize(bytes)),
        "what is written to the databases and files until then".to_owned(),
    ];
    let version = databases.first().map(Database::version).unwrap_or_default();
    match programs {
        Some(found) if found.major > server => not_simulated.push(format!(
            "whether a server of version {server} takes the dump: `pg_dump` is of the newer version {}",
            found.version
        )),
        Some(found) if is_older(&found.version, version) => not_simulated.push(format!(
            "whether another server than this one takes the dump: `pg_dump` {} is older than the server, {}; install the \
             updates of `postgresql-client-{server}` here",
            found.version,
            short(version)
        )),
        _ => {}
    }
    let planned = Planned {
        target: format!("{}/{}", config.folder.as_str(), place.pattern()),
        what: what(config, &place, &databases, &listed, &step),
        step,
        risk: Risk::Safe,
        bytes: Some(i64::try_from(expected).map_or(i64::MIN, |bytes| -bytes)),
        seconds: Some((bytes as f64 / RATE).max(1.0).round()),
        locks: databases.iter().map(|database| format!("ACCESS SHARE on every table of `{}`", database.name)).collect(),
        undo: Undo::Possible("the new archive is removed; older ones are never touched".to_owned()),
        not_simulated,
    };
    let kept = kept(&listed, &finished);
    for database in databases {
        database.close(cx).await;
    }
    Ok(Plan { steps: vec![planned], whole: false, kept, refused })
}

/// Returns the databases of the settings; nothing stands for the one that the session is in anyway.
pub(super) fn names(config: &Config) -> Vec<Option<&crate::postgres::Name>> {
    if config.databases.is_empty() { vec![None] } else { config.databases.iter().map(Some).collect() }
}

/// Says why nothing may be written to the folder.
fn of_place(config: &Config, place: &Place, finished: &[String], cx: &Context) -> Result<Vec<Refused>> {
    let mut refused = Vec::new();
    let folder = config.folder.as_str();
    if config.mounted && place::is_same_disk(place, &cx.host().path("/"))? {
        refused.push(Refused {
            why: format!("`{folder}` lies on the disk of the system: its own disk is not mounted"),
            advice: "mount it; what was written meanwhile lies below the mount point".to_owned(),
        });
    }
    for path in &config.apart_from {
        if place::is_same_disk(place, &cx.host().path(path.as_str()))? {
            refused.push(Refused {
                why: format!("`{folder}` lies on the same file system as `{}`", path.as_str()),
                advice: "write to another disk: a backup is lost with what it is of otherwise".to_owned(),
            });
        }
    }
    let newest = finished.last().and_then(|name| Some((name, place.time_of(name)?)));
    if let Some((name, time)) = newest.filter(|(_, time)| time.duration_since(cx.clock().now()).as_secs_f64() > AHEAD) {
        refused.push(Refused {
            why: format!("`{name}` is dated in the future ({time}): a new archive would not be the newest one"),
            advice: "look at the clock of this machine; rename that archive if its name is wrong".to_owned(),
        });
    }
    Ok(refused)
}

/// Says why what is there cannot be put into an archive that counts.
fn of_content(databases: &[Database], listed: &Listed) -> Vec<Refused> {
    let mut refused = Vec::new();
    for database in databases {
        let closed: Vec<&str> =
            database.tables.iter().filter(|table| !table.readable).map(|table| table.name.as_str()).collect();
        if let Some(first) = closed.first() {
            refused.push(Refused {
                why: format!(
                    "{} tables of `{}` may not be read by this role, such as {first}",
                    closed.len(),
                    database.name
                ),
                advice: "`GRANT pg_read_all_data TO ROLE`, or use a role that owns the database".to_owned(),
            });
        }
    }
    if let Some(first) = listed.empty_dumps.first() {
        refused.push(Refused {
            why: format!(
                "{} files are named as dumps and are empty, such as `{first}`: an archive with one is not taken for whole",
                listed.empty_dumps.len()
            ),
            advice: "leave them out with `exclude`, or remove them".to_owned(),
        });
    }
    refused
}

/// Returns the bytes that are read, and how many the archive may take.
fn expected(place: &Place, databases: &[Database], listed: &Listed, newest: Option<&String>) -> (u64, u64) {
    let bytes = databases.iter().map(|database| database.bytes).sum::<u64>().saturating_add(listed.bytes);
    let before = newest.and_then(|name| std::fs::symlink_metadata(place.path(name)).ok()).map(|meta| meta.len());
    (bytes, before.map_or(bytes / 2, |before| before.saturating_add(before / 4).min(bytes)))
}

fn what(config: &Config, place: &Place, databases: &[Database], listed: &Listed, step: &Step) -> String {
    let dumps: Vec<String> = databases
        .iter()
        .map(|database| {
            let rows: u64 = database.tables.iter().map(|table| table.believed).sum();
            let (name, bytes, tables) = (&database.name, ByteSize(database.bytes), database.tables.len());
            let standby = if database.in_recovery { ", of a standby" } else { "" };
            format!("`{name}` ({bytes}, {tables} tables, about {rows} rows{standby})")
        })
        .collect();
    let server = databases.first().map(|first| format!(" of PostgreSQL {} at {}", first.version(), first.address()));
    let files = match listed.items.len() {
        0 => String::new(),
        count => format!(" and {count} files and folders ({})", ByteSize(listed.bytes)),
    };
    let leftovers = match &*step.leftovers {
        [] => String::new(),
        names => format!("; before that, `{}` goes, which an earlier run left unfinished", names.join("`, `")),
    };
    format!(
        "dump {}{} with pg_dump {}{files} into `{}/{}`, and read it back{leftovers}",
        dumps.join(", "),
        server.unwrap_or_default(),
        step.by,
        config.folder.as_str(),
        place.pattern()
    )
}

fn kept(listed: &Listed, finished: &[String]) -> Vec<Kept> {
    let some = |why: &str, count: usize, examples: &[String]| Kept {
        why: why.to_owned(),
        count: count as u64,
        bytes: None,
        examples: examples.iter().take(Kept::EXAMPLES).cloned().collect(),
    };
    let newest: Vec<String> = finished.iter().rev().take(1).cloned().collect();
    [
        some("archives that are there already; the newest is named", finished.len(), &newest),
        some("not in it: sockets, pipes and devices", listed.passed_over.len(), &listed.passed_over),
        some("not in it: left out by `exclude`", usize::try_from(listed.excluded).unwrap_or(0), &[]),
        some("not in it: the folder of the archives, which lies in `files`", usize::from(listed.has_folder), &[]),
        some("in it as links, which lead to what is not in it", listed.leading_out.len(), &listed.leading_out),
    ]
    .into_iter()
    .filter(|kept| kept.count > 0)
    .collect()
}
