//! Certificates on disk, their keys, and whether the server has loaded them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use selx_checks::tls::{Link, parse};
use selx_core::{Check as _, Context, Discovery, Host, Secrets, Status};
use serde_json::json;

use crate::run::{run, trusted};
use crate::zoo::{DAY, Server, Site, Workshop, dates, root};

/// Lays a site down as certbot does.
fn lay(workshop: &Workshop, name: &str, site: &Site) {
    workshop.write(&format!("live/{name}/fullchain.pem"), &site.pem);
    let key = workshop.write(&format!("live/{name}/privkey.pem"), &site.key_pem);
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn files_are_graded_and_none_is_passed_over() {
    let root = root("Test Root");
    let middle = root.intermediate("Test CA", |_| {});
    let workshop = Workshop::new();
    lay(&workshop, "a.example", &middle.site(&["a.example"], |_| {}).with(&middle));
    let pattern = workshop.path("live/*/fullchain.pem");
    let with = json!({ "files": [pattern] });
    run(with.clone()).await.expect(Status::Ok, &[], &["1 file; soonest", "fullchain.pem, valid for 60d"]);

    lay(&workshop, "b.example", &middle.site(&["b.example"], dates(-90 * DAY, -DAY)));
    workshop.write("live/c.example/fullchain.pem", "nothing of use");
    workshop.write("live/d.example/fullchain.pem", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
    workshop.write("live/e.example/fullchain.pem", &middle.der);
    let looked = run(with).await;
    looked.expect(
        Status::Critical,
        &["bad-certificate", "expired", "limit-remaining", "no-certificate-in-file"],
        &["b.example/fullchain.pem expired 1d ago", "certificate 1 is not a certificate", "neither in PEM nor in DER"],
    );
    assert_eq!(looked.facts.files.len(), 5);
    assert!(looked.facts.files[4].chain[0].certificate().unwrap().is_ca, "DER");

    for missing in ["live/*/nothing.pem", "live/a.example/gone.pem"] {
        let with = json!({ "files": [workshop.path(missing)] });
        run(with).await.expect(Status::Critical, &["nothing-matched"], &["matches no file"]);
    }
}

#[tokio::test]
async fn c19_a_renewed_file_that_is_not_served_is_told() {
    let root = root("Test Root");
    let (_folder, ca) = trusted(&root);
    let old = root.site(&["x.example"], dates(-60 * DAY, 30 * DAY));
    let renewed = root.site(&["x.example"], dates(-DAY, 89 * DAY));
    let workshop = Workshop::new();
    let file = workshop.write("fullchain.pem", &renewed.pem);
    let with = |address: std::net::SocketAddr| {
        json!({
            "compare": [{ "endpoint": "x.example", "file": file }],
            "resolve-to": [address.to_string()],
            "ca-file": ca
        })
    };
    let server = Server::of(&old).await;
    let serial = |site: &Site| parse(&site.chain[0]).unwrap().serial;
    run(with(server.address)).await.expect(
        Status::Warning,
        &["not-reloaded"],
        &["the file is 59d newer", "not reloaded after the renewal", &serial(&old), &serial(&renewed)],
    );
    let server = Server::of(&renewed).await;
    run(with(server.address)).await.expect(Status::Ok, &[], &[]);
    std::fs::write(&file, &old.pem).unwrap();
    run(with(server.address)).await.expect(Status::Warning, &["not-reloaded"], &["59d older", "reads another one"]);
    std::fs::remove_file(&file).unwrap();
    run(with(server.address)).await.expect(Status::Critical, &["no-certificate-in-file"], &["does not exist"]);
}

#[tokio::test]
async fn c22_keys_that_do_not_fit_or_are_open_to_all() {
    let root = root("Test Root");
    let workshop = Workshop::new();
    // The folder of a test is closed to others, which protects a key too.
    std::fs::set_permissions(workshop.path("."), std::fs::Permissions::from_mode(0o755)).unwrap();
    let site = root.site(&["a.example"], |_| {});
    lay(&workshop, "a.example", &site);
    let with = json!({ "files": [workshop.path("live/*/fullchain.pem")], "keys": true });
    let looked = run(with.clone()).await;
    looked.expect(Status::Ok, &[], &[]);
    let secret = site.key_pem.lines().nth(1).unwrap();
    assert!(!serde_json::to_string(&looked.facts).unwrap().contains(secret), "a key in the facts");

    let key = workshop.path("live/a.example/privkey.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    run(with.clone()).await.expect(Status::Critical, &["key-readable"], &["privkey.pem can be read by every user"]);
    let folder = workshop.path("live/a.example");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    run(with.clone()).await.expect(Status::Ok, &[], &[]);

    std::fs::write(&key, root.site(&["b.example"], |_| {}).key_pem).unwrap();
    run(with.clone()).await.expect(Status::Critical, &["key-mismatch"], &["is not the key of"]);
    std::fs::write(&key, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n").unwrap();
    run(with.clone()).await.expect(Status::Unknown, &["key-unread"], &["passphrase"]);
    std::fs::remove_file(&key).unwrap();
    run(with.clone()).await.expect(Status::Unknown, &["key-unread"], &["does not exist"]);
    // The key may stand in the same file.
    workshop.write("live/a.example/fullchain.pem", format!("{}{}", site.pem, site.key_pem));
    run(with).await.expect(Status::Ok, &[], &[]);
}

#[test]
fn c21_no_damage_of_a_certificate_makes_the_parser_panic() {
    let root = root("Test Root");
    let site = root.site(&["x.example", "127.0.0.1"], |_| {});
    let der = site.chain[0].as_ref();
    assert!(parse(der).is_ok());
    let mut wrong = 0;
    for place in 0..der.len() {
        for value in 0..=255_u8 {
            let mut bytes = der.to_vec();
            bytes[place] = value;
            wrong += usize::from(parse(&bytes).is_err());
        }
        assert!(parse(&der[..place]).is_err(), "{place} bytes of {}", der.len());
        let _ = Link::of(&der[place..]);
    }
    assert!(wrong > 1000, "{wrong}");
}

#[test]
fn c21_dates_that_are_none_are_named() {
    let root = root("Test Root");
    let site = root.site(&["x.example"], |_| {});
    let der = site.chain[0].as_ref();
    let place = der.windows(13).position(|part| part == b"270122023000Z").unwrap();
    for (date, fine) in [
        (b"280229000000Z", true),
        (b"270229000000Z", false),
        (b"271301000000Z", false),
        (b"270122250000Z", false),
        (b"27012202300ZZ", false),
        (b"2701220230+01", false),
        (b"             ", false),
    ] {
        let mut bytes = der.to_vec();
        bytes[place..place + 13].copy_from_slice(date);
        match parse(&bytes) {
            Ok(_) => assert!(fine, "{}", String::from_utf8_lossy(date)),
            Err(text) => assert!(!fine && text.contains("invalid date"), "{text}"),
        }
    }
}

fn context(root: &Path) -> Context {
    let host = Host::below(root);
    Context::with(
        std::sync::Arc::new(selx_core::SystemClock),
        std::sync::Arc::new(host),
        std::sync::Arc::new(Secrets::default()),
        std::time::Duration::from_secs(5),
    )
}

#[tokio::test]
async fn certificates_of_certbot_are_discovered_with_their_names() {
    let workshop = Workshop::new();
    let host = workshop.path(".");
    let discover = async || selx_checks::tls::TlsCertificate::discover(&context(&host)).await;
    assert!(matches!(discover().await, Discovery::Absent(_)));
    let line = "  sl  local_address rem_address   st\n   0: 00000000:01BB 00000000:0000 0A 0:0 0:0 0 0 0 1\n";
    workshop.write("proc/net/tcp", line);
    let Discovery::Unclear(text) = discover().await else { panic!("a listener without a name") };
    assert!(text.contains("port 443"), "{text}");
    let site = root("Test Root").site(&["a.example"], |_| {});
    for name in ["a.example", "b.example", "b.example-0001"] {
        workshop.write(&format!("etc/letsencrypt/live/{name}/fullchain.pem"), &site.pem);
    }
    let Discovery::Found(proposals) = discover().await else { panic!("certbot's folders") };
    let with = &proposals[0].with;
    assert!(with.contains("endpoint = \"b.example:443\"") && !with.contains("-0001:443"), "{with}");
    let text = format!("[check.tls-certificate.local.with]\n{with}");
    let mut registry = selx_core::Registry::new();
    selx_checks::register(&mut registry).unwrap();
    let suite = selx_core::config::parse(&registry, "proposal", &text).unwrap();
    assert_eq!(suite.instances.len(), 1);
}
