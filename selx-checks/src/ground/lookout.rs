//! A thread that is not confined, and looks for those that are.
//!
//! Landlock takes more from a thread than the right to write: it may not see what processes outside have open, nor go through
//! their roots (`/proc/PID/fd`, `/proc/PID/root`), whoever it runs as. A plan has to know both: a log that a program has
//! open is not deleted, and the room of a server in a container is that of its root.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{Sender, channel};

type Look = Box<dyn FnOnce() + Send>;

thread_local! {
    /// Who looks for this thread, if it is confined.
    static LOOKOUT: RefCell<Option<Lookout>> = const { RefCell::new(None) };
}

/// A way to the thread that looks. That one ends with the last way to it.
#[derive(Clone)]
pub(super) struct Lookout(Sender<Look>);

impl Lookout {
    /// Starts one. Whoever does is not confined yet: a thread is as confined as the one that makes it.
    pub(super) fn start() -> std::io::Result<Self> {
        let (sender, looks) = channel::<Look>();
        std::thread::Builder::new()
            .name("lookout".to_owned())
            .spawn(move || looks.into_iter().for_each(|look| look()))?;
        Ok(Self(sender))
    }

    /// Lets it look for this thread from now on.
    pub(super) fn serve(&self) {
        LOOKOUT.with_borrow_mut(|lookout| *lookout = Some(self.clone()));
    }
}

/// Looks at something that a confined thread does not see: in this thread, if it is not confined. Nothing but a look may be
/// asked for, as nothing keeps this one from writing.
#[cfg_attr(
    not(any(feature = "logs", feature = "postgres")),
    expect(dead_code, reason = "other kinds look at no process")
)]
pub(crate) fn from_outside<T: Send + 'static>(look: impl FnOnce() -> T + Send + 'static) -> T {
    let Some(Lookout(looks)) = LOOKOUT.with_borrow(Clone::clone) else { return look() };
    let (sender, seen) = channel();
    let look = move || drop(sender.send(std::panic::catch_unwind(AssertUnwindSafe(look))));
    // It is there for as long as there is a way to it.
    if let Err(back) = looks.send(Box::new(look)) {
        (back.0)();
    }
    match seen.recv() {
        Ok(Ok(seen)) => seen,
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(gone) => std::panic::resume_unwind(Box::new(gone)),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::ground::confined::{Confined, confine};

    #[test]
    #[expect(clippy::disallowed_methods, reason = "another process to look at")]
    fn what_is_hidden_from_a_confined_thread_is_seen_by_the_one_that_looks_for_it() {
        let mut other = Command::new("/usr/bin/sleep").arg("60").current_dir("/usr").spawn().unwrap();
        let folder = std::path::PathBuf::from(format!("/proc/{}/cwd", other.id()));
        let look = move || std::fs::read_link(&folder).ok();
        let (confined, before) = (look.clone(), look.clone());
        assert_eq!(from_outside(before), Some("/usr".into()), "whoever is not confined looks himself");
        let seen = std::thread::spawn(move || {
            let lookout = Lookout::start().unwrap();
            // A kernel without Landlock hides nothing.
            let hidden = if confine() == Confined::Yes { confined() } else { None };
            lookout.serve();
            let panics = std::panic::catch_unwind(|| from_outside(|| panic!("a look that fails")));
            (hidden, panics.is_err(), from_outside(look))
        });
        let (hidden, panics, seen) = seen.join().unwrap();
        let _ = other.kill();
        let _ = other.wait();
        assert_eq!((hidden, panics, seen), (None, true, Some("/usr".into())));
    }
}
