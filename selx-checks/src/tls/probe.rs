//! The look: every address of every endpoint side by side, and the files.

use std::net::SocketAddr;

use futures_util::stream::{self, StreamExt as _};
use selx_core::{Context, Error, ErrorKind, Result};
use tokio::time::Instant;

use super::config::{Addresses, Settings};
use super::endpoint::{Endpoint, server_name};
use super::facts::{Facts, Pair, Seen, Trouble};
use super::files;
use super::look::{Target, look, of_failure};
use super::trust::Trust;
use crate::net::{Failure, resolve};

/// How many addresses are looked at at the same time.
const CONCURRENCY: usize = 32;

/// Looks at everything that is configured.
pub(super) async fn probe(settings: &Settings, cx: &Context) -> Result<Facts> {
    let mut facts = Facts::default();
    let endpoints = endpoints(settings);
    if !endpoints.is_empty() {
        look_at_endpoints(settings, &endpoints, &mut facts, cx).await?;
    }
    let host = cx.host().clone();
    let (patterns, pairs, keys) = (settings.files.clone(), settings.compare.clone(), settings.keys);
    let read = move |token: &tokio_util::sync::CancellationToken| {
        let found = files::find(&patterns, keys, &host, token)?;
        let pair = |pair: &super::config::Compared| Pair {
            endpoint: pair.endpoint.to_string(),
            file: files::read_named(&pair.file, &host),
        };
        Ok((found, pairs.iter().map(pair).collect::<Vec<_>>()))
    };
    if !settings.files.is_empty() || !settings.compare.is_empty() {
        let (found, pairs) = cx.blocking("reading the certificate files", read).await?;
        facts.files = found.files;
        facts.unmatched = found.unmatched;
        facts.files_omitted = found.omitted;
        facts.pairs = pairs;
    }
    Ok(facts)
}

/// Returns the endpoints, those of comparisons included, each once.
fn endpoints(settings: &Settings) -> Vec<&Endpoint> {
    let mut all: Vec<&Endpoint> = Vec::new();
    for endpoint in settings.endpoints.iter().chain(settings.compare.iter().map(|pair| &pair.endpoint)) {
        if !all.contains(&endpoint) {
            all.push(endpoint);
        }
    }
    all
}

async fn look_at_endpoints(
    settings: &Settings,
    endpoints: &[&Endpoint],
    facts: &mut Facts,
    cx: &Context,
) -> Result<()> {
    // Without roots there is still much to be seen; that nothing could be verified is told beside it.
    let (file, host) = (settings.ca_file.clone(), cx.host().clone());
    let read = cx.blocking("reading the trusted roots", move |_| Trust::load(file.as_deref(), &host));
    let trust = match read.await {
        Ok(trust) => Some(trust),
        Err(error) => {
            facts.trust_trouble = Some(error.to_string());
            None
        }
    };
    facts.trust = trust.as_ref().map(|trust| trust.source.clone());
    let lookups: Vec<_> = endpoints.iter().map(|endpoint| addresses(settings, endpoint, cx)).collect();
    let found: Vec<_> = stream::iter(lookups).buffered(CONCURRENCY).collect().await;

    let mut targets = Vec::new();
    for (endpoint, found) in endpoints.iter().zip(found) {
        let name = match &settings.server_name {
            Some(name) => server_name(&name.0),
            None => server_name(&endpoint.host),
        };
        // The settings have been read through the same function.
        let name = name.map_err(|error| Error::new(ErrorKind::Config, error))?;
        match found? {
            Ok(addresses) => targets.extend(addresses.into_iter().map(|address| Target {
                endpoint: endpoint.to_string(),
                address,
                name: name.clone(),
                trust: trust.as_ref(),
            })),
            Err(trouble) => facts.endpoints.push(Seen {
                endpoint: endpoint.to_string(),
                server_name: name.to_str().into_owned(),
                trouble: Some(trouble),
                ..Seen::default()
            }),
        }
    }
    let total = targets.len();
    let looks: Vec<_> =
        targets.into_iter().enumerate().map(|(index, target)| in_turn(target, total - index, cx)).collect();
    let seen: Vec<_> = stream::iter(looks).buffered(CONCURRENCY).collect().await;
    for seen in seen {
        facts.endpoints.extend(seen?);
    }
    Ok(())
}

/// Looks at one address, with a share of the time so that those who wait for a place get theirs.
async fn in_turn(target: Target<'_>, left: usize, cx: &Context) -> Result<Option<Seen>> {
    let waves = u32::try_from(left.div_ceil(CONCURRENCY)).unwrap_or(u32::MAX).max(1);
    let subject = format!("{} [{}]", target.endpoint, target.address.ip());
    let remaining = cx.remaining();
    if remaining.is_zero() {
        cx.fault(Error::new(ErrorKind::TimedOut, format!("{subject} was not looked at: the time was up")));
        return Ok(None);
    }
    match look(target, Instant::now() + remaining / waves, cx).await {
        Ok(seen) => Ok(Some(seen)),
        Err(error) if error.kind() == ErrorKind::Cancelled => Err(error),
        // What this host could not do for one address does not hide the others.
        Err(error) => {
            cx.fault(error.with("endpoint", subject));
            Ok(None)
        }
    }
}

/// Finds the addresses of an endpoint.
async fn addresses(settings: &Settings, endpoint: &Endpoint, cx: &Context) -> Result<Result<Vec<SocketAddr>, Trouble>> {
    let (mut addresses, found) = if settings.resolve_to.is_empty() {
        match resolve(&endpoint.host, endpoint.port, cx).await? {
            Ok(resolved) => (resolved.addresses, resolved.found),
            Err(failure) => return Ok(Err(of_failure(failure))),
        }
    } else {
        let given: Vec<_> = settings.resolve_to.iter().map(|address| address.at(endpoint.port)).collect();
        let found = given.len();
        (given, found)
    };
    let before = addresses.len();
    match settings.addresses {
        Addresses::All => {}
        Addresses::First => addresses.truncate(1),
        Addresses::Ipv4 => addresses.retain(SocketAddr::is_ipv4),
        Addresses::Ipv6 => addresses.retain(SocketAddr::is_ipv6),
    }
    if addresses.is_empty() {
        let text =
            format!("the name `{}` has {before} addresses, but none of the family that is asked for", endpoint.host);
        let failure = Failure::new(crate::net::Phase::Resolve, crate::net::FailureKind::NotFound, text);
        return Ok(Err(of_failure(failure)));
    }
    if found > before {
        cx.fault(Error::new(
            ErrorKind::Limit,
            format!("{endpoint} has {found} addresses, of which {before} are looked at"),
        ));
    }
    Ok(Ok(addresses))
}
