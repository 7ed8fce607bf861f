//! Web servers of this host, by the sockets that listen.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use selx_core::{Discovery, Host, Proposal};

use crate::net::{Scope, scope};

/// The ports on which web servers usually listen.
const PORTS: &[u16] = &[80, 443, 3000, 8000, 8080];
/// The state of a socket that listens, as the kernel writes it.
const LISTENS: &str = "0A";

/// Proposes one check for each usual port on which something listens.
pub(super) fn discover(host: &Host) -> Discovery {
    let mut open: BTreeMap<u16, IpAddr> = BTreeMap::new();
    let mut errors = Vec::new();
    for table in ["net/tcp", "net/tcp6"] {
        match host.read_proc(table) {
            Ok(text) => {
                for (address, port) in text.lines().skip(1).filter_map(listener) {
                    // Loopback is the way that always leads there.
                    let address = reachable(address);
                    let known = open.entry(port).or_insert(address);
                    if scope(address) == Scope::Loopback && scope(*known) != Scope::Loopback {
                        *known = address;
                    }
                }
            }
            Err(error) => errors.push(error.to_string()),
        }
    }
    // A kernel without IPv6 has no second table.
    if errors.len() == 2 {
        return Discovery::Unclear(errors.join("; "));
    }
    open.retain(|port, _| PORTS.contains(port));
    if open.is_empty() {
        let ports: Vec<String> = PORTS.iter().map(ToString::to_string).collect();
        return Discovery::Absent(format!("nothing listens on the ports {}", ports.join(", ")));
    }
    let name = host.read_proc("sys/kernel/hostname").unwrap_or_default();
    Discovery::Found(open.into_iter().map(|(port, address)| proposal(port, address, name.trim())).collect())
}

fn proposal(port: u16, address: IpAddr, host: &str) -> Proposal {
    let reason = format!("something listens on port {port}");
    let name = format!("port-{port}");
    let bare = host.parse::<super::Url>().is_err() && format!("https://{host}/").parse::<super::Url>().is_ok();
    if port == 443 && bare {
        // The certificate is for a name; the operator knows which.
        return Proposal::new(
            name,
            format!("{reason}; put the name of its certificate into `url`"),
            format!("url = \"https://{host}/\"\nconnect-to = \"{address}\""),
        );
    }
    let scheme = if port == 443 { "https" } else { "http" };
    let at = match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let at = if matches!(port, 80 | 443) { at } else { format!("{at}:{port}") };
    Proposal::new(name, reason, format!("url = \"{scheme}://{at}/\""))
}

/// Returns the address at which a listener is reached from this host.
fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        // A listener on every IPv6 address takes IPv4 too unless it says otherwise.
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        address => address,
    }
}

/// Reads one line of the kernel's table, if its socket listens.
fn listener(line: &str) -> Option<(IpAddr, u16)> {
    let mut fields = line.split_whitespace().skip(1);
    let (address, port) = fields.next()?.split_once(':')?;
    let state = fields.nth(1)?;
    if state != LISTENS {
        return None;
    }
    let port = u16::from_str_radix(port, 16).ok()?;
    // Words of four bytes in the order of this machine.
    let word = |at: usize| u32::from_str_radix(address.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let address = match address.len() {
        8 => IpAddr::from(word(0)?),
        32 => {
            let bytes = [word(0)?, word(8)?, word(16)?, word(24)?].concat();
            let address = Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?);
            address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4)
        }
        _ => return None,
    };
    Some((address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    fn host(tcp: &str, tcp6: &str) -> (tempfile::TempDir, Host) {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::below(folder.path());
        std::fs::create_dir_all(host.proc.join("net")).unwrap();
        std::fs::create_dir_all(host.proc.join("sys/kernel")).unwrap();
        std::fs::write(host.proc.join("net/tcp"), format!("{HEAD}{tcp}")).unwrap();
        std::fs::write(host.proc.join("net/tcp6"), format!("{HEAD}{tcp6}")).unwrap();
        std::fs::write(host.proc.join("sys/kernel/hostname"), "web1.example\n").unwrap();
        (folder, host)
    }

    #[test]
    fn listeners_are_found_and_connections_are_not() {
        let tcp = concat!(
            "   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1\n",
            "   1: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1\n",
            "   2: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000 0 0 1 1\n",
            "   3: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1\n",
        );
        let tcp6 = concat!(
            "   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 1 1\n",
            "   1: B80D0120000000000000000001000000:0BB8 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 1 1\n",
        );
        let (_folder, host) = host(tcp, tcp6);
        let Discovery::Found(found) = discover(&host) else {
            panic!("nothing was found");
        };
        let with: Vec<&str> = found.iter().map(|proposal| proposal.with.as_str()).collect();
        assert_eq!(
            with,
            [
                "url = \"http://127.0.0.1/\"",
                "url = \"https://web1.example/\"\nconnect-to = \"127.0.0.1\"",
                "url = \"http://[2001:db8::1]:3000/\"",
                "url = \"http://127.0.0.1:8000/\"",
            ]
        );
        for text in with {
            assert!(toml::from_str::<super::super::Config>(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn nothing_and_not_knowing_are_two_things() {
        let (_folder, host) = host("", "garbage\n");
        assert_eq!(discover(&host), Discovery::Absent("nothing listens on the ports 80, 443, 3000, 8000, 8080".into()));
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(discover(&Host::below(folder.path())), Discovery::Unclear(_)));
    }
}
