//! A greeting of the old sort, to learn what a server offers that the TLS library does not speak.
//!
//! It offers every version up to TLS 1.2 with ciphers of thirty years, and only the first answer is read.

use rustls::pki_types::ServerName;

/// What a server answered to the greeting, or sent instead of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It chose a version and a cipher.
    Hello {
        /// The version as TLS counts: 0x0301 is TLS 1.0.
        version: u16,
        /// The number of the cipher.
        cipher: u16,
    },
    /// It refused with an alert.
    Alert(u8),
    /// It is not TLS; the beginning of what it sent.
    Other(String),
    /// It sent nothing, or too little to tell.
    Nothing,
}

/// Ciphers of TLS 1.2 and before, strong ones first.
const CIPHERS: &[u16] = &[
    0xc02f, 0xc030, 0xc02b, 0xc02c, 0xcca8, 0xcca9, 0xc027, 0xc028, 0xc013, 0xc014, 0xc009, 0xc00a, 0x009e, 0x009f,
    0x0067, 0x006b, 0x0033, 0x0039, 0x009c, 0x009d, 0x003c, 0x003d, 0x002f, 0x0035, 0x0041, 0x0084, 0xc012, 0x0016,
    0x000a, 0xc011, 0x0005, 0x0004, 0x0009, 0x00ff,
];

/// Returns the name of a version.
pub(crate) fn version_name(version: u16) -> String {
    match version {
        0x0200 | 0x0002 => "SSL 2".to_owned(),
        0x0300 => "SSL 3".to_owned(),
        0x0301 => "TLS 1.0".to_owned(),
        0x0302 => "TLS 1.1".to_owned(),
        0x0303 => "TLS 1.2".to_owned(),
        0x0304 => "TLS 1.3".to_owned(),
        other => format!("version {other:#06x}"),
    }
}

/// Writes the greeting.
pub(crate) fn greeting(name: &ServerName<'_>, random: [u8; 32]) -> Vec<u8> {
    let mut extensions = Vec::new();
    if let ServerName::DnsName(name) = name {
        let name = name.as_ref().trim_end_matches('.').as_bytes();
        let entry = [&[0][..], &sized(name)].concat();
        extend(&mut extensions, 0, &sized(&entry));
    }
    // Groups: x25519, P-256, P-384, P-521.
    extend(&mut extensions, 10, &sized(&[0, 29, 0, 23, 0, 24, 0, 25]));
    extend(&mut extensions, 11, &[1, 0]);
    let schemes = [4, 1, 4, 3, 5, 1, 5, 3, 6, 1, 6, 3, 8, 4, 8, 5, 8, 6, 2, 1, 2, 3];
    extend(&mut extensions, 13, &sized(&schemes));

    let mut body = vec![3, 3];
    body.extend(random);
    body.push(0);
    let ciphers: Vec<u8> = CIPHERS.iter().flat_map(|cipher| cipher.to_be_bytes()).collect();
    body.extend(sized(&ciphers));
    body.extend([1, 0]);
    body.extend(sized(&extensions));

    let mut message = vec![1, 0];
    message.extend(sized(&body));
    // The record says TLS 1.0, as everybody's first record does.
    let mut record = vec![22, 3, 1];
    record.extend(sized(&message));
    record
}

fn extend(extensions: &mut Vec<u8>, number: u16, content: &[u8]) {
    extensions.extend(number.to_be_bytes());
    extensions.extend(sized(content));
}

/// Puts the length, two bytes, before some content. Everything here is shorter than 64 KiB.
fn sized(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], content].concat()
}

/// Reads the beginning of what a server sent.
pub(crate) fn read(bytes: &[u8]) -> Answer {
    match bytes {
        // A record of type handshake; in it a server hello: version, 32 random bytes, a session id, the cipher.
        [22, 3, _, _, _, 2, _, _, _, high, low, rest @ ..] => {
            let cipher = rest.get(32..).and_then(|rest| {
                let (length, rest) = rest.split_first()?;
                let number = rest.get(usize::from(*length)..)?.first_chunk::<2>()?;
                Some(u16::from_be_bytes(*number))
            });
            Answer::Hello { version: u16::from_be_bytes([*high, *low]), cipher: cipher.unwrap_or_default() }
        }
        [21, 3, _, 0, 2, _, code, ..] => Answer::Alert(*code),
        [20..=23, 3, ..] => Answer::Nothing,
        // Too few bytes of a record to tell.
        [20..=23] | [] => Answer::Nothing,
        other => Answer::Other(beginning(other)),
    }
}

/// Shows the beginning of something that is not TLS: its first line if it is text, else its bytes.
fn beginning(bytes: &[u8]) -> String {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = line.get(..40).unwrap_or(line);
    let readable = !line.is_empty() && line.iter().all(|byte| (0x20..0x7f).contains(byte));
    if readable {
        return format!("`{}`", String::from_utf8_lossy(line));
    }
    let digits: Vec<String> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("the bytes {}", digits.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let mut hello = vec![22, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1];
        hello.extend([7; 32]);
        hello.extend([0, 0x00, 0x2f, 0]);
        assert_eq!(read(&hello), Answer::Hello { version: 0x0301, cipher: 0x002f });
        assert_eq!(read(&[21, 3, 1, 0, 2, 2, 70]), Answer::Alert(70));
        assert_eq!(read(b"HTTP/1.1 400 Bad Request\r\nx"), Answer::Other("`HTTP/1.1 400 Bad Request`".into()));
        assert_eq!(read(b"SSH-2.0-OpenSSH_9.2\r\n"), Answer::Other("`SSH-2.0-OpenSSH_9.2`".into()));
        assert_eq!(read(&[0, 1, 255]), Answer::Other("the bytes 00 01 ff".into()));
        assert_eq!(read(&[]), Answer::Nothing);
        for cut in 0..hello.len() {
            let _ = read(&hello[..cut]);
        }
    }
}
