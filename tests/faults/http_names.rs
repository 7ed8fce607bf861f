//! Names that lead nowhere, to too much, or inside (cases A9 and A10).

use std::time::{Duration, Instant};

use selx_core::Status;
use serde_json::json;

use crate::drive::{LONG, assert_is, assert_ok, look, words};
use crate::http_peer::REPLY;
use crate::names::with_names;
use crate::peer::{Peer, answer};

#[test]
fn a9_missing_broken_silent_and_unreachable_names() {
    with_names(0, || async {
        let of = |name: &str| json!({ "url": format!("http://{name}.test/"), "connect-timeout": "300ms" });
        for (name, code, said) in [
            ("missing", "name-not-resolved", "`missing.test` does not exist"),
            ("0", "name-not-resolved", "`0.test` has no address"),
            ("broken", "name-not-resolved", "name servers could not answer for `broken.test`"),
            ("six", "not-connected", "[2001:db8::1]:80"),
        ] {
            let entry = look(of(name), LONG).await;
            assert_is(&entry, Status::Critical, code, &[said]);
        }
        let began = Instant::now();
        let entry = look(of("silent"), Duration::from_millis(400)).await;
        assert_is(&entry, Status::Critical, "name-not-resolved", &["did not answer for `silent.test` within 400ms"]);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    });
}

#[test]
fn a9_fifty_addresses_are_all_asked_and_a_hundred_are_not() {
    with_names(1, || async {
        let peer = Peer::tcp_on("0.0.0.0:0", |_| answer(REPLY)).await;
        let all = |count: u32| json!({ "url": format!("http://{count}.test:{}/", peer.port()), "addresses": "all" });
        let entry = look(all(50), LONG).await;
        assert_ok(&entry);
        assert!(entry.judgement.summary.starts_with("50 of 50 addresses"), "{}", entry.judgement.summary);
        assert_eq!(peer.log.connections(), 50);
        let entry = look(all(100), LONG).await;
        assert_is(&entry, Status::Unknown, "addresses-capped", &["100 addresses, of which 64"]);
        assert_eq!(peer.log.connections(), 50 + 64);
        let entry = look(json!({ "url": format!("http://2.test:{}/", peer.port()) }), LONG).await;
        assert_ok(&entry);
    });
}

#[test]
fn a10_a_name_that_leads_to_the_address_of_credentials() {
    with_names(2, || async {
        let entry = look(json!({ "url": "http://metadata.test/", "private": "deny" }), LONG).await;
        assert_is(&entry, Status::Critical, "private-address", &["169.254.169.254 (link-local)"]);
        assert!(!words(&entry).contains("phase: connect"), "{}", words(&entry));
    });
}
