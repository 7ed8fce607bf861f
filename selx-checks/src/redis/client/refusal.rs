//! Error replies of Redis, told apart.

use std::fmt;

use redis::Value;
use selx_core::Finding;
use serde::{Deserialize, Serialize};

use super::trouble::right;

/// What an error reply says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RefusalKind {
    /// A login is needed and none was made.
    NoAuth,
    /// User or password are wrong.
    WrongPass,
    /// The user may not run the command, or not on that key.
    NoPerm,
    /// The data set is being loaded.
    Loading,
    /// A replica whose master is down, and that serves no stale data.
    MasterDown,
    /// A replica does not take writes.
    ReadOnly,
    /// Writes are stopped because the last snapshot failed.
    Misconf,
    /// Memory is full and nothing may be evicted.
    OutOfMemory,
    /// A script runs for too long.
    Busy,
    /// Writes are stopped because too few replicas are connected.
    NoReplicas,
    /// A node of a cluster that sends elsewhere, or a cluster that is down.
    Cluster,
    /// No more clients are accepted.
    TooManyClients,
    /// Protected mode: without a password only this machine may ask.
    Protected,
    /// There is no such database.
    NoSuchDatabase,
    /// A password was sent, and the server has none.
    NoPasswordSet,
    /// The server does not know the command.
    UnknownCommand,
    /// The key is of another type.
    WrongType,
    /// Something else; the text says what.
    Other,
}

/// An error reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The command, such as `INFO` or `SLOWLOG GET`, without arguments.
    pub command: String,
    /// What it says.
    pub kind: RefusalKind,
    /// Its own words, shortened, without secrets.
    pub text: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is answered with `{}`", self.command, self.text)
    }
}

impl Refusal {
    /// Tells whether the server closes the connection with it, whatever else was asked.
    pub(super) fn is_last(&self) -> bool {
        matches!(self.kind, RefusalKind::TooManyClients | RefusalKind::Protected)
    }

    /// Makes the finding of a kind that goes on without the answer: what is not known now, and which right is missing.
    pub fn unseen(&self, subject: &str, unknown: &str) -> Finding {
        let command = &self.command;
        let finding = match self.kind {
            RefusalKind::NoPerm => {
                let message = format!("does not let this user run {command}, so that {unknown}");
                Finding::unknown("not-permitted", subject, message)
                    .advice(format!("Give the user the right: `ACL SETUSER NAME {}`.", right(command)))
            }
            _ => Finding::unknown("refused", subject, format!("refuses {command}, so that {unknown}")),
        };
        finding.evidence("answer", &self.text)
    }

    /// Reads an error reply; another reply is given back.
    pub(in crate::redis) fn of(command: &str, value: Value) -> Result<Value, Self> {
        let Value::ServerError(error) = value else {
            return Ok(value);
        };
        let details = error.details().unwrap_or_default();
        let whole = format!("{} {details}", error.code());
        let shown: String = whole.trim().chars().take(200).collect();
        Err(Self { command: command.to_owned(), kind: kind(error.code(), details), text: shown })
    }
}

fn kind(code: &str, details: &str) -> RefusalKind {
    use RefusalKind as Kind;
    match code {
        "NOAUTH" => Kind::NoAuth,
        "WRONGPASS" => Kind::WrongPass,
        "NOPERM" => Kind::NoPerm,
        "LOADING" => Kind::Loading,
        "MASTERDOWN" => Kind::MasterDown,
        "READONLY" => Kind::ReadOnly,
        "MISCONF" => Kind::Misconf,
        "OOM" => Kind::OutOfMemory,
        "BUSY" => Kind::Busy,
        "NOREPLICAS" => Kind::NoReplicas,
        "MOVED" | "ASK" | "CLUSTERDOWN" | "CROSSSLOT" | "TRYAGAIN" => Kind::Cluster,
        "DENIED" => Kind::Protected,
        "WRONGTYPE" => Kind::WrongType,
        "ERR" => {
            let has = |words: &str| details.contains(words);
            if has("max number of clients") {
                Kind::TooManyClients
            } else if has("without any password configured") || has("no password is set") {
                Kind::NoPasswordSet
            } else if has("invalid password") {
                Kind::WrongPass
            } else if has("operation not permitted") {
                Kind::NoAuth
            } else if has("DB index") || has("invalid DB") || has("SELECT is not allowed") {
                Kind::NoSuchDatabase
            } else if has("unknown command") || has("unknown subcommand") || has("Unknown subcommand") {
                Kind::UnknownCommand
            } else {
                Kind::Other
            }
        }
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_every_version_are_known() {
        use RefusalKind as Kind;
        for (reply, want) in [
            ("NOAUTH Authentication required.", Kind::NoAuth),
            ("ERR operation not permitted", Kind::NoAuth),
            ("WRONGPASS invalid username-password pair or user is disabled.", Kind::WrongPass),
            ("ERR invalid password", Kind::WrongPass),
            ("NOPERM this user has no permissions to run the 'info' command", Kind::NoPerm),
            ("LOADING Redis is loading the dataset in memory", Kind::Loading),
            ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", Kind::MasterDown),
            ("READONLY You can't write against a read only replica.", Kind::ReadOnly),
            ("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to", Kind::Misconf),
            ("OOM command not allowed when used memory > 'maxmemory'.", Kind::OutOfMemory),
            ("BUSY Redis is busy running a script.", Kind::Busy),
            ("NOREPLICAS Not enough good replicas to write.", Kind::NoReplicas),
            ("MOVED 3999 127.0.0.1:6381", Kind::Cluster),
            ("CLUSTERDOWN Hash slot not served", Kind::Cluster),
            ("ERR max number of clients reached", Kind::TooManyClients),
            ("DENIED Redis is running in protected mode because protected mode is enabled", Kind::Protected),
            ("ERR DB index is out of range", Kind::NoSuchDatabase),
            ("ERR invalid DB index", Kind::NoSuchDatabase),
            ("ERR Client sent AUTH, but no password is set", Kind::NoPasswordSet),
            ("ERR AUTH <password> called without any password configured for the default user.", Kind::NoPasswordSet),
            ("ERR unknown command 'SLOWLOG'", Kind::UnknownCommand),
            ("WRONGTYPE Operation against a key holding the wrong kind of value", Kind::WrongType),
            ("ERR something", Kind::Other),
            ("", Kind::Other),
        ] {
            let value = redis::parse_redis_value(format!("-{reply}\r\n").as_bytes()).unwrap();
            let refusal = Refusal::of("PING", value).unwrap_err();
            assert_eq!(refusal.kind, want, "{reply}");
            assert!(reply.starts_with(&refusal.text), "{reply}: {}", refusal.text);
        }
    }
}
