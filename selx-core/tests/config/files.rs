//! Files: who may have written them, what they include, where they are looked for.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use selx_core::config::{load, search};
use tempfile::TempDir;

use crate::kinds::registry;

/// A folder with files, as only their owner can write them.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        mode(path.parent().unwrap(), 0o755);
        fs::write(&path, text).unwrap();
        mode(&path, 0o644);
    }
    folder
}

fn mode(path: &Path, bits: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
}

/// The errors of a file, with the folder's name taken out.
fn told(folder: &TempDir, name: &str) -> String {
    let errors = load(&registry(), &folder.path().join(name)).unwrap_err().to_string();
    errors.replace(&folder.path().display().to_string(), "DIR")
}

#[test]
fn a_file_that_others_can_write_is_refused() {
    let folder = folder(&[("selx.toml", "[check.disk.x]\n")]);
    let path = folder.path().join("selx.toml");
    assert_eq!(load(&registry(), &path).unwrap().files, std::slice::from_ref(&path));
    mode(&path, 0o664);
    insta::assert_snapshot!(told(&folder, "selx.toml"), @r"
    `DIR/selx.toml` can be written by its group (mode 0664)
      hint: chmod go-w DIR/selx.toml
    ");
    mode(&path, 0o602);
    insta::assert_snapshot!(told(&folder, "selx.toml"), @r"
    `DIR/selx.toml` can be written by everybody (mode 0602)
      hint: chmod go-w DIR/selx.toml
    ");
}

#[test]
fn a_folder_that_others_can_write_is_refused() {
    let folder = folder(&[("open/selx.toml", "[check.disk.x]\n"), ("closed/real.toml", "[check.disk.x]\n")]);
    let open = folder.path().join("open");
    mode(&open, 0o1777);
    insta::assert_snapshot!(told(&folder, "open/selx.toml"), @r"
    DIR/open/selx.toml: the folder `DIR/open` can be written by everybody (mode 1777)
      hint: move the file to a folder of its own; in a folder like this one others can put files. Or: chmod go-w DIR/open
    ");
    mode(&open, 0o775);
    insta::assert_snapshot!(told(&folder, "open/selx.toml"), @r"
    DIR/open/selx.toml: the folder `DIR/open` can be written by its group (mode 0775)
      hint: chmod go-w DIR/open
    ");
    // A link in such a folder can be pointed elsewhere by others, however good its target is now.
    symlink(folder.path().join("closed/real.toml"), open.join("link.toml")).unwrap();
    assert!(told(&folder, "open/link.toml").contains("the folder `DIR/open` can be written"));
    // And a link in a good folder is no better than the folder of its target.
    symlink(open.join("selx.toml"), folder.path().join("closed/link.toml")).unwrap();
    assert!(told(&folder, "closed/link.toml").contains("the folder `DIR/open` can be written"));
}

#[test]
fn a_link_to_a_good_file_is_followed() {
    let folder = folder(&[("real/selx.toml", "[check.disk.x]\n"), ("other/x", "")]);
    let link = folder.path().join("other/selx.toml");
    symlink("../real/selx.toml", &link).unwrap();
    assert_eq!(load(&registry(), &link).unwrap().instances.len(), 1);
    fs::remove_file(folder.path().join("real/selx.toml")).unwrap();
    assert!(told(&folder, "other/selx.toml").contains("does not exist"));
}

#[test]
fn a_file_of_somebody_else_is_refused() {
    // Only root can give a file away; others meet files of root, which are fine, and their own.
    if rustix::process::geteuid().is_root() {
        let folder = folder(&[("selx.toml", "[check.disk.x]\n"), ("theirs/selx.toml", "[check.disk.x]\n")]);
        std::os::unix::fs::chown(folder.path().join("selx.toml"), Some(4242), None).unwrap();
        insta::assert_snapshot!(told(&folder, "selx.toml"), @r"
        `DIR/selx.toml` belongs to user 4242, who could write there what selx then does
          hint: chown 0 DIR/selx.toml
        ");
        std::os::unix::fs::chown(folder.path().join("theirs"), Some(4242), None).unwrap();
        assert!(told(&folder, "theirs/selx.toml").contains("the folder `DIR/theirs` belongs to user 4242"));
    } else {
        // What the kernel says of a file of root's that everybody can read: its owner is believed.
        let errors = load(&registry(), Path::new("/etc/passwd")).unwrap_err().to_string();
        assert!(!errors.contains("belongs to"), "{errors}");
    }
}

#[test]
fn what_is_no_file_is_refused_and_nothing_hangs() {
    let folder = folder(&[("x", "")]);
    let path = |name: &str| folder.path().join(name);
    let fifo = path("pipe.toml");
    let made = rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    );
    made.unwrap();
    let began = Instant::now();
    insta::assert_snapshot!(told(&folder, "pipe.toml"), @r"
    `DIR/pipe.toml` is a pipe, not a file
      hint: a configuration is a plain file, or a link to one
    ");
    assert!(began.elapsed() < Duration::from_secs(2));
    fs::create_dir(path("folder.toml")).unwrap();
    assert!(told(&folder, "folder.toml").contains("is a folder, not a file"));
    let _listener = std::os::unix::net::UnixListener::bind(path("socket.toml")).unwrap();
    assert!(told(&folder, "socket.toml").contains("cannot be opened"));
    assert!(load(&registry(), Path::new("/dev/zero")).unwrap_err().to_string().contains("a device, not a file"));
    insta::assert_snapshot!(told(&folder, "none.toml"), @r"
    `DIR/none.toml` does not exist
      hint: is the path right?
    ");
}

#[test]
fn sizes_and_bytes() {
    let folder = folder(&[("big.toml", ""), ("full.toml", ""), ("latin.toml", "")]);
    let path = |name: &str| folder.path().join(name);
    fs::write(path("big.toml"), "#".repeat((1 << 20) + 1)).unwrap();
    insta::assert_snapshot!(told(&folder, "big.toml"), @r"
    `DIR/big.toml` is larger than 1 MiB
      hint: split it and name the parts in `include`; is it the right file?
    ");
    fs::write(path("full.toml"), "#".repeat(1 << 20)).unwrap();
    assert!(load(&registry(), &path("full.toml")).is_ok());
    fs::write(path("latin.toml"), b"[check.disk.x]\n# caf\xe9\n").unwrap();
    insta::assert_snapshot!(told(&folder, "latin.toml"), @r"
    DIR/latin.toml:2:6: this byte is not UTF-8
        # caf�
             ^
      hint: save the file as UTF-8
    ");
}

#[test]
fn includes() {
    let folder = folder(&[
        ("selx.toml", "include = ['conf.d/*.toml', 'more.toml']\n[check.disk.main]\nneeds = ['b']\n"),
        ("conf.d/b.toml", "[check.disk.b]\n"),
        ("conf.d/a.toml", "[check.disk.a]\n[runner]\nretries = 3\n"),
        ("conf.d/a.toml~", "wrong"),
        ("conf.d/.hidden.toml", "wrong"),
        ("more.toml", "include = ['conf.d/deep/?.toml']\n"),
        ("conf.d/deep/c.toml", "[check.disk.c]\n"),
    ]);
    let suite = load(&registry(), &folder.path().join("selx.toml")).unwrap_or_else(|errors| panic!("{errors}"));
    let names: Vec<&str> = suite.instances.iter().map(|instance| instance.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "main"], "files in the order of `include`, which stands above the checks");
    assert_eq!(suite.settings.retries, 3);
    let files: Vec<PathBuf> =
        suite.files.iter().map(|file| file.strip_prefix(folder.path()).unwrap().to_owned()).collect();
    let expected = ["selx.toml", "conf.d/a.toml", "conf.d/b.toml", "more.toml", "conf.d/deep/c.toml"];
    assert_eq!(files, expected.map(PathBuf::from));
}

#[test]
fn wrong_includes() {
    let folder = folder(&[
        ("selx.toml", "include = ['none/*.toml', '*.none', 'a.toml', '*/x.toml', '', 'open.toml', 'd1.toml', 5]\n"),
        (
            "all.toml",
            "include = ['none/*.toml', '*.none', 'a.toml', '*/x.toml', '', 'open.toml', 'd1.toml', 'a.toml']\n[check.disk.x]\n[runner]\n",
        ),
        ("a.toml", "include = ['b.toml']\n[check.disk.x]\n[runner]\n"),
        ("b.toml", "include = ['all.toml']\n[check.disk.y]\nwrong = 1\n"),
        ("open.toml", ""),
        ("d1.toml", "include = ['d2.toml']\n"),
        ("d2.toml", "include = ['d3.toml']\n"),
        ("d3.toml", "include = ['d4.toml']\n"),
        ("d4.toml", "[check.disk.deep]\n"),
    ]);
    mode(&folder.path().join("open.toml"), 0o666);
    assert!(told(&folder, "selx.toml").starts_with("DIR/selx.toml:1:87: expected a text, found a whole number\n"));
    let told = told(&folder, "all.toml");
    for part in [
        "all.toml:1:12: the folder `DIR/none` cannot be listed",
        "all.toml:1:27: `*.none` matches no file in `DIR`",
        "all.toml:1:47: `*/x.toml` is not a pattern that selx takes",
        "all.toml:1:59: `include` takes paths of files",
        "all.toml:1:63: `DIR/open.toml` can be written by everybody (mode 0666)",
        "all.toml:1:87: `DIR/a.toml` is included twice",
        "b.toml:1:12: `DIR/all.toml` includes a file that includes this one",
        "all.toml:2:13: `[check.disk.x]` is in DIR/a.toml:2 already",
        "all.toml:3:2: `[runner]` is in DIR/a.toml:3 already",
        "b.toml:3:1: unknown setting `wrong`",
        "d3.toml:1:12: files include files more than 4 deep",
    ] {
        assert!(told.contains(part), "{part}\n---\n{told}");
    }
}

#[test]
fn a_configuration_has_at_most_a_hundred_files() {
    let folder = folder(&[("selx.toml", "include = ['parts/*']\n")]);
    fs::create_dir(folder.path().join("parts")).unwrap();
    mode(&folder.path().join("parts"), 0o755);
    for number in 0..100 {
        let path = folder.path().join(format!("parts/{number:03}"));
        fs::write(&path, format!("[check.disk.n{number}]\n")).unwrap();
        mode(&path, 0o644);
    }
    assert!(told(&folder, "selx.toml").contains("selx.toml:1:12: a configuration has at most 100 files"));
    fs::remove_file(folder.path().join("parts/050")).unwrap();
    assert_eq!(load(&registry(), &folder.path().join("selx.toml")).unwrap().instances.len(), 99);
}

#[test]
fn places() {
    let home = folder(&[(".config/selx/selx.toml", ""), ("xdg/selx/selx.toml", "")]);
    let at = |name: &str| home.path().join(name);
    let env = |pairs: Vec<(&'static str, PathBuf)>| {
        move |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value.clone()))
    };
    let none = Path::new("/nowhere/selx.toml");
    assert_eq!(search(Some(none), env(vec![("SELX_CONFIG", "/x".into())]), false).found.as_deref(), Some(none));
    let found = search(None, env(vec![("SELX_CONFIG", none.into()), ("HOME", home.path().into())]), false);
    assert_eq!(found.found.as_deref(), Some(none), "what was asked for is not passed over");
    let found = search(None, env(vec![("SELX_CONFIG", "".into()), ("HOME", home.path().into())]), false);
    assert_eq!(found.found, Some(at(".config/selx/selx.toml")));
    assert_eq!(found.looked, [PathBuf::from("./selx.toml"), at(".config/selx/selx.toml")]);
    let pairs = vec![("XDG_CONFIG_HOME", at("xdg")), ("HOME", home.path().into())];
    assert_eq!(search(None, env(pairs), false).found, Some(at("xdg/selx/selx.toml")));
    let pairs = vec![("XDG_CONFIG_HOME", "relative".into()), ("HOME", home.path().into())];
    assert_eq!(search(None, env(pairs), false).found, Some(at(".config/selx/selx.toml")));
    let system = search(None, env(vec![("HOME", home.path().into())]), true);
    assert_eq!(system.looked, [PathBuf::from("./selx.toml"), PathBuf::from("/etc/selx/selx.toml")]);
    // A link that leads nowhere is told when it is loaded; the next place would hold other checks.
    fs::remove_file(at("xdg/selx/selx.toml")).unwrap();
    symlink("gone", at("xdg/selx/selx.toml")).unwrap();
    let pairs = vec![("XDG_CONFIG_HOME", at("xdg")), ("HOME", home.path().into())];
    assert_eq!(search(None, env(pairs), false).found, Some(at("xdg/selx/selx.toml")));
}
