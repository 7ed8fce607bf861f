//! The action `journal-vacuum`, over journals that systemd's own tools write and read.

#![expect(clippy::disallowed_methods, reason = "systemd's own programs are started as any program is")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod files;
mod floors;
mod journal;
mod living;
