//! What a program prints, in every format that a `command` check knows: the judgement never panics, and a code that is not 0
//! is never fine.
#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use selx_core::{DynCheck, Judging, ManualClock, Moment, Registry, Severity, config};
use serde_json::json;

const FILE: &str = r#"
[check.command.a]
with = { program = "/bin/true", format = "nagios" }
[check.command.b]
with = { program = "/bin/true", format = "json" }
[check.command.c]
with = { program = "/bin/true", format = "exit-code" }
"#;

static CHECKS: LazyLock<Vec<Arc<dyn DynCheck>>> = LazyLock::new(|| {
    let mut registry = Registry::new();
    let registered = selx_checks::register(&mut registry);
    assert!(registered.is_ok());
    let suite = config::parse(&registry, "fuzz", FILE);
    let checks: Vec<_> = suite.into_iter().flat_map(|suite| suite.instances).map(|instance| instance.check).collect();
    assert_eq!(checks.len(), 3);
    checks
});

fuzz_target!(|text: &str| {
    let clock = ManualClock::at(jiff::Timestamp::UNIX_EPOCH);
    let cx = Judging::at(Moment::of(&clock));
    let took = serde_json::to_value(Duration::from_millis(3)).unwrap_or_default();
    for code in [0, 1, 2, 3, 4] {
        let facts = json!({
            "program": "/bin/true",
            "limit": took,
            "ended": {
                "exit": { "code": code },
                "stdout": { "text": text, "bytes": text.len(), "cut": false },
                "stderr": { "text": "", "bytes": 0, "cut": false },
                "took": took,
                "left_behind": false,
            },
        });
        for check in CHECKS.iter() {
            let judged = check.judge(&facts, &cx);
            assert!(judged.is_ok(), "{judged:?}");
            let fine = judged
                .is_ok_and(|judged| judged.judgement.findings.iter().all(|finding| finding.severity == Severity::Info));
            assert!(code == 0 || !fine, "code {code} is fine");
        }
    }
});
