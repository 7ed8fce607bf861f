//! What the actions on PostgreSQL share: which databases and tables they are about, sessions that look and sessions that
//! work, and one statement at a time with a limit for everything it may wait for.
//!
//! - What is planned is asked in sessions that cannot write, in which names mean what they mean in the catalogue.
//! - A step knows its table by database, number, file and name. Right before it acts, a second session holds the name fast
//!   and looks what it leads to; it lets go once the statement has its own lock. A table that was dropped, made anew or
//!   renamed is left alone, and never another one taken in its place.
//! - A statement waits for a lock as long as its limit, then makes room, and comes again a few times.
//! - A run holds an advisory lock in each of its databases, by connections of their own: two machines exclude each other.
//! - A statement whose client died is ended by the server within half a second (version 14 and later, on Linux).

mod advisory;
pub(super) mod catalogue;
mod draft;
pub(super) mod failure;
mod guard;
mod plain;
mod reader;
mod room;
mod settings;
mod work;

pub(super) use advisory::{Held, lock};
pub(super) use draft::Draft;
pub(super) use guard::Blocker;
pub use guard::Relation;
pub(super) use plain::Plain;
pub(super) use reader::{Facts, Reader, aside, databases};
pub(super) use room::Room;
pub(crate) use room::place;
pub use settings::{Databases, LockTimeout, Retries, Span, StatementTimeout, TransactionAge};
pub(super) use settings::{Scope, hundred_gib, settings};
pub(super) use work::{Came, Job, Progress, Worker};

/// What to do where a right is missing.
pub(super) const RIGHTS: &str = "let their owner do it (`user`), or the owner of the database with the right to read them; \
     or leave them out by `exclude`";

/// Reads the sample of an action, as it is and with every line that stands there for choice.
#[cfg(test)]
pub(super) fn sample<A: selx_core::action::Action>() {
    let whole: String = A::META
        .sample
        .lines()
        .map(|line| line.strip_prefix("# ").unwrap_or(line))
        // One of two forms of the same setting.
        .filter(|line| !line.contains("compose"))
        .fold(String::new(), |text, line| text + line + "\n");
    for text in [A::META.sample, &whole] {
        let file: toml::Table = text.parse().unwrap();
        let with = file["action"][A::META.id.as_str()]["main"]["with"].clone();
        if let Err(error) = with.try_into::<A::Config>() {
            panic!("{}: {error}\n{text}", A::META.id.as_str());
        }
    }
}
