//! The kind `tls-certificate` against real servers and real certificates.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod dates;
mod endpoints;
mod files;
mod old;
mod peers;
mod run;
mod zoo;
