//! What an error of the TLS library means for an operator.

use rustls::{AlertDescription as Alert, CertificateError, Error, InvalidMessage, PeerIncompatible};
use selx_core::ErrorKind;

/// Returns the kind of an error and a sentence about it, a lower-case fragment.
///
/// | error | kind |
/// |---|---|
/// | the certificate is not accepted; the server asks for one of the client; an alert | `Rejected` |
/// | nothing in common, broken or oversized messages, no TLS at all | `Protocol` |
/// | the time or random numbers of this machine | `Local` |
/// | the set-up of the client | `Bug` |
pub fn explain(error: &Error) -> (ErrorKind, String) {
    match error {
        Error::InvalidCertificate(reason) => (ErrorKind::Rejected, certificate(reason)),
        Error::NoCertificatesPresented => (ErrorKind::Protocol, "the server sent no certificate".to_owned()),
        Error::AlertReceived(alert) => (ErrorKind::Rejected, self::alert(*alert)),
        Error::PeerIncompatible(reason) => (ErrorKind::Protocol, incompatible(reason)),
        Error::InvalidMessage(reason) => (ErrorKind::Protocol, message(reason)),
        Error::PeerSentOversizedRecord => {
            (ErrorKind::Protocol, "the server sent a record larger than TLS allows".to_owned())
        }
        Error::NoApplicationProtocol => {
            (ErrorKind::Protocol, "the server accepts none of the offered application protocols".to_owned())
        }
        Error::DecryptError => (ErrorKind::Protocol, "a record of the server cannot be decrypted".to_owned()),
        Error::FailedToGetCurrentTime => (ErrorKind::Local, "this machine's time cannot be read".to_owned()),
        Error::FailedToGetRandomBytes => (ErrorKind::Local, "this machine gives no random numbers".to_owned()),
        Error::General(_) | Error::EncryptError | Error::HandshakeNotComplete => (ErrorKind::Bug, error.to_string()),
        _ => (ErrorKind::Protocol, format!("the server broke the TLS protocol: {error}")),
    }
}

/// Says why a certificate is not accepted.
pub fn certificate(reason: &CertificateError) -> String {
    use CertificateError as E;
    match reason {
        E::Expired | E::ExpiredContext { .. } => "the certificate has expired".to_owned(),
        E::NotValidYet | E::NotValidYetContext { .. } => "the certificate is not valid yet".to_owned(),
        E::UnknownIssuer => "the certificate is not signed by a trusted root".to_owned(),
        E::NotValidForName => "the certificate is for another name".to_owned(),
        E::NotValidForNameContext { expected, presented } => {
            let names = match presented.len() {
                0 => "no name".to_owned(),
                _ => shorten(presented, 5),
            };
            format!("the certificate is for {names}, not for {}", expected.to_str())
        }
        E::Revoked => "the certificate is revoked".to_owned(),
        E::BadSignature => "a signature of the certificates is wrong, or made with a key that is refused".to_owned(),
        E::BadEncoding => "the certificate cannot be read".to_owned(),
        E::UnhandledCriticalExtension => "the certificate has a critical extension that is not known".to_owned(),
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => "the certificate is not meant for servers".to_owned(),
        other => format!("the certificate is refused: {other}"),
    }
}

/// Joins a few texts and counts the rest.
fn shorten(names: &[String], most: usize) -> String {
    // The library gives `DnsName("a.example")` and `IpAddress(…)`.
    let bare = |name: &String| -> String {
        let inner = name.split_once('(').map_or(name.as_str(), |(_, rest)| rest);
        inner.trim_matches(['(', ')', '"']).to_owned()
    };
    let shown: Vec<String> = names.iter().take(most).map(bare).collect();
    match names.len().saturating_sub(most) {
        0 => shown.join(", "),
        rest => format!("{} and {rest} more", shown.join(", ")),
    }
}

/// Says what an alert of the server means.
pub(crate) fn alert(alert: Alert) -> String {
    match alert {
        Alert::CertificateRequired => "the server requires a client certificate".to_owned(),
        Alert::UnrecognisedName => "the server knows no site of this name (alert unrecognized_name)".to_owned(),
        Alert::ProtocolVersion => "the server accepts neither TLS 1.2 nor TLS 1.3 (alert protocol_version)".to_owned(),
        Alert::HandshakeFailure => "the server found no common cipher or key exchange, or wants something else \
             (alert handshake_failure)"
            .to_owned(),
        Alert::InternalError => "the server has an internal error (alert internal_error)".to_owned(),
        Alert::Unknown(code) => format!("the server ended the handshake with alert {code}"),
        other => match other.as_str() {
            Some(name) => format!("the server ended the handshake with alert {name}"),
            None => format!("the server ended the handshake with alert {other:?}"),
        },
    }
}

fn incompatible(reason: &PeerIncompatible) -> String {
    match reason {
        PeerIncompatible::ServerDoesNotSupportTls12Or13 | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => {
            "the server offers neither TLS 1.2 nor TLS 1.3".to_owned()
        }
        PeerIncompatible::NoCipherSuitesInCommon => "the server and selx share no cipher".to_owned(),
        PeerIncompatible::NoKxGroupsInCommon => "the server and selx share no key exchange group".to_owned(),
        PeerIncompatible::NoSignatureSchemesInCommon => "the server and selx share no signature scheme".to_owned(),
        other => format!("the server and selx cannot agree: {other:?}"),
    }
}

fn message(reason: &InvalidMessage) -> String {
    match reason {
        InvalidMessage::CertificatePayloadTooLarge | InvalidMessage::HandshakePayloadTooLarge => {
            "the server sends a handshake message over 64 KiB, as too many or too large certificates do".to_owned()
        }
        InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion => {
            "the server does not speak TLS on this port".to_owned()
        }
        other => format!("the server sent a broken TLS message: {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_follow_the_table() {
        let table = [
            (Error::InvalidCertificate(CertificateError::UnknownIssuer), ErrorKind::Rejected, "trusted root"),
            (Error::AlertReceived(Alert::CertificateRequired), ErrorKind::Rejected, "client certificate"),
            (Error::AlertReceived(Alert::UnrecognisedName), ErrorKind::Rejected, "no site of this name"),
            (Error::AlertReceived(Alert::DecodeError), ErrorKind::Rejected, "DecodeError"),
            (
                Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13),
                ErrorKind::Protocol,
                "neither TLS 1.2",
            ),
            (Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge), ErrorKind::Protocol, "64 KiB"),
            (Error::InvalidMessage(InvalidMessage::InvalidContentType), ErrorKind::Protocol, "not speak TLS"),
            (Error::FailedToGetCurrentTime, ErrorKind::Local, "time"),
            (Error::General("x".into()), ErrorKind::Bug, "x"),
        ];
        for (error, kind, words) in table {
            let (found, text) = explain(&error);
            assert_eq!(found, kind, "{error}");
            assert!(text.contains(words), "{error}: {text}");
        }
    }

    #[test]
    fn a_wrong_name_tells_both_sides() {
        let reason = CertificateError::NotValidForNameContext {
            expected: "a.example".try_into().unwrap(),
            presented: (0..9).map(|n| format!("DnsName(\"{n}.example\")")).collect(),
        };
        let text = certificate(&reason);
        assert!(
            text.ends_with("0.example, 1.example, 2.example, 3.example, 4.example and 4 more, not for a.example"),
            "{text}"
        );
    }
}
