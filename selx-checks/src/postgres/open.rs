//! From a target to a session: found, connected, encrypted, started, logged in.

use std::collections::BTreeMap;
use std::time::Duration;

use selx_core::{Context, Error, ErrorKind, Result};
use tokio::time::Instant;

use super::auth::{Method, prove};
use super::refusal::{Ended, ServerError, Trouble, apart};
use super::secure::secure;
use super::server::{Server, Tls, Who, socket_file};
use super::session::{Session, Way};
use super::turn::Turn;
use super::wire::{LOGIN_CAP, MESSAGES, Stream, Wire};
use crate::net::{Attempt, Failure, FailureKind, Phase, connect_unix, dial, resolve};
use crate::target::{Endpoint, Place, unknown_name};

/// The longest that one address may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// The most characters that are kept of what a server says of itself.
const PARAMETER: usize = 100;

/// How far it went.
pub(super) enum Opened {
    /// To a session.
    Session(Box<Session>),
    /// To the question who asks, for which there is no password.
    Asked,
}

/// Goes as far as the settings allow, or goes on in the session of the check before.
///
/// # Errors
///
/// What this host could not do. What the server did is the inner error.
pub(super) async fn open(server: &Server<'_>, cx: &Context) -> Result<(Way, Result<Opened, Trouble>)> {
    let mut turn = Turn::wait(server, cx).await;
    if let Some((way, mut session)) = turn.as_mut().and_then(Turn::session) {
        session.wire.begin();
        session.turn = turn.map(|turn| (turn, way.clone()));
        return Ok((way, Ok(Opened::Session(Box::new(session)))));
    }
    let mut way = Way { address: server.target.to_string(), ..Way::default() };
    let mut opened = apart(go(server, &mut way, cx).await)?;
    if let Ok(Opened::Session(session)) = &mut opened {
        session.turn = turn.map(|turn| (turn, way.clone()));
    }
    Ok((way, opened))
}

/// Goes to a session, for kinds that cannot look without one.
///
/// # Errors
///
/// As [`open`]; also if the server wants a password and there is none.
pub(super) async fn session(server: &Server<'_>, cx: &Context) -> Result<(Way, Result<Session, Trouble>)> {
    let (way, opened) = open(server, cx).await?;
    let opened = match opened {
        Ok(Opened::Session(session)) => Ok(*session),
        Ok(Opened::Asked) => return Err(no_password(&way, "check")),
        Err(trouble) => Err(trouble),
    };
    Ok((way, opened))
}

fn no_password(way: &Way, asker: &str) -> Error {
    let method = way.method.as_deref().unwrap_or("a password");
    let text = format!("the server wants {method} of role `{}`, and the {asker} has no password", way.user);
    Error::new(ErrorKind::Config, text).advice("set `password = \"file:/PATH\"` or `\"env:NAME\"`")
}

/// Goes to a session that is nobody else's, before or after. `keys` is where the password comes from; how long it may take
/// is up to `cx`.
pub(super) async fn fresh(server: &Server<'_>, keys: &Context, cx: &Context) -> Result<(Way, Session), Ended> {
    let mut way = Way { address: server.target.to_string(), ..Way::default() };
    match go_with(server, &mut way, keys, cx).await? {
        Opened::Session(session) => Ok((way, *session)),
        Opened::Asked => Err(no_password(&way, "action").into()),
    }
}

async fn go(server: &Server<'_>, way: &mut Way, cx: &Context) -> Result<Opened, Ended> {
    go_with(server, way, cx, cx).await
}

async fn go_with(server: &Server<'_>, way: &mut Way, keys: &Context, cx: &Context) -> Result<Opened, Ended> {
    let began = Instant::now();
    let endpoint = server.target.find(cx).await?.map_err(Trouble::Broken).map_err(Ended::Peer)?;
    way.address = endpoint.address.to_string();
    way.container = endpoint.container.as_ref().map(|container| container.name.clone());
    let who = server.who(&endpoint, keys)?;
    (way.user, way.database) = (who.user.clone(), who.database.clone());
    let (stream, stays_here) = connect(&endpoint, way, cx).await?;
    let wire = Wire::new(stream, way.address.clone(), began);
    let (mut wire, tls) = secure(wire, server, &endpoint, cx).await?;
    let guarded = server.weak_login || stays_here || (tls.is_some() && server.tls() == Tls::Verify);
    way.tls = tls;
    wire.send(&startup(&who), Phase::Login, cx).await?;
    let method = method(&mut wire, cx).await?;
    way.method = Some(method.name().to_owned());
    way.connect = Some(began.elapsed().as_secs_f64());
    let began = Instant::now();
    match (&method, &who.password) {
        (Method::Trust, _) => {}
        (_, None) => {
            wire.end(cx).await;
            return Ok(Opened::Asked);
        }
        (method, Some(password)) => {
            prove(&mut wire, method, &who.user, password, guarded, cx).await?;
        }
    }
    let session = stand(wire, method == Method::Trust, cx).await?;
    way.login = Some(began.elapsed().as_secs_f64());
    Ok(Opened::Session(Box::new(session)))
}

/// Opens a connection, and tells whether nobody but this machine carries what is sent on it.
async fn connect(endpoint: &Endpoint, way: &mut Way, cx: &Context) -> Result<(Box<dyn Stream>, bool), Ended> {
    let (host, port) = match endpoint.place() {
        Place::Unix(path) => {
            let path = socket_file(&cx.host().path(path));
            way.address = format!("unix:{}", path.display());
            let began = Instant::now();
            let stream = connect_unix(&path, began + CONNECT, cx).await?;
            way.attempts = vec![Attempt {
                address: way.address.clone(),
                seconds: began.elapsed().as_secs_f64(),
                failure: stream.as_ref().err().cloned(),
            }];
            return Ok((Box::new(stream?), true));
        }
        Place::Tcp { host, port } => (host, *port),
    };
    let resolved = resolve(host, port, cx).await?.map_err(|failure| unknown_name(failure, host))?;
    let dialled = dial(&resolved.addresses, CONNECT, cx).await?;
    way.attempts = dialled.attempts;
    match dialled.stream {
        Some((address, stream)) => Ok((Box::new(stream), address.ip().is_loopback() || endpoint.container.is_some())),
        None => {
            let mut failures = way.attempts.iter().filter_map(|attempt| attempt.failure.clone());
            let nothing = || Failure::new(Phase::Connect, FailureKind::Other, "no address was tried");
            Err(failures.next_back().unwrap_or_else(nothing).into())
        }
    }
}

/// Writes the first message of a session.
fn startup(who: &Who) -> Vec<u8> {
    let mut body = 0x0003_0000_u32.to_be_bytes().to_vec();
    for (name, value) in [
        ("user", who.user.as_str()),
        ("database", &who.database),
        // Poolers take these and no more.
        ("application_name", "selx"),
        ("client_encoding", "UTF8"),
    ] {
        for text in [name, value] {
            body.extend_from_slice(text.as_bytes());
            body.push(0);
        }
    }
    body.push(0);
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), &*body].concat()
}

/// Reads how the server wants to know who asks: its first answer.
pub(super) async fn method(wire: &mut Wire, cx: &Context) -> Result<Method, Ended> {
    for _ in 0..MESSAGES {
        let message = wire.message(b"RENv", LOGIN_CAP, Phase::Login, cx).await?;
        match message.tag {
            b'E' => return Err(ServerError::read(&message.body).into()),
            b'R' => {
                return Method::read(&message.body).ok_or_else(|| {
                    let text = format!("{} asks for a login in a form that is no form", wire.whom);
                    Failure::new(Phase::Login, FailureKind::Malformed, text).into()
                });
            }
            _ => {}
        }
    }
    Err(wire.endless())
}

/// Waits until the session stands.
pub(super) async fn stand(mut wire: Wire, mut accepted: bool, cx: &Context) -> Result<Session, Ended> {
    let mut parameters = BTreeMap::new();
    let mut process = 0;
    for _ in 0..MESSAGES {
        let message = wire.message(b"RENSKZ", LOGIN_CAP, Phase::Login, cx).await?;
        match message.tag {
            b'E' => return Err(ServerError::read(&message.body).into()),
            b'R' => accepted = accepted || Method::read(&message.body) == Some(Method::Trust),
            b'S' => {
                let mut texts = message.body.split(|byte| *byte == 0);
                let mut text = || Some(String::from_utf8_lossy(texts.next()?).chars().take(PARAMETER).collect());
                if let (Some(name), Some(value)) = (text(), text()) {
                    parameters.insert(name, value);
                }
            }
            b'K' => process = message.body.first_chunk::<4>().map_or(0, |number| u32::from_be_bytes(*number)),
            b'Z' if accepted => return Ok(Session { wire, process, parameters, turn: None, notices: Vec::new() }),
            b'Z' => {
                let text = format!("{} began a session without accepting the login", wire.whom);
                return Err(Failure::new(Phase::Login, FailureKind::Malformed, text).into());
            }
            _ => {}
        }
    }
    Err(wire.endless())
}
