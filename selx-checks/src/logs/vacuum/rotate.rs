//! Closing the file that is being written: systemd's own program asks the journal for it.

use std::os::unix::fs::MetadataExt as _;

use selx_core::action::{Applied, Permit, Seen};
use selx_core::{Context, Error, ErrorKind, Result, escape};

use crate::command::{Child, Exit};
use crate::deletion::Root;
use crate::logs::clean::plan::read;

/// The program.
const PROGRAM: &str = "/usr/bin/journalctl";

/// Tells whether the file that has the name is still the one that was to be closed.
fn is_open(root: &Root, file: &str, inode: u64) -> Result<bool> {
    let path = root.path().join(read(file)?);
    match path.symlink_metadata() {
        Ok(metadata) => Ok(metadata.ino() == inode),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::from_io(error, format!("`{}`", path.display()))),
    }
}

/// Has it closed.
pub(super) async fn apply(root: &Root, file: &str, inode: u64, permit: &Permit, cx: &Context) -> Result<Applied> {
    if !is_open(root, file, inode)? {
        return Ok(Applied::AlreadyDone);
    }
    let ended = Child::new(PROGRAM).arg("--rotate").holding(permit).run(cx).await?;
    if ended.exit != Exit::Code(0) {
        let said: String = ended.stderr.text.lines().next().unwrap_or_default().chars().take(200).collect();
        let how = match ended.exit {
            Exit::OutOfTime => "did not end in time".to_owned(),
            exit => format!("failed ({exit:?}): {}", escape::visible(&said)),
        };
        let error = Error::new(ErrorKind::Local, format!("`journalctl --rotate` {how}"));
        return Err(error.advice("look at `systemctl status systemd-journald`, or leave `rotate` out"));
    }
    // That it ended well says nothing of the file: its journal may be another one's.
    match is_open(root, file, inode)? {
        false => Ok(Applied::Changed("closed".to_owned())),
        true => Ok(Applied::Skipped("the journal of this host does not write it".to_owned())),
    }
}

/// Tells whether it was closed.
pub(super) fn probe(root: &Root, file: &str, inode: u64) -> Result<Seen> {
    Ok(if is_open(root, file, inode)? { Seen::Before } else { Seen::After })
}
