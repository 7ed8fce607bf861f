//! Asking.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use selx_core::{Context, Error, ErrorKind, Result};
use tokio::time::Instant;

use super::config::{Addresses, Config, Endpoint, Private};
use super::content::{self, Veil};
use super::credentials::credentials;
use super::exchange::{Exchange, exchange};
use super::facts::{Answer, Facts, Look, Lookup};
use super::redirect::{self, Next};
use super::secure::secure;
use super::url::Url;
use super::wire::Stream;
use crate::net::{self, Attempt, Failure, FailureKind, Phase, Scope, scope};

/// How many addresses of one name are asked at the same time.
const SIDE_BY_SIDE: usize = 16;

/// Where a connection goes.
#[derive(Clone, Debug)]
enum Way {
    Tcp(Vec<SocketAddr>),
    Unix(PathBuf),
}

/// Asks an endpoint.
///
/// # Errors
///
/// What this host could not do: secrets or roots that cannot be read, no descriptors left. What the peer did is in the
/// facts.
pub(super) async fn probe(config: &Arc<Config>, cx: &Context) -> Result<Facts> {
    let asker =
        Asker { config, cx, credentials: config.authorization.as_ref().map(|how| credentials(how, cx)).transpose()? };
    let mut facts = Facts { url: config.url.to_string(), ..Facts::default() };
    let addresses = match &config.connect_to {
        Some(Endpoint::Unix(path)) => {
            facts.looks = vec![asker.ask(Way::Unix(path.clone()), Duration::ZERO).await?];
            return Ok(facts);
        }
        Some(Endpoint::Address(address)) => vec![SocketAddr::new(*address, config.url.port())],
        Some(Endpoint::Socket(address)) => vec![*address],
        None => match asker.addresses(&mut facts).await? {
            Ok(addresses) => addresses,
            Err(failure) => {
                facts.failure = Some(failure);
                return Ok(facts);
            }
        },
    };
    let dns = Duration::from_secs_f64(facts.resolved.as_ref().map_or(0.0, |lookup| lookup.seconds));
    if config.addresses == Addresses::First {
        facts.looks = vec![asker.ask(Way::Tcp(addresses), dns).await?];
        return Ok(facts);
    }
    let asker = &asker;
    let each = |address: SocketAddr| async move {
        let look = asker.ask(Way::Tcp(vec![address]), dns).await?;
        Ok::<_, Error>(Look { address: address.to_string(), ..look })
    };
    let looks: Vec<Result<Look>> =
        futures_util::stream::iter(addresses).map(each).buffered(SIDE_BY_SIDE).collect().await;
    let mut last = None;
    for look in looks {
        match look {
            Ok(look) => facts.looks.push(look),
            Err(error) => {
                if let Some(earlier) = last.replace(error) {
                    cx.fault(earlier);
                }
            }
        }
    }
    match last {
        // Nothing could be seen, so there is nothing to judge.
        Some(error) if facts.looks.is_empty() => Err(error),
        Some(error) => {
            cx.fault(error);
            Ok(facts)
        }
        None => Ok(facts),
    }
}

/// What all requests of one look share.
struct Asker<'a> {
    config: &'a Arc<Config>,
    cx: &'a Context,
    credentials: Option<HeaderValue>,
}

impl Asker<'_> {
    /// Looks the name up and keeps the addresses to which policy allows to go.
    async fn addresses(&self, facts: &mut Facts) -> Result<Result<Vec<SocketAddr>, Failure>> {
        let url = &self.config.url;
        let found = match net::resolve(url.host(), url.port(), self.cx).await? {
            Ok(found) => found,
            Err(failure) => return Ok(Err(failure)),
        };
        let mut lookup = Lookup {
            seconds: found.took.as_secs_f64(),
            addresses: found.addresses.iter().map(ToString::to_string).collect(),
            found: found.found,
            private: Vec::new(),
        };
        let mut addresses = found.addresses;
        if self.config.private != Private::Allow {
            let inside = |address: &SocketAddr| scope(address.ip()) != Scope::Public;
            lookup.private = addresses
                .iter()
                .filter(|address| inside(address))
                .map(|address| format!("{} ({})", address.ip(), scope(address.ip())))
                .collect();
            if self.config.private == Private::Deny {
                addresses.retain(|address| !inside(address));
            }
        }
        facts.resolved = Some(lookup);
        if addresses.is_empty() {
            let text = format!("`{}` leads only to addresses that are not public", url.host());
            return Ok(Err(Failure::new(Phase::Connect, FailureKind::Forbidden, text)));
        }
        Ok(Ok(addresses))
    }

    /// Asks, and follows redirects as far as it is allowed.
    async fn ask(&self, way: Way, dns: Duration) -> Result<Look> {
        let began = Instant::now();
        let mut look = Look::default();
        look.times.dns = dns.as_secs_f64();
        let mut asked = vec![self.config.url.clone()];
        let mut first_scope = None;
        let first_way = way.clone();
        let mut way = way;
        while let Some(url) = asked.last().cloned() {
            let Some((peer, location)) = self.hop(&url, &way, &mut look).await? else {
                break;
            };
            let first_scope = *first_scope.get_or_insert(peer);
            let Some(answer) = &mut look.answer else {
                break;
            };
            let target = match redirect::next(self.config, &url, answer, location.as_deref(), &asked) {
                Next::Stay => break,
                Next::Refuse(why) => {
                    answer.not_followed = Some(why);
                    break;
                }
                Next::Follow(target) => *target,
            };
            way = if target.origin() == self.config.url.origin() {
                first_way.clone()
            } else {
                match self.way_to(&target, first_scope, answer, &mut look.times.dns).await? {
                    Ok(Some(way)) => way,
                    Ok(None) => break,
                    Err(failure) => {
                        look.followed.push(target.to_string());
                        look.answer = None;
                        look.failure = Some(failure);
                        break;
                    }
                }
            };
            look.followed.push(target.to_string());
            look.answer = None;
            asked.push(target);
        }
        look.times.total = (dns + began.elapsed()).as_secs_f64();
        Ok(look)
    }

    /// Looks up where a redirect to another host leads; nothing if it must not be followed there.
    async fn way_to(
        &self,
        target: &Url,
        first: Scope,
        answer: &mut Answer,
        dns: &mut f64,
    ) -> Result<Result<Option<Way>, Failure>> {
        let found = match net::resolve(target.host(), target.port(), self.cx).await? {
            Ok(found) => found,
            Err(failure) => return Ok(Err(failure)),
        };
        *dns += found.took.as_secs_f64();
        let inside = found.addresses.iter().find(|address| scope(address.ip()) != Scope::Public);
        if let Some(address) = inside
            && (first == Scope::Public || self.config.private == Private::Deny)
        {
            let scope = scope(address.ip());
            answer.not_followed = Some(format!("it leads to the {scope} address {}", address.ip()));
            return Ok(Ok(None));
        }
        Ok(Ok(Some(Way::Tcp(found.addresses))))
    }

    /// Sends one request and reads its answer into the look.
    ///
    /// Returns where the peer is and what its `location` says, or nothing if there is no answer.
    async fn hop(&self, url: &Url, way: &Way, look: &mut Look) -> Result<Option<(Scope, Option<String>)>> {
        let began = Instant::now();
        let opened = self.open(way, look).await?;
        look.times.connect += began.elapsed().as_secs_f64();
        let Some((peer, mut stream)) = opened else {
            return Ok(None);
        };
        let own = url.origin() == self.config.url.origin();
        if url.is_secure() {
            let began = Instant::now();
            let name = self.config.server_name.as_deref().filter(|_| own).unwrap_or(url.host());
            let secured = secure(self.config.ca_file.as_deref(), name, stream, self.cx).await?;
            look.times.tls += began.elapsed().as_secs_f64();
            match secured {
                Ok((secured, encryption)) => {
                    stream = secured;
                    look.tls = Some(encryption);
                }
                Err(failure) => {
                    look.failure = Some(failure);
                    return Ok(None);
                }
            }
        }
        let request = self.request(url, own)?;
        let follows = self.config.redirects.get() > 0;
        let skip = move |status| follows && redirect::is_redirect(status);
        let mut got = exchange(stream, request, self.config.max_body.get(), skip, self.cx).await?;
        look.times.first_byte += got.first_byte.as_secs_f64();
        look.times.body += got.rest.as_secs_f64();
        look.received = got.received;
        self.keep(url, &mut got, look).await.map(|location| location.map(|location| (peer, location)))
    }

    /// Puts an answer into the look; the inner value is its `location`.
    async fn keep(&self, url: &Url, got: &mut Exchange, look: &mut Look) -> Result<Option<Option<String>>> {
        let parts = got.parts.take();
        let veil = Veil::new(self.cx.secrets(), self.credentials.as_ref());
        if let Some(parts) = &parts {
            look.answer = Some(content::answer(self.config, url, parts, got, &veil, self.cx).await?);
        }
        look.failure = got.failure.take();
        if look.failure.is_some() {
            return Ok(None);
        }
        Ok(parts.map(|parts| {
            let location = parts.headers.get(header::LOCATION)?;
            location.to_str().ok().map(str::to_owned)
        }))
    }

    /// Opens a connection; what was tried is in the look.
    async fn open(&self, way: &Way, look: &mut Look) -> Result<Option<(Scope, Box<dyn Stream>)>> {
        let each = self.config.connect_timeout.get();
        look.attempts.clear();
        match way {
            Way::Tcp(addresses) => {
                let dialled = net::dial(addresses, each, self.cx).await?;
                look.failure = dialled.attempts.last().and_then(|attempt| attempt.failure.clone());
                look.attempts = dialled.attempts;
                Ok(dialled.stream.map(|(address, stream)| {
                    let stream: Box<dyn Stream> = Box::new(stream);
                    (scope(address.ip()), stream)
                }))
            }
            Way::Unix(path) => {
                let began = Instant::now();
                let connected = net::connect_unix(&self.cx.host().path(path), began + each, self.cx).await?;
                let failure = connected.as_ref().err().cloned();
                look.attempts = vec![Attempt {
                    address: format!("unix:{}", path.display()),
                    seconds: began.elapsed().as_secs_f64(),
                    failure: failure.clone(),
                }];
                look.failure = failure;
                Ok(connected.ok().map(|stream| {
                    let stream: Box<dyn Stream> = Box::new(stream);
                    (Scope::Loopback, stream)
                }))
            }
        }
    }

    /// Makes the request; what is configured goes to the configured origin only.
    fn request(&self, url: &Url, own: bool) -> Result<Request<Full<Bytes>>> {
        let mut headers = HeaderMap::new();
        let host = HeaderValue::try_from(url.authority());
        if let Ok(host) = host {
            headers.insert(header::HOST, host);
        }
        headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("selx/", env!("CARGO_PKG_VERSION"))));
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if own {
            for (name, value) in &self.config.headers {
                if let Ok(name) = HeaderName::try_from(name.as_str()) {
                    headers.insert(name, value.value().clone());
                }
            }
            if let Some(credentials) = &self.credentials {
                headers.insert(header::AUTHORIZATION, credentials.clone());
            }
        }
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        let body = self.config.body.clone().filter(|_| own).unwrap_or_default();
        let mut request = Request::builder()
            .method(hyper::Method::from(self.config.method))
            .uri(url.target())
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Error::new(ErrorKind::Bug, "the request cannot be made").source_error(error))?;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn redirects_do_not_lead_from_outside_to_inside() {
        let config: Config = serde_json::from_str(r#"{"url":"https://public.example/","redirects":1}"#).unwrap();
        let config = Arc::new(config);
        let cx = Context::new(Duration::from_secs(5));
        let asker = Asker { config: &config, cx: &cx, credentials: None };
        for (target, said) in [
            ("http://169.254.169.254/latest/meta-data/", "link-local address 169.254.169.254"),
            ("http://127.0.0.1/", "loopback address 127.0.0.1"),
            ("http://[::1]/", "loopback address ::1"),
            ("http://[::ffff:10.0.0.1]/", "private address"),
            ("http://localhost/", "loopback address"),
            ("http://0.0.0.0/", "private address 0.0.0.0"),
        ] {
            let (mut answer, mut dns) = (Answer::default(), 0.0);
            let way = asker.way_to(&target.parse().unwrap(), Scope::Public, &mut answer, &mut dns).await.unwrap();
            assert!(matches!(way, Ok(None)), "{target} was followed");
            assert!(answer.not_followed.unwrap().contains(said), "{target}");
            // From inside to inside is allowed.
            let mut answer = Answer::default();
            let way = asker.way_to(&target.parse().unwrap(), Scope::Private, &mut answer, &mut dns).await.unwrap();
            assert!(matches!(way, Ok(Some(Way::Tcp(_)))), "{target}");
        }
        let mut answer = Answer::default();
        let target = "http://192.0.2.1/".parse().unwrap();
        let way = asker.way_to(&target, Scope::Public, &mut answer, &mut 0.0).await.unwrap();
        assert!(matches!(way, Ok(Some(_))), "an address outside");
    }
}
