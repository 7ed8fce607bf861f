//! Which folders may be cleaned at all.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use rustix::mount::{MountFlags, MountPropagationFlags, mount_bind, mount_change, mount_remount};
use selx_checks::deletion::{Removed, Root};
use selx_core::ErrorKind;
use tokio_util::sync::CancellationToken;

use super::Folder;

#[test]
fn i04_a_root_that_could_mean_another_is_refused_before_anything_is_opened() {
    for path in [
        "",
        "/",
        "//",
        ".",
        "..",
        "logs",
        "./logs",
        "~",
        "~/logs",
        "$LOGS",
        "/$LOGS/x",
        "/var/log/*",
        "/var/lo?/x",
        "/var/log/..",
        "/var/../etc/x",
        "/var/./log/x",
        "/srv/x ",
        " /srv/x",
        "/srv/x\n",
        "/srv/[a]/x",
        "/logs",
        "/var",
    ] {
        let error = Root::open(Path::new(path)).expect_err(path);
        assert_eq!(error.kind(), ErrorKind::Config, "{path}: {error}");
        assert!(error.advice_text().is_some(), "{path}: {error}");
    }
}

#[test]
fn i04_what_belongs_to_the_system_or_to_many_is_refused_by_what_it_is_not_by_its_name() {
    for path in
        ["/usr/share", "/usr/share/doc", "/etc/cron.d", "/var/lib", "/var/cache", "/var/tmp", "/proc/self", "/dev/shm"]
    {
        if Path::new(path).exists() {
            let error = Root::open(Path::new(path)).expect_err(path);
            assert_eq!(error.kind(), ErrorKind::Config, "{path}: {error}");
        }
    }
    // The same folder under another name.
    let folder = Folder::new();
    let (etc, var) = (folder.beside("etc"), folder.beside("var"));
    in_own_mounts(|| {
        mount_bind("/etc", &etc).unwrap();
        mount_bind("/var/lib", &var).unwrap();
        for path in [etc.as_path(), &etc.join("cron.d"), &var] {
            let error = Root::open(path).expect_err("it is what it is");
            assert_eq!(error.kind(), ErrorKind::Config, "{path:?}: {error}");
        }
        assert!(Root::open(&folder.path).is_ok());
    });
}

#[test]
fn a_link_on_the_way_is_told_and_not_followed() {
    let folder = Folder::new();
    let other = folder.beside("other");
    std::fs::create_dir(other.join("deep")).unwrap();
    symlink(&other, folder.path.join("link")).unwrap();
    for path in [folder.path.join("link"), folder.path.join("link/deep")] {
        let error = Root::open(&path).expect_err("a link");
        assert!(error.to_string().contains("a link leads to it"), "{error}");
    }
    let error = Root::open(&folder.file("x.log", "x")).expect_err("a file");
    assert_eq!(error.kind(), ErrorKind::Config);
    let error = Root::open(&folder.path.join("none")).expect_err("nothing");
    assert_eq!(error.kind(), ErrorKind::Missing);
}

#[test]
fn i13_a_folder_of_another_user_or_of_everybody_is_refused() {
    let folder = Folder::new();
    std::fs::set_permissions(&folder.path, std::fs::Permissions::from_mode(0o777)).unwrap();
    let error = Root::open(&folder.path).expect_err("everybody");
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("everybody may write"), "{error}");
    std::fs::set_permissions(&folder.path, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::chown(&folder.path, Some(65_534), None).expect("this test needs root");
    let error = Root::open(&folder.path).expect_err("nobody");
    assert!(error.to_string().contains("belongs to the user 65534"), "{error}");
    // One below is told of its files, and is for the rules of the action to judge.
    std::os::unix::fs::chown(&folder.path, Some(0), None).unwrap();
    folder.file("public/a.log", "a");
    folder.file("b.log", "b");
    std::fs::set_permissions(folder.path.join("public"), std::fs::Permissions::from_mode(0o1777)).unwrap();
    let mut public = Vec::new();
    folder
        .root()
        .walk(10, &CancellationToken::new(), &mut |seen| public.push((seen.name.to_owned(), seen.is_in_public)));
    public.sort();
    assert_eq!(public, [("a.log".into(), true), ("b.log".into(), false)]);
}

#[test]
fn i05_nothing_is_crossed_that_is_mounted_bound_folders_and_files_included() {
    let folder = Folder::new();
    let other = folder.beside("other");
    std::fs::write(other.join("precious.log"), "x").unwrap();
    folder.file("own.log", "x");
    folder.file("mount/hidden.log", "x");
    let bound = folder.file("bound.log", "y");
    let print = folder.print("mount/hidden.log");
    let bound_print = folder.print("bound.log");
    in_own_mounts(|| {
        mount_bind(&other, folder.path.join("mount")).unwrap();
        let mut seen = Vec::new();
        let walked = folder.root().walk(100, &CancellationToken::new(), &mut |file| seen.push(file.name.to_owned()));
        seen.sort();
        assert_eq!(seen, ["bound.log", "own.log"]);
        assert_eq!(walked.mounts, [Path::new("mount")]);
        assert_eq!(walked.incomplete, None);
        let removed = folder.root().remove(Path::new("mount/hidden.log"), &print).unwrap();
        assert_eq!(removed, Removed::Left("its folder is another one than before".to_owned()));
        // A file on which another one is mounted.
        mount_bind(other.join("precious.log"), &bound).unwrap();
        let removed = folder.root().remove(Path::new("bound.log"), &bound_print).unwrap();
        assert!(matches!(removed, Removed::Left(_)), "{removed:?}");
    });
    assert!(other.join("precious.log").exists() && folder.path.join("mount/hidden.log").exists() && bound.exists());
}

#[test]
fn i12_on_a_file_system_that_is_only_read_nothing_happens_and_it_is_said() {
    let folder = Folder::new();
    let path = folder.file("a.log", "x");
    let print = folder.print("a.log");
    in_own_mounts(|| {
        mount_bind(&folder.path, &folder.path).unwrap();
        mount_remount(&folder.path, MountFlags::BIND | MountFlags::RDONLY, "").unwrap();
        let error = folder.root().remove(Path::new("a.log"), &print).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.to_string().ends_with("could not be made: Read-only file system (os error 30)"), "{error}");
    });
    assert!(path.exists());
}

/// Runs something on a thread with mounts of its own, which go away with it.
fn in_own_mounts(work: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // SAFETY: this thread gets a copy of the table of mounts; nothing of Rust rests on it.
            #[expect(unsafe_code, reason = "a test of mounts must not show them to the whole machine")]
            unsafe {
                rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS | rustix::thread::UnshareFlags::FS)
            }
            .expect("this test needs the right to mount (root)");
            mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE).unwrap();
            work();
        });
        thread.join().expect("it holds");
    });
}
