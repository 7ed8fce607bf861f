//! What clients say to a chain: the verifier that they use, asked at a given time, with every reason and not only the
//! first.

use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error};

use super::error;
use super::facts::{Reason, Rejection};
use super::parse::{Certificate, Link};
use super::trust::{Trust, provider, unix_time};

/// Returns why a chain is not accepted for a name at a time, in seconds since 1970; nothing if it is accepted.
pub(crate) fn verify(
    chain: &[CertificateDer<'_>],
    links: &[Link],
    name: &ServerName<'_>,
    trust: &Trust,
    now: i64,
) -> Vec<Rejection> {
    let Some((leaf, intermediates)) = chain.split_first() else {
        return Vec::new();
    };
    let parsed = match ParsedCertificate::try_from(leaf) {
        Ok(parsed) => parsed,
        Err(error) => return vec![rejection(&error, links)],
    };
    let path = |at: i64| {
        let algorithms = provider().signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, trust.roots(), intermediates, unix_time(at), algorithms)
            .err()
            .map(|error| rejection(&error, links))
    };
    let mut found: Vec<Rejection> = Vec::new();
    if let Some(first) = path(now) {
        let about_time = matches!(first.reason, Reason::Expired | Reason::NotYetValid);
        found.push(first);
        // A date hides everything else; asked at a time when all are valid, the verifier tells the rest.
        let members = || reachable(links).into_iter().filter_map(|index| links.get(index)?.certificate());
        let from = members().map(|certificate| certificate.not_before.0).max();
        let to = members().map(|certificate| certificate.not_after.0).min();
        if let (true, Some(from), Some(to)) = (about_time, from, to)
            && from <= to
            && let Some(other) = path(from)
            && other.reason != Reason::Expired
            && other.reason != Reason::NotYetValid
        {
            found.push(other);
        }
    }
    if let Err(error) = verify_server_name(&parsed, name) {
        found.push(mismatch(&error, links, name));
    }
    found
}

/// Returns the positions of the certificates that lead from the server's own upwards, in that order.
pub(crate) fn reachable(links: &[Link]) -> Vec<usize> {
    let mut path = Vec::new();
    let mut next = Some(0);
    while let Some(index) = next {
        let Some(certificate) = links.get(index).and_then(Link::certificate) else {
            break;
        };
        path.push(index);
        if certificate.self_issued {
            break;
        }
        next = links.iter().enumerate().position(|(other, link)| {
            !path.contains(&other) && link.certificate().is_some_and(|above| above.subject == certificate.issuer)
        });
    }
    path
}

fn rejection(error: &Error, links: &[Link]) -> Rejection {
    let Error::InvalidCertificate(reason) = error else {
        return Rejection::new(Reason::NotAccepted, error::explain(error).1);
    };
    use CertificateError as E;
    let text = error::certificate(reason);
    let reason = match reason {
        E::Expired | E::ExpiredContext { .. } => Reason::Expired,
        E::NotValidYet | E::NotValidYetContext { .. } => Reason::NotYetValid,
        E::UnknownIssuer => return unknown_issuer(links),
        // The library verifies keys up to 8192 bits and refuses larger ones as if the signature were wrong.
        E::BadSignature if links.iter().filter_map(Link::certificate).any(|one| one.rsa_bits > Some(8192)) => {
            let text = "selx cannot verify signatures of RSA keys over 8192 bits, so the chain was not verified";
            return Rejection::new(Reason::NotVerified, text);
        }
        E::BadSignature => Reason::BadSignature,
        E::BadEncoding => Reason::BadCertificate,
        E::UnhandledCriticalExtension => Reason::CriticalExtension,
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => Reason::WrongPurpose,
        E::Other(other) => {
            return match other.0.downcast_ref::<webpki::Error>() {
                Some(inner) => special(inner),
                None => Rejection::new(Reason::NotAccepted, text),
            };
        }
        _ if weak(links).is_some() => Reason::WeakSignature,
        _ => return Rejection::new(Reason::NotVerified, format!("selx cannot verify the chain: {text}")),
    };
    Rejection::new(reason, text)
}

fn weak(links: &[Link]) -> Option<&Certificate> {
    let mut certificates = links.iter().filter_map(Link::certificate);
    certificates.find(|certificate| certificate.weak_hash().is_some())
}

/// The reasons that the TLS library passes on as they are.
fn special(error: &webpki::Error) -> Rejection {
    use webpki::Error as E;
    let (reason, text) = match error {
        E::CaUsedAsEndEntity => {
            (Reason::CaAsLeaf, "the server's certificate is one for signing certificates, not for a server")
        }
        E::EndEntityUsedAsCa => {
            (Reason::NameConstraint, "a certificate of the chain may not sign certificates, but signed one")
        }
        E::NameConstraintViolation => {
            (Reason::NameConstraint, "an issuer of the chain may not sign for a name of the certificate")
        }
        E::PathLenConstraintViolated => (Reason::NameConstraint, "the chain is longer than one of its issuers allows"),
        E::UnsupportedCriticalExtension => {
            (Reason::CriticalExtension, "the certificate has a critical extension that is not known")
        }
        E::UnsupportedCertVersion => {
            (Reason::OldVersion, "the chain has a certificate of X.509 version 1 or 2, which clients refuse")
        }
        E::MaximumPathBuildCallsExceeded | E::MaximumPathDepthExceeded | E::MaximumSignatureChecksExceeded => {
            (Reason::ChainTooLarge, "the chain is too large or too tangled to be verified")
        }
        E::BadDer | E::BadDerTime | E::InvalidCertValidity | E::MalformedExtensions | E::ExtensionValueInvalid => {
            return Rejection::new(Reason::BadCertificate, format!("a certificate is malformed: {error}"));
        }
        other => return Rejection::new(Reason::NotAccepted, format!("the certificate is refused: {other}")),
    };
    Rejection::new(reason, text)
}

/// Tells the ways apart in which a chain does not lead to a trusted root.
fn unknown_issuer(links: &[Link]) -> Rejection {
    let path = reachable(links);
    let top = path.last().and_then(|index| links.get(*index)).and_then(Link::certificate);
    let Some(top) = top else {
        return Rejection::new(Reason::UnknownIssuer, "the chain does not lead to a trusted root");
    };
    match (top.self_issued, path.len()) {
        (true, 1) => {
            Rejection::new(Reason::SelfSigned, format!("signed by itself (`{}`), by no authority", top.title()))
        }
        (true, _) => Rejection::new(
            Reason::UnknownIssuer,
            format!("the chain ends in the root `{}`, which is not in the store of trusted roots", top.title()),
        ),
        (false, 1) => Rejection::new(
            Reason::ChainIncomplete,
            format!(
                "the server sends its own certificate alone; its issuer `{}` is neither sent nor a trusted root",
                top.issuer
            ),
        ),
        (false, _) => Rejection::new(
            Reason::UnknownIssuer,
            format!(
                "the chain ends at `{}`; its issuer `{}` is neither sent nor a trusted root",
                top.title(),
                top.issuer
            ),
        ),
    }
}

fn mismatch(error: &Error, links: &[Link], name: &ServerName<'_>) -> Rejection {
    let wanted = name.to_str();
    let text = match links.first().and_then(Link::certificate) {
        Some(leaf) if leaf.names_total == 0 => {
            format!(
                "the certificate has no alternative name, so it is not for {wanted}; clients ignore the common name"
            )
        }
        Some(leaf) => {
            let shown: Vec<&str> = leaf.names.iter().take(5).map(String::as_str).collect();
            let more = match leaf.names_total.saturating_sub(shown.len()) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("the certificate is for {}{more}, not for {wanted}", shown.join(", "))
        }
        None => error::explain(error).1,
    };
    Rejection::new(Reason::NameMismatch, text)
}
