//! One check from Rust: no file, no history, no command line.
//!
//! ```sh
//! cargo run --example one_check -- /
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it got")]

use std::error::Error;
use std::process::ExitCode;

use selx_core::{Instance, Registry, Runner, Selection, config};
use serde_json::json;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "/".to_owned());

    let mut registry = Registry::new();
    selx_checks::register(&mut registry)?;
    let kind = registry.get("host-disk").ok_or("this build has no host checks")?;
    let disk = Instance::new(kind.build_json(&json!({ "paths": [path] }))?, "example");

    // The runner brings the time limit; any tokio runtime with time will do.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(Runner::new(config::defaults()).run(&Selection::of([disk])));

    for entry in &report.entries {
        println!("{}: {}", entry.status().as_str(), entry.headline());
        for measured in &entry.measures {
            println!("  {} {}", measured.measure.name, selx_core::show::measure(&measured.measure));
        }
    }
    Ok(ExitCode::from(report.status().exit_code()))
}
