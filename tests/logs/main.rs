//! The kinds of logs over real files: with known truth, through rotation, and with everything that can be wrong with them.

#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod drive;
mod faults;
mod follow;
mod guide;
mod hidden;
mod journal;
mod order;
mod sizes;
mod truth;

#[path = "../host/memory_of_runs.rs"]
mod memory_of_runs;
