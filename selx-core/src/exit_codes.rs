//! The exit codes of `selx`, as numbers that a scheduler can be told. `docs/EXIT-CODES.md` says the same in words.
//!
//! Looking (`run`, `check`) has the four codes of the plugin interface, and nothing else ever comes out: usage and
//! configuration errors, panics and interrupts are [`UNKNOWN`], so that no scheduler reads them as fine. Changing (`act`,
//! `recover`, `stop`, `start`) ends with what [`Outcome::exit_code`](crate::action::Outcome::exit_code) says, or with one of
//! [`USAGE`], [`BUG`] and [`CONFIG`], and never with 1 to 3. Every other command ends with [`OK`], with [`WARNING`] where
//! `doctor` found something missing, or with [`UNKNOWN`].

/// Everything was looked at and is as it should be; or the command did what it was asked for.
pub const OK: u8 = 0;

/// Something is to be looked at in working hours; `doctor`: something is missing.
pub const WARNING: u8 = 1;

/// Something is to be looked at now.
pub const CRITICAL: u8 = 2;

/// It could not be looked at: not wholly, not at all, or the report could not be delivered.
pub const UNKNOWN: u8 = 3;

/// Changing: the command line is wrong. Nothing was changed.
pub const USAGE: u8 = 64;

/// Changing: the program has a bug, and told it. What was changed stands in the journal.
pub const BUG: u8 = 70;

/// Changing: the configuration is wrong, missing, or open to others. Nothing was changed.
pub const CONFIG: u8 = 78;
