//! The files of journals.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, FlockOperation, RenameFlags, fallocate, flock, renameat_with};
use rustix::io::{Errno, retry_on_intr};
use selx_core::action::Open;
use selx_core::action::journal::{self, Ledger};
use selx_core::{ByteSize, Error, ErrorKind, Result};
use tokio_util::sync::CancellationToken;

use super::{HostGround, folder};
use crate::deletion::{Root, remove_own_in};

const FOLDER: &str = "journal";
const CLOSED: &str = "journal/closed";
const END: &str = ".sxj";
/// How long a journal may be that is read.
const MOST: u64 = 256 << 20;
/// How much room mending takes.
const MEND: u64 = 1 << 20;
/// How many closed journals are kept whatever their age.
const ANYWAY: usize = 100;
/// How long a journal is waited for that another process has locked, and how long between two looks.
const PATIENCE: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(2);
/// How many closed journals are looked at when old ones are removed.
const ENTRIES: u64 = 100_000;

struct Written {
    file: File,
    path: PathBuf,
}

impl Ledger for Written {
    fn append(&mut self, lines: &[u8]) -> Result<()> {
        let written = self.file.write_all(lines).and_then(|()| self.file.sync_data());
        let path = self.path.display();
        written.map_err(|error| folder::failed(error, format!("the journal `{path}` could not be written to the disk")))
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        release(&self.file);
    }
}

/// Gives a lock back for all who have the file open: a process that another thread is just starting has a copy of it until it
/// becomes another program.
fn release(file: &File) {
    let _ = flock(file, FlockOperation::Unlock);
}

/// Makes the journal of a run. The room that it will need is taken from the disk before anything is changed.
pub(super) fn make(state: &Path, run: &str, room: u64) -> Result<Box<dyn Ledger>> {
    let folder = folder::ours(state, FOLDER)?;
    let path = folder.join(format!("{run}{END}"));
    let shown = format!("the journal `{}`", path.display());
    if room > MOST {
        let message = format!("{shown} would take {}, more than {}", ByteSize(room), ByteSize(MOST));
        return Err(Error::new(ErrorKind::Limit, message).advice("let the plan have fewer steps"));
    }
    let opened = folder::careful().append(true).create_new(true).open(&path);
    let file = opened.map_err(|error| folder::failed(error, format!("{shown} could not be made")))?;
    hold(&file, &shown)?;
    // Whoever recovers what has not begun may have put it away before it was held.
    if !folder::is_at(&file, &path) {
        let message = format!("{shown} was put away by another process before it began");
        return Err(Error::new(ErrorKind::Local, message).advice("nothing was changed: try again"));
    }
    match retry_on_intr(|| fallocate(&file, FallocateFlags::KEEP_SIZE, 0, room)) {
        // A file system that cannot promise room: it is told when it has none.
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
        Err(errno) => {
            let message = format!("there is no room for {shown}, which takes up to {}", ByteSize(room));
            let error = Error::new(ErrorKind::Local, message).source_error(std::io::Error::from(errno));
            let error = error.advice("free a little: nothing is changed that cannot be written down");
            // What was made of it is no journal.
            let _ = remove_own_in(&folder, &format!("{run}{END}"));
            return Err(error);
        }
    }
    file.sync_all().map_err(|error| folder::failed(error, format!("{shown} could not be written to the disk")))?;
    folder::sync(&folder)?;
    Ok(Box::new(Written { file, path }))
}

/// Holds a journal as long as its run lives: nobody else mends or closes it meanwhile.
fn hold(file: &File, shown: &str) -> Result<()> {
    // Who only looks whether it is alive holds it for a moment, and a process that was just killed until it is gone.
    let begun = Instant::now();
    let held = loop {
        match retry_on_intr(|| flock(file, FlockOperation::NonBlockingLockExclusive)) {
            Err(Errno::WOULDBLOCK) if begun.elapsed() < PATIENCE => std::thread::park_timeout(PAUSE),
            held => break held,
        }
    };
    held.map_err(|errno| match errno {
        Errno::WOULDBLOCK => Error::new(ErrorKind::Local, format!("{shown} is being written: its run is alive"))
            .advice("wait for its end"),
        errno => folder::failed(errno.into(), format!("{shown} could not be locked")),
    })
}

/// Returns the runs that are not over. Of those that are and were not put away, that is made up for.
pub(super) fn open(state: &Path) -> Result<Vec<Open>> {
    let folder = state.join(FOLDER);
    let entries = match folder::entries(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(folder::failed(error, format!("the journals in `{}` cannot be read", folder.display())));
        }
    };
    let mut open = Vec::new();
    for entry in entries {
        let entry = entry
            .map_err(|error| folder::failed(error, format!("the journals in `{}` cannot be read", folder.display())))?;
        let name = entry.file_name();
        let Some(run) = name.to_str().and_then(|name| name.strip_suffix(END)) else { continue };
        let Some((bytes, is_alive)) = bytes(&entry.path())? else { continue };
        let read = journal::read(&bytes);
        // Who is about to write its beginning has changed nothing, and is not over either.
        if is_alive && read.as_ref().is_ok_and(|read| read.begin().is_none()) {
            continue;
        }
        if read.as_ref().is_ok_and(|read| read.end().is_some()) {
            close(state, run);
            continue;
        }
        open.push(Open { run: run.to_owned(), path: entry.path(), read, alive: is_alive });
    }
    open.sort_by(|one, other| one.run.cmp(&other.run));
    Ok(open)
}

/// Reads a journal, and tells whether its run is alive; nothing if it was put away meanwhile.
fn bytes(path: &Path) -> Result<Option<(Vec<u8>, bool)>> {
    let shown = format!("the journal `{}`", path.display());
    let file = match folder::careful().read(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(folder::failed(error, format!("{shown} cannot be opened"))),
    };
    if file.metadata().is_ok_and(|meta| std::os::unix::fs::MetadataExt::nlink(&meta) == 0) {
        return Ok(None);
    }
    folder::is_ours(&file, path)?;
    let is_alive = retry_on_intr(|| flock(&file, FlockOperation::NonBlockingLockShared)) == Err(Errno::WOULDBLOCK);
    release(&file);
    let mut bytes = Vec::new();
    let read = (&file).take(MOST + 1).read_to_end(&mut bytes);
    read.map_err(|error| folder::failed(error, format!("{shown} cannot be read")))?;
    if bytes.len() as u64 > MOST {
        let message = format!("{shown} is longer than {}, which none of ours is", ByteSize(MOST));
        return Err(Error::new(ErrorKind::Limit, message).advice("look at what it is, and move it away"));
    }
    Ok(Some((bytes, is_alive)))
}

/// Opens the journal of a run that is not over, without what is torn off at its end.
pub(super) fn reopen(open: &Open) -> Result<Box<dyn Ledger>> {
    let shown = format!("the journal `{}`", open.path.display());
    let whole = open.read.as_ref().map(|read| read.whole as u64);
    let whole = whole.map_err(|damaged| Error::new(ErrorKind::Local, format!("{shown} is not whole: {damaged}")))?;
    let opened = folder::careful().read(true).append(true).open(&open.path);
    let file = opened.map_err(|error| folder::failed(error, format!("{shown} cannot be opened")))?;
    folder::is_ours(&file, &open.path)?;
    hold(&file, &shown)?;
    let length = file.metadata().map_err(|error| folder::failed(error, format!("{shown} cannot be read")))?.len();
    let cut = if length > whole { file.set_len(whole).and_then(|()| file.sync_all()) } else { Ok(()) };
    cut.map_err(|error| folder::failed(error, format!("{shown} cannot be written")))?;
    // What is cut off gives the room back that was taken for the rest.
    match retry_on_intr(|| fallocate(&file, FallocateFlags::KEEP_SIZE, 0, whole + MEND)) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
        Err(errno) => {
            let message = format!("there is no room to mend {shown}, which takes {}", ByteSize(MEND));
            let error = Error::new(ErrorKind::Local, message).source_error(std::io::Error::from(errno));
            return Err(error.advice("free a little: nothing is changed that cannot be written down"));
        }
    }
    Ok(Box::new(Written { file, path: open.path.clone() }))
}

/// Puts a journal to the closed ones, and removes the oldest of them where there are too many.
pub(super) fn close(state: &Path, run: &str) {
    let name = format!("{run}{END}");
    let (Ok(from), Ok(to)) = (folder::ours(state, FOLDER), folder::ours(state, CLOSED)) else { return };
    let (Ok(from_folder), Ok(to_folder)) = (File::open(&from), File::open(&to)) else { return };
    // The room that was taken for it is given back: to the length that it has.
    if let Ok(file) = folder::careful().write(true).open(from.join(&name))
        && let Ok(meta) = file.metadata()
    {
        let _ = file.set_len(meta.len());
    }
    // It is known by its last record where it lies, too.
    let _ = renameat_with(&from_folder, &*name, &to_folder, &*name, RenameFlags::NOREPLACE);
    if let Err(error) = prune(&to) {
        tracing::warn!(%error, "old journals were not removed");
    }
}

fn prune(closed: &Path) -> Result<()> {
    let root = Root::open(closed)?;
    let mut journals = Vec::new();
    let walked = root.walk(ENTRIES, &CancellationToken::new(), &mut |seen| {
        if seen.folder.as_os_str().is_empty() && seen.name.to_string_lossy().ends_with(END) {
            // Their names begin with their time.
            journals.push((seen.name.to_owned(), seen.print, seen.print.length));
        }
    });
    if walked.incomplete.is_some() {
        return Ok(());
    }
    journals.sort_by(|one, other| other.0.cmp(&one.0));
    let newest = journals.first().map_or(0, |(_, print, _)| print.written);
    let oldest = newest.saturating_sub(i64::try_from(HostGround::KEPT_FOR.as_nanos()).unwrap_or(i64::MAX));
    let mut kept = 0_u64;
    let mut removed = false;
    for (index, (name, print, bytes)) in journals.into_iter().enumerate() {
        kept = kept.saturating_add(bytes);
        // Whatever a clock says, some are kept: one that was wrong once makes all others old.
        if kept > HostGround::KEPT || print.written < oldest && index >= ANYWAY {
            root.remove(Path::new(&name), &print)?;
            removed = true;
        }
    }
    if removed {
        root.tidy();
    }
    Ok(())
}
