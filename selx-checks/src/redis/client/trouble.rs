//! What a server did instead of answering, and what that means.

use selx_core::{Code, Finding};
use serde::{Deserialize, Serialize};

use super::refusal::{Refusal, RefusalKind};
use crate::net::{Failure, FailureKind, Phase};

/// What a server did instead of answering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// It could not be reached, broke off, did not answer, or spoke something else.
    Peer(Failure),
    /// It answered with an error.
    Refused(Refusal),
}

impl Trouble {
    /// Makes the finding that every kind has about it, under one of the codes of [`SHARED`].
    pub fn finding(&self, subject: impl Into<String>) -> Finding {
        match self {
            Self::Peer(failure) => peer(failure, subject.into()),
            Self::Refused(refusal) => refused(refusal, subject.into()),
        }
    }
}

impl Trouble {
    /// Tells whether the server loads its data.
    pub fn is_loading(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.kind == RefusalKind::Loading)
    }

    /// Tells whether the server refuses writes or a command, and answers what it is asked about itself all the same.
    pub fn still_tells(&self) -> bool {
        use RefusalKind as Kind;
        let Self::Refused(refusal) = self else {
            return false;
        };
        matches!(
            refusal.kind,
            Kind::NoPerm | Kind::Loading | Kind::MasterDown | Kind::Misconf | Kind::OutOfMemory | Kind::NoReplicas
        )
    }
}

fn peer(failure: &Failure, subject: String) -> Finding {
    use FailureKind as Kind;
    let (code, begin) = match (failure.phase, failure.kind) {
        (Phase::Find, _) => ("no-container", "has no container to ask"),
        (Phase::Resolve, _) => ("name-not-resolved", "cannot be found"),
        (Phase::Connect, _) => ("not-connected", "cannot be connected to"),
        (_, Kind::TimedOut) => ("no-answer", "does not answer"),
        (Phase::Tls, _) | (_, Kind::Tls) => ("tls-failed", "gives no encrypted connection that is trusted"),
        (_, Kind::TooLarge | Kind::Malformed) => ("not-redis", "does not answer as Redis does"),
        (_, Kind::Closed | Kind::Reset) => ("cut-off", "broke off"),
        _ => ("no-answer", "does not answer"),
    };
    Finding::critical(code, subject, format!("{begin}: {} (phase: {})", failure.text, failure.phase))
}

fn refused(refusal: &Refusal, subject: String) -> Finding {
    use RefusalKind as Kind;
    let command = &refusal.command;
    let critical = |code, message: &str| Finding::critical(code, subject.clone(), message);
    let finding = match refusal.kind {
        Kind::NoAuth => critical("login-needed", "asks for a password, and none is given"),
        Kind::WrongPass => critical("login-failed", "refuses the password, or the user is switched off"),
        Kind::NoPerm => critical("not-permitted", &format!("does not let this user run {command}"))
            .advice(format!("Give the user the right: `ACL SETUSER NAME {}`.", right(command))),
        Kind::Loading => Finding::warning("loading", subject.clone(), "is loading its data and serves nothing yet"),
        Kind::MasterDown => critical("not-serving", "is a replica without its master and serves nothing meanwhile")
            .advice("Look at the master, and at `INFO replication` of the replica."),
        Kind::Busy => critical("not-serving", "is busy with a script and serves nothing meanwhile")
            .advice("`SCRIPT KILL` ends the script if it has not written yet."),
        Kind::Cluster => critical("not-serving", "is a node of a cluster and does not serve this itself")
            .advice("Clusters are not followed: ask each node in a check of its own."),
        Kind::Protected => critical("not-serving", "has no password and serves only its own machine")
            .advice("Give it a password (`requirepass`) or a `bind` address, whichever is meant."),
        Kind::ReadOnly => critical("read-only", "is a replica that takes no writes"),
        Kind::Misconf => critical("writes-stopped", "takes no writes since it cannot save its data"),
        Kind::NoReplicas => critical("writes-stopped", "takes no writes since too few replicas follow it").advice(
            "Look at the replicas and the network between; `min-replicas-to-write` says how many there have to be.",
        ),
        Kind::OutOfMemory => critical("memory-full", "takes no writes since its memory is full"),
        Kind::TooManyClients => critical("too-many-clients", "has as many clients as it accepts"),
        Kind::NoSuchDatabase | Kind::NoPasswordSet | Kind::UnknownCommand | Kind::WrongType | Kind::Other => {
            critical("refused", &format!("refuses: {refusal}"))
        }
    };
    finding.evidence("answer", &refusal.text)
}

/// Writes the right to a command as an access list has it: `+info`, `+slowlog|get`.
pub fn right(command: &str) -> String {
    format!("+{}", command.to_lowercase().replace(' ', "|"))
}

/// The codes of states that may pass by themselves, for [`Meta::passing`](selx_core::Meta::passing).
pub const PASSING: &[&str] =
    &["no-container", "name-not-resolved", "not-connected", "tls-failed", "no-answer", "cut-off", "too-many-clients"];

/// How many codes are shared.
pub const SHARED: usize = SHARED_CODES.len();

/// Makes the codes of a kind: those of [`Trouble::finding`], then its own. `ALL` is [`SHARED`] more than there are own.
///
/// # Panics
///
/// If `ALL` is another number; in a `const` this is a compile error.
#[expect(clippy::indexing_slicing, reason = "constant: an index out of bounds does not compile")]
pub const fn codes<const OWN: usize, const ALL: usize>(own: [Code; OWN]) -> [Code; ALL] {
    assert!(ALL == OWN + SHARED, "the number of all codes");
    let mut all = [SHARED_CODES[0]; ALL];
    let mut index = 0;
    while index < SHARED {
        all[index] = SHARED_CODES[index];
        index += 1;
    }
    while index < ALL {
        all[index] = own[index - SHARED];
        index += 1;
    }
    all
}

const SHARED_CODES: [Code; 17] = [
    Code::new(
        "no-container",
        "The compose service has no running container.",
        "`docker compose ps` and the log of the service say why; `docker compose up -d SERVICE` starts it.",
    ),
    Code::new(
        "name-not-resolved",
        "The name of the server leads to no address, or the name servers did not say.",
        "Look the name up with `getent hosts NAME`; then look at the name servers in /etc/resolv.conf.",
    ),
    Code::new(
        "not-connected",
        "The server accepts no connection.",
        "Look whether it runs and listens (`ss -ltnp`), and at its log.",
    ),
    Code::new(
        "tls-failed",
        "Encryption could not be agreed on, or the certificate is not trusted.",
        "Look whether the port speaks TLS (`tls-port` of the server); a private root is trusted with `ca-file`.",
    ),
    Code::new(
        "no-answer",
        "The server accepted the connection and did not answer in time.",
        "Look what it does: a long command (`SLOWLOG GET`), swapping, a stopped process (state `T` in `ps`).",
    ),
    Code::new(
        "cut-off",
        "The server ended the connection before it had answered.",
        "Look at its log: it may have been restarted, killed, or out of memory.",
    ),
    Code::new(
        "not-redis",
        "What came is not an answer that the protocol of Redis allows, or it is far too large.",
        "Look what listens on the port, and whether it wants encryption (`rediss://`).",
    ),
    Code::new(
        "login-needed",
        "The server asks for a password and none is given.",
        "Set `password = \"file:/PATH\"` or `\"env:NAME\"`, and `user` where an access list has one.",
    ),
    Code::new(
        "login-failed",
        "The server refuses user or password.",
        "Compare the password with `requirepass` or the access list of the server; it may have been changed.",
    ),
    Code::new(
        "not-permitted",
        "The user may not run a command that this check needs.",
        "Give the user the right with `ACL SETUSER`; the message names the command.",
    ),
    Code::new(
        "loading",
        "The server loads its data after a start and serves nothing yet.",
        "Wait for it; if it begins anew again and again, look at its log and at the memory of the machine.",
    ),
    Code::new(
        "too-many-clients",
        "The server has as many clients as it accepts and refuses further ones.",
        "Look who they are (`CLIENT LIST`): a pool that leaks is usual; then at `maxclients`.",
    ),
    Code::new(
        "not-serving",
        "The server answers and serves nothing: its master is down, a script runs, or it is made for others.",
        "The message says which; look at `INFO` of the server.",
    ),
    Code::new(
        "read-only",
        "The server is a replica and takes no writes.",
        "Point the clients to the master, or promote the replica if the master is gone.",
    ),
    Code::new(
        "writes-stopped",
        "The server refuses every write, as a save of its data failed or too few replicas follow.",
        "Look at the disk, the rights of the data folder and the log; `BGSAVE` when it is mended.",
    ),
    Code::new(
        "memory-full",
        "The memory is full and nothing may be evicted, so that writes are refused.",
        "Look what grew (`INFO memory`, `redis-cli --bigkeys`): a queue that nobody empties is usual.",
    ),
    Code::new(
        "refused",
        "The server answers a question with an error that has no code of its own.",
        "The message has its words.",
    ),
];
