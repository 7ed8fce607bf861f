//! Mounts that only their test sees, and that go away with it.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use rustix::thread::UnshareFlags;
use selx_core::Host;

thread_local! {
    /// The `/proc` of a test in which `self` is the thread of the test, which has mounts of its own.
    static PROC: tempfile::TempDir = {
        // SAFETY: this thread and those it starts get a copy of the table of mounts; nothing of Rust rests on it.
        #[expect(unsafe_code, reason = "a test of mounts must not show them to the whole machine")]
        unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }.expect("this test needs the right to mount (root)");
        rustix::mount::mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)
            .expect("mounts are kept apart");
        let folder = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::symlink("/proc/thread-self", folder.path().join("self")).expect("a link");
        folder
    };
}

/// Returns this machine as the thread of the test sees it.
pub(crate) fn host() -> Host {
    PROC.with(|folder| Host { proc: folder.path().to_owned(), ..Host::default() })
}

/// A file system mounted in a folder of its own.
pub(crate) struct Mounted {
    folder: tempfile::TempDir,
    point: PathBuf,
}

impl Mounted {
    /// Mounts memory with options, such as `size=64k`, on a folder of this name.
    pub(crate) fn memory(name: &str, options: &str) -> Self {
        Self::any("tmpfs", name, options)
    }

    /// Mounts a file system of user space whose server never answers, not even the greeting.
    pub(crate) fn silent() -> (Self, File) {
        let device = File::options().read(true).write(true).open("/dev/fuse").expect("/dev/fuse can be opened");
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
        (Self::any("fuse", "silent", &options), device)
    }

    fn any(kind: &str, name: &str, options: &str) -> Self {
        host();
        let folder = tempfile::tempdir().expect("a folder");
        let point = folder.path().canonicalize().expect("it is there").join(name);
        std::fs::create_dir(&point).expect("a mount point");
        let options = CString::new(options).expect("options are text");
        rustix::mount::mount("selx-test", &point, kind, MountFlags::empty(), options.as_c_str())
            .expect("this test needs the right to mount (root)");
        Self { folder, point }
    }

    /// Mounts the same again on another folder.
    pub(crate) fn bound(&self, name: &str) -> PathBuf {
        let other = self.folder.path().canonicalize().expect("it is there").join(name);
        std::fs::create_dir(&other).expect("a mount point");
        rustix::mount::mount_bind(&self.point, &other).expect("a bind mount");
        other
    }

    pub(crate) fn remount_read_only(&self) {
        rustix::mount::mount_remount(&self.point, MountFlags::RDONLY, "").expect("a remount");
    }

    pub(crate) fn point(&self) -> &Path {
        &self.point
    }

    pub(crate) fn name(&self) -> &str {
        self.point.to_str().expect("it is text")
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        for folder in std::fs::read_dir(self.folder.path()).into_iter().flatten().flatten() {
            let _ = rustix::mount::unmount(folder.path(), UnmountFlags::DETACH);
        }
    }
}
