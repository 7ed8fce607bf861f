//! Compose projects: their files against what compose itself makes of them, the engine as it is and as it must not be,
//! and the kind `compose-services` over both.

#![expect(clippy::disallowed_methods, reason = "compose and the engine's own client are started as any program is")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod corpus;
mod drive;
mod engine;
mod fake;
mod files;
mod hostile;
#[expect(dead_code, reason = "peers over TCP use the rest of it")]
#[path = "../faults/peer.rs"]
mod peer;
mod states;
mod target;
