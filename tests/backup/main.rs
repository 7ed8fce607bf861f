//! The kind `backup-archive` against archives of the programs that people use, whole and broken in every way.
//!
//! It needs `tar`, `gzip`, `pigz`, `zstd`, `xz` and the programs of PostgreSQL.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod bits;
#[expect(dead_code, reason = "the server of the tests of PostgreSQL does more than is asked of it here")]
#[path = "../postgres/cluster.rs"]
mod cluster;
mod dumps;
mod hostile;
mod lab;
mod matrix;
mod newest;
mod proof;
mod series;
