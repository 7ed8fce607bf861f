//! What is seen from outside: nginx, its certificate, and the services behind it.

use rcgen::{CertificateParams, Issuer, KeyPair};

use crate::said::{Said, swap};
use crate::stack::{Alone, Stack};

const ALL: &str = "compose-services.product";
const SITES: &str = "tls-certificate.sites";

#[test]
fn plain_http_leads_to_https() {
    let stack = Stack::shared();
    let checks = format!(
        "[check.http.plain]\nwith = {{ url = \"http://127.0.0.1:{}/health\", expect = {{ status = [301] }} }}\n",
        stack.http_port()
    );
    stack.selx_with(&checks, &["run", "daily", "--no-history"]).code(0);
}

#[test]
fn an_api_that_hangs_is_critical_and_the_frontend_is_not() {
    let stack = Stack::alone();
    stack.act("pause", "api");
    let said = stack.look();
    // Who waits for less than nginx does hears nothing at all.
    let hasty = stack.look_with(|checks| swap(checks, "timeout = \"8s\"", "timeout = \"2s\""));
    stack.act("unpause", "api");
    said.is("http.api", "critical", &["504"]).is("http.frontend", "ok", &[]).is(ALL, "critical", &["api", "is paused"]);
    said.follow(ALL, &["http.api", "http.api-is-closed"]).either(&["prometheus-query.targets"]).rest_is_fine();
    hasty.is("http.api", "critical", &["(phase: first byte)"]).is("http.frontend", "ok", &[]);
    stack.until_fine();
}

#[test]
fn an_api_with_a_fault_in_it_answers_500() {
    let stack = Stack::alone();
    let program = "from serving import Handler, serve\n\nclass Api(Handler):\n    def do_GET(self):\n        \
                   self.answer(500, {'error': 'KeyError'})\n\nserve(8000, Api)";
    stack.inside("api", &["sh", "-c", &format!("cat >/app/api.py <<'end'\n{program}\nend")]);
    stack.docker(&["restart", "--time", "0", &stack.container("api")]);
    let said = stack.until(|said| said.has("http.api", "500 Internal Server Error"));
    said.is("http.api", "critical", &["unexpected-status", "expected 200-299"]);
    said.is("http.api-is-closed", "critical", &["500 Internal Server Error", "expected 401"]);
    // Its own health check fails three times before the engine believes it, and Prometheus scrapes every few seconds.
    said.either(&[ALL, "prometheus-query.targets"]).rest_is_fine();
    stack.docker(&["rm", "--force", &stack.container("api")]);
    stack.heal();
    stack.until_fine();
}

#[test]
fn a_stopped_nginx_refuses() {
    let stack = Stack::alone();
    stack.act("stop", "nginx");
    let said = stack.look();
    for name in ["http.api", "http.api-is-closed", "http.frontend", SITES] {
        said.is(name, "critical", &["refused"]).follow(ALL, &[name]);
    }
    said.is(ALL, "critical", &["nginx", "ended with code 0"]).rest_is_fine();
    stack.heal();
    stack.until_fine();
}

/// Lets nginx serve a certificate of the example's own root: for these names, from and to so many days from now.
fn serve(stack: &Alone, names: &[&str], from: i64, to: i64) {
    let root = std::fs::read_to_string(stack.ca_file()).unwrap();
    let signer = std::fs::read_to_string(stack.ca_file().with_file_name("ca.key")).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&root, KeyPair::from_pem(&signer).unwrap()).unwrap();
    let mut leaf = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    let now = std::time::SystemTime::now();
    let day = |days: i64| {
        // Not to the second, so that what is shown does not hang on when it is looked at.
        let length = std::time::Duration::from_secs(days.unsigned_abs() * 86_400 - 1800);
        if days < 0 { now - length } else { now + length }
    };
    leaf.not_before = day(from).into();
    leaf.not_after = day(to).into();
    let key = KeyPair::generate().unwrap();
    stack.serve(&leaf.signed_by(&key, &issuer).unwrap().pem(), &key.serialize_pem());
}

#[test]
fn certificates_that_clients_refuse_or_will_soon_are_told() {
    let stack = Stack::alone();
    let names = ["api.selextract.test", "app.selextract.test"];
    let https = ["http.api", "http.api-is-closed", "http.frontend"];
    serve(&stack, &names, -90, -1);
    // The old processes of nginx serve on for a moment after a reload.
    let said = stack.until(|said| https.iter().chain(&[SITES]).all(|name| said.has(name, "expired")));
    said.is(SITES, "critical", &["expired"]).follow(SITES, &https).rest_is_fine();

    serve(&stack, &["www.example.org"], -1, 89);
    let said = stack.until(|said| https.iter().chain(&[SITES]).all(|name| said.has(name, "www.example.org")));
    said.is(SITES, "critical", &["api.selextract.test"]).follow(SITES, &https).rest_is_fine();

    serve(&stack, &names, -76, 14);
    let reached = |said: &Said| https.iter().all(|name| said.status(name) != "critical");
    let said = stack.until(|said| said.status(SITES) == "warning" && reached(said));
    said.is(SITES, "warning", &["13d23h", "below the warning limit"]).rest_is_fine();

    serve(&stack, &names, -86, 4);
    let said = stack.until(|said| said.has(SITES, "for 3d23h") && reached(said));
    said.is(SITES, "critical", &["below the critical limit"]).rest_is_fine();
    // The next look of `up` puts a good one there.
    stack.heal();
    stack.until_fine();
}
