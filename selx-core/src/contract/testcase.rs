//! Recorded facts with what is to be said of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::check::{DynCheck, Judging, Moment, Previous};
use crate::finding::Severity;
use crate::history::Remembered;
use crate::limit::{Limit, Limits, Threshold};
use crate::meta::Meta;
use crate::registry::Factory;
use crate::report::{Entry, LIMIT_CODE, Outcome, Status};
use crate::runner::judge_facts;
use crate::suite::Instance;

/// The codes that the core itself gives to findings.
const CORE_CODES: &[&str] = &["needs-data", "not-a-number", "over-time", "passed-on-retry"];

/// One testcase of a kind, as it stands in `testcases/NAME.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Testcase {
    /// Why this case is worth having, one sentence.
    pub why: String,
    /// The settings.
    #[serde(default)]
    pub with: Value,
    /// The time of the look.
    #[serde(default = "usual_time")]
    pub now: Timestamp,
    /// What was seen.
    pub facts: Value,
    /// What was seen the last time.
    #[serde(default)]
    pub previous: Option<Earlier>,
    /// Other limits: measure → `warning` and `critical`.
    #[serde(default)]
    pub limits: std::collections::BTreeMap<String, Thresholds>,
    /// What is to be said.
    pub expect: Expected,
}

/// The last look of a testcase.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// What was seen.
    pub facts: Value,
    /// How long ago.
    pub seconds_ago: u64,
}

/// The limit of one measure in a testcase.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// As in a configuration.
    pub warning: Option<String>,
    /// As in a configuration.
    pub critical: Option<String>,
}

/// What a testcase expects.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The status of the entry.
    pub status: Status,
    /// Every code above info, sorted.
    #[serde(default)]
    pub codes: Vec<String>,
    /// Words that occur in the headline, the summary or a message.
    #[serde(default)]
    pub words: Vec<String>,
}

fn usual_time() -> Timestamp {
    // 2026-11-23T02:30:00Z
    Timestamp::constant(1_795_401_000, 0)
}

impl Testcase {
    /// Reads the testcases of a folder, in the order of their names.
    ///
    /// # Errors
    ///
    /// A sentence for each file that cannot be read.
    pub fn all(folder: &Path) -> (Vec<(String, Self)>, Vec<String>) {
        let (mut cases, mut wrong) = (Vec::new(), Vec::new());
        let mut paths: Vec<PathBuf> = match std::fs::read_dir(folder.join("testcases")) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(error) => return (cases, vec![format!("`testcases/` cannot be read: {error}")]),
        };
        paths.sort();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|ending| ending == "json")) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match std::fs::read_to_string(path)
                .map_err(|error| error.to_string())
                .and_then(|text| serde_json::from_str(&text).map_err(|error: serde_json::Error| error.to_string()))
            {
                Ok(case) => cases.push((name, case)),
                Err(error) => wrong.push(format!("testcase `{name}`: {error}")),
            }
        }
        (cases, wrong)
    }

    /// Judges the case.
    ///
    /// # Errors
    ///
    /// What is wrong with its settings or limits.
    pub fn judge(&self, factory: &dyn Factory) -> Result<Entry, String> {
        let check = factory.build_json(&self.with)?;
        Ok(self.entry(&check, self.facts.clone(), &self.limits(factory.meta())?))
    }

    fn limits(&self, meta: &Meta) -> Result<Limits, String> {
        let mut limits = Limits::default();
        for (name, thresholds) in &self.limits {
            let measure = name.split('@').next().unwrap_or_default();
            let doc = meta.measure(measure).ok_or_else(|| format!("`{measure}` is not a measure of this kind"))?;
            let read = |text: &Option<String>| text.as_ref().map(|text| Threshold::parse(text, doc.unit)).transpose();
            let limit = Limit {
                warning: read(&thresholds.warning)?,
                critical: read(&thresholds.critical)?,
                ..Limit::default()
            };
            limits = limits.set(name.clone(), limit);
        }
        Ok(limits)
    }

    fn entry(&self, check: &Arc<dyn DynCheck>, facts: Value, limits: &Limits) -> Entry {
        let mut instance = Instance::new(Arc::clone(check), "case");
        instance.limits = instance.limits.overlaid(limits);
        let uptime = Duration::from_secs(30 * 86_400);
        let now = Moment { at: self.now, since_boot: uptime, boot: 1 };
        let previous = self.previous.as_ref().map(|earlier| {
            let ago = Duration::from_secs(earlier.seconds_ago);
            let seen = Moment { at: self.now - ago, since_boot: uptime.saturating_sub(ago), boot: 1 };
            Previous { facts: earlier.facts.clone(), seen }
        });
        judge_facts(&instance, facts, Judging { now, previous }, &Remembered::default())
    }
}

/// Looks at every testcase of a kind.
pub(super) fn look(factory: &dyn Factory, folder: &Path, found: &mut Vec<String>) {
    let (cases, wrong) = Testcase::all(folder);
    found.extend(wrong);
    let meta = factory.meta();
    let mut seen_codes: BTreeSet<String> = BTreeSet::new();
    let mut statuses: BTreeSet<Status> = BTreeSet::new();
    for (name, case) in &cases {
        let mut say = |text: String| found.push(format!("testcase `{name}`: {text}"));
        if !case.why.trim_end().ends_with('.') {
            say("`why` is one whole sentence".to_owned());
        }
        let entry = match case.judge(factory) {
            Ok(entry) => entry,
            Err(error) => {
                say(error);
                continue;
            }
        };
        statuses.insert(entry.status());
        seen_codes.extend(entry.judgement.findings.iter().map(|finding| finding.code.to_string()));
        compare(case, &entry, &mut say);
        documented(&entry, &mut say);
        match case.judge(factory) {
            Ok(again) if again.judgement == entry.judgement && again.measures == entry.measures => {}
            _ => say("the same facts were judged differently the second time".to_owned()),
        }
        damage(case, factory, &mut say);
    }
    if !statuses.contains(&Status::Ok) {
        found.push("no testcase is healthy".to_owned());
    }
    if statuses.iter().all(|status| *status <= Status::Ok) {
        found.push("no testcase is sick".to_owned());
    }
    for code in meta.codes.iter().filter(|code| !seen_codes.contains(code.code)) {
        found.push(format!("the code `{}` is documented and occurs in no testcase", code.code));
    }
}

fn compare(case: &Testcase, entry: &Entry, say: &mut impl FnMut(String)) {
    if entry.status() != case.expect.status {
        say(format!(
            "is `{}`, expected `{}`: {}",
            entry.status().as_str(),
            case.expect.status.as_str(),
            entry.headline()
        ));
    }
    let serious = entry.judgement.findings.iter().filter(|finding| finding.severity > Severity::Info);
    let codes: BTreeSet<String> = serious.map(|finding| finding.code.to_string()).collect();
    let expected: BTreeSet<String> = case.expect.codes.iter().cloned().collect();
    if codes != expected {
        say(format!("has the codes {codes:?}, expected {expected:?}"));
    }
    let mut text = format!("{}\n{}", entry.headline(), entry.judgement.summary);
    for finding in &entry.judgement.findings {
        text.push_str(&format!("\n{} {}", finding.subject, finding.message));
    }
    for word in case.expect.words.iter().filter(|word| !text.contains(*word)) {
        say(format!("does not say `{word}`; it says:\n{text}"));
    }
}

/// Nothing is said under a name that `explain` does not know, and a line that tells what was seen is always there.
fn documented(entry: &Entry, say: &mut impl FnMut(String)) {
    let meta = &entry.meta;
    for finding in &entry.judgement.findings {
        let limit = finding.code.strip_prefix(LIMIT_CODE).is_some_and(|name| meta.measure(name).is_some());
        if !limit && meta.code(&finding.code).is_none() && !CORE_CODES.contains(&&*finding.code) {
            say(format!("the code `{}` is not documented", finding.code));
        }
        if finding.severity > Severity::Info && entry.advice(finding).is_none_or(str::is_empty) {
            say(format!("`{}` has no advice", finding.code));
        }
        if finding.message.is_empty() || finding.message.ends_with('.') {
            say(format!("the message `{}` is not a fragment without a full stop", finding.message));
        }
    }
    for measured in &entry.measures {
        match meta.measure(&measured.measure.name) {
            None => say(format!("the measure `{}` is not documented", measured.measure.name)),
            Some(doc) if doc.unit != measured.measure.unit => {
                say(format!("the measure `{}` has another unit than its documentation", doc.name));
            }
            Some(_) => {}
        }
    }
    if matches!(entry.outcome, Outcome::Seen) && entry.judgement.summary.is_empty() {
        say("there is no summary".to_owned());
    }
}

/// Facts of another version, or of a file that somebody edited, must not end a run.
fn damage(case: &Testcase, factory: &dyn Factory, say: &mut impl FnMut(String)) {
    let Ok(check) = factory.build_json(&case.with) else { return };
    let mut broken = Vec::new();
    mutate(&case.facts, &mut |facts| broken.push(facts));
    for facts in broken.into_iter().take(500) {
        let entry = case.entry(&check, facts.clone(), &Limits::default());
        if entry.headline().contains("judgement panicked") {
            say(format!("panics on the facts {facts}"));
            return;
        }
    }
}

/// Gives every variant of a value in which one leaf is missing, empty, huge or of another type.
fn mutate(value: &Value, give: &mut dyn FnMut(Value)) {
    let leaves = |give: &mut dyn FnMut(Value)| {
        for other in [
            Value::Null,
            Value::from(0),
            Value::from(-1),
            Value::from(u64::MAX),
            Value::from(1e308),
            Value::from(""),
            Value::from("\u{202e}\n\0 not what it was"),
            Value::Array(Vec::new()),
        ] {
            give(other);
        }
    };
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let mut without = map.clone();
                without.remove(key);
                give(Value::Object(without));
                mutate(inner, &mut |changed| {
                    let mut map = map.clone();
                    map.insert(key.clone(), changed);
                    give(Value::Object(map));
                });
            }
        }
        Value::Array(items) => {
            give(Value::Array(Vec::new()));
            for (index, inner) in items.iter().enumerate() {
                mutate(inner, &mut |changed| {
                    let mut items = items.clone();
                    if let Some(slot) = items.get_mut(index) {
                        *slot = changed;
                    }
                    give(Value::Array(items));
                });
            }
        }
        _ => leaves(give),
    }
}
