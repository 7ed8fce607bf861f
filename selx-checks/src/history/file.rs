//! The file: that it is ours, and how it is opened.

use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use selx_core::{ByteSize, Error, ErrorKind, Result};
use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, SqliteConnection};

use super::FILE_NAME;

const PAGE: u64 = 4096;

/// Makes the folder (mode 0700) and the file (mode 0600) where they are not there, and makes sure that nobody else can
/// have put something else in their place.
///
/// # Errors
///
/// `Denied` if they belong to somebody else or others may write there, `Local` if there is something else than a regular
/// file, or the error of the file system.
pub(super) fn prepare(folder: &Path) -> Result<PathBuf> {
    let shown = folder.display();
    if let Err(error) = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder) {
        return Err(not_made(error, format!("the state folder `{shown}`")));
    }
    let meta =
        std::fs::metadata(folder).map_err(|error| Error::from_io(error, format!("the state folder `{shown}`")))?;
    ours(folder, &meta)?;
    let path = folder.join(FILE_NAME);
    let shown = path.display();
    match std::fs::symlink_metadata(&path) {
        Ok(meta) => {
            if !meta.is_file() {
                let message = format!("`{shown}` is not a regular file, so no history is kept there");
                return Err(
                    Error::new(ErrorKind::Local, message).advice(format!("look at what it is: `ls -l {shown}`"))
                );
            }
            ours(&path, &meta)?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // Another run may make it at the same moment, so it is no error if it is there now.
            let mut options = std::fs::OpenOptions::new();
            let made = options.write(true).create(true).truncate(false).mode(0o600);
            made.custom_flags(i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0))
                .open(&path)
                .map_err(|error| not_made(error, format!("the history `{shown}`")))?;
        }
        Err(error) => return Err(Error::from_io(error, format!("the history `{shown}`"))),
    }
    Ok(path)
}

fn not_made(error: std::io::Error, what: String) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        _ => ErrorKind::Local,
    };
    Error::new(kind, format!("{what} could not be made"))
        .advice("make the folder for the user that selx runs as, or set `path` in `[history]`")
        .source_error(error)
}

fn ours(path: &Path, meta: &std::fs::Metadata) -> Result<()> {
    let me = rustix::process::geteuid().as_raw();
    let shown = path.display();
    if meta.uid() != me {
        let message = format!("`{shown}` belongs to user {}, and this runs as user {me}", meta.uid());
        return Err(Error::new(ErrorKind::Denied, message)
            .advice(format!("run selx as one user always, or set `path` in `[history]`; or `chown {me} {shown}`")));
    }
    if meta.mode() & 0o022 != 0 {
        let message = format!("`{shown}` may be changed by other users (mode {:04o})", meta.mode() & 0o7777);
        return Err(Error::new(ErrorKind::Denied, message).advice(format!("chmod go-w {shown}")));
    }
    Ok(())
}

/// Opens the file for reading and writing.
pub(super) async fn connect(path: &Path, size: ByteSize) -> Result<SqliteConnection, sqlx::Error> {
    // Twice the limit is never needed: it only keeps one enormous run from filling the disk before the old is dropped.
    let pages = (size.get().saturating_mul(2) / PAGE).max(64);
    let mut options = SqliteConnectOptions::new();
    // It counts for a new file only, and said of an old one it would write to it.
    if std::fs::metadata(path).is_ok_and(|meta| meta.len() == 0) {
        options = options.auto_vacuum(SqliteAutoVacuum::Incremental);
    }
    options
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(Duration::from_secs(2))
        .page_size(u32::try_from(PAGE).unwrap_or(4096))
        .journal_mode(SqliteJournalMode::Truncate)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(false)
        .pragma("cache_size", "-512")
        .pragma("mmap_size", "0")
        .pragma("temp_store", "MEMORY")
        .pragma("cell_size_check", "ON")
        .pragma("trusted_schema", "OFF")
        .pragma("max_page_count", pages.to_string())
        .statement_cache_capacity(16)
        .disable_statement_logging()
        .connect()
        .await
}
