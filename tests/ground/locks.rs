//! Locks: one holder, whatever happens to the file, and none when its process is dead.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use selx_core::ErrorKind;
use selx_core::action::{Ground as _, Tried};

use super::{State, holder};

fn ours(tried: Tried) -> Box<dyn selx_core::action::Lock> {
    match tried {
        Tried::Ours(lock) => lock,
        Tried::Taken(by) => panic!("taken by {by:?}"),
    }
}

fn taken(tried: &Tried) -> bool {
    matches!(tried, Tried::Taken(_))
}

#[test]
fn m01_of_all_who_start_at_once_one_holds_the_lock() {
    // `SELX_ROUNDS=100000 cargo test -p selx --test ground -- m01` starts a hundred thousand times.
    let starts: u32 = std::env::var("SELX_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
    let state = State::new();
    let (inside, most, held) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for round in 0..starts / 8 {
                    if let Tried::Ours(lock) =
                        state.ground().lock("files:/var/log", &holder(&format!("r{round}"))).unwrap()
                    {
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        held.fetch_add(1, Ordering::SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                    }
                }
            });
        }
    });
    assert_eq!(most.into_inner(), 1);
    assert!(held.into_inner() > 0);
}

#[test]
fn who_holds_it_is_named_and_another_resource_is_free() {
    let state = State::new();
    let lock = ours(state.ground().lock("files:/var/log", &holder("r1")).unwrap());
    match state.ground().lock("files:/var/log", &holder("r2")).unwrap() {
        Tried::Taken(Some(by)) => assert_eq!((by.run.as_str(), by.pid), ("r1", std::process::id())),
        other => panic!("{}", taken(&other)),
    }
    // Names that look alike when they are made readable are two.
    let _other = ours(state.ground().lock("files:/var-log", &holder("r2")).unwrap());
    lock.check().unwrap();
    drop(lock);
    let _again = ours(state.ground().lock("files:/var/log", &holder("r3")).unwrap());
}

#[test]
fn m02_a_lock_is_free_when_its_process_was_killed() {
    let state = State::new();
    drop(ours(state.ground().lock("x", &holder("r0")).unwrap()));
    let file = std::fs::read_dir(state.path.join("locks")).unwrap().next().unwrap().unwrap().path();
    #[expect(clippy::disallowed_methods, reason = "another process that holds the lock, to be killed")]
    let mut child = Command::new("/usr/bin/flock")
        .args(["--exclusive", "--no-fork"])
        .arg(&file)
        .args(["/bin/sh", "-c", "echo held; exec sleep 100"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("util-linux has it");
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "held\n");
    assert!(taken(&state.ground().lock("x", &holder("r1")).unwrap()));
    child.kill().unwrap();
    child.wait().unwrap();
    let _lock = ours(state.ground().lock("x", &holder("r2")).unwrap());
}

#[test]
fn m06_a_lock_file_that_is_removed_or_exchanged_makes_no_two_holders() {
    let state = State::new();
    let lock = ours(state.ground().lock("x", &holder("r1")).unwrap());
    let file = std::fs::read_dir(state.path.join("locks")).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(&file).unwrap();
    // Another one gets it, and the first one is told before its next step.
    let _other = ours(state.ground().lock("x", &holder("r2")).unwrap());
    let error = lock.check().unwrap_err();
    assert!(error.to_string().contains("was removed or exchanged"), "{error}");
}

#[test]
fn m07_what_is_planted_in_its_place_is_refused() {
    let state = State::new();
    drop(ours(state.ground().lock("x", &holder("r0")).unwrap()));
    let file = std::fs::read_dir(state.path.join("locks")).unwrap().next().unwrap().unwrap().path();
    let precious = state.path.join("precious");
    std::fs::write(&precious, "precious").unwrap();
    type Plant = fn(&std::path::Path, &std::path::Path);
    let plants: [(&str, Plant); 4] = [
        ("a link", |at, precious| symlink(precious, at).unwrap()),
        ("a second name", |at, precious| std::fs::hard_link(precious, at).unwrap()),
        ("a pipe", |at, _| rustix::fs::mkfifoat(rustix::fs::CWD, at, rustix::fs::Mode::RUSR).unwrap()),
        ("another user's", |at, _| {
            std::fs::write(at, "").unwrap();
            std::os::unix::fs::chown(at, Some(65_534), None).expect("this test needs root");
        }),
    ];
    for (what, plant) in plants {
        std::fs::remove_file(&file).unwrap();
        plant(&file, &precious);
        let error = state.ground().lock("x", &holder("r1")).err().unwrap_or_else(|| panic!("{what}"));
        assert!(matches!(error.kind(), ErrorKind::Denied | ErrorKind::Local), "{what}: {error}");
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious", "{what}");
    }
}

#[test]
fn m08_a_folder_that_others_may_write_to_holds_no_locks() {
    let state = State::new();
    drop(ours(state.ground().lock("x", &holder("r0")).unwrap()));
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&state.path), mode(&state.path.join("locks"))), (0o700, 0o700));
    std::fs::set_permissions(state.path.join("locks"), std::fs::Permissions::from_mode(0o777)).unwrap();
    let error = state.ground().lock("x", &holder("r1")).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.advice_text().unwrap().contains("ls -ld"), "{error:?}");
}

#[test]
fn folders_that_lie_in_each_other_have_one_holder_whatever_they_are_called() {
    let state = State::new();
    let folder = tempfile::tempdir().unwrap();
    let path = |below: &str| {
        let path = folder.path().canonicalize().unwrap().join(below);
        std::fs::create_dir_all(&path).unwrap();
        format!("files:{}", path.display())
    };
    let (logs, shop, deep, other) = (path("logs"), path("logs/shop"), path("logs/shop/deep"), path("other"));
    let try_lock = |resource: &str| state.ground().lock(resource, &holder("r")).unwrap();
    for (held, taken_too) in
        [(&logs, [&logs, &shop, &deep]), (&shop, [&logs, &shop, &deep]), (&deep, [&logs, &shop, &deep])]
    {
        let lock = ours(try_lock(held));
        for resource in taken_too {
            assert!(taken(&try_lock(resource)), "{held} is held, and {resource} is free");
        }
        // What lies beside it is free, with all that is above both.
        let beside = ours(try_lock(&other));
        lock.check().unwrap();
        beside.check().unwrap();
    }
    let first = ours(try_lock(&path("logs/a")));
    let second = ours(try_lock(&path("logs/b")));
    drop((first, second));
    // A link leads to what it leads to.
    symlink(shop.strip_prefix("files:").unwrap(), folder.path().join("link")).unwrap();
    let _lock = ours(try_lock(&shop));
    let link = format!("files:{}", folder.path().canonicalize().unwrap().join("link").display());
    assert!(taken(&try_lock(&link)));
}
