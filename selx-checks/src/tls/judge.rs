//! From facts to findings. Pure.

use jiff::Timestamp;
use selx_core::{Finding, Judgement, Severity};

use crate::net::Phase;

use super::config::{MinProtocol, Settings};
use super::facts::{Asked, CHAIN_KEPT, Facts, File, Key, Pair, Reason, Seen};
use super::grade::{Role, grade, readable, seconds, unreadable};
use super::parse::Link;
use super::staple::Staple;
use super::{summary, verify};

/// Judges everything that was seen.
pub(super) fn judge(settings: &Settings, facts: &Facts, now: Timestamp) -> Judgement {
    let mut judgement = Judgement::new(summary::line(facts, now));
    if let Some(text) = &facts.trust_trouble {
        let text = format!("no chain was verified: {text}");
        judgement.findings.push(Finding::unknown("not-verified", "", text));
    }
    for seen in &facts.endpoints {
        let subject = subject(facts, seen);
        judgement.findings.extend(endpoint(settings, facts, seen, &subject, now));
    }
    for found in &facts.files {
        judgement.findings.extend(file(found, now));
    }
    for pair in &facts.pairs {
        judgement.findings.extend(compared(facts, pair));
    }
    for pattern in &facts.unmatched {
        let text = "matches no file, so no certificate was looked at";
        judgement.findings.push(Finding::critical("nothing-matched", pattern, text));
    }
    if facts.files_omitted > 0 {
        let text = format!("{} files beyond the first {} were not read", facts.files_omitted, facts.files.len());
        judgement.findings.push(Finding::unknown("too-many-files", "", text));
    }
    judgement.evidence = summary::evidence(facts);
    judgement
}

/// Returns what to call an address of an endpoint: the endpoint alone if it has one address.
pub(super) fn subject(facts: &Facts, seen: &Seen) -> String {
    let several = facts.endpoints.iter().filter(|other| other.endpoint == seen.endpoint).count() > 1;
    match &seen.address {
        Some(address) if several => {
            let bare = address.parse::<std::net::SocketAddr>().ok();
            // Tests and forwarders have several ports behind one address, so the port stays where it differs.
            let short = bare.filter(|bare| seen.endpoint.ends_with(&format!(":{}", bare.port())));
            let shown = short.map_or_else(|| address.clone(), |bare| bare.ip().to_string());
            format!("{} [{shown}]", seen.endpoint)
        }
        _ => seen.endpoint.clone(),
    }
}

fn endpoint(settings: &Settings, facts: &Facts, seen: &Seen, subject: &str, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(trouble) = &seen.trouble {
        let severity = if trouble.reason.is_unknown() || no_ipv6_here(facts, seen) {
            Severity::Unknown
        } else {
            Severity::Critical
        };
        // Most of what went wrong is told of the server or of an address; the line begins with the endpoint.
        let text = match trouble.phase {
            _ if trouble.text.starts_with("accepted ") => trouble.text.clone(),
            Phase::Tls => format!("fails: {}", trouble.text),
            _ => format!("cannot be reached: {}", trouble.text),
        };
        let finding = Finding::new(severity, trouble.reason.code(), subject, text);
        findings.push(finding.evidence("phase", trouble.phase));
    }
    if let Some(handshake) = &seen.handshake
        && settings.min_protocol == MinProtocol::Tls13
        && handshake.protocol == "TLS 1.2"
    {
        let text = format!("agrees on {}, below the TLS 1.3 that is asked for", handshake.protocol);
        findings.push(Finding::critical("protocol-too-old", subject, text));
    }
    findings.extend(chain(seen, subject, now));
    findings.extend(rejections(seen, &findings, subject));
    findings.extend(stapled(seen, subject));
    let asked = match seen.client_certificate {
        Some(Asked::Optional) => "asks for a client certificate and goes on without one",
        Some(Asked::Unclear) => "asks for a client certificate; whether it insists was not said within a second",
        Some(Asked::Required) | None => return findings,
    };
    findings.push(Finding::info("client-certificate-asked", subject, asked));
    findings
}

/// Tells whether an address of IPv6 has no route while one of IPv4 was reached: then it is this machine that has none.
fn no_ipv6_here(facts: &Facts, seen: &Seen) -> bool {
    let is_six = |seen: &Seen| seen.address.as_ref().is_some_and(|address| address.starts_with('['));
    seen.trouble.as_ref().is_some_and(|trouble| trouble.reason == Reason::NoRoute)
        && is_six(seen)
        && facts.endpoints.iter().any(|other| !is_six(other) && other.handshake.is_some())
}

/// Judges the certificates as they were served.
fn chain(seen: &Seen, subject: &str, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    if seen.chain_total > CHAIN_KEPT {
        let text = format!(
            "sends {} certificates, of which {CHAIN_KEPT} are read; two or three are usual, and many clients give up",
            seen.chain_total
        );
        findings.push(Finding::critical("chain-too-large", subject, text));
    }
    let path = verify::reachable(&seen.chain);
    let mut notes = Vec::new();
    for (place, link) in seen.chain.iter().enumerate() {
        match link {
            Link::Unreadable { text, fingerprint } => {
                findings.push(unreadable(subject, place, text, fingerprint));
            }
            Link::Certificate(certificate) if path.contains(&place) => {
                findings.extend(grade(subject, certificate, Role::of(place, certificate), now));
            }
            Link::Certificate(certificate) => {
                let earlier = readable(&seen.chain).take_while(|(other, _)| *other < place);
                let again = earlier.into_iter().any(|(_, other)| other.fingerprint == certificate.fingerprint);
                notes.push(if again {
                    format!("`{}` twice", certificate.title())
                } else {
                    format!("`{}`, which is no part of the chain", certificate.title())
                });
            }
        }
    }
    if !notes.is_empty() {
        let text = format!("also sends {}; clients ignore it", notes.join(" and "));
        findings.push(Finding::info("extra-certificate", subject, text));
    }
    if !path.is_sorted() {
        let text = "sends its certificates in another order than from its own to the root; clients of today sort them";
        findings.push(Finding::info("chain-order", subject, text));
    }
    findings
}

/// Adds what clients say, where it is not said already in more exact words.
fn rejections(seen: &Seen, said: &[Finding], subject: &str) -> Vec<Finding> {
    let has = |code: &str| said.iter().any(|finding| finding.code == code);
    let mut findings: Vec<Finding> = Vec::new();
    for rejection in &seen.rejections {
        let code = rejection.reason.code();
        // A short key is refused by the verifier as if its signatures were wrong.
        let told = has(code)
            || findings.iter().any(|finding| finding.code == code)
            || (rejection.reason == Reason::BadSignature && has("weak-key"))
            || (rejection.reason == Reason::NotVerified && has("weak-signature"));
        if told {
            continue;
        }
        let severity = if rejection.reason.is_unknown() { Severity::Unknown } else { Severity::Critical };
        let text = match severity {
            Severity::Critical => format!("is refused by clients: {}", rejection.text),
            _ => format!("is not verified: {}", rejection.text),
        };
        findings.push(Finding::new(severity, code, subject, text));
    }
    findings
}

fn stapled(seen: &Seen, subject: &str) -> Option<Finding> {
    let leaf = seen.chain.first().and_then(Link::certificate)?;
    match &seen.staple {
        Some(Staple::Revoked(when)) => {
            let text = format!("its authority has revoked the certificate (since {when}), as the server itself says");
            return Some(Finding::critical("revoked", subject, text).evidence("serial", &leaf.serial));
        }
        Some(Staple::Good) => return None,
        _ => {}
    }
    let found = match &seen.staple {
        Some(Staple::Useless(why)) => format!("the one that was sent {why}"),
        Some(_) => "the one that was sent knows nothing of this certificate".to_owned(),
        None => "none was sent".to_owned(),
    };
    if leaf.must_staple {
        let text = format!("the certificate demands a stapled answer about its revocation, but {found}");
        return Some(Finding::warning("staple-missing", subject, text));
    }
    seen.staple.as_ref().map(|_| {
        let text = format!("a stapled answer about revocation was expected to be of use, but {found}");
        Finding::info("staple-useless", subject, text)
    })
}

fn file(file: &File, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    let subject = file.path.as_str();
    findings.extend(trouble_of(file));
    if file.chain_total > file.chain.len() {
        let text =
            format!("holds {} certificates, of which the first {} were looked at", file.chain_total, file.chain.len());
        findings.push(Finding::unknown("chain-too-large", subject, text));
    }
    for (place, link) in file.chain.iter().enumerate() {
        match link {
            Link::Unreadable { text, fingerprint } => {
                findings.push(unreadable(subject, place, text, fingerprint));
            }
            Link::Certificate(certificate) => {
                findings.extend(grade(subject, certificate, Role::of(place, certificate), now));
            }
        }
    }
    findings.extend(file.key.iter().flat_map(|key| private_key(key, subject)));
    findings
}

fn trouble_of(file: &File) -> Option<Finding> {
    let trouble = file.trouble.as_ref()?;
    let severity = if trouble.reason.is_unknown() { Severity::Unknown } else { Severity::Critical };
    Some(Finding::new(severity, trouble.reason.code(), &file.path, trouble.text.clone()))
}

fn private_key(key: &Key, certificate: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(text) = &key.trouble {
        let text = format!("{text}, so that it could not be compared with {certificate}");
        findings.push(Finding::unknown("key-unread", &key.path, text));
    }
    if key.open_to_all {
        let text = "can be read by every user of this machine";
        findings.push(Finding::critical("key-readable", &key.path, text));
    }
    if key.fits == Some(false) {
        let text = format!("is not the key of {certificate}; a server cannot start with the two");
        findings.push(Finding::critical("key-mismatch", &key.path, text));
    }
    findings
}

/// Compares what is served with what lies on disk.
fn compared(facts: &Facts, pair: &Pair) -> Vec<Finding> {
    let mut findings: Vec<Finding> = trouble_of(&pair.file).into_iter().collect();
    let on_disk = match pair.file.chain.first() {
        Some(Link::Certificate(certificate)) => certificate,
        Some(Link::Unreadable { text, fingerprint }) => {
            findings.push(unreadable(&pair.file.path, 0, text, fingerprint));
            return findings;
        }
        None => return findings,
    };
    for seen in facts.endpoints.iter().filter(|seen| seen.endpoint == pair.endpoint) {
        let Some(served) = seen.chain.first().and_then(Link::certificate) else {
            continue;
        };
        if served.fingerprint == on_disk.fingerprint {
            continue;
        }
        let newer = on_disk.not_before.0.saturating_sub(served.not_before.0);
        let meaning = if newer >= 0 {
            format!("the file is {} newer, so the server was not reloaded after the renewal", seconds(newer))
        } else {
            format!("the file is {} older, so the server reads another one", seconds(-newer))
        };
        let text = format!(
            "serves the certificate {} (until {}), but {} holds {} (until {}): {meaning}",
            served.serial, served.not_after, pair.file.path, on_disk.serial, on_disk.not_after
        );
        findings.push(
            Finding::warning("not-reloaded", subject(facts, seen), text)
                .evidence("served", &served.fingerprint)
                .evidence("file", &on_disk.fingerprint),
        );
    }
    findings
}
