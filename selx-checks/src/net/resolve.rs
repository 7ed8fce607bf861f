//! Names to addresses, by the resolver of this machine.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use selx_core::{Context, Error, ErrorKind, Result, TimeSpan};
use tokio::time::Instant;

use super::failure::{Failure, FailureKind, Phase};

/// The most addresses of one name that are looked at.
pub const MAX_ADDRESSES: usize = 64;

/// What a name leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The addresses in the order of the resolver, each once, at most [`MAX_ADDRESSES`].
    pub addresses: Vec<SocketAddr>,
    /// How many different ones there were.
    pub found: usize,
    /// How long the lookup took; zero for an address, which needs none.
    pub took: Duration,
}

/// Looks a name up as every program of this machine does: hosts file, name servers, whatever `nsswitch.conf` says.
///
/// An address, with or without brackets, is taken as it is. The lookup blocks, so it has a thread of its own that is
/// left behind when the time is up.
///
/// # Errors
///
/// The inner error is what the name servers said. The outer one is what this host could not do: `Cancelled`, or `Local`
/// when descriptors ran out.
pub async fn resolve(host: &str, port: u16, cx: &Context) -> Result<Result<Resolved, Failure>> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(Ok(Resolved { addresses: vec![SocketAddr::new(address, port)], found: 1, took: Duration::ZERO }));
    }
    let began = Instant::now();
    let name = bare.to_owned();
    let lookup = cx.blocking("the lookup of a name", move |_| {
        Ok((name.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>))
    });
    let found = match lookup.await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return failed(bare, &error).map(Err),
        Err(error) if error.kind() == ErrorKind::TimedOut => {
            let limit = TimeSpan::from(cx.limit());
            let text = format!("the name servers did not answer for `{bare}` within {limit}");
            return Ok(Err(Failure::new(Phase::Resolve, FailureKind::TimedOut, text)));
        }
        Err(error) => return Err(error),
    };
    Ok(collect(bare, found, began.elapsed()))
}

fn collect(name: &str, found: Vec<SocketAddr>, took: Duration) -> Result<Resolved, Failure> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        let text = format!("the name `{name}` has no address");
        return Err(Failure::new(Phase::Resolve, FailureKind::NotFound, text));
    }
    let found = addresses.len();
    addresses.truncate(MAX_ADDRESSES);
    Ok(Resolved { addresses, found, took })
}

/// Tells "there is no such name" from "the name servers could not say".
///
/// The standard library gives the resolver's answer as text only; what is not recognised is told as it is.
fn failed(name: &str, error: &std::io::Error) -> Result<Failure> {
    if error.raw_os_error().is_some() {
        return Err(
            Error::new(ErrorKind::Local, format!("the name `{name}` could not be looked up")).with("reason", error)
        );
    }
    let whole = error.to_string();
    let said = whole.strip_prefix("failed to lookup address information: ").unwrap_or(&whole);
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let (kind, text) = if has(&["not known", "does not resolve", "nodename nor servname"]) {
        (FailureKind::NotFound, format!("the name `{name}` does not exist"))
    } else if has(&["No address associated", "no usable address"]) {
        (FailureKind::NotFound, format!("the name `{name}` has no address"))
    } else if has(&["Temporary failure", "Try again", "Non-recoverable"]) {
        (FailureKind::ServerFailure, format!("the name servers could not answer for `{name}` ({said})"))
    } else {
        (FailureKind::Other, format!("the name `{name}` could not be looked up: {said}"))
    };
    Ok(Failure::new(Phase::Resolve, kind, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_need_no_lookup() {
        let cx = Context::new(Duration::from_secs(1));
        for (text, want) in [("127.0.0.1", "127.0.0.1:80"), ("[::1]", "[::1]:80"), ("::1", "[::1]:80")] {
            let found = resolve(text, 80, &cx).await.unwrap().unwrap();
            assert_eq!(found.addresses, [want.parse::<SocketAddr>().unwrap()]);
            assert_eq!(found.took, Duration::ZERO);
        }
    }

    #[test]
    fn fifty_addresses_are_kept_and_a_thousand_are_capped() {
        let many = |count: u32| {
            let each = |n: u32| SocketAddr::new(IpAddr::from((0x0a00_0000 + n).to_be_bytes()), 80);
            collect("many.example", (0..count).flat_map(|n| [each(n), each(n)]).collect(), Duration::ZERO)
        };
        let fifty = many(50).unwrap();
        assert_eq!((fifty.addresses.len(), fifty.found), (50, 50));
        let thousand = many(1000).unwrap();
        assert_eq!((thousand.addresses.len(), thousand.found), (MAX_ADDRESSES, 1000));
        assert_eq!(many(0).unwrap_err().kind, FailureKind::NotFound);
    }

    #[test]
    fn the_words_of_the_resolver_are_told_apart() {
        let kind = |text: &str| {
            failed("x.example", &std::io::Error::other(format!("failed to lookup address information: {text}")))
                .unwrap()
                .kind
        };
        assert_eq!(kind("Name or service not known"), FailureKind::NotFound);
        assert_eq!(kind("Name does not resolve"), FailureKind::NotFound);
        assert_eq!(kind("No address associated with hostname"), FailureKind::NotFound);
        assert_eq!(kind("Temporary failure in name resolution"), FailureKind::ServerFailure);
        assert_eq!(kind("Non-recoverable failure in name resolution"), FailureKind::ServerFailure);
        assert_eq!(kind("Der Name ist nicht bekannt"), FailureKind::Other);
        let error = failed("x.example", &std::io::Error::from_raw_os_error(24)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Local);
    }
}
