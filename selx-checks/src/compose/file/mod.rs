//! Compose files: how they are read, put together and named.

mod merge;
mod model;
mod project;
mod service;
mod variables;
mod yaml;

pub use model::Model;
pub use project::ComposeFiles;
pub(crate) use project::{Project, Source};
pub use service::{Condition, Service};
