//! The exit codes of `selx`, as numbers that a scheduler can be told. `docs/EXIT-CODES.md` says the same in words.
//!
//! Looking (`run`, `check`) has the four codes of the plugin interface, and nothing else ever comes out: usage and
//! configuration errors, panics and interrupts are [`UNKNOWN`], so that no scheduler reads them as fine. Every other
//! command ends with [`OK`], with [`WARNING`] where `doctor` found something missing, or with [`UNKNOWN`].

/// Everything was looked at and is as it should be; or the command did what it was asked for.
pub const OK: u8 = 0;

/// Something is to be looked at in working hours; `doctor`: something is missing.
pub const WARNING: u8 = 1;

/// Something is to be looked at now.
pub const CRITICAL: u8 = 2;

/// It could not be looked at: not wholly, not at all, or the report could not be delivered.
pub const UNKNOWN: u8 = 3;
