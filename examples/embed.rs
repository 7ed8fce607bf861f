//! A check inside a program of one's own: `cargo run --example embed`.

use selx_core::{Registry, Runner, config};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example talks to its reader")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut registry = Registry::new();
    selx_checks::register(&mut registry)?;
    let text = "[check.host-disk.root]\nwith = { paths = ['/'] }";
    let suite = config::parse(&registry, "embedded", text)?;
    let selection = suite.select(&["host-disk".to_owned()]).map_err(|wrong| format!("{wrong:?}"))?;
    let report = Runner::new(suite.settings).run(&selection).await;
    for entry in &report.entries {
        println!("{} {}: {}", entry.status().as_str(), entry.full_name(), entry.headline());
    }
    Ok(())
}
