//! Deletion below a folder that is held open: what is refused, what is left alone, and attackers who exchange what is
//! being deleted.
//!
//! `SELX_ROUNDS=1000000 cargo test --release -p selx --test deletion -- attack` is the campaign of attacks.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod attack;
mod files;
mod roots;

use std::path::{Path, PathBuf};

use selx_checks::deletion::{Print, Root};
use tokio_util::sync::CancellationToken;

/// A folder with files, which goes away with its test.
struct Folder {
    _whole: tempfile::TempDir,
    path: PathBuf,
}

impl Folder {
    fn new() -> Self {
        let whole = tempfile::tempdir().unwrap();
        let path = whole.path().canonicalize().unwrap().join("logs");
        std::fs::create_dir(&path).unwrap();
        Self { _whole: whole, path }
    }

    fn beside(&self, name: &str) -> PathBuf {
        let path = self.path.parent().unwrap().join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    fn root(&self) -> Root {
        Root::open(&self.path).unwrap()
    }

    /// Returns what a walk sees, in the order of names.
    fn seen(&self) -> Vec<(PathBuf, Print)> {
        let mut seen = Vec::new();
        let walked = self.root().walk(1000, &CancellationToken::new(), &mut |file| {
            seen.push((file.folder.join(file.name), file.print));
        });
        assert_eq!(walked.incomplete, None);
        seen.sort_by(|one, other| one.0.cmp(&other.0));
        seen
    }

    fn print(&self, name: &str) -> Print {
        let found = self.seen().into_iter().find(|(path, _)| path == Path::new(name));
        found.unwrap_or_else(|| panic!("{name} is seen")).1
    }
}
