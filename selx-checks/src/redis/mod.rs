//! Redis: whether it serves, and how well.

pub mod client;
pub(crate) mod discover;
mod info;
pub mod ping;
pub mod stats;

pub use info::Info;
