//! The outputs: snapshots for the eye, grammars for the machines, hostile texts in every field of every format.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the readers of formats beside the tests fail as tests do"
)]

mod data;
mod file;
mod hostile;
mod human;
mod json;
mod nagios;
mod openmetrics;
mod secrets;
