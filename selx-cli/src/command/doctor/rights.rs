//! Who runs this, what of the kernel it can read, and which certificates are trusted.

use selx_core::{Area, Host, Registry};

use super::Item;

const TOPIC: &str = "rights";

/// Where distributions keep the certificates of the system.
const TRUST_STORES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Looks at the user, at `/proc` and at the trust store.
pub(super) fn items(registry: &Registry, host: &Host) -> Vec<Item> {
    let mut items = Vec::new();
    let uid = rustix::process::geteuid();
    items.push(if uid.is_root() {
        Item::ok(TOPIC, "runs as root: everything of this host can be read")
    } else {
        Item::note(TOPIC, format!("runs as user {}: what only root may read is reported as unknown", uid.as_raw()))
    });
    items.push(match host.read_proc("stat") {
        Ok(_) => Item::ok(TOPIC, format!("`{}` can be read", host.proc.display())),
        Err(error) => Item::missing(TOPIC, error.to_string(), "mount it: processor, memory and mounts are read there"),
    });
    // With `hidepid` a user sees only processes of their own; that of init is somebody else's.
    if !host.proc.join("1/stat").exists() && host.proc.join("self").exists() {
        items.push(Item::missing(
            TOPIC,
            format!("processes of other users are hidden (`hidepid` on `{}`)", host.proc.display()),
            "run as root or in the group of its mount option `gid=`",
        ));
    }
    let encrypted = |area| matches!(area, Area::Tls | Area::Http);
    if registry.kinds().any(|kind| encrypted(kind.meta().area)) {
        items.push(trust_store(host));
    }
    items
}

fn trust_store(host: &Host) -> Item {
    let found = TRUST_STORES
        .iter()
        .find(|path| std::fs::metadata(host.path(path)).is_ok_and(|meta| meta.is_file() && meta.len() > 0));
    match found {
        Some(path) => Item::ok(TOPIC, format!("trusted certificates are in `{path}`")),
        None => Item::missing(
            TOPIC,
            "no trust store was found, so no certificate can be verified",
            "install the package `ca-certificates`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::below(folder.path());
        let items = items(&Registry::new(), &host);
        assert!(
            items.iter().any(|item| item.state == super::super::State::Missing && item.text.contains("proc/stat")),
            "{items:?}"
        );
        assert_eq!(trust_store(&host).state, super::super::State::Missing);
        std::fs::create_dir_all(folder.path().join("etc/ssl/certs")).unwrap();
        std::fs::write(folder.path().join("etc/ssl/certs/ca-certificates.crt"), "x").unwrap();
        assert_eq!(trust_store(&host).state, super::super::State::Ok);
    }
}
