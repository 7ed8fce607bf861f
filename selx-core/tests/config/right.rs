//! What a right file comes to.

use std::time::Duration;

use selx_core::config::{DEFAULTS, defaults, parse};
use selx_core::{Limits, Suite, TimeSpan};
use serde_json::json;

use crate::kinds::registry;

fn suite(text: &str) -> Suite {
    parse(&registry(), "selx.toml", text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn limit(limits: &Limits, name: &str, subject: &str) -> String {
    limits.of(name, subject).map(ToString::to_string).unwrap_or_default()
}

#[test]
fn a_whole_file() {
    let suite = suite(
        r#"
[runner]
concurrency = 4
timeout = "3s"
retry-delay = "0s"

[history]
enabled = false
path = "/srv/selx.sqlite"

[routine.daily]
run = ["web", "disk.root"]

[routine.often]
every = "15m"

# Names are not in the order of the alphabet, and stay as they stand here.
[check.web.zeta]
needs = ["root"]
timeout = "7s"
retries = 0
required = true
routines = ["often", "weekly"]
[check.web.zeta.with]
url = "https://example.org/"
login = "env:LOGIN"
expect.status = 204
headers = { X-A = "1" }
sample = 0.5
servers = [{ host = "a", port = 1 }]

[check.disk.root]
with = { paths = ["/"], reserve = "5%" }

[check.disk.alpha]
"#,
    );
    assert_eq!(suite.settings.concurrency, 4);
    assert_eq!(suite.settings.timeout, Duration::from_secs(3));
    assert_eq!(suite.settings.deadline, defaults().deadline, "what the file does not say stays");
    assert_eq!(suite.settings.retry_delay, Duration::ZERO);
    assert!(!suite.settings.history);
    assert_eq!(suite.settings.state.as_deref(), Some(std::path::Path::new("/srv/selx.sqlite")));
    let names: Vec<String> = suite.instances.iter().map(selx_core::Instance::full_name).collect();
    assert_eq!(names, ["web.zeta", "disk.root", "disk.alpha"]);
    let web = &suite.instances[0];
    assert_eq!(web.needs, ["disk.root"], "a bare name is kept with its kind");
    assert_eq!((web.timeout, web.retries, web.required), (Some(Duration::from_secs(7)), Some(0), true));
    assert_eq!(web.routines, ["often", "weekly"]);
    assert_eq!(
        web.with,
        json!({
            "url": "https://example.org/", "login": "env:LOGIN", "expect": { "status": 204 },
            "headers": { "X-A": "1" }, "sample": 0.5, "servers": [{ "host": "a", "port": 1 }]
        })
    );
    assert_eq!(suite.instances[2].with, json!({}));
    assert_eq!(suite.instances[2].routines, ["daily"], "those of the kind");
    assert_eq!(suite.routines["daily"].every, Some(TimeSpan::secs(86_400)), "from the defaults");
    assert_eq!(suite.routines["daily"].run, ["web", "disk.root"]);
    assert_eq!(suite.routines["often"].every, Some(TimeSpan::secs(900)));
    assert!(suite.files.is_empty());
}

#[test]
fn what_a_limit_does_not_say_stays() {
    let suite = suite(
        r#"
[check.disk.a.limits]
used = { warning = "60%", for = "15m" }
"used@/var" = { critical = "95%" }
"used@/tmp" = { warning = "off" }
inodes = { critical = 1000 }

[check.disk.b]
limits = { used = "off" }

[check.disk.c]
"#,
    );
    let limits = |index: usize| &suite.instances[index].limits;
    assert_eq!(limit(limits(0), "used", "/"), "warning 60%, critical 85%, for 15m");
    assert_eq!(limit(limits(0), "used", "/var"), "warning 60%, critical 95%, for 15m");
    assert_eq!(limit(limits(0), "used", "/tmp"), "critical 85%, for 15m");
    assert_eq!(limit(limits(0), "inodes", ""), "critical 1000");
    assert_eq!(limit(limits(1), "used", "/"), "");
    assert_eq!(limit(limits(2), "used", "/"), "warning 70%, critical 85%");
}

#[test]
fn the_defaults_are_one_file() {
    let settings = defaults();
    assert_eq!(settings, suite(DEFAULTS).settings, "the defaults laid over the defaults change nothing");
    assert!(settings.concurrency > 0 && !settings.timeout.is_zero() && !settings.deadline.is_zero());
    assert!(!settings.retention.is_zero() && settings.history && settings.state.is_none());
    assert!(settings.timeout < settings.deadline);
    for routine in ["daily", "weekly", "monthly", "quarterly"] {
        assert!(suite("").routines[routine].every.is_some(), "{routine}");
    }
    assert_eq!(suite("").routines["emergency"].every, None);
    assert!(suite("").instances.is_empty(), "an empty file is read; that it checks nothing is for the caller to say");
}
