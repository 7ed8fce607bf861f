//! What only `openssl` makes or serves: old protocols, broken hashes, strange keys, client certificates, staples.

use std::path::Path;

use selx_checks::tls::{Asked, Staple};
use selx_core::Status;
use serde_json::json;

use crate::run::{Looked, named, run_at};
use crate::zoo::{DAY, Workshop};

const SITE: &str = "subjectAltName=DNS:x.example\nextendedKeyUsage=serverAuth\n";

/// `openssl` dates what it makes with the time of the machine, so these tests look a day after that.
async fn run(with: serde_json::Value) -> Looked {
    let now = jiff::Timestamp::now().as_second() + DAY;
    run_at(with, now, std::time::Duration::from_secs(10)).await
}

async fn look(workshop: &Workshop, arguments: &str) -> Looked {
    let server = workshop.s_server(arguments);
    run(named("x.example", server.address, &workshop.path("ca.pem"))).await
}

fn workshop(key: &str, digest: &str) -> Workshop {
    let workshop = Workshop::new();
    workshop.made("site", key, digest, SITE);
    workshop
}

#[tokio::test]
async fn c08_keys_of_every_kind_are_named_and_none_crashes() {
    let pss = "rsa-pss -pkeyopt rsa_keygen_bits:2048";
    for (key, status, codes, shown) in [
        ("rsa:2048", Status::Ok, &[][..], "RSA 2048"),
        ("rsa:1024", Status::Critical, &["weak-key"], "has a key of type RSA 1024"),
        ("rsa:4096", Status::Ok, &[], "RSA 4096"),
        ("ec -pkeyopt ec_paramgen_curve:P-521", Status::Unknown, &["not-verified"], "EC P-521"),
        ("ec -pkeyopt ec_paramgen_curve:secp256k1", Status::Critical, &["handshake-failed"], "alert"),
        ("ed25519", Status::Ok, &[], "Ed25519"),
        (pss, Status::Unknown, &["not-verified"], "RSA-PSS 2048"),
    ] {
        let workshop = workshop(key, "sha256");
        let looked = look(&workshop, "-cert site.pem -key site.key -cipher DEFAULT@SECLEVEL=0").await;
        looked.expect(status, codes, &[shown]);
    }
}

#[tokio::test]
async fn c09_broken_hashes_are_critical_except_on_a_root() {
    for (digest, shown) in [("sha1", "RSA with SHA-1"), ("md5", "RSA with MD5")] {
        let workshop = workshop("rsa:2048", digest);
        let looked = look(&workshop, "-cert site.pem -key site.key -cipher DEFAULT@SECLEVEL=0").await;
        looked.expect(Status::Critical, &["weak-signature"], &[shown, "can be forged", "CN=OldCA"]);
    }
    // A root that is signed with SHA-1 is trusted for what it is, not for its signature.
    let workshop = Workshop::new();
    workshop.openssl("req -x509 -sha1 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 9000 -subj /CN=OldCA");
    workshop.made("site", "rsa:2048", "sha256", SITE);
    let looked = look(&workshop, "-cert site.pem -key site.key -cert_chain ca.pem -cipher DEFAULT@SECLEVEL=0").await;
    looked.expect(Status::Ok, &[], &["RSA with SHA-1"]);
}

#[tokio::test]
async fn c10_version_1_is_refused_and_its_dates_are_told() {
    let workshop = Workshop::new();
    workshop.made("site", "rsa:2048", "sha256", "");
    let looked = look(&workshop, "-cert site.pem -key site.key").await;
    assert!(looked.codes().contains(&"old-version"), "{}", looked.text());
    assert_eq!(looked.entry.status(), Status::Critical);
    let certificate = looked.facts.endpoints[0].chain[0].certificate().unwrap();
    assert_eq!((certificate.version, certificate.subject.as_str()), (1, "CN=site"));
    assert!(looked.text().contains("valid for "), "{}", looked.text());
}

#[tokio::test]
async fn c12_old_protocols_are_named() {
    let workshop = workshop("rsa:2048", "sha256");
    for (flag, shown) in [("-tls1", "TLS 1.0"), ("-tls1_1", "TLS 1.1")] {
        let arguments = format!("-cert site.pem -key site.key {flag} -cipher ALL@SECLEVEL=0");
        let looked = look(&workshop, &arguments).await;
        looked.expect(Status::Critical, &["protocol-too-old"], &[&format!("offers only {shown}")]);
    }
    // Nothing in common although the version is right.
    let looked = look(&workshop, "-cert site.pem -key site.key -tls1_2 -cipher AES128-SHA@SECLEVEL=0").await;
    looked.expect(Status::Critical, &["handshake-failed"], &["agrees on TLS 1.2 with the old cipher 0x002f"]);
    // What was agreed on is told, and may be too old for the operator.
    let server = workshop.s_server("-cert site.pem -key site.key -tls1_2");
    let mut with = named("x.example", server.address, &workshop.path("ca.pem"));
    run(with.clone()).await.expect(Status::Ok, &[], &["TLS 1.2"]);
    with["min-protocol"] = json!("1.3");
    run(with).await.expect(Status::Critical, &["protocol-too-old"], &["below the TLS 1.3"]);
}

#[tokio::test]
async fn c13_a_client_certificate_is_asked_for_or_required() {
    let workshop = workshop("rsa:2048", "sha256");
    for version in ["-tls1_2", "-tls1_3"] {
        let base = format!("-cert site.pem -key site.key -CAfile ca.pem {version}");
        let looked = look(&workshop, &format!("{base} -Verify 1 -verify_return_error")).await;
        looked.expect(
            Status::Critical,
            &["client-certificate-required"],
            &["requires a client certificate", "RSA 2048", "CN=OldCA"],
        );
        let seen = &looked.facts.endpoints[0];
        assert!(!seen.chain.is_empty() && seen.verified && seen.rejections.is_empty(), "{version}");
        let looked = look(&workshop, &format!("{base} -verify 1")).await;
        looked.expect(Status::Ok, &[], &["goes on without one"]);
        assert_eq!(looked.facts.endpoints[0].client_certificate, Some(Asked::Optional), "{version}");
    }
}

/// Makes an authority that knows of one revoked and one good certificate, and its answers about both.
fn with_answers(workshop: &Workshop) {
    let must_staple = format!("{SITE}tlsfeature=status_request\n");
    workshop.made("site", "rsa:2048", "sha256", &must_staple);
    workshop.made("other", "rsa:2048", "sha256", SITE);
    let serial = serial(&workshop.path("site.pem"));
    let other = serial_line(&serial, "R\t400101000000Z\t261101120000Z");
    workshop.write("revoked", other);
    workshop.write("good", serial_line(&serial, "V\t400101000000Z\t"));
    for (index, certificate, answer) in
        [("revoked", "site", "revoked.ocsp"), ("good", "site", "good.ocsp"), ("good", "other", "other.ocsp")]
    {
        workshop.openssl(&format!("ocsp -issuer ca.pem -cert {certificate}.pem -reqout request"));
        workshop.openssl(&format!(
            "ocsp -index {index} -rsigner ca.pem -rkey ca.key -CA ca.pem -reqin request -respout {answer} -ndays 9"
        ));
    }
}

fn serial(path: &Path) -> String {
    let pem = std::fs::read(path).unwrap();
    let der: rustls::pki_types::CertificateDer<'_> = rustls::pki_types::pem::PemObject::from_pem_slice(&pem).unwrap();
    selx_checks::tls::parse(&der).unwrap().serial
}

fn serial_line(serial: &str, state: &str) -> String {
    format!("{state}\t{serial}\tunknown\t/CN=site\n")
}

#[tokio::test]
async fn c17_a_stapled_revocation_is_critical_and_a_missing_staple_is_told() {
    let workshop = Workshop::new();
    with_answers(&workshop);
    let base = "-cert site.pem -key site.key";
    let looked = look(&workshop, &format!("{base} -status_file revoked.ocsp")).await;
    looked.expect(Status::Critical, &["revoked"], &["revoked the certificate (since 20261101120000Z)"]);
    let looked = look(&workshop, &format!("{base} -status_file good.ocsp")).await;
    looked.expect(Status::Ok, &[], &[]);
    assert_eq!(looked.facts.endpoints[0].staple, Some(Staple::Good));
    let looked = look(&workshop, base).await;
    looked.expect(Status::Warning, &["staple-missing"], &["but none was sent"]);
    let looked = look(&workshop, &format!("{base} -status_file other.ocsp")).await;
    looked.expect(Status::Warning, &["staple-missing"], &["is about other certificates"]);
    let looked = look(&workshop, "-cert other.pem -key other.key -status_file good.ocsp").await;
    assert_eq!(looked.expect(Status::Ok, &[], &[]).notes(), ["staple-useless"]);

    // Damage at every byte is read without a panic.
    let good = std::fs::read(workshop.path("good.ocsp")).unwrap();
    let serial = serial(&workshop.path("site.pem"));
    for place in 0..good.len() {
        for change in [0x00, 0x01, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[place] ^= change;
            let _ = selx_checks::tls::read_staple(&bytes, &serial);
        }
        let _ = selx_checks::tls::read_staple(&good[..place], &serial);
    }
}
