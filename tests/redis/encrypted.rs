//! Servers that speak TLS.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use selx_core::Status::{Critical, Ok as Fine, Unknown};
use serde_json::json;

use crate::server::{Server, free_port};
use crate::{LONG, SHORT, look, says, words};

/// Makes a root, and a certificate of it for `localhost` and 127.0.0.1, as files in a folder.
fn certificates(folder: &std::path::Path) {
    let root_key = KeyPair::generate().unwrap();
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(folder.join("root.pem"), root.self_signed(&root_key).unwrap().pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &Issuer::new(root, root_key)).unwrap();
    std::fs::write(folder.join("server.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
}

#[tokio::test]
async fn encrypted_servers_and_what_is_not() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let tls_port = free_port();
    let server = Server::start(&[
        "--tls-port",
        &tls_port.to_string(),
        "--tls-cert-file",
        &file("server.pem"),
        "--tls-key-file",
        &file("server.key"),
        "--tls-ca-cert-file",
        &file("root.pem"),
        "--tls-auth-clients",
        "no",
        "--requirepass",
        "hunter2-hunter2",
    ]);
    let password = folder.path().join("password");
    std::fs::write(&password, "hunter2-hunter2\n").unwrap();
    std::fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let ping = |target: String, ca: bool, limit| {
        let mut with = json!({ "target": target, "password": format!("file:{}", password.display()) });
        if ca {
            with["ca-file"] = json!(file("root.pem"));
        }
        look("redis-ping", with, limit)
    };
    for target in [format!("rediss://localhost:{tls_port}/2"), format!("127.0.0.1:{tls_port}")] {
        let entry = ping(target, true, LONG).await;
        says(&entry, Fine, &[], &["encryption: TLSv1_3", "root.pem (1 root)"]);
    }
    let entry = ping(format!("rediss://localhost:{tls_port}"), false, LONG).await;
    says(&entry, Critical, &["tls-failed"], &["not signed by a trusted root (phase: tls)", "`ca-file`"]);
    let entry = ping(format!("rediss://127.0.0.2:{tls_port}"), true, LONG).await;
    assert_eq!(entry.status(), Critical, "{}", words(&entry));
    // Encryption where there is none, and none where there is.
    let entry = ping(format!("rediss://localhost:{}", server.port), true, SHORT).await;
    assert_eq!(entry.status(), Critical, "{}", words(&entry));
    assert!(["tls-failed", "no-answer"].iter().any(|code| words(&entry).contains(code)), "{}", words(&entry));
    let entry = ping(format!("127.0.0.1:{tls_port}"), false, SHORT).await;
    assert_eq!(entry.status(), Critical, "{}", words(&entry));
    assert!(["not-redis", "cut-off", "no-answer"].iter().any(|code| words(&entry).contains(code)), "{}", words(&entry));
    let entry = ping(format!("unix:{}", server.socket().display()), true, LONG).await;
    says(&entry, Unknown, &[], &["a socket file is not reached with encryption"]);
}
