//! Redis: whether it serves, and how well.

pub mod client;
