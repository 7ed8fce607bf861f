//! A session that goes on from question to question, for actions: a snapshot that is held, statements that change something.

use selx_core::{Context, Error, ErrorKind, Result};

use super::Server;
use super::exchange::Table;
use super::open;
use super::refusal::{Ended, Trouble};
use super::session::{Session, Way};
use super::wire::frame;
use crate::net::{FailureKind, Phase};
use crate::postgres::Tls;
use crate::target::Place;

/// The most bytes of one answer that are read.
const CAP: usize = 32 << 20;

/// A session that stands until it is ended or dropped.
pub(crate) struct Talk {
    session: Session,
    way: Way,
}

/// What a program of the server's own makers needs to reach the same server in the same way.
pub(crate) struct Login {
    /// Where it is.
    pub(crate) place: Place,
    pub(crate) user: String,
    pub(crate) password: Option<selx_core::Secret>,
    pub(crate) tls: Tls,
    pub(crate) ca_file: Option<std::path::PathBuf>,
    /// Whether the password may be sent in a form that others could read.
    pub(crate) weak: bool,
}

impl Talk {
    /// Opens one.
    ///
    /// # Errors
    ///
    /// `Unreachable`, `NoAnswer` or `Rejected` with what the server said; what this host could not do.
    pub(crate) async fn open(server: &Server<'_>, cx: &Context) -> Result<Self> {
        let shown = server.target.to_string();
        let (way, opened) = open::session(server, cx).await?;
        let mut session = opened.map_err(|trouble| of_trouble(&shown, &trouble))?;
        // It is nobody else's from here on.
        session.turn = None;
        Ok(Self { session, way })
    }

    /// Returns how the server was reached.
    pub(crate) fn way(&self) -> &Way {
        &self.way
    }

    /// Returns the major version of the server.
    pub(crate) fn major(&self) -> u32 {
        self.session.major()
    }

    /// Returns the whole version of the server, as it says it.
    pub(crate) fn version(&self) -> String {
        self.session.parameters.get("server_version").cloned().unwrap_or_default()
    }

    /// Says something of our own, and returns every result in it. What stands in a transaction stays there.
    ///
    /// # Errors
    ///
    /// `Rejected` with what the server said; the conversation broke.
    pub(crate) async fn say(&mut self, text: &str, cx: &Context) -> Result<Vec<Table>> {
        let said = async {
            self.session.wire.send(&frame(b'Q', &[text.as_bytes(), &[0]].concat()), Phase::FirstByte, cx).await?;
            self.session.answers(1, CAP, false, cx).await
        };
        said.await.map_err(|ended| match ended {
            Ended::Ours(error) => error,
            Ended::Peer(trouble) => of_trouble(&self.way.address, &trouble),
        })
    }

    /// Asks for one row.
    ///
    /// # Errors
    ///
    /// As [`Talk::say`], and `Protocol` if there is none.
    pub(crate) async fn row(&mut self, text: &str, cx: &Context) -> Result<Vec<Option<String>>> {
        let row = self.say(text, cx).await?.pop().and_then(|table| table.rows.into_iter().next());
        row.ok_or_else(|| Error::new(ErrorKind::Protocol, format!("{} answered without a row", self.way.address)))
    }

    /// Asks for the rows of the last result.
    ///
    /// # Errors
    ///
    /// As [`Talk::say`].
    pub(crate) async fn rows(&mut self, text: &str, cx: &Context) -> Result<Vec<Vec<Option<String>>>> {
        Ok(self.say(text, cx).await?.pop().map(|table| table.rows).unwrap_or_default())
    }

    /// Says goodbye.
    pub(crate) async fn end(self, cx: &Context) {
        self.session.end(cx).await;
    }
}

impl Login {
    /// Finds out how the server of the settings is reached, as a session does.
    ///
    /// # Errors
    ///
    /// The container is not there; a secret cannot be read.
    pub(crate) async fn of(server: &Server<'_>, cx: &Context) -> Result<Self> {
        let found = server.target.find(cx).await?;
        let endpoint = found.map_err(|failure| of_trouble(&server.target.to_string(), &Trouble::Broken(failure)))?;
        let who = server.who(&endpoint, cx)?;
        Ok(Self {
            place: endpoint.place().clone(),
            user: who.user,
            password: who.password,
            tls: server.tls(),
            ca_file: server.ca_file.map(std::path::Path::to_owned),
            weak: server.weak_login || endpoint.container.is_some(),
        })
    }
}

fn of_trouble(whom: &str, trouble: &Trouble) -> Error {
    let kind = match trouble {
        Trouble::Broken(failure) if failure.kind == FailureKind::TimedOut => ErrorKind::NoAnswer,
        Trouble::Broken(_) => ErrorKind::Unreachable,
        _ => ErrorKind::Rejected,
    };
    Error::new(kind, format!("PostgreSQL at {whom}: {}", trouble.words()))
}
