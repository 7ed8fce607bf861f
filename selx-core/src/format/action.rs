//! Plans and what came of them, for people and for programs.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Style, human, json as lines};
use crate::action::{ActionReport, SavedPlan};
use crate::secret::Secrets;

/// Said where a secret is a word of the text itself, such as `safe`: then nothing is shown rather than the secret.
const HIDDEN: &str = "it cannot be shown: a secret that was read is a word of it\n";

/// Writes a plan for people: every step, what stays and why, what cannot be undone or foreseen, and at the end its hash, by
/// which it is confirmed. `how` is what its reader types or calls to have it done. The text ends with a line end.
///
/// ```
/// use selx_core::action::{Machine, Plan, SavedPlan};
/// use selx_core::format::{Style, plan};
/// let machine = Machine { name: "web-1".into(), id: "4f1c".into() };
/// let empty = Plan::<serde_json::Value>::of(Vec::new());
/// let saved = SavedPlan::new("logs-clean.shop".into(), serde_json::json!({}), machine, &selx_core::SystemClock, empty);
/// let how = "selx act logs-clean.shop --apply …";
/// assert!(plan(&saved, how, &Style::default(), &selx_core::Secrets::default()).contains("nothing to do"));
/// ```
pub fn plan(plan: &SavedPlan, how: &str, style: &Style, secrets: &Secrets) -> String {
    let shown = redacted(plan, secrets).map(|shown| human::action::plan(&shown, &plan.hash(), how, style));
    shown.unwrap_or_else(|| HIDDEN.to_owned())
}

/// Writes what came of an action for people. The text ends with a line end.
pub fn action(report: &ActionReport, style: &Style, secrets: &Secrets) -> String {
    let shown = redacted(report, secrets).map(|shown| human::action::report(&shown, style));
    shown.unwrap_or_else(|| HIDDEN.to_owned())
}

/// Writes a plan as one line of JSON: what it is, as it is saved, with its hash in full and as a person types it.
pub fn plan_json(plan: &SavedPlan, secrets: &Secrets) -> String {
    let hash = plan.hash();
    let told = json!({ "hash": hash.full(), "confirm": hash.to_string(), "plan": redacted(plan, secrets), });
    lines::line(told.to_string())
}

/// Writes what came of an action as one line of JSON.
pub fn action_json(report: &ActionReport, secrets: &Secrets) -> String {
    let mut told = serde_json::to_value(redacted(report, secrets)).unwrap_or_default();
    if let Value::Object(fields) = &mut told {
        fields.insert("code".to_owned(), report.outcome.exit_code().into());
        fields.insert("took".to_owned(), report.took.as_secs_f64().into());
    }
    lines::line(told.to_string())
}

/// Takes the secrets out of every text. It goes by the JSON of a value, so that no field is forgotten.
fn redacted<T: Serialize + DeserializeOwned + Clone>(told: &T, secrets: &Secrets) -> Option<T> {
    fn clean(value: &mut Value, secrets: &Secrets) {
        match value {
            Value::String(text) => {
                if let Some(clean) = secrets.redact(text) {
                    *text = clean;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| clean(item, secrets)),
            Value::Object(fields) => fields.values_mut().for_each(|field| clean(field, secrets)),
            _ => {}
        }
    }
    if secrets.is_empty() {
        return Some(told.clone());
    }
    let value = serde_json::to_value(told).map(|mut value| {
        clean(&mut value, secrets);
        value
    });
    value.and_then(serde_json::from_value).ok()
}
