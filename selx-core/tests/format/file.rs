//! Files are replaced whole or not at all.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use selx_core::ErrorKind;
use selx_core::format::write_atomic;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_is_made_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("selx.prom");
    write_atomic(&path, b"one\n", 0o644).unwrap();
    let first = fs::metadata(&path).unwrap();
    assert_eq!(first.mode() & 0o7777, 0o644);
    // A reader that has it open keeps the old one.
    let mut open = fs::File::open(&path).unwrap();
    write_atomic(&path, b"two\n", 0o600).unwrap();
    assert_eq!(std::io::read_to_string(&mut open).unwrap(), "one\n");
    assert_eq!(fs::read(&path).unwrap(), b"two\n");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(names(folder.path()), ["selx.prom"]);
}

#[test]
fn a_link_is_replaced_and_its_target_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let (path, target) = (folder.path().join("selx.prom"), folder.path().join("shadow"));
    fs::write(&target, "precious").unwrap();
    symlink(&target, &path).unwrap();
    write_atomic(&path, b"new", 0o644).unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    assert!(fs::symlink_metadata(&path).unwrap().is_file());
}

#[test]
fn failures_name_the_path_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("gone/selx.prom");
    let error = write_atomic(&missing, b"x", 0o644).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    assert!(error.to_string().contains(missing.to_str().unwrap()), "{error}");
    // A folder stands in its place: the file is written, but cannot be moved there.
    let taken = folder.path().join("taken");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("inside"), "x").unwrap();
    let error = write_atomic(&taken, b"x", 0o644).unwrap_err();
    assert!(error.to_string().contains("was not replaced"), "{error}");
    assert_eq!(names(folder.path()), ["taken"]);
    assert_eq!(write_atomic(Path::new("/"), b"x", 0o644).unwrap_err().kind(), ErrorKind::Config);
}

/// In a folder for everybody somebody else may have put a link where root writes.
#[test]
fn a_link_to_a_device_is_replaced_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report");
    symlink("/dev/full", &path).unwrap();
    write_atomic(&path, b"new", 0o600).unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().is_file());
    // Named as what it is, it is a device.
    assert_eq!(write_atomic(Path::new("/dev/full"), b"x", 0o600).unwrap_err().kind(), ErrorKind::Local);
    write_atomic(Path::new("/dev/null"), b"x", 0o600).unwrap();
}

#[test]
fn a_pipe_is_written_to_if_somebody_reads() {
    use std::io::Read as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let error = write_atomic(&path, b"x", 0o600).unwrap_err();
    assert!(error.to_string().contains("nobody reads there"), "{error}");
    // More than a pipe holds, for a reader that comes late.
    let bytes = vec![b'x'; 300_000];
    let mut reader = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let length = bytes.len();
    let reads = std::thread::spawn(move || {
        let mut got = vec![0; length];
        reader.read_exact(&mut got).unwrap();
        got
    });
    write_atomic(&path, &bytes, 0o600).unwrap();
    assert!(reads.join().unwrap() == bytes);
    assert_eq!(names(folder.path()), ["pipe"]);
}

const CHILD: &str = "SELX_TEST_FULL_DISK";

/// A disk that is full in the middle of the file. A limit on the size of files stands in for it: the kernel takes a
/// part of the bytes and refuses the rest, just so, and it needs no right.
#[test]
fn a_full_disk_leaves_the_old_file() {
    if let Some(path) = std::env::var_os(CHILD) {
        let error = write_atomic(Path::new(&path), &vec![b'x'; 1 << 20], 0o644).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Local);
        assert!(error.to_string().contains("was not replaced: File too large"), "{error}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("selx.prom");
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    #[expect(clippy::disallowed_methods, reason = "this very test again, under a limit")]
    let output = std::process::Command::new("/bin/sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" --exact file::a_full_disk_leaves_the_old_file"])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, &path)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(names(folder.path()), ["selx.prom"], "nothing is left beside it");
}
