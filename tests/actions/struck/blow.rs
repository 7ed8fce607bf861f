//! Blows at single system calls: the process is killed there, the file system says no, or gives less than was asked for.
//!
//! The thread that works gets a filter (seccomp) under which every call by which files are reached, changed or made to last
//! waits for a word of another thread. That one counts the calls that concern the folder of the test, in the order in which
//! they come, whichever thread of the work makes them.

use std::collections::HashSet;
use std::ffi::{CStr, c_int, c_long};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use libc::{seccomp_notif, seccomp_notif_resp, sock_filter, sock_fprog};

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blow {
    /// The process is killed before the call of this number.
    Kill(u32, Of),
    /// The process is stopped, as by a person or with its machine, before the first file of the world is moved.
    Stop,
    /// The call of this number fails, and those after it do not.
    Once(u32, c_int),
    /// The call of this number fails, and so does every one after it.
    From(u32, c_int, Of),
    /// Every call is interrupted by a signal the first time.
    Interrupted,
    /// Every call that reads or writes does a few bytes of it.
    Short,
}

/// Which calls are counted, and fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    All,
    /// Those that change something.
    Changes,
}

/// Where a call says which file it is about.
#[derive(Clone, Copy)]
enum Says {
    Fd,
    At(usize),
    Path,
}

/// Whether a call changes something, and whether a signal may interrupt it while it waits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Looks,
    Waits,
    Changes,
    ChangesWaiting,
}

use Sort::{Changes, ChangesWaiting, Looks, Waits};

const CALLS: &[(c_long, &str, Says, Sort)] = &[
    (libc::SYS_openat, "openat", Says::At(0), Waits),
    (libc::SYS_openat2, "openat2", Says::At(0), Waits),
    (libc::SYS_statx, "statx", Says::At(0), Looks),
    (libc::SYS_newfstatat, "newfstatat", Says::At(0), Looks),
    (libc::SYS_fstat, "fstat", Says::Fd, Looks),
    (libc::SYS_statfs, "statfs", Says::Path, Looks),
    (libc::SYS_fstatfs, "fstatfs", Says::Fd, Looks),
    (libc::SYS_readlinkat, "readlinkat", Says::At(0), Looks),
    (libc::SYS_getdents64, "getdents64", Says::Fd, Looks),
    (libc::SYS_read, "read", Says::Fd, Waits),
    (libc::SYS_pread64, "pread64", Says::Fd, Waits),
    (libc::SYS_flock, "flock", Says::Fd, Waits),
    (libc::SYS_write, "write", Says::Fd, ChangesWaiting),
    (libc::SYS_pwrite64, "pwrite64", Says::Fd, ChangesWaiting),
    (libc::SYS_fsync, "fsync", Says::Fd, ChangesWaiting),
    (libc::SYS_fdatasync, "fdatasync", Says::Fd, ChangesWaiting),
    (libc::SYS_fallocate, "fallocate", Says::Fd, ChangesWaiting),
    (libc::SYS_ftruncate, "ftruncate", Says::Fd, ChangesWaiting),
    (libc::SYS_fchmod, "fchmod", Says::Fd, Changes),
    (libc::SYS_fchown, "fchown", Says::Fd, Changes),
    (libc::SYS_mkdirat, "mkdirat", Says::At(0), Changes),
    (libc::SYS_renameat, "renameat", Says::At(0), Changes),
    (libc::SYS_renameat2, "renameat2", Says::At(0), Changes),
    (libc::SYS_linkat, "linkat", Says::At(0), Changes),
    (libc::SYS_unlinkat, "unlinkat", Says::At(0), Changes),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mkdir, "mkdir", Says::Path, Changes),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_rename, "rename", Says::Path, Changes),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_unlink, "unlink", Says::Path, Changes),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_rmdir, "rmdir", Says::Path, Changes),
];

/// Does work in a folder while a blow waits for it. Returns what came of it, and at which calls the blow fell: by name and
/// file, in order. None means that there were not so many calls.
pub(super) fn struck<T: Send>(folder: &Path, blow: Blow, work: impl FnOnce() -> T + Send) -> (T, Vec<String>) {
    let (give, take) = mpsc::channel();
    std::thread::scope(|scope| {
        let watcher =
            scope.spawn(move || Watcher { folder: folder.to_owned(), blow, ..Watcher::default() }.watch(&take));
        let worker = scope.spawn(move || {
            give.send(filter()).expect("the watcher waits");
            work()
        });
        let said = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (said, watcher.join().expect("the watcher ends"))
    })
}

/// Puts the calling thread, and what it starts, under the filter.
#[expect(unsafe_code, reason = "no library speaks to the kernel of filters that ask")]
fn filter() -> OwnedFd {
    let word = |code: u32, jt: usize, k: u32| sock_filter {
        code: u16::try_from(code).expect("a code"),
        jt: u8::try_from(jt).expect("a short way"),
        jf: 0,
        k,
    };
    // The number of the call is the first word of what the filter sees.
    let mut program = vec![word(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0)];
    for (index, (number, ..)) in CALLS.iter().enumerate() {
        let number = u32::try_from(*number).expect("a call");
        program.push(word(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, CALLS.len() - index, number));
    }
    program.push(word(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW));
    program.push(word(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_USER_NOTIF));
    let program = sock_fprog { len: u16::try_from(program.len()).expect("a short one"), filter: program.as_mut_ptr() };
    // SAFETY: the program outlives the call, which copies it; the descriptor that comes back is nobody else's.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
        let fd = libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program);
        assert!(fd >= 0, "no filter: {}", std::io::Error::last_os_error());
        OwnedFd::from_raw_fd(c_int::try_from(fd).expect("a descriptor"))
    }
}

/// Who is asked about every call.
struct Watcher {
    folder: PathBuf,
    blow: Blow,
    count: u32,
    fell: Vec<String>,
    interrupted: HashSet<String>,
}

impl Default for Watcher {
    fn default() -> Self {
        Self { folder: PathBuf::new(), blow: Blow::Short, count: 0, fell: Vec::new(), interrupted: HashSet::new() }
    }
}

/// The requests of `ioctl`: who is asked receives a question, and sends the answer.
const RECEIVE: u64 = 0xc050_2100;
const SEND: u64 = 0xc018_2101;

impl Watcher {
    #[expect(unsafe_code, reason = "no library speaks to the kernel of filters that ask")]
    fn watch(mut self, listener: &mpsc::Receiver<OwnedFd>) -> Vec<String> {
        let Ok(listener) = listener.recv() else { return self.fell };
        let fd = listener.as_raw_fd();
        loop {
            let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
            // SAFETY: one descriptor, and the kernel fills in what is of its own size.
            let mut asked: seccomp_notif = unsafe {
                libc::poll(&raw mut poll, 1, -1);
                if poll.revents & libc::POLLIN == 0 {
                    // Every thread under the filter has ended.
                    return self.fell;
                }
                std::mem::zeroed()
            };
            // SAFETY: as above.
            if unsafe { libc::ioctl(fd, RECEIVE, &raw mut asked) } != 0 {
                continue;
            }
            let mut answer = seccomp_notif_resp { id: asked.id, val: 0, error: 0, flags: 0 };
            match self.decide(&asked) {
                Answer::Go => answer.flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE.try_into().expect("a flag"),
                Answer::Fail(errno) => answer.error = -errno,
                Answer::Did(bytes) => answer.val = bytes,
            }
            // SAFETY: as above; whoever asked may be gone.
            unsafe { libc::ioctl(fd, SEND, &raw mut answer) };
        }
    }

    fn decide(&mut self, asked: &seccomp_notif) -> Answer {
        let Some((_, name, says, sort)) = CALLS.iter().find(|(number, ..)| *number == c_long::from(asked.data.nr))
        else {
            return Answer::Go;
        };
        let Some(path) = file(asked, *says).filter(|path| path.starts_with(&self.folder)) else { return Answer::Go };
        let changes = matches!(sort, Changes | ChangesWaiting);
        let only_changes = matches!(self.blow, Blow::From(_, _, Of::Changes) | Blow::Kill(_, Of::Changes));
        if only_changes && !changes {
            return Answer::Go;
        }
        self.count += 1;
        let call = format!("{name} {}", path.strip_prefix(&self.folder).unwrap_or(&path).display());
        match self.blow {
            Blow::Kill(number, _) if self.count == number => die(),
            Blow::Stop if self.fell.is_empty() && call.starts_with("renameat2 world/") => {
                signal(libc::SIGSTOP);
                self.fell.push(call);
                Answer::Go
            }
            Blow::Once(number, errno) if self.count == number => self.fail(call, errno),
            Blow::From(number, errno, _) if self.count >= number => self.fail(call, errno),
            Blow::Interrupted if matches!(sort, Waits | ChangesWaiting) => {
                // The same call again is let through, and then it may come once more.
                if self.interrupted.remove(&call) {
                    return Answer::Go;
                }
                self.interrupted.insert(call.clone());
                self.fail(call, libc::EINTR)
            }
            Blow::Short => self.a_few(asked, call),
            _ => Answer::Go,
        }
    }

    fn fail(&mut self, call: String, errno: c_int) -> Answer {
        self.fell.push(call);
        Answer::Fail(errno)
    }

    /// Does a few bytes of a call in its place: the descriptors and the memory are the same.
    #[expect(unsafe_code, reason = "the call of another thread is done for it")]
    fn a_few(&mut self, asked: &seccomp_notif, call: String) -> Answer {
        const FEW: usize = 7;
        let [fd, buffer, length, offset, ..] = asked.data.args;
        let fd = fd as c_int;
        let few = usize::try_from(length).expect("a length").min(FEW);
        let offset = offset.cast_signed();
        // SAFETY: the thread that made the call waits, and its buffer has room for more than that.
        let did = unsafe {
            match c_long::from(asked.data.nr) {
                libc::SYS_read => libc::read(fd, buffer as *mut _, few),
                libc::SYS_write => libc::write(fd, buffer as *const _, few),
                libc::SYS_pread64 => libc::pread(fd, buffer as *mut _, few, offset),
                libc::SYS_pwrite64 => libc::pwrite(fd, buffer as *const _, few, offset),
                _ => return Answer::Go,
            }
        };
        if did < 0 {
            return Answer::Fail(std::io::Error::last_os_error().raw_os_error().expect("an error of the system"));
        }
        self.fell.push(call);
        Answer::Did(did as i64)
    }
}

enum Answer {
    Go,
    Fail(c_int),
    Did(i64),
}

#[expect(unsafe_code, reason = "a process signals itself")]
fn signal(signal: c_int) {
    // SAFETY: it is this process.
    unsafe { libc::kill(libc::getpid(), signal) };
}

fn die() -> ! {
    signal(libc::SIGKILL);
    loop {
        std::thread::park();
    }
}

/// Returns the file of a call of this process; of another's, such as a child's, nothing.
#[expect(unsafe_code, reason = "the words of a call of another thread are read")]
fn file(asked: &seccomp_notif, says: Says) -> Option<PathBuf> {
    if !Path::new("/proc/self/task").join(asked.pid.to_string()).exists() {
        return None;
    }
    // SAFETY: the thread that made the call waits, and gave the address of a name.
    let text = |index: usize| match asked.data.args[index] {
        0 => Some(PathBuf::new()),
        address => unsafe { CStr::from_ptr(address as *const _) }.to_str().ok().map(PathBuf::from),
    };
    let opened = |index: usize| {
        let fd = asked.data.args[index] as c_int;
        let link = if fd == libc::AT_FDCWD { "/proc/self/cwd".to_owned() } else { format!("/proc/self/fd/{fd}") };
        std::fs::read_link(link).ok()
    };
    match says {
        Says::Fd => opened(0),
        Says::Path => text(0),
        Says::At(index) => Some(opened(index)?.join(text(index + 1)?)),
    }
}
