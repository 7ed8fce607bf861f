//! The product of the guide with real parts, while it is well and while it is broken.
//!
//! A Docker engine and the stack of `examples/selextract-cloud` are found or started by `keep`; without them these tests
//! fail and say what to do.

#![expect(clippy::disallowed_methods, reason = "the program under test is started as any program is")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod actions;
mod celery;
mod containers;
mod edge;
mod engine;
mod postgres;
#[expect(dead_code, reason = "the tests of the command line use all of it")]
#[path = "../cli/process.rs"]
mod process;
mod prometheus;
mod redis;
mod said;
mod several;
#[expect(dead_code, reason = "other test programs use the rest of it")]
mod stack;
