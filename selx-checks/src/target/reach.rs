//! The way from this host to a container.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use selx_core::{Context, Result};

use crate::docker::{Container, Engine};
use crate::net::Failure;

/// Follows a container that shares the network of another one to that one.
pub(super) async fn shared(container: Container, engine: &Engine, cx: &Context) -> Result<Result<Container, Failure>> {
    let Some(other) = container.network_mode.strip_prefix("container:") else {
        return Ok(Ok(container));
    };
    Ok(engine.container(other, cx).await?.map(|other| match other.as_ref() {
        Some(other) => Container {
            networks: other.networks.clone(),
            network_mode: other.network_mode.clone(),
            published: other.published.clone(),
            ..container
        },
        None => container,
    }))
}

/// Returns where a port of a container is reached from this host.
///
/// # Errors
///
/// Why it is not reached from here.
pub(super) fn address(container: &Container, port: u16) -> Result<SocketAddr, String> {
    if container.network_mode == "host" {
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    }
    let addresses = || container.networks.iter().flat_map(|network| &network.addresses);
    // A network that this host has an address in: its bridge.
    if let Some((address, _)) = addresses().find(|(address, prefix)| attached(*address, *prefix)) {
        return Ok(SocketAddr::new(*address, port));
    }
    // A machine of its own for containers passes ports on only.
    if let Some(published) = container.published.iter().find(|published| published.inside == port) {
        return Ok(SocketAddr::new(published.address, published.port));
    }
    match addresses().next() {
        Some((address, _)) => Ok(SocketAddr::new(*address, port)),
        None => Err(format!(
            "container `{}` is in no network of this host and publishes no port {port}",
            selx_core::escape::visible(&container.name)
        )),
    }
}

/// Tells whether this host has an address in the network of another address.
fn attached(address: IpAddr, prefix: u8) -> bool {
    let any: IpAddr = if address.is_ipv6() { [0_u16; 8].into() } else { [0_u8; 4].into() };
    // Connecting a datagram socket sends nothing; it asks the table of routes.
    let socket = UdpSocket::bind((any, 0)).and_then(|socket| socket.connect((address, 9)).map(|()| socket));
    let Ok(Ok(own)) = socket.map(|socket| socket.local_addr()) else { return false };
    match (own.ip(), address) {
        (IpAddr::V4(own), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(prefix.into())).unwrap_or(0);
            prefix > 0 && u32::from(own) & mask == u32::from(address) & mask
        }
        (IpAddr::V6(own), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(prefix.into())).unwrap_or(0);
            prefix > 0 && u128::from(own) & mask == u128::from(address) & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::{Network, Port};

    fn container(network_mode: &str, addresses: &[&str], published: &[(u16, u16)]) -> Container {
        let addresses = addresses.iter().map(|text| (text.parse().unwrap(), 8)).collect();
        Container {
            network_mode: network_mode.to_owned(),
            networks: vec![Network { name: "n".into(), addresses }],
            published: published
                .iter()
                .map(|(inside, port)| Port { inside: *inside, address: [127, 0, 0, 1].into(), port: *port })
                .collect(),
            ..Container::default()
        }
    }

    #[test]
    fn the_bridge_comes_before_published_ports() {
        let shown = |container: &Container| address(container, 5432).map(|address| address.to_string());
        assert_eq!(shown(&container("host", &[], &[])).unwrap(), "127.0.0.1:5432");
        // Loopback is the one network that every host has an address in.
        assert_eq!(shown(&container("n", &["127.1.2.3"], &[(5432, 1)])).unwrap(), "127.1.2.3:5432");
        assert_eq!(shown(&container("n", &["203.0.113.9"], &[(5432, 1)])).unwrap(), "127.0.0.1:1");
        assert_eq!(shown(&container("n", &["203.0.113.9"], &[(80, 1)])).unwrap(), "203.0.113.9:5432");
        assert!(shown(&container("none", &[], &[])).unwrap_err().contains("publishes no port 5432"));
    }
}
