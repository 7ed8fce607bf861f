//! What certificates this host has: those that certbot keeps, and whether something listens for TLS.

use selx_core::{Context, Discovery, Host, Proposal};

/// Where certbot keeps the current certificates, one folder a name.
const LIVE: &str = "/etc/letsencrypt/live";
/// The ports on which TLS is usually spoken.
const PORTS: [u16; 2] = [443, 8443];

/// Looks at the folders of certbot and at the listening sockets.
pub(super) fn discover(cx: &Context) -> Discovery {
    let host = cx.host();
    let ports = listening(host);
    let names = match names(host) {
        Ok(names) => names,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            return Discovery::Unclear(format!("`{LIVE}` may not be read by this user; run it as root"));
        }
        Err(_) => Vec::new(),
    };
    if !names.is_empty() {
        return Discovery::Found(vec![proposal(&names, &ports)]);
    }
    match ports.first() {
        Some(port) => Discovery::Unclear(format!(
            "something listens on port {port}, but under which name is not known (`{LIVE}` has none); \
             set `endpoints = [\"your.name:{port}\"]`"
        )),
        None => Discovery::Absent(format!("no certificate below `{LIVE}` and nothing listens on port 443 or 8443")),
    }
}

/// Returns the names of the folders that hold a certificate.
fn names(host: &Host) -> std::io::Result<Vec<String>> {
    let mut names: Vec<String> = std::fs::read_dir(host.path(LIVE))?
        .flatten()
        .filter(|entry| entry.path().join("cert.pem").exists() || entry.path().join("fullchain.pem").exists())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    names.truncate(100);
    Ok(names)
}

fn proposal(names: &[String], ports: &[u16]) -> Proposal {
    let reason =
        format!("certbot keeps {} certificate{} in {LIVE}", names.len(), if names.len() == 1 { "" } else { "s" });
    let mut with = format!("files = [\"{LIVE}/*/fullchain.pem\"]\n");
    // A folder of a renewed name may end in -0001, and a wildcard has no name to ask for.
    let hosts: Vec<&String> = names.iter().filter(|name| name.contains('.') && is_host(name)).collect();
    if let (Some(port), false) = (ports.first(), hosts.is_empty()) {
        with.push_str("compare = [\n");
        for name in &hosts {
            with.push_str(&format!(
                "    {{ endpoint = \"{name}:{port}\", file = \"{LIVE}/{name}/fullchain.pem\" }},\n"
            ));
        }
        with.push_str("]\n");
    }
    Proposal::new("local", reason, with)
}

fn is_host(name: &str) -> bool {
    let suffix = name.rsplit_once('-').map(|(_, digits)| digits);
    let copy = suffix.is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()));
    !copy && super::endpoint::server_name(name).is_ok()
}

/// Returns the usual ports that something listens on.
fn listening(host: &Host) -> Vec<u16> {
    let mut open = Vec::new();
    for table in ["net/tcp", "net/tcp6"] {
        let Ok(text) = host.read_proc(table) else {
            continue;
        };
        for line in text.lines().skip(1) {
            let mut fields = line.split_ascii_whitespace().skip(1);
            let (local, state) = (fields.next().unwrap_or_default(), fields.nth(1).unwrap_or_default());
            let port = local.rsplit_once(':').and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
            // 0A is "listens".
            if let (Some(port), "0A") = (port, state)
                && PORTS.contains(&port)
                && !open.contains(&port)
            {
                open.push(port);
            }
        }
    }
    open.sort_unstable();
    open
}
