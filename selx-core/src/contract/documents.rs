//! The texts of a kind: they agree with each other and with the code.

use std::collections::BTreeSet;
use std::path::Path;

use schemars::SchemaGenerator;
use serde_json::Value;

use crate::meta::Meta;
use crate::registry::{ActionFactory, Factory, Kind, Registry};

/// The headings of the page of a check, in order.
const OF_CHECK: &[&str] = &["## What it tells", "## Example", "## Rights", "## What it does not see"];

/// The headings of the page of an action, in order.
const OF_ACTION: &[&str] =
    &["## What it does", "## What it leaves alone", "## Example", "## Rights", "## What it cannot"];

/// Looks at the texts of a kind of check.
pub(super) fn of_check(factory: &dyn Factory, registry: &Registry, folder: &Path, found: &mut Vec<String>) {
    let meta = factory.meta();
    of_kind(factory, "check", OF_CHECK, registry, folder, found);
    limits(meta, registry, found);
}

/// Looks at the texts of a kind of action.
pub(super) fn of_action(factory: &dyn ActionFactory, registry: &Registry, folder: &Path, found: &mut Vec<String>) {
    of_kind(factory, "action", OF_ACTION, registry, folder, found);
}

fn of_kind(
    kind: &dyn Kind,
    sort: &str,
    headings: &[&str],
    registry: &Registry,
    folder: &Path,
    found: &mut Vec<String>,
) {
    names(kind.meta(), found);
    page(kind.meta(), headings, folder, found);
    sample(kind.meta(), sort, registry, found);
    settings(kind, found);
}

fn names(meta: &Meta, found: &mut Vec<String>) {
    if meta.summary.is_empty() || meta.summary.ends_with('.') {
        found.push("the summary is a phrase without a full stop".to_owned());
    }
    let mut seen = BTreeSet::new();
    for code in meta.codes {
        if !seen.insert(code.code) {
            found.push(format!("the code `{}` is documented twice", code.code));
        }
        for text in [code.meaning, code.advice] {
            if !text.ends_with('.') {
                found.push(format!("`{}`: `{text}` is not a whole sentence", code.code));
            }
        }
    }
    for code in meta.passing {
        if meta.code(code).is_none() {
            found.push(format!("`{code}` may pass by itself and is not documented"));
        }
    }
    let mut seen = BTreeSet::new();
    for measure in meta.measures {
        if !seen.insert(measure.name) {
            found.push(format!("the measure `{}` is documented twice", measure.name));
        }
        if measure.meaning.is_empty() || measure.advice.is_empty() {
            found.push(format!("the measure `{}` says what it is and what to do", measure.name));
        }
    }
}

fn page(meta: &Meta, headings: &[&str], folder: &Path, found: &mut Vec<String>) {
    for (name, embedded) in [("README.md", meta.readme), ("sample.toml", meta.sample)] {
        match std::fs::read_to_string(folder.join(name)) {
            Ok(text) if text == embedded => {}
            Ok(_) => found.push(format!("`{name}` in the folder is not the one that the kind embeds")),
            Err(error) => found.push(format!("`{name}` cannot be read: {error}")),
        }
    }
    let title = format!("# {}", meta.id);
    let mut lines = meta.readme.lines();
    let first = lines.next().unwrap_or_default();
    if first != title && first != format!("# `{}`", meta.id) {
        found.push(format!("the page begins with `{title}`"));
    }
    let mut wanted = headings.iter();
    let mut next = wanted.next();
    for line in lines {
        if next.is_some_and(|heading| line == *heading) {
            next = wanted.next();
        }
    }
    if let Some(heading) = next {
        found.push(format!("the page has no heading `{heading}` in its place"));
    }
    let example = format!("```toml\n{}```", meta.sample);
    if !meta.readme.contains(&example) {
        found.push("the example of the page is not `sample.toml` to the letter".to_owned());
    }
}

fn sample(meta: &Meta, sort: &str, registry: &Registry, found: &mut Vec<String>) {
    match crate::config::parse(registry, "sample.toml", meta.sample) {
        Ok(suite) if sort == "check" && suite.instances.is_empty() => found.push("the sample has no check".to_owned()),
        Ok(suite) if sort == "action" && suite.actions.is_empty() => found.push("the sample has no action".to_owned()),
        Ok(_) => {}
        Err(errors) => found.push(format!("the sample is not read:\n{errors}")),
    }
    // The key is one that nobody has; where the sample has no settings the instance itself takes it.
    let wrong = format!("[{sort}.{}.wrong]\nwith = {{ no-such-setting-xyz = 1 }}\n", meta.id);
    match crate::config::parse(registry, "wrong.toml", &wrong) {
        Ok(_) => found.push("a setting that it does not have is accepted".to_owned()),
        Err(errors) => {
            let text = errors.to_string();
            if !text.contains("no-such-setting-xyz") || !text.contains("wrong.toml:2:") {
                found.push(format!("a setting that it does not have is not refused with its place:\n{text}"));
            }
        }
    }
}

fn settings(kind: &dyn Kind, found: &mut Vec<String>) {
    let mut generator = SchemaGenerator::default();
    let schema = kind.schema(&mut generator);
    let definitions = serde_json::to_value(generator.definitions()).unwrap_or_default();
    let mut schema = serde_json::to_value(schema).unwrap_or_default();
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next()) {
        schema = definitions.get(name).cloned().unwrap_or_default();
    }
    for (name, setting) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let described = setting.get("description").and_then(Value::as_str).is_some_and(|text| !text.is_empty());
        if !described {
            found.push(format!("the setting `{name}` has no description"));
        }
    }
}

fn limits(meta: &Meta, registry: &Registry, found: &mut Vec<String>) {
    let Ok(suite) = crate::config::parse(registry, "sample.toml", meta.sample) else { return };
    for instance in &suite.instances {
        for (name, _) in instance.check.limits().iter() {
            if meta.measure(name.split('@').next().unwrap_or_default()).is_none() {
                found.push(format!("there is a default limit on `{name}`, which is no measure"));
            }
        }
    }
}
