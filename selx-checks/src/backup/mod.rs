//! Backups: what lies there, whether it is whole, and how far that is proven; and how they are made and put back.

pub mod archive;
#[cfg(all(feature = "command", feature = "postgres"))]
pub mod create;
#[cfg(all(feature = "command", feature = "postgres"))]
pub mod drill;
#[cfg(all(feature = "command", feature = "postgres"))]
mod load;
#[cfg(all(feature = "command", feature = "postgres"))]
mod made;
#[cfg(all(feature = "command", feature = "postgres"))]
mod programs;
#[cfg(all(feature = "command", feature = "postgres"))]
pub mod prune;
#[cfg(all(feature = "command", feature = "postgres"))]
pub mod restore;
#[cfg(all(feature = "command", feature = "postgres"))]
mod rows;
