//! Secrets leave the report before any format sees it.
//!
//! They are taken out of the fields rather than of the finished text: wrapping, escaping and cutting could tear a
//! secret so that a search would not find it any more, and a search in the finished text could tear the form.

use std::borrow::Cow;

use serde_json::Value;

use crate::finding::{Evidence, Finding};
use crate::report::{Entry, Failure, Outcome, Report};
use crate::secret::Secrets;

/// Returns the report without the secrets that were handed out; it stays borrowed if none of them occurs in it.
pub(super) fn report<'a>(report: &'a Report, secrets: &Secrets) -> Cow<'a, Report> {
    if secrets.is_empty() {
        return Cow::Borrowed(report);
    }
    // Facts and settings stay behind: no format shows them.
    let mut clean = Report {
        run: report.run.clone(),
        routine: report.routine.clone(),
        host: report.host.clone(),
        started: report.started,
        took: report.took,
        entries: report.entries.iter().map(shown).collect(),
        notices: report.notices.clone(),
    };
    // A search costs some set-up for each secret: one for all texts together, then one for each entry, and only where
    // something was found one for each text.
    let mut texts = Texts(String::new());
    head(&mut clean, &mut |text| texts.add(text));
    for entry in &mut clean.entries {
        each(entry, &mut |text| texts.add(text));
    }
    if secrets.redact(&texts.0).is_none() {
        return Cow::Borrowed(report);
    }
    let mut redact = |text: &mut dyn Text| {
        if let Some(clean) = secrets.redact(text.get()) {
            text.set(clean);
        }
    };
    head(&mut clean, &mut redact);
    for entry in &mut clean.entries {
        texts.0.clear();
        each(entry, &mut |text| texts.add(text));
        if secrets.redact(&texts.0).is_some() {
            each(entry, &mut redact);
        }
    }
    Cow::Owned(clean)
}

/// Takes the secrets that were handed out from an entry itself: from what it says and from what it saw, so that whoever
/// keeps or shows it, a history or a recording too, never gets one.
///
/// The settings stay as they are: they were given by the operator and say where secrets are.
pub(crate) fn entry(entry: &mut Entry, secrets: &Secrets) {
    let mut texts = Texts(String::new());
    each(entry, &mut |text| texts.add(text));
    if secrets.redact(&texts.0).is_some() {
        each(entry, &mut |text| {
            if let Some(clean) = secrets.redact(text.get()) {
                text.set(clean);
            }
        });
    }
    let previous = entry.previous.as_mut().map(|previous| &mut previous.facts);
    for facts in entry.facts.as_mut().into_iter().chain(previous) {
        // One search tells whether there is anything to take out.
        if secrets.redact(&facts.to_string()).is_some() {
            value(facts, secrets);
        }
    }
}

fn value(json: &mut Value, secrets: &Secrets) {
    match json {
        Value::String(text) => {
            if let Some(clean) = secrets.redact(text) {
                *text = clean;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| value(item, secrets)),
        Value::Object(fields) => {
            let taken = std::mem::take(fields);
            fields.extend(taken.into_iter().map(|(name, mut field)| {
                value(&mut field, secrets);
                (secrets.redact(&name).unwrap_or(name), field)
            }));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// All texts of something, one after the other, to be searched at once.
struct Texts(String);

impl Texts {
    fn add(&mut self, text: &dyn Text) {
        self.0.push_str(text.get());
        self.0.push('\n');
    }
}

/// Visits every text of a report that is in none of its entries.
fn head(report: &mut Report, visit: &mut dyn FnMut(&mut dyn Text)) {
    visit(&mut report.run);
    visit(&mut report.host);
    report.routine.iter_mut().for_each(|text| visit(text));
    for notice in &mut report.notices {
        finding(notice, visit);
    }
}

/// Copies what formats show of an entry.
fn shown(entry: &Entry) -> Entry {
    Entry {
        meta: entry.meta,
        name: entry.name.clone(),
        started: entry.started,
        took: entry.took,
        attempts: entry.attempts.clone(),
        outcome: entry.outcome.clone(),
        judgement: entry.judgement.clone(),
        measures: entry.measures.clone(),
        faults: entry.faults.clone(),
        caused_by: entry.caused_by.clone(),
        facts: None,
        previous: None,
        remembered: Vec::new(),
        memory_unavailable: entry.memory_unavailable,
        with: Value::Null,
    }
}

/// A text of a report, whatever holds it.
trait Text {
    fn get(&self) -> &str;
    fn set(&mut self, text: String);
}

impl Text for String {
    fn get(&self) -> &str {
        self
    }
    fn set(&mut self, text: String) {
        *self = text;
    }
}

impl Text for Cow<'static, str> {
    fn get(&self) -> &str {
        self
    }
    fn set(&mut self, text: String) {
        *self = Cow::Owned(text);
    }
}

/// Visits every text of an entry except the kind, which is a name of the program.
fn each(entry: &mut Entry, visit: &mut dyn FnMut(&mut dyn Text)) {
    visit(&mut entry.name);
    entry.caused_by.iter_mut().for_each(|text| visit(text));
    for attempt in &mut entry.attempts {
        visit(&mut attempt.reason);
    }
    if let Outcome::Skipped(why) | Outcome::Failed(why) = &mut entry.outcome {
        failure(why, visit);
    }
    for fault in &mut entry.faults {
        failure(fault, visit);
    }
    visit(&mut entry.judgement.summary);
    for one in &mut entry.judgement.findings {
        finding(one, visit);
    }
    pairs(&mut entry.judgement.evidence, visit);
    for measured in &mut entry.measures {
        visit(&mut measured.measure.name);
        visit(&mut measured.measure.subject);
        measured.warning.iter_mut().for_each(|text| visit(text));
        measured.critical.iter_mut().for_each(|text| visit(text));
    }
}

fn failure(failure: &mut Failure, visit: &mut dyn FnMut(&mut dyn Text)) {
    visit(&mut failure.message);
    failure.advice.iter_mut().for_each(|text| visit(text));
}

fn finding(finding: &mut Finding, visit: &mut dyn FnMut(&mut dyn Text)) {
    visit(&mut finding.code);
    visit(&mut finding.subject);
    visit(&mut finding.message);
    finding.advice.iter_mut().for_each(|text| visit(text));
    finding.fix.iter_mut().for_each(|text| visit(text));
    pairs(&mut finding.evidence, visit);
}

fn pairs(pairs: &mut [Evidence], visit: &mut dyn FnMut(&mut dyn Text)) {
    for pair in pairs {
        visit(&mut pair.label);
        visit(&mut pair.value);
    }
}
