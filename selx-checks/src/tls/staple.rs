//! The answer about revocation that a server staples to its handshake (OCSP, RFC 6960).
//!
//! Its signature is not verified: it is the server's own word about its own certificate, and only a bad word is
//! believed.

use serde::{Deserialize, Serialize};

use super::der::{any, element};

/// What a stapled answer says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Staple {
    /// The certificate is good.
    Good,
    /// The certificate is revoked, since this time as the responder writes it: `20261101120000Z`.
    Revoked(String),
    /// The responder does not know the certificate.
    Unknown,
    /// The answer is about other certificates, or cannot be read.
    Useless(String),
}

/// Reads a stapled answer for the certificate with this serial number, as [`parse`](super::parse::parse) writes it.
pub fn read(response: &[u8], serial: &str) -> Staple {
    match status(response, serial) {
        Some(Ok(staple)) => staple,
        Some(Err(text)) => Staple::Useless(text),
        None => Staple::Useless("cannot be read".to_owned()),
    }
}

fn status(response: &[u8], serial: &str) -> Option<Result<Staple, String>> {
    let (body, _) = element(response, 0x30)?;
    let (code, rest) = element(body, 0x0a)?;
    if code != [0] {
        let code = code.first().copied().unwrap_or_default();
        return Some(Err(format!("the responder failed with status {code}")));
    }
    let (explicit, _) = element(rest, 0xa0)?;
    let (bytes, _) = element(explicit, 0x30)?;
    let (_kind, rest) = element(bytes, 0x06)?;
    let (basic, _) = element(rest, 0x04)?;
    let (basic, _) = element(basic, 0x30)?;
    let (mut data, _) = element(basic, 0x30)?;
    // An optional version, the responder, the time, then the answers.
    if let Some((_, rest)) = element(data, 0xa0) {
        data = rest;
    }
    let (_, _, rest) = any(data)?;
    let (_, rest) = element(rest, 0x18)?;
    let (mut answers, _) = element(rest, 0x30)?;
    for _ in 0..64 {
        let Some((answer, rest)) = element(answers, 0x30) else {
            break;
        };
        answers = rest;
        let (id, rest) = element(answer, 0x30)?;
        let (_, id) = element(id, 0x30)?;
        let (_, id) = element(id, 0x04)?;
        let (_, id) = element(id, 0x04)?;
        let (number, _) = element(id, 0x02)?;
        if super::parse::serial(number) != serial {
            continue;
        }
        return Some(Ok(match any(rest)? {
            (0x80, ..) => Staple::Good,
            (0xa1, revoked, _) => {
                let when = element(revoked, 0x18).map_or(&[][..], |(time, _)| time);
                let digits = when.iter().take(32).filter(|byte| byte.is_ascii_graphic());
                Staple::Revoked(digits.map(|byte| char::from(*byte)).collect())
            }
            _ => Staple::Unknown,
        }));
    }
    Some(Err("is about other certificates".to_owned()))
}
