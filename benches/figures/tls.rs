//! Certificates: one endpoint beside openssl and the plugin, a thousand beside a loop.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::process::{in_turn, once};
use crate::server::{ENDPOINTS, Server, address};
use crate::{Row, median, program};

/// How many endpoints the loop of the peer asks; its time is scaled to all of them.
const LOOP: u16 = 100;

/// The usual line: `openssl s_client | openssl x509`. Returns milliseconds.
pub(crate) fn s_client(openssl: &Path, endpoint: &str) -> f64 {
    let begun = Instant::now();
    let mut client = Command::new(openssl)
        .args(["s_client", "-connect", endpoint])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl starts");
    let output = client.stdout.take().expect("a pipe");
    let status = Command::new(openssl)
        .args(["x509", "-noout", "-dates"])
        .stdin(Stdio::from(output))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("openssl starts");
    client.wait().expect("openssl ends");
    assert!(status.success(), "openssl found no certificate at {endpoint}");
    begun.elapsed().as_secs_f64() * 1e3
}

pub(crate) fn rows(selx: &Path) -> Vec<Row> {
    let server = Server::start();
    let openssl = program("openssl", "openssl");
    let plugin = program("check_http", "monitoring-plugins-basic");
    let one = server.endpoint(0);
    let (port, host) = (server.port.to_string(), address(0).to_string());
    let arguments = ["check", "tls-certificate", "--endpoints", &one, "--format", "nagios"];
    let mut private = arguments.to_vec();
    private.extend(["--ca-file", &server.root]);
    let with_private_root = || once(selx, &private, 0..=0);
    // The system does not know our root, so the verdict is critical, after every root was read and asked; and what is
    // critical would be asked again.
    let text = format!("[runner]\nretries = 0\n[check.tls-certificate.one]\nwith = {{ endpoints = [\"{one}\"] }}\n");
    let file = server.scratch.write("one.toml", &text);
    let system = ["run", "tls-certificate", "--no-history", "--format", "nagios", "--config", &file];
    let with_system_roots = || once(selx, &system, 2..=2);
    let by_openssl = || s_client(&openssl, &one);
    let by_plugin = || once(&plugin, &["-I", &host, "-p", &port, "-S", "-C", "7"], 0..=0);

    let mut rows = Vec::new();
    let mut row = |what: &str, name: &str, ours: &dyn Fn() -> f64, theirs: &dyn Fn() -> f64| {
        let (ours, theirs) = in_turn(100, ours, theirs);
        rows.push(Row {
            what: format!("one certificate, {what}, whole process"),
            selx: format!("{ours:.1} ms"),
            peer: format!("{theirs:.1} ms ({name})"),
            figure: format!("{:.1} × faster; aim 5 ms at most", theirs / ours),
        });
    };
    row("private root", "openssl s_client, x509", &with_private_root, &by_openssl);
    row("private root", "check_http -C", &with_private_root, &by_plugin);
    row("roots of the system", "openssl s_client, x509", &with_system_roots, &by_openssl);
    row("roots of the system", "check_http -C", &with_system_roots, &by_plugin);

    let endpoints: Vec<String> = (0..ENDPOINTS).map(|index| format!("\"{}\"", server.endpoint(index))).collect();
    let text = format!(
        "[check.tls-certificate.all]\ntimeout = \"50s\"\nwith = {{ endpoints = [{}], ca-file = \"{}\" }}\n",
        endpoints.join(", "),
        server.root
    );
    let file = server.scratch.write("thousand.toml", &text);
    let run = ["run", "tls-certificate", "--no-history", "--format", "json", "--config", &file];
    let (mut all, mut looped) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        all.push(once(selx, &run, 0..=0));
        let begun = Instant::now();
        for index in 0..LOOP {
            s_client(&openssl, &server.endpoint(index));
        }
        looped.push(begun.elapsed().as_secs_f64() * 1e3 * f64::from(ENDPOINTS / LOOP));
    }
    let (all, looped) = (median(&mut all), median(&mut looped));
    rows.push(Row {
        what: format!("{ENDPOINTS} certificates on loopback"),
        selx: format!("{:.2} s", all / 1e3),
        peer: format!("{:.1} s (loop of openssl s_client, x509; {LOOP} of them, scaled)", looped / 1e3),
        figure: format!("{:.0} × faster; aim 20 ×", looped / all),
    });
    rows
}
