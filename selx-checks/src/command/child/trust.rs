//! Whether a program may be started: nobody but root and the running user can have put it there or changed it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use selx_core::{Error, ErrorKind, Result};

/// More links than this in one path are a circle.
const MOST_LINKS: u32 = 40;

/// Follows a path step by step and returns where the program really is.
///
/// Every folder and link on the way and the program itself must belong to root or to the running user, and nobody else
/// may be able to write there. A folder with the sticky bit (`/tmp`) is let through: what lies in it is checked by its
/// own owner, and others cannot replace it.
///
/// # Errors
///
/// `Config` if the path is not absolute, `Missing` if something of it is not there or cannot be run, `Denied` with the
/// exact path and what mends it if somebody else could change the program.
pub(super) fn resolve(program: &Path) -> Result<PathBuf> {
    if !program.is_absolute() {
        let message = format!("the program `{}` is not an absolute path", program.display());
        return Err(Error::new(ErrorKind::Config, message));
    }
    let me = rustix::process::geteuid().as_raw();
    let mut at = PathBuf::from("/");
    trusted(&at, &look(&at)?, me)?;
    let mut rest = parts(program);
    let mut links = 0;
    while let Some(part) = rest.pop_front() {
        if part == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&part);
        let meta = look(&next)?;
        if meta.is_symlink() {
            links += 1;
            if links > MOST_LINKS {
                let message = format!("`{}` is a link that leads in a circle", program.display());
                return Err(Error::new(ErrorKind::Missing, message));
            }
            owned(&next, &meta, me)?;
            let target = std::fs::read_link(&next)
                .map_err(|error| Error::from_io(error, format!("the link `{}`", next.display())))?;
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            for part in parts(&target).into_iter().rev() {
                rest.push_front(part);
            }
            continue;
        }
        if rest.is_empty() {
            runnable(&next, &meta)?;
        }
        trusted(&next, &meta, me)?;
        at = next;
    }
    // A link may end in a folder, and `/` has no parts at all.
    runnable(&at, &look(&at)?)?;
    Ok(at)
}

fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .collect()
}

fn look(path: &Path) -> Result<Metadata> {
    std::fs::symlink_metadata(path).map_err(|error| {
        Error::from_io(error, format!("`{}`", path.display())).advice("install the program, or correct `program`")
    })
}

fn runnable(path: &Path, meta: &Metadata) -> Result<()> {
    let shown = path.display();
    if !meta.is_file() {
        let message = format!("`{shown}` is not a regular file, so it cannot be run");
        return Err(Error::new(ErrorKind::Missing, message));
    }
    if meta.mode() & 0o111 == 0 {
        let message = format!("`{shown}` is not executable");
        return Err(Error::new(ErrorKind::Missing, message).advice(format!("chmod +x {shown}")));
    }
    Ok(())
}

fn owned(path: &Path, meta: &Metadata, me: u32) -> Result<()> {
    let owner = meta.uid();
    if owner == 0 || owner == me {
        return Ok(());
    }
    let shown = path.display();
    let message = format!(
        "refused: `{shown}` belongs to user {owner}, who could put another program there, and this runs as user {me}"
    );
    Err(Error::new(ErrorKind::Denied, message)
        .advice(format!("`chown root:root {shown}`, or run selx as user {owner}")))
}

fn trusted(path: &Path, meta: &Metadata, me: u32) -> Result<()> {
    owned(path, meta, me)?;
    let sticky = meta.is_dir() && meta.mode() & 0o1000 != 0;
    if meta.mode() & 0o022 == 0 || sticky {
        return Ok(());
    }
    let shown = path.display();
    let message =
        format!("refused: `{shown}` may be changed by other users than its owner (mode {:04o})", meta.mode() & 0o7777);
    Err(Error::new(ErrorKind::Denied, message).advice(format!("chmod go-w {shown}")))
}
