//! Attackers who exchange files and folders as fast as they can while files are deleted. What was never planned stays.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use selx_checks::deletion::{Removed, Root};

use super::Folder;

/// How many files are deleted under attack; a campaign sets more.
fn rounds() -> u64 {
    std::env::var("SELX_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3_000)
}

fn exchange(one: &Path, other: &Path) {
    // It fails while one of them is away, which is most of the fun.
    let _ = renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE);
}

/// Attacks on a thread of its own while the work goes on; returns how often.
fn under_attack(attack: impl Fn() + Sync, work: impl FnOnce()) -> u64 {
    let (over, count) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                attack();
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        work();
        over.store(true, Ordering::Relaxed);
    });
    count.into_inner()
}

#[test]
fn attack_i02_a_folder_that_is_exchanged_with_a_link_leads_nowhere() {
    let folder = Folder::new();
    let outside = folder.beside("outside");
    let precious = outside.join("a.log");
    std::fs::write(&precious, "precious").unwrap();
    std::fs::create_dir(folder.path.join("sub")).unwrap();
    let (sub, link) = (folder.path.join("sub"), folder.beside("stage").join("link"));
    std::os::unix::fs::symlink(&outside, &link).unwrap();
    let root = folder.root();
    let (mut removed, mut left) = (0_u64, 0_u64);
    let attacks = under_attack(
        || exchange(&sub, &link),
        || {
            for _ in 0..rounds() {
                // Through whichever name the folder has now.
                let real = if sub.symlink_metadata().is_ok_and(|meta| meta.is_dir()) { &sub } else { &link };
                let _ = std::fs::write(real.join("a.log"), "old");
                std::fs::write(&precious, "precious").unwrap();
                let mut prints = Vec::new();
                root.walk(100, &tokio_util::sync::CancellationToken::new(), &mut |seen| {
                    prints.push((seen.folder.join(seen.name), seen.print));
                });
                for (path, print) in prints {
                    match root.remove(&path, &print).unwrap() {
                        Removed::Removed(_) => removed += 1,
                        _ => left += 1,
                    }
                }
                assert!(precious.exists(), "a file outside was deleted");
            }
        },
    );
    assert!(attacks > rounds() / 10, "{attacks} exchanges");
    assert!(removed > 0, "it never deletes anything: {left} left");
}

#[test]
fn attack_a_file_that_is_exchanged_with_another_one_is_never_deleted_for_it() {
    let folder = Folder::new();
    let outside = folder.beside("outside").join("precious.log");
    let old = folder.path.join("old.log");
    let root = folder.root();
    let (mut removed, mut left) = (0_u64, 0_u64);
    std::fs::write(&outside, "precious").unwrap();
    let mut identity = inode(&outside);
    let attacks = under_attack(
        || exchange(&old, &outside),
        || {
            // On a machine with other work it may take a while until an exchange falls between a look and a removal.
            for round in 0..rounds() * 50 {
                if round >= rounds() && left > 0 {
                    break;
                }
                if !old.exists() {
                    std::fs::write(&old, "old").unwrap();
                }
                let mut seen = None;
                root.walk(10, &tokio_util::sync::CancellationToken::new(), &mut |file| seen = Some(file.print));
                let Some(print) = seen else { continue };
                // Whichever of the two had the name when it was seen is the one that was planned.
                let result = root.remove(Path::new("old.log"), &print).unwrap();
                let there = [&old, &outside].map(|path| inode(path)).into_iter().flatten().collect::<Vec<_>>();
                match result {
                    Removed::Removed(_) => {
                        removed += 1;
                        assert!(!there.contains(&print.inode), "what was planned is gone");
                        // The other one is there, under one of the names.
                        if identity == Some(print.inode) {
                            identity = there.first().copied();
                        } else {
                            assert!(there.contains(&identity.unwrap()), "the other one is there");
                        }
                        if !outside.exists() {
                            let _ = std::fs::write(&outside, "precious");
                            identity = inode(&outside).or(inode(&old));
                        }
                    }
                    Removed::Gone | Removed::Left(_) => left += 1,
                }
            }
        },
    );
    assert!(attacks > rounds() / 10, "{attacks} exchanges");
    assert!(removed > 0 && left > 0, "{removed} removed, {left} left");
}

fn inode(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    path.symlink_metadata().ok().map(|meta| meta.ino())
}

/// The attack is one: the usual way, a look by path and then a removal by path, loses files to it.
#[test]
fn attack_the_usual_way_loses_files() {
    let folder = Folder::new();
    let outside = folder.beside("outside");
    let precious = outside.join("a.log");
    let (sub, link) = (folder.path.join("sub"), folder.beside("stage").join("link"));
    std::fs::create_dir(&sub).unwrap();
    std::os::unix::fs::symlink(&outside, &link).unwrap();
    let mut lost = 0;
    under_attack(
        || exchange(&sub, &link),
        || {
            for _ in 0..rounds().max(20_000) {
                std::fs::write(&precious, "precious").unwrap();
                if sub.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
                    let _ = std::fs::remove_file(sub.join("a.log"));
                }
                lost += u64::from(!precious.exists());
                if lost > 0 {
                    break;
                }
            }
        },
    );
    assert!(lost > 0, "the attack is too slow to show anything");
    assert!(Root::open(&folder.path).is_ok());
}
