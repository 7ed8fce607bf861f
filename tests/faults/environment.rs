//! Variables of other programs in the environment of the real program, with peers to be led astray from.

use crate::http_peer::REPLY;
use crate::http_wire::{certified, encrypted};
use crate::peer::{Peer, answer};
use crate::process::{Place, Ran, as_nobody, mode, without_numbers};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn n4_variables_of_other_programs_do_not_reach_a_connection() {
    let site = certified(&["127.0.0.1"]);
    let (root, server) = (site.root.display().to_string(), &site.server);
    let plain = Peer::tcp(answer(REPLY)).await;
    let secure = Peer::tcp(encrypted(server, answer(REPLY))).await;
    let place = Place::with(&format!(
        r#"
[runner]
retries = 0

[check.http.plain]
with = {{ url = "{}" }}

# The root is named in the settings.
[check.http.trusted]
with = {{ url = "https://{1}/", ca-file = "{root}" }}

# The root is that of nobody, whatever the environment says.
[check.http.untrusted]
with = {{ url = "https://{1}/" }}

[check.tls-certificate.untrusted]
with = {{ endpoints = ["{1}"] }}

[check.command.program]
with = {{ program = "/usr/bin/env", format = "exit-code" }}
"#,
        plain.url("/"),
        secure.address
    ));
    // Lines in the order of the settings, without the numbers of the machine.
    let names = ["http.plain", "http.trusted", "http.untrusted", "tls-certificate.untrusted", "command.program"];
    let statuses = |ran: &Ran| -> Vec<String> {
        let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        let entries = report["entries"].as_array().unwrap();
        assert_eq!(entries.len(), names.len());
        entries.iter().map(|entry| without_numbers(&format!("{} {}", entry["name"], entry["status"]))).collect()
    };
    let run = &["run", "daily", "--format", "json", "--no-history"];
    let usual = statuses(&place.selx(run).code(2));
    let expected = [("plain", "ok"), ("trusted", "ok"), ("untrusted", "critical")];
    for ((name, status), line) in expected.iter().zip(&usual) {
        assert_eq!(line, &format!("\"{name}\" \"{status}\""));
    }
    let folder = site.root.parent().unwrap().display().to_string();
    for (file, directory) in [("/nonexistent/roots", "/nonexistent"), (&*root, &*folder), ("", "")] {
        let mut odd = place.command(run);
        odd.env("SSL_CERT_FILE", file).env("SSL_CERT_DIR", directory);
        for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            odd.env(name, "http://127.0.0.1:1");
        }
        for name in ["LD_LIBRARY_PATH", "PYTHONPATH", "DOCKER_HOST", "PGHOST", "PGOPTIONS", "COMPOSE_FILE", "GIT_DIR"] {
            odd.env(name, "/nonexistent/place");
        }
        for name in ["RES_OPTIONS", "LOCALDOMAIN", "HOSTALIASES", "TMPDIR", "TZ", "OPENSSL_CONF"] {
            odd.env(name, "/nonexistent/place");
        }
        let ran = Ran::of(&mut odd).code(2);
        assert_eq!(statuses(&ran), usual, "{file}: {ran:#?}");
    }
}

/// A user without rights runs what root has configured.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn n10_a_missing_right_is_unknown_and_the_rest_goes_on() {
    let peer = Peer::tcp(answer(REPLY)).await;
    let place = Place::empty();
    let closed = place.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    let at = |name: &str| closed.join(name).display().to_string();
    for name in ["certificate.pem", "token"] {
        std::fs::write(at(name), "what is in it is not seen").unwrap();
    }
    let text = format!(
        r#"
[runner]
retries = 0

[check.http.free]
with = {{ url = "{0}" }}

[check.http.token]
with = {{ url = "{0}", authorization = {{ bearer = "file:{1}" }} }}

[check.http.root]
with = {{ url = "https://{2}/", ca-file = "{3}" }}

[check.tls-certificate.file]
with = {{ files = ["{3}"] }}

[check.host-disk.inside]
with = {{ paths = ["{1}"] }}

[check.command.program]
with = {{ program = "{1}", format = "exit-code" }}

[check.host-memory.free]
"#,
        peer.url("/"),
        at("token"),
        peer.address,
        at("certificate.pem")
    );
    place.put("selx.toml", &text);
    mode(&closed, 0o000);
    let mut command = place.command(&["run", "daily", "--format", "json", "--no-history"]);
    let ran = Ran::of(as_nobody(&mut command)).code(3);
    mode(&closed, 0o700);
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    for entry in report["entries"].as_array().unwrap() {
        let free = entry["name"] == "free";
        assert_eq!(entry["status"], if free { "ok" } else { "unknown" }, "{entry}");
        assert!(free || entry.to_string().contains("closed"), "it does not say what it could not read: {entry}");
    }
    assert_eq!(report["entries"].as_array().unwrap().len(), 7);
    let asked = peer.log.received().iter().filter(|came| came.starts_with(b"GET")).count();
    assert_eq!(asked, 1, "nothing is sent without its token");
}
