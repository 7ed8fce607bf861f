//! Backups as they are made and put back: real servers, real disks, and the archives looked at by other programs than ours.
//!
//! They need the programs of PostgreSQL, GNU tar and zstd, and the right to mount.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "../postgres/cluster.rs"]
#[expect(dead_code, reason = "what other tests need of it")]
mod cluster;
mod create;
mod drill;
mod failing;
#[path = "../compose/fake.rs"]
#[expect(dead_code, reason = "what other tests need of it")]
mod fake;
mod kills;
mod machine;
#[path = "../host/mount.rs"]
#[expect(dead_code, reason = "what other tests need of it")]
mod mount;
mod restore;
