//! Endpoints as an operator writes them.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use rustls::pki_types::ServerName;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// A name or an address with a port: `example.com`, `example.com:8443`, `[::1]:8443`. The port is 443 unless it is given.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Endpoint {
    /// The name or the address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl TryFrom<String> for Endpoint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.contains("://") || text.contains('/') {
            return Err(format!("`{text}` is not an endpoint; write `host` or `host:port`, without scheme and path"));
        }
        let (host, port) = if let Ok(address) = text.parse::<IpAddr>() {
            (address.to_string(), None)
        } else if let Some(inner) = text.strip_prefix('[') {
            let (host, rest) =
                inner.split_once(']').ok_or_else(|| format!("`{text}` has no closing bracket; write `[::1]:443`"))?;
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(format!("`{host}` is not an IPv6 address; write `[::1]:443`"));
            }
            let port = match rest.strip_prefix(':') {
                Some(port) => Some(port),
                None if rest.is_empty() => None,
                None => return Err(format!("`{text}` has `{rest}` behind the bracket; write `[::1]:443`")),
            };
            (host.to_owned(), port)
        } else {
            match text.split_once(':') {
                Some((host, port)) => (host.to_owned(), Some(port)),
                None => (text.clone(), None),
            }
        };
        let port = match port {
            None => 443,
            Some(port) => port
                .parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(|| format!("`{port}` is not a port from 1 to 65535 in `{text}`"))?,
        };
        server_name(&host)?;
        Ok(Self { host, port })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl JsonSchema for Endpoint {
    fn schema_name() -> Cow<'static, str> {
        "Endpoint".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "a name or an address, with a port unless it is 443: `example.com`, `example.com:8443`, `[::1]:8443`",
            "examples": ["example.com", "example.com:8443", "[::1]:8443"]
        })
    }
}

/// A name that certificates are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(pub String);

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        server_name(&text)?;
        Ok(Self(text))
    }
}

impl JsonSchema for Name {
    fn schema_name() -> Cow<'static, str> {
        "ServerName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "a host name or an address" })
    }
}

/// An address to connect to; the port is the endpoint's unless it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Address {
    ip: IpAddr,
    port: Option<u16>,
}

impl Address {
    /// Returns the address with its own port or that of an endpoint.
    pub fn at(self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip, self.port.unwrap_or(port))
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Ok(ip) = text.parse() {
            return Ok(Self { ip, port: None });
        }
        let address: SocketAddr = text.parse().map_err(|_| {
            format!("`{text}` is not an address; write `192.0.2.1`, `192.0.2.1:443` or `[2001:db8::1]:443`")
        })?;
        Ok(Self { ip: address.ip(), port: Some(address.port()) })
    }
}

impl JsonSchema for Address {
    fn schema_name() -> Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "an IP address, with a port unless it is the endpoint's" })
    }
}

/// Makes the name that a server is asked for.
pub(crate) fn server_name(text: &str) -> Result<ServerName<'static>, String> {
    if text.is_empty() {
        return Err("a host is missing; write `example.com` or `example.com:8443`".to_owned());
    }
    if !text.is_ascii() {
        return Err(format!(
            "`{text}` is written with letters outside ASCII; write the name in its `xn--` form, as the certificate does"
        ));
    }
    ServerName::try_from(text.to_owned()).map_err(|_| format!("`{text}` is neither a host name nor an address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_and_shown() {
        for (text, shown) in [
            ("example.com", "example.com:443"),
            ("example.com:8443", "example.com:8443"),
            ("EXAMPLE.com.", "EXAMPLE.com.:443"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("::1", "[::1]:443"),
            ("[::1]", "[::1]:443"),
            ("[2001:db8::1]:8443", "[2001:db8::1]:8443"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example:443"),
        ] {
            let endpoint = Endpoint::try_from(text.to_owned()).unwrap();
            assert_eq!(endpoint.to_string(), shown);
        }
        for (text, words) in [
            ("https://example.com", "without scheme"),
            ("example.com/x", "without scheme"),
            ("example.com:0", "not a port"),
            ("example.com:70000", "not a port"),
            ("example.com:", "not a port"),
            ("[::1", "closing bracket"),
            ("[::1]x", "behind the bracket"),
            ("[a]:1", "not an IPv6"),
            ("", "a host is missing"),
            (":443", "a host is missing"),
            ("bücher.example", "xn--"),
            ("a b", "neither a host name"),
        ] {
            let error = Endpoint::try_from(text.to_owned()).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn addresses_take_the_port_of_the_endpoint() {
        let address = |text: &str| Address::try_from(text.to_owned());
        assert_eq!(address("::1").unwrap().at(443).to_string(), "[::1]:443");
        assert_eq!(address("127.0.0.1:8").unwrap().at(443).to_string(), "127.0.0.1:8");
        assert!(address("localhost").is_err());
    }
}
