//! What one certificate is worth at a time, whether it was served or lies on disk. Pure.

use jiff::Timestamp;
use selx_core::{Finding, Unit, show};

use super::parse::{Certificate, Link};

/// Clocks are off by hours; a certificate that is off by less than this may be fine.
const SKEW: i64 = 86_400;

/// What a certificate is in its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The server's own.
    Leaf,
    /// One above it.
    Issuer,
    /// A root: clients have their own copy and ignore this one.
    Root,
}

impl Role {
    /// Returns what a certificate is by its place.
    pub(super) fn of(place: usize, certificate: &Certificate) -> Self {
        match place {
            0 => Self::Leaf,
            _ if certificate.self_issued => Self::Root,
            _ => Self::Issuer,
        }
    }
}

/// Grades the dates, the key and the signature of one certificate.
pub(super) fn grade(subject: &str, certificate: &Certificate, role: Role, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    if role == Role::Root {
        return findings;
    }
    let who = match role {
        Role::Leaf => String::new(),
        _ => format!("its issuer certificate `{}` ", certificate.title()),
    };
    let proven = |finding: Finding| {
        finding.evidence("certificate", certificate.title()).evidence("fingerprint", &certificate.fingerprint)
    };
    let hint = |off: i64| match off {
        0..SKEW => "; that is less than a day: is the clock of this machine right?",
        _ => "",
    };
    let left = certificate.not_after.seconds_after(now);
    let until = certificate.not_before.seconds_after(now);
    if left < 0 {
        let text = format!("{who}expired {} ago, at {}{}", seconds(-left), certificate.not_after, hint(-left));
        findings.push(proven(Finding::critical("expired", subject, text)));
    }
    if until > 0 {
        let text = format!("{who}is not valid before {}, in {}{}", certificate.not_before, seconds(until), hint(until));
        findings.push(proven(Finding::critical("not-yet-valid", subject, text)));
    }
    if certificate.not_after < certificate.not_before {
        let text = format!(
            "{who}ends ({}) before it begins ({}), so it is never valid",
            certificate.not_after, certificate.not_before
        );
        findings.push(proven(Finding::critical("bad-certificate", subject, text)));
    }
    if let Some(hash) = certificate.weak_hash()
        && !certificate.self_issued
    {
        let text = format!("{who}is signed with {}; signatures with {hash} can be forged", certificate.signature);
        findings.push(proven(Finding::critical("weak-signature", subject, text)));
    }
    if certificate.rsa_bits.is_some_and(|bits| bits < 2048) {
        let text = format!("{who}has a key of type {}; under 2048 bits it can be broken", certificate.key);
        findings.push(proven(Finding::critical("weak-key", subject, text)));
    }
    findings
}

/// Says that a certificate cannot be read.
pub(super) fn unreadable(subject: &str, place: usize, text: &str, fingerprint: &str) -> Finding {
    let text = format!("certificate {} {text}", place + 1);
    Finding::critical("bad-certificate", subject, text).evidence("fingerprint", fingerprint)
}

/// Returns the certificates of a chain that count, with their places.
pub(super) fn readable(links: &[Link]) -> impl Iterator<Item = (usize, &Certificate)> {
    links.iter().enumerate().filter_map(|(place, link)| Some((place, link.certificate()?)))
}

/// Shows a length of time.
#[expect(clippy::cast_precision_loss, reason = "seconds of certificates are far below 2^52")]
pub(super) fn seconds(length: i64) -> String {
    show::value(length as f64, Unit::Seconds)
}
