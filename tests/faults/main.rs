//! Peers that hang, lie, flood and break off, and the kinds that must not take them for fine.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod drive;
mod http_content;
mod http_names;
mod http_peer;
mod http_wire;
mod names;
mod peer;
