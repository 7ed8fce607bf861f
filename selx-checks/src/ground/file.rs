//! Plans as files: what was shown today is what is done, by whoever is handed the file.

use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use selx_core::action::{FORMAT, SavedPlan, Unfit};
use selx_core::format::write_atomic;
use selx_core::{Error, ErrorKind, Result};
use serde_json::Value;

/// How long a saved plan may be.
const LONGEST: u64 = 64 << 20;

/// Why a file is not taken for a plan.
#[derive(Debug, thiserror::Error)]
pub enum NoPlan {
    /// It is one of another version of selx.
    #[error("`{0}`: {1}")]
    Unfit(String, Unfit),
    /// It is none, it cannot be read, or others may have written it.
    #[error(transparent)]
    Unread(#[from] Error),
}

/// Writes a plan into a file that only its owner reads. What is there and is no plan is somebody's file.
///
/// # Errors
///
/// `Rejected` if something else is there; `Denied`, `Missing` or `Local` if it cannot be written.
pub fn save_plan(path: &Path, plan: &SavedPlan) -> Result<()> {
    if path.symlink_metadata().is_ok() && matches!(read_plan(path), Err(NoPlan::Unread(_))) {
        let error = Error::new(ErrorKind::Rejected, format!("`{}` is there, and is no plan of selx", path.display()));
        return Err(error.advice("name another file"));
    }
    let text = serde_json::to_vec(plan)
        .map_err(|error| Error::new(ErrorKind::Bug, "the plan cannot be written as JSON").source_error(error))?;
    write_atomic(path, &text, 0o600)
}

/// Reads a plan that was saved. That it is one of this machine and fresh is looked at where it is applied.
///
/// # Errors
///
/// [`NoPlan`], with what to do: a plan is as good as a confirmation, so nobody but its reader and root may be able to write it.
pub fn read_plan(path: &Path) -> Result<SavedPlan, NoPlan> {
    let shown = path.display();
    let advised = |error: Error| error.advice("`selx act NAME --save FILE` writes one");
    let failed = |error: std::io::Error| {
        advised(Error::new(ErrorKind::Local, format!("`{shown}` cannot be read")).source_error(error))
    };
    // Without waiting: a pipe has no end of its own.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    let ours = rustix::process::geteuid().as_raw();
    if !meta.is_file() || meta.mode() & 0o022 != 0 || (meta.uid() != ours && meta.uid() != 0) {
        let why = format!("`{shown}` is no file, or one that others own or may write to");
        let advice = "a plan is as good as a confirmation: keep it to yourself (`chmod go-w`)";
        return Err(Error::new(ErrorKind::Rejected, why).advice(advice).into());
    }
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes).map_err(failed)?;
    let no_plan = |error: serde_json::Error| {
        advised(Error::new(ErrorKind::Protocol, format!("`{shown}` is no plan")).source_error(error))
    };
    let text: Value = serde_json::from_slice(&bytes).map_err(no_plan)?;
    match text.get("format").and_then(Value::as_u64) {
        Some(format) if format != u64::from(FORMAT) => {
            Err(NoPlan::Unfit(shown.to_string(), Unfit::Format(u32::try_from(format).unwrap_or(u32::MAX))))
        }
        _ => Ok(serde_json::from_value(text).map_err(no_plan)?),
    }
}
