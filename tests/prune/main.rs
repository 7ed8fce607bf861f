//! The action `docker-prune`: over an engine of its own, through a proxy that moves its clock and sees every request; and
//! over engines as they must not be.

#![expect(clippy::disallowed_methods, reason = "the engine and its own client are started as any program is")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod compose;
mod engine;
mod fake;
mod hostile;
mod machine;
mod races;
mod rules;
mod socket;
mod whole;
