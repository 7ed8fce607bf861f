//! A disk of a test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_change, unmount};
use rustix::thread::UnshareFlags;

use super::folder;

/// A file with a file system of its own, and the folder where it is mounted: for this thread and its children alone.
pub(super) struct Disk {
    /// Tests with a disk come one after the other, so that none takes the loop device of another.
    _turn: MutexGuard<'static, ()>,
    _whole: tempfile::TempDir,
    image: PathBuf,
    pub(super) point: PathBuf,
}

#[expect(clippy::disallowed_methods, reason = "the programs of the system make and mount a file system")]
fn system(program: &str, arguments: &[&str]) {
    let ran = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(ran.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

fn mount_at(image: &Path, point: &Path, options: &str) {
    let (image, point) = (image.to_string_lossy(), point.to_string_lossy());
    system("/bin/mount", &["-t", "ext4", "-o", &format!("loop,{options}"), &image, &point]);
}

impl Disk {
    pub(super) fn new() -> Self {
        // SAFETY: this thread gets a copy of the table of mounts; nothing of Rust rests on it.
        #[expect(unsafe_code, reason = "a test of mounts must not show them to the whole machine")]
        unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }
            .expect("this test needs the right to mount (root)");
        mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE).unwrap();
        let (whole, path) = folder();
        let (image, point) = (path.join("image"), path.join("point"));
        std::fs::create_dir(&point).unwrap();
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Self { _turn: turn, _whole: whole, image, point }
    }

    pub(super) fn format(&self) {
        std::fs::File::create(&self.image).unwrap().set_len(16 << 20).unwrap();
        system("/sbin/mke2fs", &["-q", "-F", "-t", "ext4", "-E", "lazy_itable_init=1", &self.image.to_string_lossy()]);
    }

    pub(super) fn mount(&self, options: &str) {
        mount_at(&self.image, &self.point, options);
    }

    /// What is on the disk, and nothing else, is there when it is mounted again. It has the same number then, or another one,
    /// as after a restart it may have.
    pub(super) fn lose_power(&self, options: &str, same_number: bool) {
        let copy = self.image.with_extension("copy");
        system("/bin/cp", &["--sparse=always", &self.image.to_string_lossy(), &copy.to_string_lossy()]);
        if same_number {
            let number = self.number();
            let held = format!("/sys/block/loop{}/loop", rustix::fs::minor(number));
            self.unmount();
            // The kernel gives it back a moment later.
            while Path::new(&held).exists() {
                std::thread::yield_now();
            }
            std::fs::rename(copy, &self.image).unwrap();
            self.mount(options);
            assert_eq!(self.number(), number, "another program took the loop device");
            return;
        }
        let other = self.point.with_extension("other");
        std::fs::create_dir_all(&other).unwrap();
        mount_at(&copy, &other, options);
        self.unmount();
        rustix::mount::mount_move(&other, &self.point).unwrap();
        std::fs::rename(copy, &self.image).unwrap();
    }

    fn number(&self) -> u64 {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(&self.point).unwrap().dev()
    }

    pub(super) fn unmount(&self) {
        let begun = Instant::now();
        // A process that another test is just starting has copies of what is open here until it becomes another program.
        while let Err(errno) = unmount(&self.point, UnmountFlags::empty()) {
            assert!(errno == rustix::io::Errno::BUSY && begun.elapsed() < Duration::from_secs(20), "{errno}");
            std::thread::yield_now();
        }
    }

    pub(super) fn sync(&self) {
        rustix::fs::syncfs(std::fs::File::open(&self.point).unwrap()).unwrap();
    }
}
