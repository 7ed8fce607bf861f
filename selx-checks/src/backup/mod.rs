//! Backups: what lies there, whether it is whole, and how far that is proven.

pub mod archive;
