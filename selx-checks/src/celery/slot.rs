//! Under which name this process asks, so that whatever it leaves behind when it is killed has one of few names.
//!
//! A client that makes a new name for every look leaves a new key behind whenever it is killed. Names here are fixed for
//! a host and a user, and numbered: each look takes the first number that no other look holds, and whoever takes it next
//! clears what a look that was killed has left. A number is held by a socket without a file, which the kernel takes back
//! from whoever ends, in whatever way.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use selx_core::{Context, Error, ErrorKind, Result};

/// How many looks of one user may ask at the same time on one host; also the most keys that looks which were killed can
/// leave behind.
const SLOTS: u8 = 16;
/// How long is waited before the numbers are tried again.
const AGAIN: Duration = Duration::from_millis(20);

/// A number that is held.
pub(super) struct Slot {
    /// The name that answers are sent to.
    pub(super) oid: String,
    _held: UnixDatagram,
}

impl Slot {
    /// Takes a number, and waits for one while all are held.
    pub(super) async fn take(cx: &Context) -> Result<Self> {
        let host = identity(cx);
        let waiting = async {
            loop {
                for number in 0..SLOTS {
                    if let Some(slot) = Self::hold(format!("{host}-{number}"))? {
                        return Ok(slot);
                    }
                }
                tokio::time::sleep(AGAIN).await;
            }
        };
        match cx.within("waiting for other looks", waiting).await {
            Ok(slot) => slot,
            Err(error) if error.kind() == ErrorKind::Cancelled => Err(error),
            Err(_) => {
                let text = format!("{SLOTS} other looks of this user ask the workers at the same time");
                Err(Error::new(ErrorKind::Limit, text).advice("look which of them hang: `pgrep -a selx`"))
            }
        }
    }

    /// Takes every number that nobody holds for a moment, to clear what looks that were killed have left under them.
    pub(super) fn free(cx: &Context) -> Vec<Self> {
        let host = identity(cx);
        (0..SLOTS).filter_map(|number| Self::hold(format!("{host}-{number}")).ok().flatten()).collect()
    }

    fn hold(oid: String) -> Result<Option<Self>> {
        let held = SocketAddr::from_abstract_name(format!("selx/celery/{oid}"))
            .and_then(|address| UnixDatagram::bind_addr(&address));
        match held {
            Ok(held) => Ok(Some(Self { oid, _held: held })),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(None),
            Err(error) => {
                Err(Error::new(ErrorKind::Local, "no socket could be made that keeps looks apart").source_error(error))
            }
        }
    }
}

/// What tells this host and user from others that ask the same workers.
fn identity(cx: &Context) -> String {
    let name = cx.host().read_proc("sys/kernel/hostname").unwrap_or_default();
    let allowed = |letter: &char| letter.is_ascii_alphanumeric() || "-.".contains(*letter);
    let name: String = name.trim().chars().filter(allowed).take(40).collect();
    // Two machines may have one name. The id itself is not to be told, so only a digest of it is.
    let machine = std::fs::read(cx.host().path("/etc/machine-id")).unwrap_or_default();
    let digest = machine
        .iter()
        .take(64)
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let user = rustix::process::geteuid().as_raw();
    format!("selx-{name}-{:08x}-{user}", (digest >> 32) ^ (digest & 0xffff_ffff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_looks_have_two_names_and_a_name_comes_back() {
        let cx = Context::new(Duration::from_secs(5));
        let first = Slot::take(&cx).await.unwrap();
        let second = Slot::take(&cx).await.unwrap();
        assert_ne!(first.oid, second.oid);
        assert!(first.oid.starts_with("selx-") && !first.oid.contains(char::is_whitespace), "{}", first.oid);
        let name = first.oid.clone();
        assert!(Slot::hold(name.clone()).unwrap().is_none());
        drop(first);
        assert!(Slot::hold(name).unwrap().is_some());
    }
}
