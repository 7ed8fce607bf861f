//! The line, the numbers and the evidence: what was seen, healthy or not. Pure.

use std::borrow::Cow;

use jiff::Timestamp;
use selx_core::{Evidence, Measure, Unit};

use super::facts::{Facts, File, Seen};
use super::grade::{Role, readable, seconds};
use super::judge::subject;
use super::parse::{Certificate, Link};
use super::verify;

/// How many lines of evidence are shown.
const EVIDENCE_CAP: usize = 80;

/// Writes the line that tells what was seen.
pub(super) fn line(facts: &Facts, now: Timestamp) -> String {
    if let ([seen], []) = (facts.endpoints.as_slice(), facts.files.as_slice()) {
        return single(seen, now);
    }
    let mut parts = Vec::new();
    let mut endpoints: Vec<&str> = facts.endpoints.iter().map(|seen| seen.endpoint.as_str()).collect();
    endpoints.dedup();
    let addresses = facts.endpoints.len();
    match (endpoints.len(), addresses) {
        (0, _) => {}
        (count, all) if count == all => parts.push(plural(count, "endpoint")),
        (count, all) => parts.push(format!("{} at {}", plural(count, "endpoint"), plural(all, "address"))),
    }
    if !facts.files.is_empty() {
        parts.push(plural(facts.files.len(), "file"));
    }
    if parts.is_empty() {
        parts.push("no certificate".to_owned());
    }
    let served = facts.endpoints.iter().filter_map(|seen| Some((subject(facts, seen), leaf(&seen.chain)?)));
    let kept = facts.files.iter().filter_map(|file| Some((file.path.clone(), leaf(&file.chain)?)));
    let soonest = served.chain(kept).min_by_key(|(_, certificate)| certificate.not_after);
    match soonest {
        Some((name, certificate)) => format!("{}; soonest {name}, {}", parts.join(" and "), left(certificate, now)),
        None => parts.join(" and "),
    }
}

fn single(seen: &Seen, now: Timestamp) -> String {
    match (leaf(&seen.chain), &seen.trouble) {
        (Some(certificate), _) => {
            let protocol = seen.handshake.as_ref().map_or("no session", |handshake| handshake.protocol.as_str());
            format!("{} {}, {protocol}, issued by {}", seen.endpoint, left(certificate, now), certificate.issuer)
        }
        (None, Some(trouble)) => format!("{}: no certificate seen ({})", seen.endpoint, trouble.reason.code()),
        (None, None) => format!("{}: no certificate that can be read", seen.endpoint),
    }
}

fn left(certificate: &Certificate, now: Timestamp) -> String {
    let remaining = certificate.not_after.seconds_after(now);
    if remaining < 0 {
        format!("expired {} ago", seconds(-remaining))
    } else {
        format!("valid for {} (until {})", seconds(remaining), certificate.not_after)
    }
}

fn plural(count: usize, noun: &str) -> String {
    let ending = match (count, noun.ends_with('s')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{count} {noun}{ending}")
}

fn leaf(links: &[Link]) -> Option<&Certificate> {
    links.first().and_then(Link::certificate)
}

/// Takes the numbers out of what was seen.
pub(super) fn measures(facts: &Facts, now: Timestamp) -> Vec<Measure> {
    let mut measures = Vec::new();
    for seen in &facts.endpoints {
        let subject = subject(facts, seen);
        let path = verify::reachable(&seen.chain);
        let issuers = readable(&seen.chain).filter(|(place, _)| path.contains(place));
        dates(&mut measures, &subject, leaf(&seen.chain), issuers, now);
        if let Some(handshake) = &seen.handshake {
            measures.push(Measure::new("handshake", handshake.seconds, Unit::Seconds).on(&subject));
        }
        if seen.chain_total > 0 {
            #[expect(clippy::cast_precision_loss, reason = "a chain has far fewer than 2^52 certificates")]
            let length = seen.chain_total as f64;
            measures.push(Measure::new("chain-length", length, Unit::Count).on(&subject));
        }
    }
    for file in &facts.files {
        dates(&mut measures, &file.path, leaf(&file.chain), readable(&file.chain), now);
    }
    measures
}

/// Adds the time that is left to a certificate and to the soonest of those above it.
fn dates<'a>(
    measures: &mut Vec<Measure>,
    subject: &str,
    leaf: Option<&Certificate>,
    chain: impl Iterator<Item = (usize, &'a Certificate)>,
    now: Timestamp,
) {
    let issuer = chain
        .filter(|(place, certificate)| Role::of(*place, certificate) == Role::Issuer)
        .map(|(_, certificate)| certificate)
        .min_by_key(|certificate| certificate.not_after);
    for (name, certificate) in [("remaining", leaf), ("issuer-remaining", issuer)] {
        if let Some(certificate) = certificate {
            #[expect(clippy::cast_precision_loss, reason = "seconds of certificates are far below 2^52")]
            let (value, whole) = (certificate.not_after.seconds_after(now) as f64, certificate.lifetime() as f64);
            measures.push(Measure::new(name, value, Unit::Seconds).on(subject).of(whole));
        }
    }
}

/// Writes everything that was seen, whether it is fine or not.
pub(super) fn evidence(facts: &Facts) -> Vec<Evidence> {
    let mut pairs: Vec<(&'static str, String)> = Vec::new();
    if let Some(trust) = &facts.trust {
        pairs.push(("trust", trust.clone()));
    }
    for seen in &facts.endpoints {
        let subject = subject(facts, seen);
        let address = seen.address.as_deref().unwrap_or("no address");
        let session = match &seen.handshake {
            Some(handshake) => format!("{}, {}, no ALPN", handshake.protocol, handshake.cipher),
            None => "no session".to_owned(),
        };
        pairs.push(("endpoint", format!("{subject} as {} at {address}: {session}", seen.server_name)));
        links(&mut pairs, &subject, &seen.chain);
    }
    for File { path, chain, .. } in &facts.files {
        links(&mut pairs, path, chain);
    }
    let total = pairs.len();
    pairs.truncate(EVIDENCE_CAP);
    if total > EVIDENCE_CAP {
        pairs.push(("omitted", format!("{} more lines; the facts in JSON have them all", total - EVIDENCE_CAP)));
    }
    pairs.into_iter().map(|(label, value)| Evidence { label: Cow::Borrowed(label), value }).collect()
}

fn links(pairs: &mut Vec<(&'static str, String)>, subject: &str, links: &[Link]) {
    for (place, link) in links.iter().enumerate() {
        let place = place + 1;
        pairs.push(match link {
            Link::Certificate(certificate) => ("certificate", format!("{subject} #{place}: {}", describe(certificate))),
            Link::Unreadable { text, fingerprint } => {
                ("certificate", format!("{subject} #{place}: {text}; sha256 {fingerprint}"))
            }
        });
    }
}

fn describe(certificate: &Certificate) -> String {
    let names = match certificate.names_total {
        0 => "no names".to_owned(),
        total if total > certificate.names.len() => {
            format!("{} and {} more", certificate.names.join(" "), total - certificate.names.len())
        }
        _ => certificate.names.join(" "),
    };
    let authority = if certificate.is_ca { "; may sign certificates" } else { "" };
    format!(
        "{}; issuer {}; {names}; serial {}; {} to {}; {}; {}; sha256 {}{authority}",
        certificate.title(),
        certificate.issuer,
        certificate.serial,
        certificate.not_before,
        certificate.not_after,
        certificate.key,
        certificate.signature,
        certificate.fingerprint,
    )
}
