//! What may be in the place of the file or of its folder.

use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use selx_core::Status;

use crate::{Machine, complaint, history};

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

async fn refused(folder: &Path, words: &str) {
    let begun = Instant::now();
    let report = Machine::new().run(history(folder)).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(report.entries[0].status(), Status::Ok);
    let text = complaint(&report);
    assert!(text.contains(words), "{text}");
}

#[tokio::test]
async fn something_else_than_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    std::fs::create_dir(&file).unwrap();
    refused(folder.path(), "not a regular file").await;
    std::fs::remove_dir(&file).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    refused(folder.path(), "not a regular file").await;
    std::fs::remove_file(&file).unwrap();
    let elsewhere = folder.path().join("elsewhere");
    std::fs::write(&elsewhere, "precious").unwrap();
    symlink(&elsewhere, &file).unwrap();
    refused(folder.path(), "not a regular file").await;
    assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "precious");
    refused(&elsewhere, "could not be made").await;
    refused(&elsewhere.join("below"), "could not be made").await;
    refused(Path::new("/proc/selx"), "could not be made").await;
}

#[tokio::test]
async fn others_may_write() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    Machine::new().run(history(&state)).await;
    for bad in [0o777, 0o770, 0o1777, 0o702] {
        mode(&state, bad);
        refused(&state, "chmod go-w").await;
    }
    mode(&state, 0o755);
    let file = state.join("history.db");
    mode(&file, 0o666);
    refused(&state, "may be changed by other users").await;
    mode(&file, 0o600);
    assert!(Machine::new().run(history(&state)).await.notices.is_empty());
}

#[tokio::test]
async fn it_belongs_to_somebody_else() {
    assert!(rustix::process::geteuid().is_root(), "this test gives files to another user, so it needs root");
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    Machine::new().run(history(&state)).await;
    chown(state.join("history.db"), Some(1000), None).unwrap();
    refused(&state, "belongs to user 1000").await;
    chown(state.join("history.db"), Some(0), None).unwrap();
    chown(&state, Some(1000), None).unwrap();
    refused(&state, "belongs to user 1000").await;
}
