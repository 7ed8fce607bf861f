//! Whether a history is sound, without changing it.

use std::path::Path;
use std::time::Duration;

use selx_core::{ByteSize, Error, ErrorKind, Result};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use super::{FILE_NAME, error};

/// How long an examination may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads through the history in a folder and returns its size, or `None` if there is none yet. Nothing is made or changed.
///
/// # Errors
///
/// `Denied` or `Local` if it cannot be read, is damaged, or is no history; `TimedOut` after five seconds.
pub async fn examine(folder: &Path) -> Result<Option<ByteSize>> {
    let path = folder.join(FILE_NAME);
    let shown = path.display();
    let size = match std::fs::metadata(&path) {
        Ok(meta) => ByteSize(meta.len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::from_io(error, format!("the history `{shown}`"))),
    };
    let work = async {
        let mut connection = SqliteConnectOptions::new()
            .filename(&path)
            .read_only(true)
            .busy_timeout(Duration::from_secs(2))
            .disable_statement_logging()
            .connect()
            .await?;
        let row = sqlx::query("PRAGMA quick_check(1)").fetch_one(&mut connection).await?;
        let told: String = row.try_get(0)?;
        connection.close().await?;
        Ok(told)
    };
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(told)) if told == "ok" => Ok(Some(size)),
        Ok(Ok(told)) => Err(Error::new(ErrorKind::Local, format!("the history `{shown}` is damaged: {told}"))
            .advice("move it away; the next run begins a new one")),
        Ok(Err(error)) => Err(error::from_sqlx(error, &path)),
        Err(_) => Err(Error::new(ErrorKind::TimedOut, format!("reading the history `{shown}` took too long"))),
    }
}
