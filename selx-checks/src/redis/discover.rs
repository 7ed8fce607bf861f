//! Servers of this host: services of compose projects, and what answers at the usual places.

use std::path::Path;
use std::time::Duration;

use redis::cmd;
use selx_core::{Context, Discovery, Proposal};
use tokio::time::Instant;

use super::client::{Redis, RefusalKind, Server, Trouble};
use crate::target::{Address, Candidate, Target, running_services, undiscovered};

/// Images that are a server of Redis.
const IMAGES: &[&str] = &["redis", "redis-stack", "redis-stack-server", "valkey", "keydb"];
/// Services that are one, whatever their image is called: products build their own.
const SERVICES: &[&str] = &["redis", "valkey", "keydb"];
/// Where a server of this host usually is.
const PLACES: &[(&str, &str)] = &[
    ("local", "127.0.0.1:6379"),
    ("local-socket", "unix:/run/redis/redis-server.sock"),
    ("local-socket", "unix:/run/redis/redis.sock"),
];

/// Proposes one check for each server.
pub(super) async fn discover(cx: &Context) -> Discovery {
    let mut found = Vec::new();
    let services = running_services(is_server, cx).await;
    for service in services.iter().flatten() {
        if let Some(target) = service.target() {
            let reason = format!("the service `{}` of project `{}` runs", service.service, service.project);
            found.push(Proposal::new(service.name(), reason, format!("target = {target}")));
        }
    }
    let of_compose = found.len();
    for (name, place) in PLACES {
        // The ports of this machine say nothing about a host whose files are elsewhere; and what answers here may be
        // the published port of a service that was found already.
        let is_port = place.starts_with("127.");
        if is_port && (of_compose > 0 || cx.host().root != Path::new("/")) {
            continue;
        }
        if found.iter().any(|proposal| proposal.name == *name) {
            continue;
        }
        if let Some(reason) = answers(place, cx).await {
            found.push(Proposal::new(*name, reason, format!("target = \"{place}\"")));
        }
    }
    match services {
        _ if !found.is_empty() => Discovery::Found(found),
        Err(error) if !matches!(undiscovered(&error), Discovery::Absent(_)) => undiscovered(&error),
        _ => Discovery::Absent(
            "no compose service is a server of Redis, and none answers on 127.0.0.1:6379 or in /run/redis".to_owned(),
        ),
    }
}

/// Tells whether a service is a server of Redis.
pub(crate) fn is_server(candidate: &Candidate<'_>) -> bool {
    let serves = candidate.image_is(IMAGES)
        || candidate.command.contains("redis-server")
        || SERVICES.contains(&candidate.service);
    serves && !candidate.command.contains("sentinel")
}

/// Tells whether a server of Redis answers at a place, and what.
async fn answers(place: &str, cx: &Context) -> Option<String> {
    let address = Address::parse::<Redis>(place).ok()?;
    let target = Target::Address(address, std::marker::PhantomData);
    let server = Server { target, user: None, password: None, database: None, ca_file: None };
    let look = async {
        match server.connect(cx).await.ok()? {
            Ok(mut redis) => Some(redis.ask(&cmd("PING"), cx).await.ok()?.err()),
            Err(trouble) => Some(Some(trouble)),
        }
    };
    let until = Instant::now() + Duration::from_secs(2);
    match tokio::time::timeout_at(until, look).await.ok()?? {
        None => Some(format!("a server of Redis answers at {place}")),
        Some(Trouble::Refused(refusal)) if refusal.kind == RefusalKind::NoAuth => {
            Some(format!("a server of Redis answers at {place} and asks for a password: set `password`"))
        }
        Some(Trouble::Refused(refusal)) => Some(format!("a server of Redis answers at {place}: {}", refusal.text)),
        Some(Trouble::Peer(_)) => None,
    }
}
