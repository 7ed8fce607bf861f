//! Running the check as the runner does, at a time of the test.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use selx_checks::tls::{Config, Facts, TlsCertificate};
use selx_core::report::Entry;
use selx_core::{Check as _, Host, Instance, ManualClock, Runner, Selection, Settings, Severity, Status, Typed};
use serde_json::{Value, json};

use crate::zoo::{Authority, NOW, Workshop};

/// One look, and what came of it.
pub(crate) struct Looked {
    pub(crate) entry: Entry,
    pub(crate) facts: Facts,
}

pub(crate) async fn run(with: Value) -> Looked {
    run_at(with, NOW, Duration::from_secs(10)).await
}

pub(crate) async fn run_at(with: Value, now: i64, timeout: Duration) -> Looked {
    run_on(with, now, timeout, Host::default()).await
}

/// Runs on a host whose files are elsewhere.
pub(crate) async fn run_on(with: Value, now: i64, timeout: Duration, host: Host) -> Looked {
    let config: Config = serde_json::from_value(with).unwrap();
    let check = Arc::new(Typed::new(TlsCertificate::new(config)));
    let mut instance = Instance::new(check, "test");
    instance.timeout = Some(timeout);
    let settings = Settings {
        concurrency: 1,
        timeout,
        deadline: Duration::from_secs(60),
        retries: 0,
        retry_delay: Duration::ZERO,
        state: None,
        history: false,
        retention: Duration::from_secs(1),
        action_timeout: Duration::from_secs(60),
    };
    let clock = ManualClock::at(jiff::Timestamp::from_second(now).unwrap());
    let runner = Runner::new(settings).clock(Arc::new(clock)).host(host);
    let mut report = runner.run(&Selection { instances: vec![instance], routine: None }).await;
    let entry = report.entries.remove(0);
    let facts = entry.facts.clone().map(|facts| serde_json::from_value(facts).unwrap()).unwrap_or_default();
    Looked { entry, facts }
}

impl Looked {
    /// Returns the codes above info, sorted.
    pub(crate) fn codes(&self) -> Vec<&str> {
        let findings = self.entry.judgement.findings.iter().filter(|finding| finding.severity > Severity::Info);
        let mut codes: Vec<&str> = findings.map(|finding| &*finding.code).collect();
        codes.sort_unstable();
        codes
    }

    pub(crate) fn notes(&self) -> Vec<&str> {
        let findings = self.entry.judgement.findings.iter().filter(|finding| finding.severity == Severity::Info);
        findings.map(|finding| &*finding.code).collect()
    }

    pub(crate) fn text(&self) -> String {
        let judgement = &self.entry.judgement;
        let mut text = format!("{:?}\n{}\n{}\n", self.entry.status(), self.entry.headline(), judgement.summary);
        for finding in &judgement.findings {
            text.push_str(&format!("{} {} {} {}\n", finding.severity, finding.code, finding.subject, finding.message));
        }
        for evidence in &judgement.evidence {
            text.push_str(&format!("{}: {}\n", evidence.label, evidence.value));
        }
        for fault in &self.entry.faults {
            text.push_str(&format!("fault: {}\n", fault.message));
        }
        text
    }

    /// Asserts the status, exactly these codes, and the words.
    pub(crate) fn expect(&self, status: Status, codes: &[&str], words: &[&str]) -> &Self {
        let text = self.text();
        assert_eq!(self.entry.status(), status, "{text}");
        assert_eq!(self.codes(), codes, "{text}");
        for word in words {
            assert!(text.contains(word), "does not say `{word}`:\n{text}");
        }
        self
    }
}

/// Makes the settings for one server under a name, with the roots of a file.
pub(crate) fn named(name: &str, address: SocketAddr, ca: &Path) -> Value {
    json!({ "endpoints": [name], "resolve-to": [address.to_string()], "ca-file": ca })
}

/// Writes a root to a file and keeps the folder.
pub(crate) fn trusted(root: &Authority) -> (Workshop, std::path::PathBuf) {
    let workshop = Workshop::new();
    let path = workshop.write("roots.pem", &root.pem);
    (workshop, path)
}
