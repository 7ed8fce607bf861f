//! A session: what was learnt on the way to it, and the first words in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::refusal::ServerError;
use super::turn::Turn;
use super::wire::Wire;
use crate::net::Attempt;

/// How the server was reached.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Way {
    /// Where it is now: the address behind the name or the service.
    pub address: String,
    /// The container, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Every address that was tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// The role.
    pub user: String,
    /// The database.
    pub database: String,
    /// How it is encrypted; nothing if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
    /// How the server wants to know who asks, once it said so: from then on it accepts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Seconds from the lookup of the name to the server's first answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<f64>,
    /// Seconds from there until the session stood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<f64>,
}

/// A session that stands.
pub(super) struct Session {
    pub(super) wire: Wire,
    /// The process that the server says is ours; a pooler says something of its own.
    pub(super) process: u32,
    /// What the server says of itself, such as `server_version`.
    pub(super) parameters: BTreeMap<String, String>,
    /// The turn in which it is held, and how it was reached, for who comes next; nothing if it is to end.
    pub(super) turn: Option<(Turn, Way)>,
    /// What the server remarked on its last answers, the first few remarks.
    pub(super) notices: Vec<ServerError>,
}

/// The time limits of one look, at the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pins<'a> {
    /// For each statement.
    pub(super) statement: std::time::Duration,
    /// Where names are looked up, as a list of identifiers; `pg_catalog` stands before them.
    pub(super) schemas: &'a str,
    /// The time zone, if it matters.
    pub(super) zone: Option<&'a str>,
    /// Whether texts come as the bytes that they are: one that does not fit the encoding is then no error.
    pub(super) bytes: bool,
}

impl Session {
    /// Returns the major version of the server, such as 15; 0 if it does not say.
    pub(super) fn major(&self) -> u32 {
        let text = self.parameters.get("server_version").map_or("", String::as_str);
        text.split(|letter: char| !letter.is_ascii_digit()).next().and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Returns what stands before every question: a transaction that only reads, in which names mean what they mean in
    /// the catalogue and nothing lasts. It is local to the transaction, so that a session of a pooler is left as it was.
    pub(super) fn opening(&self, pins: &Pins<'_>) -> String {
        let millis = pins.statement.as_millis().clamp(1, 2_000_000_000);
        let mut settings = vec![
            ("search_path", format!("pg_catalog{}, pg_temp", pins.schemas)),
            ("statement_timeout", millis.to_string()),
            ("lock_timeout", "1000".to_owned()),
            ("idle_in_transaction_session_timeout", "10000".to_owned()),
            ("DateStyle", "ISO".to_owned()),
            ("IntervalStyle", "postgres".to_owned()),
            ("bytea_output", "hex".to_owned()),
        ];
        if let Some(zone) = pins.zone {
            settings.push(("TimeZone", zone.to_owned()));
        }
        if pins.bytes {
            settings.push(("client_encoding", "SQL_ASCII".to_owned()));
        }
        // A select also takes the snapshot after which the transaction cannot be made to write.
        let mut settings: Vec<String> = settings
            .iter()
            .map(|(name, value)| format!("pg_catalog.set_config('{name}', '{}', true)", value.replace('\'', "''")))
            .collect();
        if self.major() >= 14 {
            // Servers on some systems cannot look whether a client is still there, and refuse the setting.
            settings.push(
                "CASE WHEN pg_catalog.version() OPERATOR(pg_catalog.~~) '%linux%' \
                 THEN pg_catalog.set_config('client_connection_check_interval', '1000', true) END"
                    .to_owned(),
            );
        }
        format!("BEGIN TRANSACTION READ ONLY; SELECT {};", settings.join(", "))
    }
}
