//! Addresses as they are written.

use std::fmt;
use std::path::PathBuf;

use super::Service;

/// How a service is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Over TCP, by name or address.
    Tcp {
        /// The name or address, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// By a socket file.
    Unix(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// An address with what a URL says beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// How it is reached.
    pub place: Place,
    /// Whether the scheme asks for encryption.
    pub tls: bool,
    /// The user in a URL.
    pub user: Option<String>,
    /// What stands behind the address in a URL, without the slash: the database.
    pub database: Option<String>,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.fmt(f)
    }
}

impl Address {
    /// Reads an address, a socket file or a URL of this sort of service.
    ///
    /// # Errors
    ///
    /// What is wrong, without the text itself where a password may stand in it.
    pub fn parse<S: Service>(text: &str) -> Result<Self, String> {
        let plain = |place| Self { place, tls: false, user: None, database: None };
        if let Some(path) = text.strip_prefix("unix:").or_else(|| text.starts_with('/').then_some(text)) {
            let path = PathBuf::from(path.strip_prefix("//").unwrap_or(path));
            return if path.is_absolute() {
                Ok(plain(Place::Unix(path)))
            } else {
                Err("`unix:` is followed by an absolute path".to_owned())
            };
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return place::<S>(text).map(plain);
        };
        let Some((_, tls)) = S::SCHEMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(scheme)) else {
            let known: Vec<String> = S::SCHEMES.iter().map(|(scheme, _)| format!("`{scheme}`")).collect();
            return Err(format!("a URL of {} begins with {}", S::NAME, known.join(" or ")));
        };
        if rest.contains(['?', '#']) {
            return Err("a URL ends with the name of the database; what follows `?` or `#` is not read".to_owned());
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, _)) if user.contains(':') => {
                return Err(
                    "a password in a URL would stand in the file as it is; use the setting `password`".to_owned()
                );
            }
            Some((user, host)) => (Some(decode(user)?), host),
            None => (None, authority),
        };
        let database = if path.is_empty() { None } else { Some(decode(path)?) };
        Ok(Self { place: place::<S>(host)?, tls: *tls, user, database })
    }
}

/// Reads `host`, `host:port`, `[v6]` and `[v6]:port`.
fn place<S: Service>(text: &str) -> Result<Place, String> {
    let wrong = || format!("`{text}` is not an address: HOST, HOST:PORT, unix:/PATH, or a URL");
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
        host.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?;
        (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or_else(wrong)?) })
    } else if text.parse::<std::net::Ipv6Addr>().is_ok() {
        (text, None)
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let forbidden = |letter: char| letter.is_whitespace() || letter.is_control() || "/@?#[]".contains(letter);
    if host.is_empty() || host.len() > 253 || host.contains(forbidden) {
        return Err(wrong());
    }
    let port = match port {
        None => S::PORT,
        Some(port) => match port.parse() {
            Ok(0) | Err(_) => return Err(format!("`{port}` is not a port: a number from 1 to 65535")),
            Ok(port) => port,
        },
    };
    Ok(Place::Tcp { host: host.to_owned(), port })
}

/// Reads percent-encoding.
fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match (digit(rest.next()), digit(rest.next())) {
            (Some(high), Some(low)) => bytes.push(u8::try_from(high * 16 + low).unwrap_or_default()),
            _ => return Err("`%` in a URL is followed by two hexadecimal digits".to_owned()),
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| "a name in a URL is not UTF-8".to_owned())?;
    if text.contains(char::is_control) {
        return Err("a name in a URL has a control character".to_owned());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Redis;

    impl Service for Redis {
        const NAME: &'static str = "Redis";
        const SCHEMES: &'static [(&'static str, bool)] = &[("redis", false), ("rediss", true)];
        const PORT: u16 = 6379;
    }

    #[test]
    fn addresses_are_read_as_they_are_written_elsewhere() {
        for (text, shown) in [
            ("cache", "cache:6379"),
            ("cache:1", "cache:1"),
            ("10.0.0.1", "10.0.0.1:6379"),
            ("::1", "[::1]:6379"),
            ("[::1]:7000", "[::1]:7000"),
            ("/run/redis.sock", "unix:/run/redis.sock"),
            ("unix:/run/redis.sock", "unix:/run/redis.sock"),
            ("unix:///run/redis.sock", "unix:/run/redis.sock"),
            ("redis://cache", "cache:6379"),
            ("rediss://ann@cache:1/2", "cache:1"),
        ] {
            assert_eq!(
                Address::parse::<Redis>(text).map(|address| address.to_string()).as_deref(),
                Ok(shown),
                "{text}"
            );
        }
        let whole = Address::parse::<Redis>("rediss://a%40b@cache/2").unwrap();
        assert_eq!((whole.tls, whole.user.as_deref(), whole.database.as_deref()), (true, Some("a@b"), Some("2")));
    }

    #[test]
    fn what_is_no_address_is_refused_and_no_password_repeated() {
        for text in [
            "",
            ":1",
            "a:0",
            "a:65536",
            "a b",
            "[::1",
            "[x]:1",
            "unix:x",
            "http://a",
            "redis://a?b=c",
            "redis://a/%zz",
            "redis://:hunter22@a",
            "redis://ann:hunter22@a",
        ] {
            let error = Address::parse::<Redis>(text).unwrap_err();
            assert!(!error.contains("hunter22"), "{error}");
        }
    }
}
