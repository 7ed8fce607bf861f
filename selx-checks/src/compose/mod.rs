//! The kind `compose-services`: every service of a compose project runs as its file says.

mod compare;
mod config;
mod discover;
mod facts;
pub mod file;
mod frozen;
mod judge;
pub(crate) mod labels;
mod meta;
mod probe;
mod secrets;
mod state;

use selx_core::{Check, Context, Discovery, Judgement, Judging, Limit, Limits, Measure, Meta, Result, Unit};

pub use config::Config;
pub use facts::{Container, Expected, Facts, Service};
pub use file::ComposeFiles;

/// The check.
pub struct ComposeServices {
    config: Config,
}

impl Check for ComposeServices {
    type Config = Config;
    type Facts = Facts;
    const META: Meta = meta::META;

    fn new(config: Config) -> Self {
        Self { config }
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        probe::look(&self.config, cx).await
    }

    fn judge(&self, facts: &Facts, cx: &Judging<Facts>) -> Judgement {
        judge::judge(facts, cx)
    }

    fn measure(&self, facts: &Facts, cx: &Judging<Facts>) -> Vec<Measure> {
        judge::measure(facts, cx)
    }

    fn limits(&self) -> Limits {
        Limits::default()
            // The engine waits longer before each restart: three since the last look are a loop, not an accident.
            .set("restarts", Limit::new(Unit::Count, "0", "2"))
            .set("starting", Limit::new(Unit::Seconds, "2m", "10m"))
    }

    async fn discover(cx: &Context) -> Discovery {
        discover::discover(cx).await
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn contract() {
        selx_core::contract::check::<super::ComposeServices>(concat!(env!("CARGO_MANIFEST_DIR"), "/src/compose"));
    }
}
