//! The `selx` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    selx_cli::Program::new().with(selx_checks::register).main()
}
