//! Making the archive.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::OwnedFd;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use selx_core::action::{Applied, Permit};
use selx_core::{ByteSize, Context, Error, ErrorKind, Result};

use super::database::Database;
use super::files::{self, Listed, Sort};
use super::found;
use super::frames::Bounds;
use super::packing::Packing;
use super::place::Place;
use super::plan::names;
use super::volumes::origins;
use super::{Config, Step};
use crate::backup::archive::manifest::Json;
use crate::backup::made::{Made, identity};
use crate::backup::programs::{is_fine, reaching};
use crate::command::Child;
use crate::postgres::talk::Login;

/// What the name of a member may hold of the name of a database as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-');
/// How much room the manifest has for what is known only afterwards, beside numbers: files that changed.
const SLACK: usize = 16 << 10;
/// How large a pipe is to be.
const PIPE: usize = 1 << 20;
/// How far a child stands back.
const NICE: u8 = 10;

/// Makes the archive of a step.
pub(super) async fn apply(config: &Config, step: &Step, permit: &Permit, cx: &Context) -> Result<Applied> {
    let place = Place::open(config, cx.host())?;
    found::is_there(&place, step)?;
    if found::by_step(&place, step)?.is_some() {
        return Ok(Applied::AlreadyDone);
    }
    let (finished, partial) = place.look()?;
    if finished.last() != step.newest.as_ref() {
        let message = format!("another archive came into `{}` since the plan was made", step.folder);
        return Err(Error::new(ErrorKind::Local, message).advice("make the plan anew"));
    }
    let mut databases = Vec::new();
    for name in names(config) {
        databases.push(Database::open(config, name, cx).await?);
    }
    is_planned(step, &databases)?;
    let login = Login::of(&config.server(), cx).await?;
    let (list, origins, host) = (config.clone(), origins(config, cx).await?, cx.host().clone());
    let listed = cx.blocking("listing files", move |token| files::list(&list, &origins, &host, token)).await?;
    for name in partial.iter().filter(|name| step.leftovers.contains(name)) {
        place.remove(name)?;
    }
    let name = place.name(cx.clock().now(), step.newest.as_deref());
    let (partial, file) = place.create(&name)?;
    let work = Work { config, step, permit, cx, login };
    let made = work.make(&place, &partial, file, &mut databases, listed).await;
    for database in databases {
        database.close(cx).await;
    }
    let finished = made.and_then(|bytes| {
        // Between the last look and the name nothing is waited for.
        if cx.cancel().is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "the run was stopped"));
        }
        place.finish(&partial, &name)?;
        Ok(bytes)
    });
    match finished {
        Ok(bytes) => Ok(Applied::Changed(format!("`{name}`, {}, read back whole", ByteSize(bytes)))),
        Err(error) => {
            // That it stays is found by the look that follows, and told.
            let _ = place.remove(&partial);
            Err(error)
        }
    }
}

/// Makes sure that the databases are those of the plan.
fn is_planned(step: &Step, databases: &[Database]) -> Result<()> {
    let now: Vec<(String, u32)> = databases.iter().map(|database| (database.name.clone(), database.oid)).collect();
    let same = databases.iter().all(|database| database.system == step.system && database.major == step.server);
    if same && now == step.databases {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Local, "the server, or a database, is another one than when the plan was made")
        .advice("make the plan anew"))
}

struct Work<'a> {
    config: &'a Config,
    step: &'a Step,
    permit: &'a Permit,
    cx: &'a Context,
    login: Login,
}

impl Work<'_> {
    /// Writes the archive under its partial name, and reads it back. Returns its size.
    async fn make(
        &self,
        place: &Place,
        partial: &str,
        file: File,
        databases: &mut [Database],
        listed: Listed,
    ) -> Result<u64> {
        let cx = self.cx;
        let mut made = Made {
            step: identity(self.step)?,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: cx.clock().now(),
            ended: cx.clock().now(),
            passed_over: listed.passed_over.clone(),
            ..Made::default()
        };
        for database in &mut *databases {
            made.dumps.insert(member(database), database.describe(&self.step.by, cx).await?);
        }
        let created = databases.iter().map(|database| database.taken).min().unwrap_or(made.started);
        let most = self.room(&made, databases, &listed, created)?;
        let bounds = Bounds { bytes: self.config.max_bytes.get(), free: self.config.min_free.get() };
        let level = u8::try_from(self.config.level.get()).unwrap_or(3);
        let workers = std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1));
        let now = created.as_second();
        let mut packing = Packing::begin(file, level, workers, bounds, most, now)?;
        for database in &mut *databases {
            let member = member(database);
            let rows;
            (packing, rows) = self.dump(packing, database, &member, now).await?;
            if let Some(dumped) = made.dumps.get_mut(&member) {
                dumped.rows = rows;
            }
        }
        let is_low = self.config.low_priority;
        let mut packing = cx
            .blocking("packing files", move |token| {
                standing_back(is_low, || {
                    for item in &listed.items {
                        packing.item(item, token)?;
                    }
                    Ok(packing)
                })
            })
            .await?;
        made.ended = cx.clock().now();
        made.sizes = std::mem::take(&mut packing.sizes);
        made.changed = std::mem::take(&mut packing.changed);
        made.passed_over.append(&mut packing.gone);
        let manifest = self.manifest(made, &std::mem::take(&mut packing.sums), created, most)?;
        let bytes = packing.written();
        cx.blocking("writing the archive to the disk", move |_| packing.finish(&manifest)).await?;
        match found::doubt(place, partial, cx).await? {
            None => Ok(bytes),
            Some(why) => Err(Error::new(ErrorKind::Local, format!("the archive was written and is not whole: {why}"))
                .advice("look at what `pg_dump` said, at the memory and the disk of this machine")),
        }
    }

    /// Packs one dump, and counts the rows of its snapshot meanwhile.
    async fn dump(
        &self,
        mut packing: Packing,
        database: &mut Database,
        member: &str,
        now: i64,
    ) -> Result<(Packing, BTreeMap<String, u64>)> {
        let cx = self.cx;
        let snapshot = database.export(cx).await?;
        let (reader, writer) = std::io::pipe()
            .map_err(|error| Error::new(ErrorKind::Local, "no pipe could be made").source_error(error))?;
        // A larger one saves changes between the two processes; a small one will do.
        let _ = rustix::pipe::fcntl_setpipe_size(&writer, PIPE);
        let child = Child::new(&self.step.program)
            .arg("--format=custom")
            .arg("--compress=0")
            .arg("--no-password")
            .arg("--lock-wait-timeout=60000")
            .arg(format!("--snapshot={snapshot}"))
            .stdout_to(OwnedFd::from(writer))
            .nice(if self.config.low_priority { NICE } else { 0 })
            .holding(self.permit);
        let child = reaching(child, &self.login, &database.name);
        let dumping = async move {
            let ended = child.run(cx).await;
            // With it the last end of the pipe goes that could be written to.
            drop(child);
            ended
        };
        let (name, is_low) = (member.to_owned(), self.config.low_priority);
        let packed = cx.blocking("packing the dump", move |token| {
            standing_back(is_low, || packing.dump(&name, reader, now, token).map(|()| packing))
        });
        let counts = async { if self.config.count_rows { database.count(cx).await } else { Ok(BTreeMap::new()) } };
        let (ended, packed, counts) = tokio::join!(dumping, packed, counts);
        // What could not be written is why the dump ended, not the other way round.
        let packing = packed?;
        is_fine(&ended?, "pg_dump")?;
        Ok((packing, counts?))
    }

    /// Returns how many bytes the manifest may have at most.
    fn room(&self, made: &Made, databases: &[Database], listed: &Listed, created: Timestamp) -> Result<usize> {
        let mut most = made.clone();
        let mut sums = BTreeMap::new();
        let mut file = |name: String| {
            most.sizes.insert(name.clone(), u64::MAX);
            sums.insert(name, "0".repeat(64));
        };
        databases.iter().for_each(|database| file(member(database)));
        let files = listed.items.iter().filter(|item| item.sort == Sort::File);
        files.for_each(|item| file(String::from_utf8_lossy(&item.member).into_owned()));
        for database in databases {
            if let Some(dumped) = most.dumps.get_mut(&member(database)) {
                dumped.rows = database.tables.iter().map(|table| (table.name.clone(), u64::MAX)).collect();
            }
        }
        Ok(self.text(&most, &sums, created)?.len() + SLACK)
    }

    /// Writes the manifest. Of names that have no room in it, the last are left out.
    fn manifest(
        &self,
        mut made: Made,
        sums: &BTreeMap<String, String>,
        created: Timestamp,
        most: usize,
    ) -> Result<Vec<u8>> {
        loop {
            let text = self.text(&made, sums, created)?;
            if text.len() <= most {
                return Ok(text);
            }
            if made.changed.pop().is_none() && made.passed_over.pop().is_none() {
                return Err(Error::new(ErrorKind::Bug, "the manifest is longer than it can be"));
            }
        }
    }

    fn text(&self, made: &Made, sums: &BTreeMap<String, String>, created: Timestamp) -> Result<Vec<u8>> {
        let unwritable =
            |error| Error::new(ErrorKind::Bug, "the manifest cannot be written as JSON").source_error(error);
        let database = match &*self.step.databases {
            [(name, _)] => Some(name.clone()),
            _ => None,
        };
        let json = Json {
            created: Some(created),
            host: Some(rustix::system::uname().nodename().to_string_lossy().into_owned()),
            database,
            system_identifier: Some(self.step.system.clone().into()),
            files: sums.clone(),
            selx: Some(serde_json::to_value(made).map_err(unwritable)?),
        };
        serde_json::to_vec_pretty(&json).map_err(unwritable)
    }
}

/// Names the member of a dump.
fn member(database: &Database) -> String {
    let name = utf8_percent_encode(&database.name, PLAIN).to_string();
    // A name that is cut could be that of another database.
    if name.len() <= 80 { format!("database/{name}.dump") } else { format!("database/{}.dump", database.oid) }
}

/// Does work that stands back behind other processes, and so do the threads that it starts.
fn standing_back<T: Send>(is_low: bool, work: impl FnOnce() -> T + Send) -> T {
    if !is_low {
        return work();
    }
    // In a thread of its own: one of the pool would stand back for whoever gets it next.
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let _ = rustix::process::setpriority_process(None, i32::from(NICE));
            work()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
