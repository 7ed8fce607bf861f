//! Files that are damaged, of another sort, or of another time.

use std::path::Path;
use std::time::{Duration, Instant};

use selx_core::Status;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::{Machine, complaint, history, summary};

/// Makes a history with something in it and returns its bytes.
async fn filled(folder: &Path) -> Vec<u8> {
    let mut machine = Machine::new();
    machine.subjects = 100;
    for _ in 0..4 {
        machine.run(history(folder)).await;
        machine.clock.advance(Duration::from_secs(3_600));
    }
    std::fs::read(folder.join("history.db")).unwrap()
}

#[tokio::test]
async fn a_file_that_is_cut_anywhere_is_told_and_left() {
    let folder = tempfile::tempdir().unwrap();
    let whole = filled(folder.path()).await;
    let file = folder.path().join("history.db");
    let lengths = (0..40).chain((0..60).map(|part| part * whole.len() / 60)).chain([4_095, 4_096, 4_097, 8_192]);
    for length in lengths {
        let cut = &whole[..length.min(whole.len())];
        std::fs::write(&file, cut).unwrap();
        let begun = Instant::now();
        let report = Machine::new().run(history(folder.path())).await;
        assert!(begun.elapsed() < Duration::from_secs(3), "{length} bytes: {:?}", begun.elapsed());
        assert_eq!(report.entries[0].status(), Status::Ok, "{length} bytes");
        // SQLite takes one byte for nothing, too.
        if length <= 1 {
            assert!(report.notices.is_empty(), "an empty file is a new one: {:?}", report.notices);
            continue;
        }
        // The end of the last page may be empty, and then nothing is lost.
        assert!(!report.notices.is_empty() || length + 4_096 > whole.len(), "{length} of {}", whole.len());
        if report.notices.is_empty() {
            continue;
        }
        let text = complaint(&report);
        assert!(text.contains("damaged") && text.contains("mv "), "{length} bytes: {text}");
        if length + 4_096 <= whole.len() {
            assert!(std::fs::read(&file).unwrap() == cut, "{length} bytes were changed");
        }
    }
}

#[tokio::test]
async fn bytes_that_were_flipped_stop_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let whole = filled(folder.path()).await;
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below as u64).unwrap()
    };
    let mut told = 0;
    for round in 0..150 {
        let mut bytes = whole.clone();
        // The first bytes of pages hold what leads to everything else.
        for _ in 0..1 + next(8) {
            let at = if next(2) == 0 { next(whole.len()) } else { next(whole.len() / 4_096) * 4_096 + next(120) };
            bytes[at] ^= 1 << next(8);
        }
        std::fs::write(folder.path().join("history.db"), bytes).unwrap();
        let begun = Instant::now();
        let report = Machine::new().run(history(folder.path())).await;
        assert!(begun.elapsed() < Duration::from_secs(4), "round {round}: {:?}", begun.elapsed());
        assert_eq!(report.entries[0].status(), Status::Ok, "round {round}: {:?}", report.entries[0].outcome);
        told += usize::from(report.notices.iter().any(|notice| notice.code == "history-unavailable"));
    }
    assert!(told > 20, "only {told} of 150 were noticed");
}

#[tokio::test]
async fn a_newer_file_and_that_of_another_program_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    let file = folder.path().join("history.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql("PRAGMA user_version = 99").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let before = std::fs::read(&file).unwrap();
    let text = complaint(&Machine::new().run(history(folder.path())).await);
    assert!(text.contains("has version 99") && text.contains("newer selx"), "{text}");
    assert!(std::fs::read(&file).unwrap() == before);

    std::fs::remove_file(&file).unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql("CREATE TABLE moz_places (url TEXT)").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let text = complaint(&Machine::new().run(history(folder.path())).await);
    // Its mode is that of a careless program, which is told first where others may write.
    assert!(text.contains("another program"), "{text}");
}

#[tokio::test]
async fn a_file_that_is_lost_is_a_first_run() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::new();
    machine.run(history(folder.path())).await;
    std::fs::remove_file(folder.path().join("history.db")).unwrap();
    let report = machine.run(history(folder.path())).await;
    assert!(report.notices.is_empty());
    assert_eq!(summary(&report), "1 after nothing");
}
