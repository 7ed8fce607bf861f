//! A probe goes on where the last look of its check ended.

use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use selx_core::{Area, Check, Context, Judgement, Judging, Meta, Recalled, Result, Typed};
use selx_core::{Instance, Routine, Runner, Selection};
use serde::{Deserialize, Serialize};

use crate::{Machine, history, settings, summary};

/// A kind whose probe counts on from its last look.
struct CountsOn;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {}

#[derive(Serialize, Deserialize)]
struct Facts {
    looks: u64,
    why: String,
}

impl Check for CountsOn {
    type Config = Config;
    type Facts = Facts;
    const META: Meta = Meta::new("counts-on", Area::Host, "counts on").remembers();

    fn new(_: Config) -> Self {
        Self
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        let (looks, why) = match cx.previous::<Facts>().await {
            Recalled::Seen(previous) => (previous.facts.looks + 1, "seen"),
            Recalled::First => (1, "first"),
            Recalled::Unavailable => (1, "unavailable"),
        };
        Ok(Facts { looks, why: why.to_owned() })
    }

    fn judge(&self, facts: &Facts, _: &Judging<Facts>) -> Judgement {
        Judgement::new(format!("{} {}", facts.why, facts.looks))
    }
}

fn selection() -> Selection {
    let instances = vec![Instance::new(Arc::new(Typed::new(CountsOn)), "it")];
    Selection { instances, routine: Some(("daily".to_owned(), Routine { run: Vec::new(), every: None })) }
}

#[tokio::test]
async fn a_probe_goes_on_where_the_last_look_ended() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let machine = Machine::new();
    for expected in ["first 1", "seen 2", "seen 3"] {
        let report = machine.run_selection(&selection(), Arc::new(history(&state))).await;
        assert_eq!(summary(&report), expected);
    }
    let report = Runner::new(settings()).run(&selection()).await;
    assert_eq!(summary(&report), "unavailable 1", "without a history nobody knows whether there was a look");
    let report = machine.run_selection(&selection(), Arc::new(history(Path::new("/dev/null")))).await;
    assert_eq!(summary(&report), "unavailable 1", "nor with one that cannot be read");
}
