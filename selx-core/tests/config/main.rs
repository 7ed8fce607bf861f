//! The configuration: what is right, what is wrong and how it is told, files and their rights, arguments, discovery.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod arguments;
mod files;
mod kinds;
mod properties;
mod right;
mod wrong;
mod wrong_values;
