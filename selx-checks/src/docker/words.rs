//! Texts on their way to an engine and from it: names in paths, and what it said.

use bollard::errors::Error as ClientError;
use selx_core::escape;

/// Shows what a client or an engine said: short, and harmless.
pub(super) fn words(error: &ClientError) -> String {
    let text = match error {
        ClientError::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        error => error.to_string(),
    };
    let mut letters = text.chars();
    let short: String = letters.by_ref().take(200).collect();
    let more = if letters.next().is_some() { "…" } else { "" };
    format!("{}{more}", escape::visible(&short))
}

/// Writes a name so that it is nothing else in a path.
pub(super) fn name(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b':' | b'@' | b'/' => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out.replace("..", "%2E%2E")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_leave_their_place() {
        assert_eq!(name("localhost:5000/shop/api:1@sha256:0a"), "localhost:5000/shop/api:1@sha256:0a");
        assert_eq!(name("../x?a=b#c\n"), "%2E%2E/x%3Fa%3Db%23c%0A");
    }
}
