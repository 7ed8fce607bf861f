//! Checks in the background of a service: a look every so often, and a word where something has changed.
//!
//! ```sh
//! cargo run --example scheduler -- 5    # seconds between two looks; Ctrl-C ends it
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it got")]

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use selx_core::{Registry, Runner, Selection, Settings, Status, config};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

const CHECKS: &str = "
    [check.host-disk.root]
    with = { paths = ['/'] }
    [check.host-cpu.load]
    [check.host-memory.memory]
";

/// Looks until it is told to end, and hands on what changed: the check, what it was and is, and the line that tells most.
async fn watch(
    settings: Settings,
    checks: Selection,
    every: Duration,
    cancel: CancellationToken,
    changed: impl Fn(&str, Option<Status>, Status, String),
) {
    let runner = Runner::new(settings).cancelled_by(cancel.clone());
    let mut known: BTreeMap<String, Status> = BTreeMap::new();
    let mut ticks = tokio::time::interval(every);
    // After a look that took long, the next one is as far away as ever: looks never pile up.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while cancel.run_until_cancelled(ticks.tick()).await.is_some() {
        let report = runner.run(&checks).await;
        // What was cut short says nothing of the host.
        if cancel.is_cancelled() {
            return;
        }
        for entry in &report.entries {
            let before = known.insert(entry.full_name(), entry.status());
            if before != Some(entry.status()) {
                changed(&entry.full_name(), before, entry.status(), entry.headline());
            }
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let every: f64 = std::env::args().nth(1).map_or(Ok(60.0), |text| text.parse())?;
    let every = Duration::try_from_secs_f64(every).ok().filter(|every| !every.is_zero());
    let every = every.ok_or("wanted are seconds between two looks, more than none")?;
    let mut registry = Registry::new();
    selx_checks::register(&mut registry)?;
    let suite = config::parse(&registry, "scheduler", CHECKS)?;
    let cancel = CancellationToken::new();
    let told = |check: &str, before: Option<Status>, now: Status, headline: String| {
        let before = before.map_or("new", Status::as_str);
        println!("{check}: {before} -> {}: {headline}", now.as_str());
    };
    let checks = Selection::of(suite.instances);
    let watching = watch(suite.settings, checks, every, cancel.clone(), told);
    tokio::pin!(watching);
    tokio::select! {
        () = &mut watching => {}
        interrupt = tokio::signal::ctrl_c() => {
            interrupt?;
            cancel.cancel();
            // A look that is under way ends by itself, with its children.
            watching.await;
        }
    }
    Ok(())
}
