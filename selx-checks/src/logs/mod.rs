//! Logs: what stands in them, and how large they are.
//!
//! The kinds are [`patterns`] and [`sizes`]. The rest is the search itself: [`stamp`] reads the times of lines,
//! [`level`](mod@level) how grave they are, [`shape`](mod@shape) what is left of a message without what changes. `needles`
//! finds the few lines that matter at the speed of memory, `sweep` goes through a log with it, `scan` through many at once;
//! `window` finds the part of a file that can matter at all, and `mark` knows a file again whatever rotation did to it.

pub mod clean;
mod colours;
mod container;
#[cfg(any(test, feature = "fuzz"))]
mod cuts;
mod descriptors;
mod files;
#[cfg(feature = "fuzz")]
pub mod fuzz;
pub mod level;
mod mark;
mod matcher;
mod needles;
mod origin;
pub mod patterns;
mod piece;
mod rare;
#[cfg(test)]
mod reference;
pub mod rotate;
mod scan;
mod secrets;
pub mod shape;
pub mod sizes;
pub mod stamp;
mod sweep;
mod tally;
pub mod vacuum;
mod window;
