//! Compose files: how they are read, put together and named.

mod project;
mod variables;
mod yaml;

pub use project::ComposeFiles;
pub(crate) use project::{Project, Source};
