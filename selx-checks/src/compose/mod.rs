//! What a compose project should be, and what runs of it.

pub(crate) mod file;
pub(crate) mod labels;

pub use file::ComposeFiles;
