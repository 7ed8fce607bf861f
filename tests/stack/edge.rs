//! What is seen from outside: nginx, its certificate, and the services behind it.

use std::time::{Duration, Instant};

use rcgen::{CertificateParams, Issuer, KeyPair, date_time_ymd};
use serde_json::Value;

use crate::process::Ran;
use crate::stack::{Alone, Stack};

const RUN: &[&str] = &["run", "daily", "--format", "json", "--no-history"];

/// Returns the entry of one check in a report.
#[track_caller]
fn entry(ran: &Ran, name: &str) -> Value {
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:#?}"));
    let entries = report["entries"].as_array().unwrap();
    let (kind, own) = name.split_once('.').unwrap();
    entries
        .iter()
        .find(|entry| entry["kind"] == kind && entry["name"] == own)
        .unwrap_or_else(|| panic!("no {name}: {ran:#?}"))
        .clone()
}

/// Asserts that a check has one status and says these words.
#[track_caller]
fn says(ran: &Ran, name: &str, status: &str, words: &[&str]) {
    let entry = entry(ran, name);
    let text = entry.to_string();
    assert_eq!(entry["status"], status, "{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` is missing: {text}");
    }
}

#[test]
fn a_healthy_product_is_fine_from_outside() {
    let stack = Stack::shared();
    let ran = stack.selx(RUN).code(0);
    says(&ran, "http.api", "ok", &["200"]);
    says(&ran, "http.frontend", "ok", &["200"]);
    says(&ran, "http.api-is-closed", "ok", &["401"]);
    says(&ran, "tls-certificate.sites", "ok", &["CN=Selextract example root"]);
}

#[test]
fn plain_http_leads_to_https() {
    let stack = Stack::shared();
    let checks = format!(
        "[check.http.plain]\nwith = {{ url = \"http://127.0.0.1:{}/health\", expect = {{ status = [301] }} }}\n",
        stack.http_port()
    );
    stack.selx_with(&checks, RUN).code(0);
}

#[test]
fn an_api_that_hangs_is_critical_and_the_frontend_is_not() {
    let stack = Stack::alone();
    stack.act("pause", "api");
    let ran = stack.selx(RUN).code(2);
    says(&ran, "http.api", "critical", &["504"]);
    says(&ran, "http.frontend", "ok", &[]);
    // Who waits for less than nginx does hears nothing at all.
    let ran = stack.selx_with(&stack.checks().replace("timeout = \"8s\"", "timeout = \"2s\""), RUN).code(2);
    says(&ran, "http.api", "critical", &["(phase: first byte)"]);
    stack.heal();
    stack.selx(RUN).code(0);
}

#[test]
fn an_expired_certificate_is_critical() {
    let stack = Stack::alone();
    let root = std::fs::read_to_string(stack.ca_file()).unwrap();
    let signer = std::fs::read_to_string(stack.ca_file().with_file_name("ca.key")).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&root, KeyPair::from_pem(&signer).unwrap()).unwrap();
    let names = ["api.selextract.test", "app.selextract.test"].map(str::to_owned);
    let mut leaf = CertificateParams::new(names).unwrap();
    leaf.not_before = date_time_ymd(2024, 1, 1);
    leaf.not_after = date_time_ymd(2024, 3, 31);
    let key = KeyPair::generate().unwrap();
    stack.serve(&leaf.signed_by(&key, &issuer).unwrap().pem(), &key.serialize_pem());
    // The old processes of nginx serve on for a moment after a reload.
    let ran = until(&stack, |ran| ran.code == Some(2));
    says(&ran, "tls-certificate.sites", "critical", &["expired"]);
    says(&ran, "http.api", "critical", &["expired"]);
    stack.heal();
    until(&stack, |ran| ran.code == Some(0));
}

#[test]
fn a_stopped_nginx_refuses() {
    let stack = Stack::alone();
    stack.act("stop", "nginx");
    let ran = stack.selx(RUN).code(2);
    for name in ["http.api", "http.frontend", "tls-certificate.sites"] {
        says(&ran, name, "critical", &["refused"]);
    }
    stack.heal();
    stack.selx(RUN).code(0);
}

/// Runs the checks until they come to something; fails with what they came to instead.
#[track_caller]
fn until(stack: &Alone, good: impl Fn(&Ran) -> bool) -> Ran {
    let began = Instant::now();
    loop {
        let ran = stack.selx(RUN);
        if good(&ran) {
            return ran;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{ran:#?}");
    }
}
