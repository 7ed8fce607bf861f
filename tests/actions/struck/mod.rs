//! What hits an action in the middle: its process is killed, the file system says no, the power goes.
//!
//! The actions that delete, move and rename files go through all of it, at each system call. `journal-vacuum` deletes by the
//! same module; what makes files is struck where its server is (`tests/backups_made`).

mod blow;
mod disk;
mod errors;
mod kills;
mod power;
mod room;
mod stopped;
mod subjects;

/// Makes a folder for a world that is struck.
fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
    let whole = tempfile::tempdir().unwrap();
    let path = whole.path().canonicalize().unwrap();
    (whole, path)
}

/// Which calls are struck: every one in a campaign; in an ordinary test one of so many, beginning at one that chance chooses.
fn numbers(one_of: u32) -> impl Iterator<Item = u32> {
    use std::hash::{BuildHasher as _, Hasher as _};
    let is_campaign = std::env::var_os("SELX_ROUNDS").is_some();
    let step = if is_campaign { 1 } else { one_of };
    let first = std::hash::RandomState::new().build_hasher().finish() as u32 % step;
    (1 + first..).step_by(step as usize)
}

/// How often a campaign goes through everything: `SELX_ROUNDS`, or once.
fn rounds() -> u32 {
    std::env::var("SELX_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}
