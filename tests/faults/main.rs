//! Peers that hang, lie, flood and break off, and the kinds that must not take them for fine.

#![expect(clippy::disallowed_methods, reason = "the program under test is started as any program is")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod drive;
mod environment;
mod http_content;
mod http_names;
mod http_peer;
mod http_wire;
mod injected;
mod names;
mod peer;
#[expect(dead_code, reason = "the tests of the command line use all of it")]
#[path = "../cli/process.rs"]
mod process;
mod resources;
mod secrets;
