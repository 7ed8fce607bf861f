//! Certificates as badssl.com shows them: chains, names, keys, places.

use rcgen::{
    BasicConstraints, CustomExtension, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair, NameConstraints,
};
use selx_core::Status;
use serde_json::json;

use crate::run::{named, run, run_on, trusted};
use crate::zoo::{DAY, NOW, Server, Site, dates, root, site_params};

/// A chain of root, intermediate and site, the usual one.
fn usual(names: &[&str]) -> (crate::zoo::Authority, Site) {
    let root = root("Test Root");
    let middle = root.intermediate("Test CA", |_| {});
    let site = middle.site(names, |_| {}).with(&middle);
    (root, site)
}

#[tokio::test]
async fn a_good_chain_is_fine_and_told_whole() {
    let (root, site) = usual(&["good.example"]);
    let server = Server::of(&site).await;
    let (_folder, ca) = trusted(&root);
    let looked = run(named("good.example", server.address, &ca)).await;
    looked.expect(
        Status::Ok,
        &[],
        &[
            "good.example:443 valid for 60d (until 2027-01-22T02:30:00Z), TLS 1.3, issued by CN=Test CA",
            "roots.pem (1 root)",
            "EC P-256",
            "ECDSA with SHA-256",
            "#2: CN=Test CA",
            "may sign certificates",
        ],
    );
    let seen = &looked.facts.endpoints[0];
    assert!(seen.verified && seen.rejections.is_empty() && seen.chain_total == 2);
    let names: Vec<&str> = looked.entry.measures.iter().map(|measured| &*measured.measure.name).collect();
    assert_eq!(names, ["remaining", "issuer-remaining", "handshake", "chain-length"]);
    let remaining = &looked.entry.measures[0].measure;
    assert_eq!((remaining.value, remaining.whole), (60.0 * 86_400.0, Some(90.0 * 86_400.0)));
}

#[tokio::test]
async fn c03_self_signed_unknown_root_and_private_root() {
    let (root, site) = usual(&["x.example"]);
    let other = crate::zoo::root("Other Root");
    let (_folder, ca) = trusted(&root);
    let (_other_folder, other_ca) = trusted(&other);

    let key = KeyPair::generate().unwrap();
    let certificate = site_params(&["x.example"], |_| {}).self_signed(&key).unwrap();
    let alone = Site {
        chain: vec![certificate.der().clone()],
        pem: certificate.pem(),
        key_pem: key.serialize_pem(),
        staple: None,
    };
    let server = Server::of(&alone).await;
    run(named("x.example", server.address, &ca)).await.expect(Status::Critical, &["self-signed"], &["by itself"]);

    let with_root = site.clone().with(&root);
    let server = Server::of(&with_root).await;
    run(named("x.example", server.address, &other_ca)).await.expect(
        Status::Critical,
        &["unknown-issuer"],
        &["the root `CN=Test Root`, which is not in the store"],
    );
    run(named("x.example", server.address, &ca)).await.expect(Status::Ok, &[], &[]);

    let server = Server::of(&site).await;
    run(named("x.example", server.address, &other_ca)).await.expect(
        Status::Critical,
        &["unknown-issuer"],
        &["the chain ends at `CN=Test CA`; its issuer `CN=Test Root`"],
    );
}

#[tokio::test]
async fn c04_names_are_matched_as_the_standard_says() {
    let root = root("Test Root");
    let (_folder, ca) = trusted(&root);
    // The names of the certificate, the name that is asked for, whether it fits.
    for (names, asked, fits) in [
        (&["a.example"][..], "a.example", true),
        (&["a.example"], "A.Example", true),
        (&["a.example"], "a.example.", true),
        (&["a.example"], "b.example", false),
        (&["*.a.example"], "x.a.example", true),
        (&["*.a.example"], "a.example", false),
        (&["*.a.example"], "x.y.a.example", false),
        (&["xn--bcher-kva.example"], "xn--bcher-kva.example", true),
        (&["127.0.0.1"], "127.0.0.1", true),
        (&["127.0.0.2"], "127.0.0.1", false),
        (&[], "a.example", false),
    ] {
        let server = Server::of(&root.site(names, |_| {})).await;
        let looked = run(named(asked, server.address, &ca)).await;
        if fits {
            looked.expect(Status::Ok, &[], &[]);
        } else {
            looked.expect(Status::Critical, &["name-mismatch"], &["not for"]);
        }
    }
    // An address written as a DNS name fits neither, and a common name is nobody's name.
    let as_text = |params: &mut rcgen::CertificateParams| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName("127.0.0.1".try_into().unwrap())];
    };
    let server = Server::of(&root.site(&[], as_text)).await;
    run(named("127.0.0.1", server.address, &ca)).await.expect(Status::Critical, &["name-mismatch"], &["127.0.0.1"]);
    let common = |params: &mut rcgen::CertificateParams| {
        params.distinguished_name.push(rcgen::DnType::CommonName, "a.example");
    };
    let server = Server::of(&root.site(&[], common)).await;
    let looked = run(named("a.example", server.address, &ca)).await;
    looked.expect(Status::Critical, &["name-mismatch"], &["clients ignore the common name"]);
}

#[tokio::test]
async fn c05_a_missing_intermediate_is_incomplete_and_nothing_is_fetched() {
    let root = root("Test Root");
    let middle = root.intermediate("Test CA", |_| {});
    let (_folder, ca) = trusted(&root);
    // The certificate says where its issuer could be fetched; that place counts who comes.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/ca.der", listener.local_addr().unwrap());
    let site = middle.site(&["x.example"], |params| {
        let mut access = vec![0x30, u8::try_from(url.len() + 14).unwrap(), 0x30, u8::try_from(url.len() + 12).unwrap()];
        access.extend([0x06, 8, 0x2b, 6, 1, 5, 5, 7, 48, 2, 0x86, u8::try_from(url.len()).unwrap()]);
        access.extend(url.as_bytes());
        params.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], access)];
    });
    let server = Server::of(&site).await;
    let looked = run(named("x.example", server.address, &ca)).await;
    looked.expect(Status::Critical, &["chain-incomplete"], &["sends its own certificate alone", "CN=Test CA"]);
    let came = tokio::time::timeout(std::time::Duration::from_millis(200), listener.accept()).await;
    assert!(came.is_err(), "somebody fetched the issuer");
}

#[tokio::test]
async fn c06_reversed_extra_and_doubled_certificates_are_fine_with_a_note() {
    let root = root("Test Root");
    let middle = root.intermediate("Test CA", |_| {});
    let lower = middle.intermediate("Lower CA", |_| {});
    let (_folder, ca) = trusted(&root);
    let site = lower.site(&["x.example"], |_| {});
    let reversed = site.clone().with(&middle).with(&lower);
    let server = Server::of(&reversed).await;
    let looked = run(named("x.example", server.address, &ca)).await;
    assert_eq!(looked.expect(Status::Ok, &[], &["in another order"]).notes(), ["chain-order"]);

    let mut doubled = site.clone();
    doubled.chain.push(site.chain[0].clone());
    let doubled = doubled.with(&lower).with(&middle).with(&crate::zoo::root("Stranger"));
    let server = Server::of(&doubled).await;
    let looked = run(named("x.example", server.address, &ca)).await;
    looked.expect(Status::Ok, &[], &["`CN=the site` twice and `CN=Stranger`, which is no part of the chain"]);
    assert_eq!(looked.notes(), ["extra-certificate"]);
}

#[tokio::test]
async fn c07_very_many_names_and_certificates_are_bounded_and_told() {
    let root = root("Test Root");
    let (_folder, ca) = trusted(&root);
    let names = |count: usize| -> Vec<String> { (0..count).map(|n| format!("n{n}.many.example")).collect() };
    let thousand = names(1000);
    let refs: Vec<&str> = thousand.iter().map(String::as_str).collect();
    let server = Server::of(&root.site(&refs, |_| {})).await;
    let looked = run(named("n999.many.example", server.address, &ca)).await;
    looked.expect(Status::Ok, &[], &["n0.many.example", "and 980 more"]);

    let many = names(10_000);
    let refs: Vec<&str> = many.iter().map(String::as_str).collect();
    let server = Server::of(&root.site(&refs, |_| {})).await;
    let looked = run(named("n1.many.example", server.address, &ca)).await;
    looked.expect(Status::Critical, &["chain-too-large"], &["over 64 KiB"]);

    let mut site = root.site(&["x.example"], |_| {});
    for _ in 0..99 {
        site.chain.push(root.der.clone());
    }
    let server = Server::of(&site).await;
    let looked = run(named("x.example", server.address, &ca)).await;
    looked.expect(Status::Critical, &["chain-too-large"], &["sends 100 certificates, of which 20 are read"]);
}

#[tokio::test]
async fn c08_keys_of_the_process_are_named() {
    let root = root("Test Root");
    let (_folder, ca) = trusted(&root);
    for (algorithm, shown) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, "EC P-256"),
        (&rcgen::PKCS_ECDSA_P384_SHA384, "EC P-384"),
        (&rcgen::PKCS_ED25519, "Ed25519"),
    ] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let server = Server::of(&root.site_with(key, &["x.example"], |_| {})).await;
        run(named("x.example", server.address, &ca)).await.expect(Status::Ok, &[], &[shown]);
    }
}

#[tokio::test]
async fn c10_certificates_in_the_wrong_place() {
    let root = root("Test Root");
    let (_folder, ca) = trusted(&root);
    type Change = Box<dyn FnOnce(&mut rcgen::CertificateParams)>;
    let table: [(Change, &str, &str); 3] = [
        (
            Box::new(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
            "ca-as-leaf",
            "for signing certificates",
        ),
        (
            Box::new(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
            "wrong-purpose",
            "not meant for servers",
        ),
        (
            Box::new(|params| {
                let mut strange = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
                strange.set_criticality(true);
                params.custom_extensions = vec![strange];
            }),
            "critical-extension",
            "critical extension that is not known",
        ),
    ];
    for (change, code, words) in table {
        let server = Server::of(&root.site(&["x.example"], change)).await;
        run(named("x.example", server.address, &ca)).await.expect(Status::Critical, &[code], &[words, "valid for 60d"]);
    }
    // A certificate that may not sign, and signed one.
    let not_authority = root.intermediate("No CA", |params| params.is_ca = IsCa::ExplicitNoCa);
    let site = not_authority.site(&["x.example"], |_| {}).with(&not_authority);
    let server = Server::of(&site).await;
    let looked = run(named("x.example", server.address, &ca)).await;
    looked.expect(Status::Critical, &["name-constraint"], &["may not sign certificates, but signed one"]);
}

#[tokio::test]
async fn c11_name_constraints_permit_and_exclude() {
    let root = root("Test Root");
    let (_folder, ca) = trusted(&root);
    let subtree = |name: &str| vec![GeneralSubtree::DnsName(name.to_owned())];
    for (permitted, excluded, name, fits) in [
        (subtree("in.example"), vec![], "a.in.example", true),
        (subtree("in.example"), vec![], "a.out.example", false),
        (vec![], subtree("out.example"), "a.out.example", false),
        (vec![], subtree("out.example"), "a.in.example", true),
    ] {
        let middle = root.intermediate("Bounded CA", |params| {
            params.name_constraints =
                Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: excluded });
        });
        let server = Server::of(&middle.site(&[name], |_| {}).with(&middle)).await;
        let looked = run(named(name, server.address, &ca)).await;
        if fits {
            looked.expect(Status::Ok, &[], &[]);
        } else {
            looked.expect(Status::Critical, &["name-constraint"], &["may not sign for a name"]);
        }
    }
}

#[tokio::test]
async fn c14_the_name_is_always_sent() {
    let (root, site) = usual(&["site.example"]);
    let middle = root.intermediate("Test CA", |_| {});
    let fallback = middle.site(&["default.example"], |_| {}).with(&middle);
    let server = Server::named(&fallback, &[("site.example", &site)]).await;
    let (_folder, ca) = trusted(&root);
    run(named("site.example", server.address, &ca)).await.expect(Status::Ok, &[], &[]);
    let mut with = named("127.0.0.1", server.address, &ca);
    run(with.clone()).await.expect(Status::Critical, &["name-mismatch"], &["for default.example, not for 127.0.0.1"]);
    with["server-name"] = json!("site.example");
    run(with).await.expect(Status::Ok, &[], &[]);
}

#[tokio::test]
async fn c18_every_address_is_looked_at() {
    let (root, site) = usual(&["x.example"]);
    let (_folder, ca) = trusted(&root);
    let stale = root.site(&["x.example"], dates(-90 * DAY, -DAY * 2));
    let mut addresses = Vec::new();
    for index in 0..4 {
        let server = Server::of(if index == 2 { &stale } else { &site }).await;
        addresses.push(server.address.to_string());
    }
    let mut with = json!({ "endpoints": ["x.example"], "resolve-to": addresses, "ca-file": ca });
    let looked = run(with.clone()).await;
    looked.expect(
        Status::Critical,
        &["expired", "limit-remaining"],
        &[&format!("x.example:443 [{}] expired 2d ago", addresses[2]), "1 endpoint at 4 addresses"],
    );
    with["addresses"] = json!("first");
    run(with).await.expect(Status::Ok, &[], &[]);
}

#[tokio::test]
async fn many_endpoints_are_looked_at_side_by_side() {
    let root = root("Test Root");
    let (_folder, ca) = trusted(&root);
    let names: Vec<String> = (0..60).map(|n| format!("n{n}.example")).collect();
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let server = Server::of(&root.site(&refs, |_| {})).await;
    let with = json!({ "endpoints": names, "resolve-to": [server.address.to_string()], "ca-file": ca });
    let looked = run(with).await;
    looked.expect(Status::Ok, &[], &["60 endpoints; soonest"]);
    assert_eq!(looked.facts.endpoints.len(), 60);
}

#[tokio::test]
async fn without_a_store_nothing_is_fine_and_the_dates_are_told() {
    let (root, site) = usual(&["x.example"]);
    let empty = crate::zoo::Workshop::new();
    let host = selx_core::Host::below(empty.path("."));
    let limit = std::time::Duration::from_secs(5);
    let look = async |site: &Site| {
        let server = Server::of(site).await;
        let with = json!({ "endpoints": ["x.example"], "resolve-to": [server.address.to_string()] });
        run_on(with, NOW, limit, host.clone()).await
    };
    let looked = look(&site).await;
    looked.expect(Status::Unknown, &["not-verified"], &["no store of trusted roots", "valid for 60d"]);
    let looked = look(&root.site(&["x.example"], dates(-90 * DAY, -2 * DAY))).await;
    looked.expect(Status::Critical, &["expired", "limit-remaining", "not-verified"], &["expired 2d ago"]);
    // The store of the host is used when there is one, and it is named.
    empty.write("etc/ssl/certs/ca-certificates.crt", &root.pem);
    look(&site).await.expect(Status::Ok, &[], &["etc/ssl/certs/ca-certificates.crt (1 root)"]);
}
