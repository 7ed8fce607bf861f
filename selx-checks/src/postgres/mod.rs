//! PostgreSQL: whether it accepts, what its sessions do, what a query gives; and the upkeep of its tables and indexes.
//!
//! The kinds share a client of their own, on the streams of [`net`](crate::net): every phase has its words, nothing is
//! allocated by a length that the server announces, a password goes over no line that others may read, and what is
//! asked stands in one transaction that only reads, with time limits, in one round trip. Checks of one run take turns in
//! one session.
//!
//! [`analyze`], [`vacuum`] and [`reindex`] are actions. They work in sessions of their own, with limits for every wait;
//! what they share is [`maintenance`].

pub mod activity;
pub mod analyze;
mod auth;
mod discover;
mod exchange;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod literal;
pub mod maintenance;
mod open;
pub mod query;
pub mod ready;
mod refusal;
pub mod reindex;
mod scram;
mod secure;
mod server;
mod session;
#[cfg(all(feature = "backup", feature = "command"))]
pub(crate) mod talk;
mod turn;
pub mod vacuum;
mod wire;

pub use literal::without_literals;
pub use refusal::{ServerError, Trouble};
pub(crate) use server::Server;
#[cfg(all(feature = "backup", feature = "command"))]
pub(crate) use server::settings;
pub use server::{Name, Postgres, Tls};
pub use session::Way;
