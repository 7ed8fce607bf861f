//! PostgreSQL: whether it accepts, what its sessions do, and what a query gives.
//!
//! The kinds share a client of their own, on the streams of [`net`](crate::net): every phase has its words, nothing is
//! allocated by a length that the server announces, a password goes over no line that others may read, and what is
//! asked stands in one transaction that only reads, with time limits, in one round trip. Checks of one run take turns in
//! one session.

pub mod activity;
mod auth;
mod discover;
mod exchange;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod literal;
mod open;
pub mod query;
pub mod ready;
mod refusal;
mod scram;
mod secure;
mod server;
mod session;
#[cfg(all(feature = "backup", feature = "command"))]
pub(crate) mod talk;
mod turn;
mod wire;

pub use literal::without_literals;
pub use refusal::{ServerError, Trouble};
pub(crate) use server::Server;
#[cfg(all(feature = "backup", feature = "command"))]
pub(crate) use server::settings;
pub use server::{Name, Postgres, Tls};
pub use session::Way;
