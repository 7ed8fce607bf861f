//! Whether an address belongs to the public internet.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// On the public internet.
    Public,
    /// On this machine.
    Loopback,
    /// On the same cable; cloud machines find their credentials at such an address.
    LinkLocal,
    /// In a network of one's own, or reserved.
    Private,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local",
            Self::Private => "private",
        })
    }
}

/// Tells where an address is. An IPv4 address inside an IPv6 one is judged as what it is.
pub fn scope(address: IpAddr) -> Scope {
    match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => v6(address),
    }
}

fn v4(address: Ipv4Addr) -> Scope {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (127, ..) => Scope::Loopback,
        (169, 254, _) => Scope::LinkLocal,
        // "This network", private use, shared by carriers, protocol assignments, benchmarks, multicast and above.
        (0 | 10, ..)
        | (172, 16..=31, _)
        | (192, 168, _)
        | (100, 64..=127, _)
        | (192, 0, 0)
        | (198, 18..=19, _)
        | (224.., ..) => Scope::Private,
        _ => Scope::Public,
    }
}

fn v6(address: Ipv6Addr) -> Scope {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let inner = || {
        let ([g1, g2], [h1, h2]) = (g.to_be_bytes(), h.to_be_bytes());
        v4(Ipv4Addr::new(g1, g2, h1, h2))
    };
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0) if g == 0 && h == 1 => Scope::Loopback,
        // Mapped and compatible IPv4, and the translation prefix.
        (0, 0, 0, 0, 0, 0 | 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => inner(),
        (0xfe80..=0xfebf, ..) => Scope::LinkLocal,
        (0xfc00..=0xfdff | 0xfec0..=0xfeff | 0xff00.., ..) => Scope::Private,
        _ => Scope::Public,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_ones_own_are_known_in_every_dress() {
        for (text, want) in [
            ("93.184.216.34", Scope::Public),
            ("2606:2800:220:1::1", Scope::Public),
            ("127.9.9.9", Scope::Loopback),
            ("::1", Scope::Loopback),
            ("::ffff:127.0.0.1", Scope::Loopback),
            ("169.254.169.254", Scope::LinkLocal),
            ("::ffff:169.254.169.254", Scope::LinkLocal),
            ("64:ff9b::a9fe:a9fe", Scope::LinkLocal),
            ("fe80::1", Scope::LinkLocal),
            ("10.1.2.3", Scope::Private),
            ("172.31.0.1", Scope::Private),
            ("172.32.0.1", Scope::Public),
            ("192.168.1.1", Scope::Private),
            ("100.64.0.1", Scope::Private),
            ("0.0.0.0", Scope::Private),
            ("::", Scope::Private),
            ("255.255.255.255", Scope::Private),
            ("fd00::1", Scope::Private),
            ("fd00:ec2::254", Scope::Private),
        ] {
            assert_eq!(scope(text.parse().unwrap()), want, "{text}");
        }
    }
}
