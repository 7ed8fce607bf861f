//! The way to an open connection: container, name, address, encryption, login.

use std::time::Duration;

use redis::{Cmd, Value, cmd};
use selx_core::{Context, Error, ErrorKind, Result, Secret, TimeSpan};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{self, pki_types::ServerName};

use super::Server;
use super::connection::{Connection, Reached, Stream};
use super::password::{self, From};
use super::refusal::{Refusal, RefusalKind};
use super::trouble::Trouble;
use crate::net::{self, Failure, FailureKind, Phase, bounded, of_io};
use crate::target::{Endpoint, Place, Target, unknown_name};
use crate::tls::error::explain;
use crate::tls::trust::Trust;

/// How long one address may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(3);

/// An open stream, whom it leads to, and how it was reached.
type Opened = (Box<dyn Stream>, Reached);

impl Server {
    /// Finds the server, connects to it and logs in, in one round trip beyond that of the connection.
    ///
    /// # Errors
    ///
    /// The inner one is what the peer did or answered, to be judged; the outer one what this host could not do: no
    /// right to the engine, a password that cannot be read, no descriptors.
    pub async fn connect(&self, cx: &Context) -> Result<Result<Connection, Trouble>> {
        let began = Instant::now();
        let endpoint = match self.target.find(cx).await? {
            Ok(endpoint) => endpoint,
            Err(failure) => return Ok(Err(Trouble::Peer(failure))),
        };
        let database = self.database(&endpoint)?;
        let password = password::find(self.password.as_ref(), &endpoint, cx).await?;
        let (stream, reached) = match self.open(&endpoint, cx).await? {
            Ok(opened) => opened,
            Err(failure) => return Ok(Err(Trouble::Peer(failure))),
        };
        let mut connection = Connection::new(stream, reached.address.clone());
        connection.reached = reached;
        let user = self.user.as_deref().or(endpoint.address.user.as_deref());
        if let Err(trouble) = login(&mut connection, user, password, database, cx).await? {
            return Ok(Err(trouble));
        }
        connection.phase = Phase::FirstByte;
        connection.reached.seconds = began.elapsed().as_secs_f64();
        Ok(Ok(connection))
    }

    fn database(&self, endpoint: &Endpoint) -> Result<u32> {
        match (self.database, endpoint.address.database.as_deref()) {
            (Some(number), _) => Ok(number),
            (None, None) => Ok(0),
            (None, Some(text)) => text.parse().map_err(|_| {
                Error::new(ErrorKind::Config, format!("`{text}` is not the number of a database of Redis"))
                    .advice("a URL of Redis ends with a number: `redis://HOST:6379/0`")
            }),
        }
    }

    async fn open(&self, endpoint: &Endpoint, cx: &Context) -> Result<Result<Opened, Failure>> {
        let mut reached = Reached {
            container: endpoint.container.as_ref().map(|container| container.name.clone()),
            ..Reached::default()
        };
        let encrypt = endpoint.address.tls || self.ca_file.is_some();
        let (host, port) = match endpoint.place() {
            Place::Unix(_) if encrypt => {
                return Err(Error::new(ErrorKind::Config, "a socket file is not reached with encryption")
                    .advice("leave `ca-file` out"));
            }
            Place::Unix(path) => {
                reached.address = endpoint.place().to_string();
                let path = cx.host().path(path);
                let stream = net::connect_unix(&path, cx.deadline(), cx).await?;
                return Ok(stream.map(|stream| (Box::new(stream) as Box<dyn Stream>, reached)));
            }
            Place::Tcp { host, port } => (host, *port),
        };
        let resolved = match net::resolve(host, port, cx).await? {
            Ok(resolved) => resolved,
            Err(failure) => return Ok(Err(unknown_name(failure, host))),
        };
        let mut dialled = net::dial(&resolved.addresses, CONNECT, cx).await?;
        let Some((address, stream)) = dialled.stream else {
            let texts: Vec<&str> =
                dialled.attempts.iter().filter_map(|a| Some(a.failure.as_ref()?.text.as_str())).collect();
            let kind = dialled.attempts.iter().filter_map(|a| Some(a.failure.as_ref()?.kind)).next_back();
            let kind = kind.unwrap_or(FailureKind::Other);
            let shown = texts.iter().take(5).copied().collect::<Vec<_>>().join("; ");
            return Ok(Err(Failure::new(Phase::Connect, kind, shown)));
        };
        dialled.attempts.pop();
        reached.failed = dialled.attempts;
        reached.address = address.to_string();
        let stream: Box<dyn Stream> = Box::new(stream);
        if !encrypt {
            return Ok(Ok((stream, reached)));
        }
        // The address of a container is in no certificate; the name by which its neighbours call it may be.
        let name = match &self.target {
            Target::Compose(service) => service.service.as_str(),
            Target::Address(..) => host,
        };
        Ok(match self.encrypt(name, stream, cx).await? {
            Ok((stream, how)) => {
                reached.encryption = Some(how);
                Ok((stream, reached))
            }
            Err(failure) => Err(failure),
        })
    }

    async fn encrypt(
        &self,
        name: &str,
        stream: Box<dyn Stream>,
        cx: &Context,
    ) -> Result<Result<(Box<dyn Stream>, String), Failure>> {
        let (file, host) = (self.ca_file.clone(), cx.host().clone());
        let trust = cx.blocking("reading the trusted roots", move |_| Trust::load(file.as_deref(), &host)).await?;
        let server = ServerName::try_from(name.to_owned()).map_err(|_| {
            Error::new(ErrorKind::Config, format!("`{name}` is not a name that a certificate can be for"))
        })?;
        let client = trust.client_config_at(&[], cx.clock().now())?;
        let handshake = TlsConnector::from(client).connect(server, stream);
        let error = match bounded(cx, cx.deadline(), handshake).await? {
            Some(Ok(stream)) => {
                let version = stream.get_ref().1.protocol_version().map(|version| format!("{version:?}"));
                let how = format!("{}, {}", version.unwrap_or_default(), trust.source);
                return Ok(Ok((Box::new(stream), how)));
            }
            Some(Err(error)) => error,
            None => {
                let text = format!("the handshake did not end within {}", TimeSpan::from(cx.limit()));
                return Ok(Err(Failure::new(Phase::Tls, FailureKind::TimedOut, text)));
            }
        };
        if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            let (kind, text) = explain(error);
            return if kind.is_about_subject() {
                Ok(Err(Failure::new(Phase::Tls, FailureKind::Tls, text)))
            } else {
                Err(Error::new(kind, text).with("phase", Phase::Tls))
            };
        }
        let failure = of_io(Phase::Tls, "the server", &error)?;
        let text = format!("{} during the handshake", failure.text);
        Ok(Err(Failure { text, ..failure }))
    }
}

/// Says who asks, which database is meant, and what the connection is called in `CLIENT LIST`.
async fn login(
    connection: &mut Connection,
    user: Option<&str>,
    password: Option<(Secret, From)>,
    database: u32,
    cx: &Context,
) -> Result<Result<(), Trouble>> {
    let mut commands: Vec<Cmd> = Vec::new();
    if let Some((password, _)) = &password {
        let mut auth = cmd("AUTH");
        if let Some(user) = user {
            auth.arg(user);
        }
        auth.arg(password.expose());
        commands.push(auth);
    }
    if database != 0 {
        commands.push(cmd("SELECT").arg(database).clone());
    }
    commands.push(cmd("CLIENT").arg("SETNAME").arg("selx").clone());
    let answers = match connection.ask_all(&commands, cx).await? {
        Ok(answers) => answers,
        Err(failure) => return Ok(Err(Trouble::Peer(failure))),
    };
    let count = answers.len();
    for (index, answer) in answers.into_iter().enumerate() {
        let named = index + 1 == count;
        match answer {
            Ok(Value::Okay) => {}
            Ok(_) => {
                let text = "it is something else than Redis: the login is not answered with `OK`";
                return Ok(Err(Trouble::Peer(Failure::new(Phase::Login, FailureKind::Malformed, text))));
            }
            Err(refusal) if refusal.kind == RefusalKind::NoPasswordSet => {
                connection.reached.password_not_needed =
                    password.as_ref().is_some_and(|(_, from)| *from == From::Settings);
            }
            // The name is a courtesy: a user who may not set it, or a server that does not know it, is served all the same.
            Err(refusal) if named && is_courtesy(&refusal) => {}
            Err(refusal) => return Ok(Err(Trouble::Refused(without(refusal, password.as_ref())))),
        }
    }
    Ok(Ok(()))
}

fn is_courtesy(refusal: &Refusal) -> bool {
    use RefusalKind as Kind;
    // Whatever else is wrong is seen by the first question.
    matches!(
        refusal.kind,
        Kind::NoPerm | Kind::UnknownCommand | Kind::Other | Kind::Loading | Kind::MasterDown | Kind::Busy
    )
}

/// Takes a password out that is too short to be taken out of every text: some servers repeat what they do not know.
fn without(refusal: Refusal, password: Option<&(Secret, From)>) -> Refusal {
    let text = match password {
        Some((secret, _)) if !secret.expose().is_empty() => refusal.text.replace(secret.expose(), "[secret]"),
        _ => refusal.text,
    };
    Refusal { text, ..refusal }
}
