//! A dump out of an archive into a database that is empty, and its rows compared with those of the snapshot.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::digest::{Context as Hash, SHA256};
use selx_core::action::Permit;
use selx_core::{Context, Error, ErrorKind, Host, Result};
use serde::{Deserialize, Serialize};

use super::archive::whole;
use super::create::Prefix;
use super::made::{Dumped, Made};
use super::programs::{Programs, is_fine, is_older, reaching, short};
use super::rows;
use crate::command::Child;
use crate::postgres::talk::{Login, Talk};
use crate::setting::AbsolutePath;

/// How large a pipe is to be.
const PIPE: usize = 1 << 20;

/// The archive that a step reads: its very bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Where it is.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// An archive that was read whole.
pub(crate) struct Proven {
    pub(crate) source: Source,
    pub(crate) created: jiff::Timestamp,
    pub(crate) made: Made,
    /// The sum of each member.
    pub(crate) sums: BTreeMap<String, String>,
}

/// Returns the archive of the settings: the one that they name, or the newest of a folder and a name.
///
/// # Errors
///
/// `Config` if they name both, or neither.
pub(crate) fn chosen(
    archive: Option<&AbsolutePath>,
    folder: Option<&AbsolutePath>,
    name: Option<&Prefix>,
    host: &Host,
) -> Result<PathBuf> {
    match (archive, folder, name) {
        (Some(archive), None, None) => Ok(host.path(archive.as_str())),
        (None, Some(folder), Some(name)) => newest(folder, name.as_str(), host),
        _ => Err(Error::new(ErrorKind::Config, "it takes either `archive`, or `folder` and `name`")
            .advice("set one of them")),
    }
}

/// Finds the newest archive by its name: it begins with `prefix` and a hyphen, and ends as those of `backup-create` do.
fn newest(folder: &AbsolutePath, prefix: &str, host: &Host) -> Result<PathBuf> {
    let path = host.path(folder.as_str());
    let failed = |error| Error::from_io(error, format!("`{}`", path.display()));
    let mut newest: Option<String> = None;
    for entry in std::fs::read_dir(&path).map_err(failed)? {
        let Ok(name) = entry.map_err(failed)?.file_name().into_string() else { continue };
        let time = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-')?.strip_suffix(".tar.zst"));
        let is_time = time.is_some_and(|time| {
            time.len() == 16 && time.bytes().all(|byte| byte.is_ascii_digit() || b"TZ".contains(&byte))
        });
        if is_time && newest.as_ref().is_none_or(|newest| *newest < name) {
            newest = Some(name);
        }
    }
    let none = || Error::new(ErrorKind::Missing, format!("there is no `{prefix}-….tar.zst` in `{}`", path.display()));
    newest.map(|name| path.join(name)).ok_or_else(none)
}

/// Reads an archive whole, and returns what it says of itself; or why it is not proven to be that.
pub(crate) async fn prove(path: &Path, cx: &Context) -> Result<Result<Proven, String>> {
    let sha256 = digest(path, cx).await?;
    let (path, host, now, extent) = (path.to_owned(), cx.host().clone(), cx.clock().now(), Arc::clone(cx.extent()));
    let work = move |token: &tokio_util::sync::CancellationToken| {
        let archive = whole::whole(&path, &host, now, token, &extent)?;
        if let Some(why) = whole::doubt(&archive) {
            return Ok(Err(why));
        }
        let manifest = whole::manifest(&path)?;
        let made = manifest.clone().and_then(|manifest| serde_json::from_value::<Made>(manifest.selx?).ok());
        let (Some(manifest), Some(made)) = (manifest, made) else {
            return Ok(
                Err("it was not made by `backup-create`: its manifest does not say what a restore needs".into()),
            );
        };
        let source = Source { path: path.display().to_string(), bytes: archive.size, sha256 };
        let created = manifest.created.unwrap_or(made.started);
        Ok(Ok(Proven { source, created, made, sums: manifest.files }))
    };
    cx.blocking("reading the archive", work).await
}

/// Returns the SHA-256 of a file.
pub(crate) async fn digest(path: &Path, cx: &Context) -> Result<String> {
    let path = path.to_owned();
    let work = move |token: &tokio_util::sync::CancellationToken| {
        let failed = |error| Error::from_io(error, format!("`{}`", path.display()));
        let mut file = crate::regular::open(&path, false).map_err(failed)?;
        let mut hash = Hash::new(&SHA256);
        let mut piece = vec![0; 1 << 20];
        loop {
            if token.is_cancelled() {
                return Err(Error::new(ErrorKind::Cancelled, "reading the archive was stopped"));
            }
            let count = io::Read::read(&mut file, &mut piece).map_err(failed)?;
            if count == 0 {
                return Ok(hash.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect());
            }
            hash.update(piece.get(..count).unwrap_or_default());
        }
    };
    cx.blocking("reading the archive", work).await
}

/// Makes sure that an archive is the one that was planned with.
pub(crate) async fn is_same(source: &Source, cx: &Context) -> Result<()> {
    if digest(Path::new(&source.path), cx).await? == source.sha256 {
        return Ok(());
    }
    let message = format!("`{}` is another file than when the plan was made", source.path);
    Err(Error::new(ErrorKind::Local, message).advice("make the plan anew"))
}

/// What is to be loaded, and with what.
pub(crate) struct Load<'a> {
    pub(crate) source: &'a Source,
    pub(crate) member: &'a str,
    /// The SHA-256 of the member.
    pub(crate) sum: &'a str,
    pub(crate) programs: &'a Programs,
    /// Whether what is loaded belongs to the role that loads it.
    pub(crate) without_owners: bool,
    /// Whether it is a copy that keeps apart from what the original is connected to.
    pub(crate) is_apart: bool,
}

impl Load<'_> {
    /// Loads the dump, all of it or nothing.
    pub(crate) async fn run(&self, login: &Login, database: &str, permit: &Permit, cx: &Context) -> Result<()> {
        let (reader, writer) =
            io::pipe().map_err(|error| Error::new(ErrorKind::Local, "no pipe could be made").source_error(error))?;
        let _ = rustix::pipe::fcntl_setpipe_size(&writer, PIPE);
        // A name with `=` in it would be read as more than a name.
        let name = database.replace('\\', "\\\\").replace('\'', "\\'");
        let mut child = Child::new(self.programs.program("pg_restore"))
            .arg("--exit-on-error")
            .arg("--single-transaction")
            .arg("--no-password")
            .arg(format!("--dbname=dbname='{name}'"))
            .stdin_from(OwnedFd::from(reader))
            .holding(permit);
        if self.without_owners {
            child = child.arg("--no-owner").arg("--no-privileges");
        }
        if self.is_apart {
            // Nor does it know all roles that were given rights.
            child = child.arg("--no-subscriptions").arg("--no-publications").arg("--no-privileges");
        }
        let child = reaching(child, login, database);
        let restoring = async move {
            let ended = child.run(cx).await;
            // With it the last end of the pipe goes that could be read from.
            drop(child);
            ended
        };
        let (path, member) = (PathBuf::from(&self.source.path), self.member.to_owned());
        let reading = cx.blocking("reading the dump", move |token| {
            let mut writer = writer;
            let mut is_gone = false;
            let read = whole::member(&path, &member, token, &mut |piece| {
                let written = writer.write_all(piece);
                is_gone = written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
                written
            });
            Ok(if is_gone { None } else { Some(read) })
        });
        let (ended, read) = tokio::join!(restoring, reading);
        // Where the program went first, it says why; where the archive ended first, that is why.
        if let Some(read) = read? {
            let sum = read?;
            if sum != self.sum {
                let message = format!("`{}` in `{}` is not what its manifest says", self.member, self.source.path);
                return Err(Error::new(ErrorKind::Local, message));
            }
        }
        is_fine(&ended?, "pg_restore")
    }
}

/// Adds to an error why a server may not have taken a dump: it lacks updates that the server of the dump had.
pub(crate) fn into_older(error: Error, server: &str, dumped: &Dumped) -> Error {
    if !is_older(server, &dumped.server) {
        return error;
    }
    let (server, newer) = (short(server), short(&dumped.server));
    error.with("into", format!("PostgreSQL {server}, which is older than the {newer} of the dump: install its updates"))
}

/// Compares the rows of a database with those of a snapshot. Returns how many tables and rows were compared.
///
/// # Errors
///
/// `Rejected` where they differ, with how.
pub(crate) async fn compare(talk: &mut Talk, dumped: &Dumped, cx: &Context) -> Result<(usize, u64)> {
    talk.say(&format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {}", rows::PINS), cx).await?;
    let tables = rows::tables(talk, cx).await?;
    let there = rows::count(talk, &tables, cx).await?;
    talk.say("ROLLBACK", cx).await?;
    if dumped.rows.is_empty() {
        return Ok((0, 0));
    }
    match rows::difference(&dumped.rows, &there) {
        None => Ok((there.len(), there.values().sum())),
        Some(difference) => {
            let message = format!("what was restored is not what was in the snapshot: {difference}");
            Err(Error::new(ErrorKind::Rejected, message).advice("look at what `pg_dump` said, and at an older backup"))
        }
    }
}
