//! The kinds of PostgreSQL against real servers, healthy and sick, and against peers that lie.
//!
//! They need the programs of PostgreSQL, and fail without them. `SELX_TEST_POSTGRES=/FOLDER/bin` takes those of another
//! version; `tests/postgres/versions` fetches them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod activity;
mod breakages;
mod cluster;
mod drive;
mod neighbours;
#[path = "../faults/peer.rs"]
#[expect(dead_code, reason = "what other tests need of it")]
mod peer;
mod query;
mod ready;
mod replication;
mod turns;
mod wire;
