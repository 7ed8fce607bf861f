//! Every error of a value at once, although deserializing stops at the first: what is wrong is taken out, and the rest is
//! tried again.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Error};

use super::problem::reword;

/// How often one value is tried again.
const MOST: usize = 50;

/// What is wrong in a value.
#[derive(Clone, Debug)]
pub(super) struct Wrong {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) secret: bool,
    /// The path of the setting that is missing, with dots, if that is what is wrong.
    pub(super) missing: Option<String>,
}

impl Wrong {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>, hint: Option<String>) -> Self {
        Self { span, message: message.into(), hint, secret: false, missing: None }
    }
}

/// One step from a container into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// Makes something of a value, or says everything that is wrong with it.
///
/// `required` names the settings that the table at a path must have; it is asked only if one is missing.
pub(super) fn gather<'i, T>(
    value: &Spanned<DeValue<'i>>,
    build: impl Fn(Spanned<DeValue<'i>>) -> Result<T, Error>,
    required: impl Fn(&[Step]) -> Vec<String>,
) -> Result<T, Vec<Wrong>> {
    let error = match build(value.clone()) {
        Ok(built) => return Ok(built),
        Err(error) => error,
    };
    let mut rest = value.clone();
    let mut wrongs: Vec<Wrong> = Vec::new();
    // The containers from which something was taken, by their paths and spans, with what was taken.
    let mut taken: Vec<(Vec<Step>, Range<usize>, Option<String>)> = Vec::new();
    let mut next = Some(error);
    for _ in 0..MOST {
        let Some(error) = next.take() else { break };
        let span = error.span().unwrap_or_else(|| value.span());
        let path = locate(&rest, &span);
        let Some(node) = descend(&rest, &path) else { break };
        let own = node.span();
        let touched = taken.iter().any(|(place, container, _)| {
            *container == own || place.starts_with(&path) && place.iter().all(|step| matches!(step, Step::Key(_)))
        });
        let missing = error.message().strip_prefix("missing field `").and_then(|text| text.strip_suffix('`'));
        if let Some(field) = missing {
            let mut fields = required(&path);
            if !fields.iter().any(|name| name == field) {
                fields = vec![field.to_owned()];
            }
            let was_taken =
                |name: &str| taken.iter().any(|(_, container, key)| *container == own && key.as_deref() == Some(name));
            for field in fields {
                if !was_taken(&field) && node.get_ref().get(field.as_str()).is_none() {
                    let mut told = wrong(span.clone(), &format!("missing field `{field}`"));
                    told.missing = Some(dotted(&path, &field));
                    wrongs.push(told);
                }
            }
        } else if !touched {
            // An error of what is no longer whole may be our own doing.
            wrongs.push(wrong(span, error.message()));
        }
        let Some((last, parents)) = path.split_last() else { break };
        let Some(parent) = descend_mut(&mut rest, parents) else { break };
        let key = match last {
            Step::Key(key) => Some(key.clone()),
            Step::Index(_) => None,
        };
        taken.push((parents.to_vec(), parent.span(), key));
        take(parent.get_mut(), last);
        next = build(rest.clone()).err();
    }
    Err(wrongs)
}

fn wrong(span: Range<usize>, message: &str) -> Wrong {
    let (text, hint) = reword(message);
    // What a reference to a secret says when it is given the secret itself.
    let secret = message.starts_with("a secret is given as") || message.starts_with("`env:`");
    Wrong { span, message: text, hint, secret, missing: None }
}

fn dotted(path: &[Step], last: &str) -> String {
    let steps = path.iter().map(|step| match step {
        Step::Key(key) => key.clone(),
        Step::Index(index) => index.to_string(),
    });
    steps.chain([last.to_owned()]).collect::<Vec<_>>().join(".")
}

/// Finds the innermost entry whose key or value covers a span. The empty path is the value itself.
pub(super) fn locate(root: &Spanned<DeValue<'_>>, span: &Range<usize>) -> Vec<Step> {
    let mut best = (usize::MAX, Vec::new());
    if covers(&root.span(), span) {
        best.0 = root.span().len();
    }
    search(root.get_ref(), span, &mut Vec::new(), &mut best);
    best.1
}

fn covers(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end && outer.start < outer.end
}

fn search(value: &DeValue<'_>, span: &Range<usize>, at: &mut Vec<Step>, best: &mut (usize, Vec<Step>)) {
    let mut meet = |found: Range<usize>, at: &[Step]| {
        // The first table of an array of tables has the place of the array: the inner one is meant.
        if covers(&found, span) && found.len() <= best.0 {
            *best = (found.len(), at.to_vec());
        }
    };
    match value {
        DeValue::Table(table) => {
            for (key, value) in table.iter() {
                at.push(Step::Key(key.get_ref().to_string()));
                meet(key.span(), at);
                meet(value.span(), at);
                at.pop();
            }
            for (key, value) in table.iter() {
                at.push(Step::Key(key.get_ref().to_string()));
                search(value.get_ref(), span, at, best);
                at.pop();
            }
        }
        DeValue::Array(array) => {
            for (index, value) in array.iter().enumerate() {
                at.push(Step::Index(index));
                if covers(&value.span(), span) && value.span().len() <= best.0 {
                    *best = (value.span().len(), at.clone());
                }
                search(value.get_ref(), span, at, best);
                at.pop();
            }
        }
        _ => {}
    }
}

fn descend<'a, 'i>(root: &'a Spanned<DeValue<'i>>, path: &[Step]) -> Option<&'a Spanned<DeValue<'i>>> {
    path.iter().try_fold(root, |value, step| match step {
        Step::Key(key) => value.get_ref().get(key.as_str()),
        Step::Index(index) => value.get_ref().get(*index),
    })
}

fn descend_mut<'a, 'i>(root: &'a mut Spanned<DeValue<'i>>, path: &[Step]) -> Option<&'a mut Spanned<DeValue<'i>>> {
    path.iter().try_fold(root, |value, step| match (value.get_mut(), step) {
        (DeValue::Table(table), Step::Key(key)) => table.get_mut(key.as_str()),
        (DeValue::Array(array), Step::Index(index)) => array.get_mut(*index),
        _ => None,
    })
}

fn take(container: &mut DeValue<'_>, step: &Step) {
    match (container, step) {
        (DeValue::Table(table), Step::Key(key)) => {
            table.remove(key.as_str());
        }
        (DeValue::Array(array), Step::Index(gone)) => {
            let mut kept = DeArray::new();
            for (index, value) in array.iter().enumerate() {
                if index != *gone {
                    kept.push(value.clone());
                }
            }
            *array = kept;
        }
        _ => {}
    }
}

/// Returns the entries of a table in the order of the file.
pub(super) fn in_order<'a, 'i>(
    table: &'a DeTable<'i>,
) -> Vec<(&'a Spanned<std::borrow::Cow<'i, str>>, &'a Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// Writes a value as JSON, as it is kept beside a check. What JSON cannot say is an error.
pub(super) fn to_json(value: &Spanned<DeValue<'_>>, wrongs: &mut Vec<Wrong>) -> serde_json::Value {
    use serde_json::Value;
    let mut refuse = |message: &str| {
        wrongs.push(wrong(value.span(), message));
        Value::Null
    };
    match value.get_ref() {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(yes) => Value::Bool(*yes),
        DeValue::Datetime(time) => Value::String(time.to_string()),
        DeValue::Integer(number) => {
            let (digits, radix) = (number.as_str(), number.radix());
            if let Ok(number) = i64::from_str_radix(digits, radix) {
                Value::from(number)
            } else if let Ok(number) = u64::from_str_radix(digits, radix) {
                Value::from(number)
            } else {
                refuse("integer number overflowed")
            }
        }
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(number) if number.is_finite() => Value::from(number),
            _ => refuse("`nan`, `inf` and numbers beyond any measure are no settings"),
        },
        DeValue::Array(array) => Value::Array(array.iter().map(|value| to_json(value, wrongs)).collect()),
        DeValue::Table(table) => Value::Object(
            table.iter().map(|(key, value)| (key.get_ref().to_string(), to_json(value, wrongs))).collect(),
        ),
    }
}
