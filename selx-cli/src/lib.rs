//! selx on the command line, and a library for command lines with kinds of one's own.
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     selx_cli::Program::new().with(selx_checks::register).main()
//! }
//! ```
//!
//! A program with more kinds adds `.with(acme::register)`; `docs/ADD-A-CHECK.md` makes such a kind. What this crate does is
//! reading arguments and writing answers: everything that another program would want is in `selx_core`, and the kinds
//! are in `selx_checks`. [`Program::run`] takes a [`Console`] in place of the process, for tests.

mod answer;
mod arguments;
mod command;
mod console;
mod flags;
mod page;
mod process;
mod program;
mod progress;
mod session;

pub use console::{Color, Console};
pub use program::Program;
