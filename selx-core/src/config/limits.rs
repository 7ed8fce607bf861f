//! `limits = { used = { warning = "75%", critical = "85%", for = "15m", recover = "70%" } }`.

use toml::Spanned;
use toml::de::DeValue;

use super::gather::{Wrong, in_order};
use super::problem::suggest;
use crate::limit::{Limit, Limits, Threshold};
use crate::measure::Unit;
use crate::meta::Meta;
use crate::quantity::TimeSpan;

/// What takes a threshold, or a whole limit, away.
const OFF: &str = "off";

/// Lays the limits of a file over those of the kind. What a limit does not say stays as the kind says it, so that an
/// alarm is lost only where the file says `off`.
pub(super) fn read(meta: &Meta, own: Limits, value: &Spanned<DeValue<'_>>, wrongs: &mut Vec<Wrong>) -> Limits {
    let mut refuse = |span, message: String, hint| wrongs.push(Wrong::new(span, message, hint));
    let DeValue::Table(table) = value.get_ref() else {
        let hint = Some("write `limits = { MEASURE = { warning = \"…\", critical = \"…\" } }`".to_owned());
        refuse(value.span(), "expected a table of measures".to_owned(), hint);
        return own;
    };
    let mut limits = own;
    // A limit without a subject first: one with a subject is laid over it.
    let mut entries = in_order(table);
    entries.sort_by_key(|(key, _)| key.get_ref().contains('@'));
    for (key, value) in entries {
        let name = key.get_ref();
        let (measure, subject) = name.split_once('@').unwrap_or((name, ""));
        let Some(doc) = meta.measure(measure) else {
            let known: Vec<&str> = meta.measures.iter().map(|measure| measure.name).collect();
            let hint = suggest(measure, &known).unwrap_or_else(|| "this kind has no measures".to_owned());
            refuse(key.span(), format!("`{}` has no measure `{measure}`", meta.id), Some(hint));
            continue;
        };
        if name.ends_with('@') {
            let hint = format!("write `\"{measure}@SUBJECT\"`, or `{measure}` for all of them");
            refuse(key.span(), "`@` is followed by a subject".to_owned(), Some(hint));
            continue;
        }
        if value.get_ref().as_str() == Some(OFF) {
            limits = limits.set(name.to_string(), Limit::default());
            continue;
        }
        let base = limits.of(measure, subject).cloned().unwrap_or_default();
        match one(doc.unit, base, value) {
            Ok(limit) => limits = limits.set(name.to_string(), limit),
            Err(found) => found.into_iter().for_each(|(span, message, hint)| refuse(span, message, hint)),
        }
    }
    limits
}

type Refusal = (std::ops::Range<usize>, String, Option<String>);

fn one(unit: Unit, mut limit: Limit, value: &Spanned<DeValue<'_>>) -> Result<Limit, Vec<Refusal>> {
    const KEYS: [&str; 4] = ["warning", "critical", "for", "recover"];
    let DeValue::Table(table) = value.get_ref() else {
        let hint = "write `{ warning = \"…\", critical = \"…\" }`, or `\"off\"` for no limit".to_owned();
        return Err(vec![(value.span(), "expected a table".to_owned(), Some(hint))]);
    };
    let mut wrongs: Vec<Refusal> = Vec::new();
    if table.is_empty() {
        let hint = "name `warning`, `critical` or both; `\"off\"` is no limit".to_owned();
        wrongs.push((value.span(), "the limit says nothing".to_owned(), Some(hint)));
    }
    for (key, value) in in_order(table) {
        let name = key.get_ref().as_ref();
        if !KEYS.contains(&name) {
            wrongs.push((key.span(), format!("unknown setting `{name}` of a limit"), suggest(name, &KEYS)));
            continue;
        }
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
            DeValue::Float(number) => number.as_str().to_owned(),
            _ => {
                wrongs.push((value.span(), "expected a text, such as `85%`, or a number".to_owned(), None));
                continue;
            }
        };
        if let Err(message) = set(&mut limit, name, text.trim(), unit) {
            wrongs.push((value.span(), message, None));
        }
    }
    if wrongs.is_empty() { Ok(limit) } else { Err(wrongs) }
}

fn set(limit: &mut Limit, name: &str, text: &str, unit: Unit) -> Result<(), String> {
    if name == "for" {
        limit.sustained = if text == OFF { None } else { Some(text.parse::<TimeSpan>()?) };
        return Ok(());
    }
    let threshold = if text == OFF { None } else { Some(Threshold::parse(text, unit)?) };
    match name {
        "warning" => limit.warning = threshold,
        "critical" => limit.critical = threshold,
        _ => limit.recover = threshold,
    }
    Ok(())
}
