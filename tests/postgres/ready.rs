//! `postgres-ready` against servers that run: who is let in, and who is not.

use selx_core::Status;
use serde_json::json;

use crate::cluster::{Cluster, command};
use crate::drive::{LONG, and, as_role, assert_is, look, measure, password};

const KIND: &str = "postgres-ready";

#[tokio::test]
async fn who_is_let_in_and_who_is_not() {
    let cluster = Cluster::start(&[]).await;
    let fine = look(KIND, and(as_role(&cluster, "selx"), json!({ "role": "primary" })), LONG).await;
    assert_is(&fine, Status::Ok, &[], &["accepts role selx on database shop", "primary", "SCRAM-SHA-256"]);
    assert!(measure(&fine, "connect", "") > 0.0 && measure(&fine, "login", "") > 0.0);
    // Without a password: the server accepts, and no more is said.
    let target = cluster.address();
    let untried = look(KIND, json!({ "target": target, "user": "selx" }), LONG).await;
    assert_is(&untried, Status::Ok, &[], &["accepts; the login was not tried", "SCRAM-SHA-256"]);
    // What pg_isready calls fine: a role and a database that do not exist.
    let stranger = and(as_role(&cluster, "selx"), json!({ "database": "nowhere" }));
    for (with, code, said) in [
        (stranger, "no-such-database", "database \"nowhere\" does not exist, SQLSTATE 3D000"),
        (and(as_role(&cluster, "selx"), json!({ "password": password(cluster.folder(), "wrong-wrong") })),
         "wrong-password", "password authentication failed for user \"selx\", SQLSTATE 28P01"),
        (as_role(&cluster, "rejected"), "login-not-allowed", "pg_hba.conf rejects connection"),
        (as_role(&cluster, "nohba"), "login-not-allowed", "no pg_hba.conf entry"),
        (as_role(&cluster, "nobody"), "login-not-allowed", "not permitted to log in, SQLSTATE 28000"),
        (and(as_role(&cluster, "selx"), json!({ "role": "standby" })), "wrong-role", "is a primary, and a standby is expected"),
        (and(as_role(&cluster, "selx"), json!({ "tls": "require" })), "tls-failed", "does not encrypt"),
    ] {
        let entry = look(KIND, with, LONG).await;
        assert_is(&entry, Status::Critical, &[code], &[said]);
    }
    let unseen = look(KIND, json!({ "target": target, "user": "selx", "role": "primary" }), LONG).await;
    assert_is(&unseen, Status::Unknown, &["role-not-seen"], &["a primary is expected"]);
    // MD5 and the password in the clear go over loopback, which nobody else reads.
    for user in ["old", "plain"] {
        let entry = look(KIND, as_role(&cluster, user), LONG).await;
        assert_is(&entry, Status::Ok, &[], &["accepts role"]);
    }
    // By the socket file, and by a URL.
    let trusted = look(KIND, json!({ "target": cluster.socket() }), LONG).await;
    assert_is(&trusted, Status::Ok, &[], &["accepts role postgres on database postgres"]);
    let url = format!("postgresql://selx@{target}/shop");
    let entry = look(KIND, json!({ "target": url, "password": password(cluster.folder(), "hunter2-hunter2") }), LONG).await;
    assert_is(&entry, Status::Ok, &[], &["accepts role selx on database shop"]);
}

#[tokio::test]
async fn d2_all_connections_taken() {
    let cluster =
        Cluster::start(&["max_connections=5", "superuser_reserved_connections=2", "autovacuum=off"]).await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(cluster.session().await);
    }
    // The slots that are left are those of superusers: the server asks for the password, takes it, and then says no.
    let reserved = look(KIND, as_role(&cluster, "selx"), LONG).await;
    assert_is(&reserved, Status::Critical, &["too-many-clients"], &["SQLSTATE 53300", "accepts, but not role selx"]);
    let untried = look(KIND, json!({ "target": cluster.address() }), LONG).await;
    assert_is(&untried, Status::Ok, &[], &["the login was not tried"]);
    sessions.push(cluster.session().await);
    sessions.push(cluster.session().await);
    let full = look(KIND, json!({ "target": cluster.address() }), LONG).await;
    assert_is(&full, Status::Critical, &["too-many-clients"], &["too many clients already", "53300"]);
    let activity = look("postgres-activity", as_role(&cluster, "selx"), LONG).await;
    assert_is(&activity, Status::Critical, &["not-logged-in"], &["53300"]);
}

#[tokio::test]
async fn encrypted_and_verified() {
    let root = rcgen::CertifiedIssuer::self_signed(
        {
            let mut params = rcgen::CertificateParams::default();
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            params
        },
        rcgen::KeyPair::generate().unwrap(),
    )
    .unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned()];
    let leaf = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &root).unwrap();
    let cluster = Cluster::launch(&["ssl=on"], |data| {
        std::fs::write(data.join("server.crt"), leaf.pem()).unwrap();
        let path = data.join("server.key");
        std::fs::write(&path, key.serialize_pem()).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    });
    cluster.wait().await;
    let file = cluster.folder().join("root.pem");
    std::fs::write(&file, root.pem()).unwrap();
    let target = |host: &str| json!({ "target": format!("{host}:{}", cluster.port) });
    let of = |host: &str, more| and(and(as_role(&cluster, "selx"), target(host)), more);
    let entry = look(KIND, of("127.0.0.1", json!({})), LONG).await;
    assert_is(&entry, Status::Ok, &[], &["encryption: TLS 1.3, certificate not looked at"]);
    let entry = look(KIND, of("localhost", json!({ "ca-file": file })), LONG).await;
    assert_is(&entry, Status::Ok, &[], &["TLS 1.3, verified"]);
    let entry = look(KIND, of("127.0.0.1", json!({ "ca-file": file })), LONG).await;
    assert_is(&entry, Status::Critical, &["tls-failed"], &["not for 127.0.0.1"]);
    let entry = look(KIND, of("localhost", json!({ "tls": "verify" })), LONG).await;
    assert_is(&entry, Status::Critical, &["tls-failed"], &["not signed by a trusted root"]);
    let entry = look(KIND, of("localhost", json!({ "tls": "off" })), LONG).await;
    assert_is(&entry, Status::Ok, &[], &["encryption: none"]);
}

/// The defect of the tool that people use, as it stands in the same situation.
#[tokio::test]
async fn what_pg_isready_does_not_see() {
    let cluster = Cluster::start(&[]).await;
    let mut isready = command("pg_isready");
    isready.args(["-h", "127.0.0.1", "-p", &cluster.port.to_string(), "-U", "nosuch", "-d", "nosuch"]);
    assert!(isready.output().unwrap().status.success());
    let with = and(as_role(&cluster, "selx"), json!({ "user": "nosuch", "database": "nosuch", "target": cluster.socket() }));
    let entry = look(KIND, with, LONG).await;
    assert_is(&entry, Status::Critical, &["wrong-password"], &["28P01"]);
}
