//! Who a line is about: the address it names, and the user.

use std::net::IpAddr;

/// How much of a line is looked at.
const REACH: usize = 4096;
/// How long a name of a user may be.
const LONGEST: usize = 64;
/// What stands before the address of whoever did it, the surest first.
const ADDRESS: &[&[u8]] = &[
    b"rhost=",
    b"client: ",
    b"client=",
    b" from ",
    b"remote_addr=",
    b"\"remote_addr\":\"",
    b"\"ip\":\"",
    b"ip=",
    b"host=",
];
/// What stands before the name of a user, the surest first.
const USER: &[&[u8]] = &[
    b"for invalid user ",
    b"nvalid user ",
    b"for user ",
    b"assword for ",
    b"user \"",
    b"user=",
    b"username=",
    b"\"user\":\"",
    b"\"username\":\"",
    b"user ",
];

/// Returns the address that a line names as where something came from; that of the client in a line of a web server.
pub(super) fn address(line: &[u8]) -> Option<String> {
    let head = line.get(..REACH).unwrap_or(line);
    let first = head.split(|byte| *byte == b' ').next().unwrap_or_default();
    if let Some(address) = read(first) {
        return Some(address);
    }
    for mark in ADDRESS {
        for found in memchr::memmem::find_iter(head, mark) {
            if let Some(address) = head.get(found + mark.len()..).and_then(read) {
                return Some(address);
            }
        }
    }
    // fail2ban: `[sshd] Ban 192.0.2.1`.
    let last = head.trim_ascii_end().rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    read(last)
}

fn read(text: &[u8]) -> Option<String> {
    let text = text.strip_prefix(b"\"").or_else(|| text.strip_prefix(b"[")).unwrap_or(text);
    let length =
        text.iter().position(|byte| !(byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':'))).unwrap_or(text.len());
    let mut text = std::str::from_utf8(text.get(..length)?).ok()?.trim_end_matches(['.', ':']);
    // `192.0.2.1:50412` has a port behind it.
    if text.contains('.')
        && let Some((address, _)) = text.split_once(':')
        && !address.is_empty()
    {
        text = address;
    }
    if text.len() < 3 || !text.contains(['.', ':']) {
        return None;
    }
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical().to_string())
}

/// Returns the user that a line names.
pub(super) fn user(line: &[u8]) -> Option<String> {
    let head = line.get(..REACH).unwrap_or(line);
    for mark in USER {
        for found in memchr::memmem::find_iter(head, mark) {
            let rest = head.get(found + mark.len()..).unwrap_or_default();
            let rest = rest.strip_prefix(b"\"").or_else(|| rest.strip_prefix(b"'")).unwrap_or(rest);
            let length = rest.iter().position(|byte| {
                byte.is_ascii_whitespace()
                    || matches!(byte, b'"' | b'\'' | b',' | b';' | b':' | b'(' | b')' | b'[' | b']')
            });
            let name = rest.get(..length.unwrap_or(rest.len())).unwrap_or_default();
            if !name.is_empty() && name.len() <= LONGEST && name != b"user" {
                return Some(String::from_utf8_lossy(name).into_owned());
            }
        }
    }
    access_user(head)
}

/// The third word of a line of a web server, unless it is a hyphen.
fn access_user(head: &[u8]) -> Option<String> {
    let mut words = head.splitn(4, |byte| *byte == b' ');
    read(words.next()?)?;
    words.next()?;
    let name = words.next()?;
    let opens = words.next()?.first() == Some(&b'[');
    (opens && name != b"-" && name.len() <= LONGEST).then(|| String::from_utf8_lossy(name).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_users_are_found_where_programs_write_them() {
        for (line, from, who) in [
            (
                "Nov 20 10:00:00 h sshd[1]: Failed password for root from 192.0.2.7 port 50412 ssh2",
                Some("192.0.2.7"),
                Some("root"),
            ),
            (
                "Nov 20 10:00:00 h sshd[1]: Failed password for invalid user admin from 2001:db8::7 port 5 ssh2",
                Some("2001:db8::7"),
                Some("admin"),
            ),
            ("Nov 20 10:00:00 h sshd[1]: Invalid user  from 192.0.2.8 port 4", Some("192.0.2.8"), None),
            (
                "pam_unix(sshd:auth): authentication failure; logname= uid=0 tty=ssh ruser= rhost=192.0.2.9  user=bob",
                Some("192.0.2.9"),
                Some("bob"),
            ),
            (
                "2026-11-20 10:00:00.000 UTC [9] FATAL:  password authentication failed for user \"shop\"",
                None,
                Some("shop"),
            ),
            ("FATAL:  no pg_hba.conf entry for host \"192.0.2.3\", user \"x\", database \"y\"", None, Some("x")),
            ("192.0.2.1 - - [20/Nov/2026:10:00:00 +0000] \"GET /admin HTTP/1.1\" 401 5", Some("192.0.2.1"), None),
            (
                "192.0.2.1 - carol [20/Nov/2026:10:00:00 +0000] \"GET /admin HTTP/1.1\" 403 5",
                Some("192.0.2.1"),
                Some("carol"),
            ),
            (
                "2026/11/20 10:00:00 [error] 7#7: *1 user \"dave\": password mismatch, client: 192.0.2.4, server: x",
                Some("192.0.2.4"),
                Some("dave"),
            ),
            ("2026-11-20 10:00:00,000 fail2ban.actions [1]: NOTICE [sshd] Ban 192.0.2.5", Some("192.0.2.5"), None),
            ("{\"event\":\"login failed\",\"user\":\"erin\",\"ip\":\"192.0.2.6\"}", Some("192.0.2.6"), Some("erin")),
            ("authentication failed for user=bob from 10.1.2.3", Some("10.1.2.3"), Some("bob")),
            ("connection from 192.0.2.2:50412 refused", Some("192.0.2.2"), None),
            ("nothing from nobody", None, None),
        ] {
            assert_eq!(address(line.as_bytes()).as_deref(), from, "{line}");
            assert_eq!(user(line.as_bytes()).as_deref(), who, "{line}");
        }
    }
}
