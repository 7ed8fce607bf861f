//! Which files are removed, and which are left.

use std::fs::File;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, flock};
use selx_checks::deletion::{Removed, Standing};
use tokio_util::sync::CancellationToken;

use super::Folder;

fn left(removed: Removed) -> String {
    match removed {
        Removed::Left(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_file_that_was_seen_is_removed_and_nothing_is_left_behind() {
    let folder = Folder::new();
    folder.file("a.log", &"x".repeat(10_000));
    folder.file("deep/er/b.log", "y");
    folder.file("deep/er/c.log", "z");
    let root = folder.root();
    for (path, print) in folder.seen() {
        if path.ends_with("c.log") {
            continue;
        }
        assert_eq!(root.standing(&path, &print).unwrap(), Standing::There);
        assert!(
            matches!(root.remove(&path, &print).unwrap(), Removed::Removed(bytes) if bytes >= 4096 || path.ends_with("b.log"))
        );
        assert_eq!(root.standing(&path, &print).unwrap(), Standing::Gone);
        // Applying twice is normal.
        assert_eq!(root.remove(&path, &print).unwrap(), Removed::Gone);
    }
    root.tidy();
    let mut names: Vec<_> = std::fs::read_dir(&folder.path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["deep"], "folders stay");
    assert_eq!(folder.seen().len(), 1);
}

#[test]
fn i10_a_file_that_changed_since_is_left() {
    let folder = Folder::new();
    let root = folder.root();
    type Change = fn(&Path);
    let changes: [(&str, Change); 6] = [
        ("written", |path| std::fs::write(path, "more").unwrap()),
        ("same length", |path| std::fs::write(path, "y").unwrap()),
        ("touched", |path| {
            let file = File::options().write(true).open(path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(86_400 * 400)).unwrap();
        }),
        ("truncated", |path| drop(File::create(path).unwrap())),
        ("mode", |path| {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }),
        ("replaced", |path| {
            std::fs::write(path.with_extension("new"), "x").unwrap();
            std::fs::rename(path.with_extension("new"), path).unwrap();
        }),
    ];
    for (what, change) in changes {
        let path = folder.file("a.log", "x");
        let print = folder.print("a.log");
        // Time stamps of a file system move on in ticks.
        std::thread::park_timeout(Duration::from_millis(12));
        change(&path);
        assert_eq!(
            left(root.remove(Path::new("a.log"), &print).unwrap()),
            "it has changed since it was planned",
            "{what}"
        );
        assert!(path.exists(), "{what}");
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn i01_i03_links_pipes_and_files_with_two_names_are_left() {
    let folder = Folder::new();
    let root = folder.root();
    let precious = folder.beside("other").join("shadow");
    std::fs::write(&precious, "x").unwrap();

    let path = folder.file("a.log", "x");
    let print = folder.print("a.log");
    std::fs::remove_file(&path).unwrap();
    symlink(&precious, &path).unwrap();
    assert_eq!(left(root.remove(Path::new("a.log"), &print).unwrap()), "it is no file any more");
    std::fs::remove_file(&path).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR).unwrap();
    assert_eq!(left(root.remove(Path::new("a.log"), &print).unwrap()), "it is no file any more");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert_eq!(left(root.remove(Path::new("a.log"), &print).unwrap()), "it is no file any more");

    std::fs::hard_link(&precious, folder.path.join("b.log")).unwrap();
    let print = folder.print("b.log");
    assert_eq!(left(root.remove(Path::new("b.log"), &print).unwrap()), "it has another name elsewhere");
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "x");

    // A walk tells them.
    let mut linked = Vec::new();
    symlink("/etc", folder.path.join("link")).unwrap();
    let walked = root.walk(100, &CancellationToken::new(), &mut |seen| linked.push(seen.is_linked));
    assert_eq!((linked, walked.others), (vec![true], vec!["link".into()]));
}

#[test]
fn a_file_that_its_program_has_locked_is_left() {
    let folder = Folder::new();
    let path = folder.file("a.log", "x");
    let print = folder.print("a.log");
    let file = File::open(&path).unwrap();
    flock(&file, FlockOperation::LockShared).unwrap();
    assert_eq!(left(folder.root().remove(Path::new("a.log"), &print).unwrap()), "another program has locked it");
    drop(file);
    assert!(matches!(folder.root().remove(Path::new("a.log"), &print).unwrap(), Removed::Removed(_)));
}

#[test]
fn i14_any_name_is_a_name() {
    let folder = Folder::new();
    let root = folder.root();
    for name in
        [b"-rf".as_slice(), b"new\nline.log", b"\x1b[2J.log", b"\xff\xfe.log", b"x.log ", b"*", b"$HOME", b"..."]
    {
        let name = std::ffi::OsString::from_vec(name.to_vec());
        std::fs::write(folder.path.join(&name), "x").unwrap();
        let (path, print) = folder.seen().remove(0);
        assert_eq!(path.as_os_str(), name);
        assert!(matches!(root.remove(&path, &print).unwrap(), Removed::Removed(_)), "{name:?}");
        assert!(!folder.path.join(&name).exists());
    }
    let print = {
        folder.file("a.log", "x");
        folder.print("a.log")
    };
    for path in ["../a.log", "/a.log", "deep/../a.log", "", ".."] {
        assert!(matches!(root.remove(Path::new(path), &print).unwrap(), Removed::Left(_)), "{path}");
    }
    assert!(folder.path.join("a.log").exists());
}

#[test]
fn i19_a_file_that_was_moved_and_not_removed_is_found_and_put_back() {
    let folder = Folder::new();
    let path = folder.file("deep/a.log", "x");
    let print = folder.print("deep/a.log");
    let root = folder.root();
    // As a kill between the two leaves it.
    folder.file("deep/b.log", "y");
    let other = folder.print("deep/b.log");
    root.remove(Path::new("deep/b.log"), &other).unwrap();
    let aside =
        folder.path.join(".selx-removal").join(format!("{}-{}-{}", print.device.0, print.device.1, print.inode));
    std::fs::rename(&path, &aside).unwrap();
    assert_eq!(root.standing(Path::new("deep/a.log"), &print).unwrap(), Standing::Moved);
    assert!(folder.seen().is_empty(), "a walk passes it over");
    root.tidy();
    root.restore(Path::new("deep/a.log"), &print).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "x");
    assert_eq!(root.standing(Path::new("deep/a.log"), &print).unwrap(), Standing::There);
    root.tidy();
    assert!(!folder.path.join(".selx-removal").exists());
}

#[test]
fn what_is_not_the_file_any_more_is_not_called_deleted() {
    let folder = Folder::new();
    let path = folder.file("a.log", "x");
    let print = folder.print("a.log");
    let root = folder.root();
    let standing = |print| root.standing(Path::new("a.log"), print);
    File::options().append(true).open(&path).unwrap().set_len(3).unwrap();
    assert_eq!(standing(&print).unwrap(), Standing::Changed, "it is there, and longer");
    // Its disk is not mounted, or has another number since.
    let elsewhere = selx_checks::deletion::Print { device: (print.device.0, print.device.1 + 1), ..print };
    let error = standing(&elsewhere).unwrap_err();
    assert!(error.to_string().ends_with("lies on another file system than when the plan was made"), "{error}");
    assert!(root.remove(Path::new("a.log"), &elsewhere).is_err());
    // A rotation gave it another name, and made a new one of its own.
    let print = folder.print("a.log");
    std::fs::rename(&path, folder.path.join("a.log.1")).unwrap();
    assert_eq!(standing(&print).unwrap(), Standing::Renamed);
    folder.file("a.log", "new");
    assert_eq!(standing(&print).unwrap(), Standing::Renamed);
    // Where it would have been moved to lies another file.
    let quarantine = folder.path.join(".selx-removal");
    std::fs::create_dir(&quarantine).unwrap();
    std::fs::remove_file(folder.path.join("a.log.1")).unwrap();
    std::fs::remove_file(&path).unwrap();
    let aside = quarantine.join(format!("{}-{}-{}", print.device.0, print.device.1, print.inode));
    std::fs::write(&aside, "precious").unwrap();
    let error = standing(&print).unwrap_err();
    assert!(error.to_string().contains("is another file than the one"), "{error}");
    root.tidy();
    assert!(aside.exists());
}

#[test]
fn a_folder_that_somebody_else_made_for_us_is_not_used() {
    let folder = Folder::new();
    folder.file("a.log", "x");
    let print = folder.print("a.log");
    let trap = folder.path.join(".selx-removal");
    std::fs::create_dir(&trap).unwrap();
    std::os::unix::fs::chown(&trap, Some(65_534), None).expect("this test needs root");
    let error = folder.root().remove(Path::new("a.log"), &print).unwrap_err();
    assert!(error.to_string().contains("is not ours alone"), "{error}");
    assert!(folder.path.join("a.log").exists());
}

#[test]
fn a_walk_that_does_not_see_everything_says_so() {
    let folder = Folder::new();
    for index in 0..20 {
        folder.file(&format!("{index}.log"), "x");
    }
    let root = folder.root();
    let mut count = 0;
    let walked = root.walk(19, &CancellationToken::new(), &mut |_| count += 1);
    assert_eq!(walked.incomplete.as_deref(), Some("there are more than 19 entries"));
    assert_eq!(count, 19);
    assert_eq!(root.walk(20, &CancellationToken::new(), &mut |_| ()).incomplete, None);
    let mut deep = folder.path.clone();
    for _ in 0..70 {
        deep.push("d");
    }
    std::fs::create_dir_all(&deep).unwrap();
    let walked = root.walk(1000, &CancellationToken::new(), &mut |_| ());
    assert!(walked.incomplete.unwrap().ends_with("lies more than 64 folders deep"));
    let stopped = CancellationToken::new();
    stopped.cancel();
    for index in 0..2000 {
        folder.file(&format!("many/{index}"), "");
    }
    assert!(root.walk(10_000, &stopped, &mut |_| ()).incomplete.is_some());
}
