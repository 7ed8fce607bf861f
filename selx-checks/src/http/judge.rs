//! What an answer means.

use selx_core::{Finding, Judgement, Measure, Severity, Unit, show};

use super::config::{Config, Private};
use super::expect::JsonRule;
use super::facts::{Answer, Facts, Look, PathSeen};
use super::redirect::is_redirect;
use crate::net::{Failure, FailureKind, Phase};

/// How many values of one path are compared.
const COMPARED: usize = 64;

pub(super) fn judge(config: &Config, facts: &Facts) -> Judgement {
    let mut findings = Vec::new();
    if let Some(lookup) = &facts.resolved {
        if let Some(finding) = private(config, facts, &lookup.private) {
            findings.push(finding);
        }
        if lookup.found > lookup.addresses.len() {
            let message =
                format!("leads to {} addresses, of which {} are looked at", lookup.found, lookup.addresses.len());
            // Where every address counts, those that were left out are not known to be fine.
            let severity = match config.addresses {
                super::Addresses::All => Severity::Unknown,
                super::Addresses::First => Severity::Info,
            };
            findings.push(Finding::new(severity, "addresses-capped", facts.url.clone(), message));
        }
    }
    match &facts.failure {
        // The finding about the addresses says it already.
        Some(failure) if failure.kind == FailureKind::Forbidden && !findings.is_empty() => {}
        Some(failure) => findings.push(broken(failure, &facts.url)),
        None if facts.looks.is_empty() => {
            findings.push(Finding::critical("not-connected", facts.url.clone(), "was not asked: there is no address"));
        }
        None => {}
    }
    for look in &facts.looks {
        look_at(config, facts, look, &mut findings);
    }
    let mut judgement = Judgement::new(summary(facts));
    judgement.findings = findings;
    for look in &facts.looks {
        judgement = evidence(config, look, judgement);
    }
    judgement
}

fn private(config: &Config, facts: &Facts, addresses: &[String]) -> Option<Finding> {
    let severity = match config.private {
        Private::Allow => return None,
        Private::Warn => Severity::Warning,
        Private::Deny => Severity::Critical,
    };
    if addresses.is_empty() {
        return None;
    }
    let shown = first_few(addresses);
    Some(Finding::new(severity, "private-address", facts.url.clone(), format!("leads to {shown}")))
}

fn look_at(config: &Config, facts: &Facts, look: &Look, findings: &mut Vec<Finding>) {
    let subject = if look.address.is_empty() { facts.url.clone() } else { look.address.clone() };
    if let Some(failure) = &look.failure {
        let failed: Vec<&str> =
            look.attempts.iter().filter_map(|attempt| Some(attempt.failure.as_ref()?.text.as_str())).collect();
        let mut finding = broken(failure, &subject);
        if failure.phase == Phase::Connect && failed.len() > 1 {
            finding.message = format!("cannot be connected to: {}", first_few(&failed));
        }
        finding = finding.evidence("received", show::value(look.received as f64, Unit::Bytes));
        if let Some(answer) = &look.answer {
            finding = finding.evidence("status", answer.status).evidence("body", &answer.excerpt);
        }
        findings.push(finding);
        return;
    }
    let Some(answer) = &look.answer else {
        findings.push(Finding::critical("no-answer", subject, "gave no answer"));
        return;
    };
    for attempt in &look.attempts {
        if let Some(failure) = &attempt.failure {
            findings.push(Finding::warning("address-down", attempt.address.clone(), failure.text.clone()));
        }
    }
    expectations(config, answer, &subject, findings);
}

/// Makes a finding of what broke off.
fn broken(failure: &Failure, subject: &str) -> Finding {
    use FailureKind as Kind;
    let (code, begin) = match (failure.phase, failure.kind) {
        (Phase::Resolve, _) => ("name-not-resolved", "cannot be found"),
        (Phase::Connect, Kind::Forbidden) => ("private-address", "is not asked"),
        (Phase::Connect, _) => ("not-connected", "cannot be connected to"),
        (Phase::Tls, _) | (_, Kind::Tls) => ("tls-failed", "gives no encrypted connection that is trusted"),
        (Phase::Body, Kind::TooLarge) => ("body-too-large", "answers too much"),
        (_, Kind::TooLarge) => ("headers-too-large", "answers too much"),
        (_, Kind::Malformed) => ("malformed-response", "answers against the protocol"),
        (_, Kind::Closed | Kind::Reset) => ("cut-off", "broke off"),
        _ => ("no-answer", "does not answer"),
    };
    let message = format!("{begin}: {} (phase: {})", failure.text, failure.phase);
    Finding::critical(code, subject, message)
}

fn expectations(config: &Config, answer: &Answer, subject: &str, findings: &mut Vec<Finding>) {
    let expect = &config.expect;
    if !expect.status.allow(answer.status) {
        findings.push(wrong_status(config, answer, subject));
        // What an error page says beside its status is no news.
        return;
    }
    for (name, wanted) in &expect.headers {
        let seen = answer.headers.iter().find(|header| header.name == name.as_str());
        let message = match seen {
            Some(header) if header.found => continue,
            Some(header) if header.value.is_some() => {
                let value = header.value.as_deref().unwrap_or_default();
                format!("answers with `{}: {value}`, in which `{wanted}` is missing", header.name)
            }
            _ => format!("answers without the header `{}`, which should contain `{wanted}`", name.as_str()),
        };
        findings.push(Finding::critical("unexpected-header", subject, message));
    }
    if !expect.looks_at_body() {
        return;
    }
    if let Some(encoding) = &answer.encoding {
        let message = format!("sends a body encoded as `{encoding}`, which was not asked for and is not decoded");
        findings.push(Finding::critical("encoded-body", subject, message));
        return;
    }
    for message in body(config, answer) {
        let (severity, message) = match message {
            Wrong::Is(message) => (Severity::Critical, message),
            Wrong::MayBe(message) => (Severity::Unknown, message),
        };
        let finding = Finding::new(severity, "unexpected-body", subject, message);
        findings.push(if answer.excerpt.is_empty() { finding } else { finding.evidence("body", &answer.excerpt) });
    }
}

fn wrong_status(config: &Config, answer: &Answer, subject: &str) -> Finding {
    let status = named(answer.status);
    if is_redirect(answer.status) {
        let target = answer.location.as_deref().unwrap_or("an unnamed place");
        let why = match &answer.not_followed {
            Some(why) => format!("not followed: {why}"),
            None => "which is not followed".to_owned(),
        };
        return Finding::critical("redirected", subject, format!("answers {status} and leads to {target}, {why}"));
    }
    let message = format!("answers {status}, expected {}", config.expect.status);
    let finding = Finding::critical("unexpected-status", subject, message);
    let finding = if answer.excerpt.is_empty() { finding } else { finding.evidence("body", &answer.excerpt) };
    match answer.status {
        401 | 403 if config.authorization.is_none() => {
            finding.advice("Set `authorization` if the endpoint asks for credentials, or expect the status.")
        }
        401 | 403 => finding.advice("Look whether the credentials were changed or have expired."),
        429 => finding.advice("The server limits requests: run the check less often, or exempt this machine."),
        _ => finding,
    }
}

/// Something about a body that is wrong, or of which it is not known.
enum Wrong {
    Is(String),
    MayBe(String),
}

fn body(config: &Config, answer: &Answer) -> Vec<Wrong> {
    let expect = &config.expect;
    if !answer.has_body {
        return vec![Wrong::Is("has no body to look at: `HEAD`, 204 and 304 have none".into())];
    }
    let mut wrong = Vec::new();
    let found = |text: &String| answer.texts.iter().find(|seen| seen.text == *text).map(|seen| seen.found);
    for text in &expect.text {
        match found(text) {
            Some(true) => {}
            Some(false) => wrong.push(Wrong::Is(format!("answers without the text `{text}`"))),
            None => wrong.push(Wrong::MayBe(format!("was not searched for the text `{text}`"))),
        }
    }
    for text in &expect.not_text {
        match found(text) {
            Some(false) => {}
            Some(true) => wrong.push(Wrong::Is(format!("answers with the text `{text}`, which should not be there"))),
            None => wrong.push(Wrong::MayBe(format!("was not searched for the text `{text}`"))),
        }
    }
    if expect.json.is_empty() {
        return wrong;
    }
    match &answer.json {
        Some(json) if json.error.is_some() => {
            let error = json.error.as_deref().unwrap_or_default();
            let what = answer.content_type.as_deref().unwrap_or("of no named type");
            wrong.push(Wrong::Is(format!("answers with a body that is not JSON ({what}): {error}")));
        }
        Some(json) => {
            for (index, rule) in expect.json.iter().enumerate() {
                let path = rule.path.to_string();
                match json.paths.get(index).filter(|seen| seen.path == path) {
                    Some(seen) => wrong.extend(values(rule, &path, seen)),
                    None => wrong.push(Wrong::MayBe(format!("was not searched for `{path}`"))),
                }
            }
        }
        None => wrong.push(Wrong::MayBe("was not read as JSON".into())),
    }
    wrong
}

/// Judges the values of one path by its rule.
fn values(rule: &JsonRule, path: &str, seen: &PathSeen) -> Option<Wrong> {
    let is = |message: String| Some(Wrong::Is(message));
    if seen.count == 0 {
        if rule.allows_none() {
            return None;
        }
        return is(format!("has no value at `{path}`"));
    }
    if rule.exists == Some(false) {
        return is(format!("has a value at `{path}`, where none should be"));
    }
    if let Some(count) = rule.count
        && seen.count != count as usize
    {
        return is(format!("has {} values at `{path}`, expected {count}", seen.count));
    }
    for value in &seen.values {
        let shown = shorten(&value.to_string());
        if let Some(wanted) = &rule.equals
            && !same(value, wanted)
        {
            return is(format!("has {shown} at `{path}`, expected {}", shorten(&wanted.to_string())));
        }
        let number = value.as_f64();
        for (limit, above) in [(rule.at_least, false), (rule.at_most, true)] {
            let Some(limit) = limit else {
                continue;
            };
            let side = if above { "at most" } else { "at least" };
            match number {
                None => return is(format!("has {shown} at `{path}`, expected a number of {side} {limit}")),
                Some(number) if (above && number > limit) || (!above && number < limit) => {
                    return is(format!("has {shown} at `{path}`, expected {side} {limit}"));
                }
                Some(_) => {}
            }
        }
    }
    let compares = rule.equals.is_some() || rule.at_least.is_some() || rule.at_most.is_some();
    if compares && seen.values.len() < seen.count {
        return Some(Wrong::MayBe(format!(
            "has {} values at `{path}`, of which {COMPARED} were compared; ask a narrower path",
            seen.count
        )));
    }
    None
}

/// Compares two values; `1` and `1.0` are the same number.
fn same(one: &serde_json::Value, other: &serde_json::Value) -> bool {
    match (one.as_i64(), other.as_i64()) {
        (Some(one), Some(other)) => one == other,
        _ => match (one.as_f64(), other.as_f64()) {
            (Some(one), Some(other)) => (one - other).abs() <= f64::EPSILON * one.abs().max(other.abs()),
            _ => one == other,
        },
    }
}

/// Adds what is worth showing on request.
fn evidence(config: &Config, look: &Look, judgement: Judgement) -> Judgement {
    let seconds = |value: f64| show::value(value, Unit::Seconds);
    let times = &look.times;
    let mut judgement = judgement.evidence(
        "times",
        format!(
            "dns {}, connect {}, tls {}, first byte {}, body {}",
            seconds(times.dns),
            seconds(times.connect),
            seconds(times.tls),
            seconds(times.first_byte),
            seconds(times.body)
        ),
    );
    if let Some(reached) = look.attempts.iter().find(|attempt| attempt.failure.is_none()) {
        judgement = judgement.evidence("address", &reached.address);
    }
    if let Some(tls) = &look.tls {
        judgement = judgement.evidence("tls", format!("{} {}, {}", tls.version, tls.cipher, tls.trust));
    }
    for url in &look.followed {
        judgement = judgement.evidence("redirected to", url);
    }
    if let Some(answer) = &look.answer {
        if let Some(kind) = &answer.content_type {
            judgement = judgement.evidence("content-type", kind);
        }
        if look.failure.is_none() && !config.expect.looks_at_body() {
            judgement = judgement.evidence("content", "not checked: nothing is expected of the body");
        }
    }
    judgement
}

fn summary(facts: &Facts) -> String {
    match facts.looks.as_slice() {
        [look] => match &look.answer {
            Some(answer) if look.failure.is_none() => {
                format!(
                    "{} answers {} in {}",
                    facts.url,
                    named(answer.status),
                    show::value(look.times.total, Unit::Seconds)
                )
            }
            _ => format!("{} gives no whole answer", facts.url),
        },
        [] => format!("{} could not be asked", facts.url),
        looks => {
            let whole = looks.iter().filter(|look| look.failure.is_none() && look.answer.is_some());
            let slowest = whole.clone().map(|look| look.times.total).fold(0.0, f64::max);
            let slowest = show::value(slowest, Unit::Seconds);
            format!("{} of {} addresses of {} answer, the slowest in {slowest}", whole.count(), looks.len(), facts.url)
        }
    }
}

/// Shows a status with its usual words.
pub(crate) fn named(status: u16) -> String {
    let words = hyper::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    words.map_or_else(|| status.to_string(), |words| format!("{status} {words}"))
}

fn shorten(text: &str) -> String {
    let mut letters = text.chars();
    let begin: String = letters.by_ref().take(80).collect();
    if letters.next().is_some() { format!("{begin}…") } else { begin }
}

fn first_few(texts: &[impl AsRef<str>]) -> String {
    let shown: Vec<&str> = texts.iter().take(5).map(AsRef::as_ref).collect();
    let rest = texts.len().saturating_sub(shown.len());
    let shown = shown.join("; ");
    if rest == 0 { shown } else { format!("{shown}; and {rest} more") }
}

/// Takes the numbers of whole answers: those of broken ones would lie about the endpoint.
pub(super) fn measure(facts: &Facts) -> Vec<Measure> {
    let whole = facts.looks.iter().filter(|look| look.failure.is_none());
    let each = |look: &Look| {
        let Some(answer) = &look.answer else {
            return Vec::new();
        };
        let times = &look.times;
        let seconds = [
            ("total", times.total),
            ("dns", times.dns),
            ("connect", times.connect),
            ("tls", times.tls),
            ("first-byte", times.first_byte),
            ("body", times.body),
        ];
        let mut measures: Vec<Measure> = seconds
            .into_iter()
            .map(|(name, value)| Measure::new(name, value, Unit::Seconds).on(look.address.clone()))
            .collect();
        measures.push(Measure::new("body-size", answer.body_size as f64, Unit::Bytes).on(look.address.clone()));
        measures
    };
    whole.flat_map(each).collect()
}
