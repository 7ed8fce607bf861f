//! Servers of this host.

use std::time::Duration;

use redis::cmd;
use selx_core::{Context, Discovery, Proposal};
use tokio::time::Instant;

use super::client::{Redis, RefusalKind, Server, Trouble};
use crate::target::{Address, Target};

/// Where a server of this host usually is.
const PLACES: &[(&str, &str)] = &[
    ("local", "127.0.0.1:6379"),
    ("local-socket", "unix:/run/redis/redis-server.sock"),
    ("local-socket", "unix:/var/run/redis/redis.sock"),
];

/// Proposes one check for each server that answers at a usual place.
pub(super) async fn discover(cx: &Context) -> Discovery {
    let mut found: Vec<Proposal> = Vec::new();
    for (name, place) in PLACES {
        // The ports of this machine say nothing about a host whose files are elsewhere.
        if place.starts_with("127.") && cx.host().root != std::path::Path::new("/") {
            continue;
        }
        if found.iter().any(|proposal| proposal.name == *name) {
            continue;
        }
        if let Some(reason) = answers(place, cx).await {
            found.push(Proposal::new(*name, reason, format!("target = \"{place}\"")));
        }
    }
    if found.is_empty() {
        return Discovery::Absent(
            "no server of Redis answers on 127.0.0.1:6379 or /run/redis/redis-server.sock".into(),
        );
    }
    Discovery::Found(found)
}

/// Tells whether a server of Redis answers at a place, and what.
async fn answers(place: &str, cx: &Context) -> Option<String> {
    let address = Address::parse::<Redis>(place).ok()?;
    let target = Target::Address(address, std::marker::PhantomData);
    let server = Server { target, user: None, password: None, database: None, ca_file: None };
    let until = Instant::now() + Duration::from_secs(2);
    let look = async {
        match server.connect(cx).await.ok()? {
            Ok(mut redis) => redis.ask(&cmd("PING"), cx).await.ok()?.err(),
            Err(trouble) => Some(trouble),
        }
        .map_or(Some(None), |trouble| match trouble {
            Trouble::Refused(refusal) => Some(Some(refusal)),
            Trouble::Peer(_) => None,
        })
    };
    let refusal = tokio::time::timeout_at(until, look).await.ok()??;
    Some(match refusal {
        None => format!("a server of Redis answers at {place}"),
        Some(refusal) if refusal.kind == RefusalKind::NoAuth => {
            format!("a server of Redis answers at {place} and asks for a password: set `password`")
        }
        Some(refusal) => format!("a server of Redis answers at {place}: {}", refusal.text),
    })
}
