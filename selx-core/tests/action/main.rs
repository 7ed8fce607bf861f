//! The envelope of actions on a machine that is made up: its world, its disk and its death are in the hands of the test.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod bench;
mod journal;
mod kills;
mod life;
mod plan;
mod world;
