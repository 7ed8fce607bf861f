//! The page of a kind: what its author wrote, and tables of what the program knows about it.

use crate::config;
use crate::limit::Limits;
use crate::meta::{Code, MeasureDoc};
use crate::registry::Registry;
use crate::report::LIMIT_CODE;

/// Returns the page of a kind as Markdown: its own text, then its settings, measures with their limits, and codes.
///
/// `None` if there is no such kind.
pub fn page(registry: &Registry, kind: &str) -> Option<String> {
    let meta = registry.kind(kind)?.meta();
    let mut page = match meta.readme.trim() {
        "" => format!("# {}\n\n{}.", meta.id, meta.summary),
        text => text.to_owned(),
    };
    page.push_str("\n\n## Settings\n\n");
    page.push_str(&settings(registry, kind));
    if !meta.measures.is_empty() {
        page.push_str("\n## Measures\n\n");
        page.push_str(&measures(meta.measures, limits(registry, kind).as_ref()));
    }
    if !(meta.codes.is_empty() && meta.measures.is_empty()) {
        page.push_str("\n## Codes\n\n");
        page.push_str(&codes(meta.codes, meta.measures));
        if !meta.passing.is_empty() {
            let names: Vec<String> = meta.passing.iter().map(|code| format!("`{code}`")).collect();
            page.push_str(&format!("\nMay pass by itself, so it is tried again (`retries`): {}.\n", names.join(", ")));
        }
    }
    let rights = if meta.needs.is_empty() { "any user" } else { meta.needs };
    let routines = match registry.get(kind) {
        Some(_) => format!(" Routines: {}.", meta.routines.join(", ")),
        // An action is begun by somebody, and permitted.
        None => String::new(),
    };
    page.push_str(&format!("\nArea: {}.{routines} Rights: {rights}.\n", meta.area));
    Some(page)
}

fn settings(registry: &Registry, kind: &str) -> String {
    let settings = config::settings_of(registry, kind);
    if settings.is_empty() {
        return "There are none.\n".to_owned();
    }
    // Many kinds tell their defaults in words, and a column of nothing says nothing.
    let column = settings.iter().any(|setting| setting.required || setting.default.is_some());
    let mut table = String::from(if column {
        "| setting | type | default | meaning |\n|---|---|---|---|\n"
    } else {
        "| setting | type | meaning |\n|---|---|---|\n"
    });
    for setting in settings {
        let default = match (setting.required, setting.default) {
            _ if !column => String::new(),
            (true, _) => "must be given | ".to_owned(),
            (false, Some(default)) => format!("`{}` | ", cell(&default)),
            (false, None) => " | ".to_owned(),
        };
        let (name, kind) = (cell(&setting.name), cell(&setting.kind));
        table.push_str(&format!("| `{name}` | {kind} | {default}{} |\n", cell(&setting.description)));
    }
    table
}

/// `limits` is `None` where they follow from settings that nobody gave.
fn measures(measures: &[MeasureDoc], limits: Option<&Limits>) -> String {
    let mut table = String::from("| measure | warning | critical | what it is |\n|---|---|---|---|\n");
    // A limit on one subject has a row of its own, as it does not hold for the others.
    let rows = measures.iter().flat_map(|measure| {
        let named = |key: &str| key.split_once('@').is_some_and(|(name, _)| name == measure.name);
        let of_subjects = limits.into_iter().flat_map(Limits::iter).filter(move |(key, _)| named(key));
        std::iter::once((measure, measure.name, limits.and_then(|limits| limits.of(measure.name, ""))))
            .chain(of_subjects.map(move |(key, limit)| (measure, key, Some(limit))))
    });
    for (measure, name, limit) in rows {
        let shown = |threshold: Option<&crate::limit::Threshold>| {
            let none = if limits.is_some() { "none" } else { "by its settings" };
            threshold.map_or_else(|| none.to_owned(), |text| format!("`{}`", cell(&text.to_string())))
        };
        let warning = shown(limit.and_then(|limit| limit.warning.as_ref()));
        let critical = shown(limit.and_then(|limit| limit.critical.as_ref()));
        let lasting = limit
            .and_then(|limit| limit.sustained)
            .map(|span| format!("; a breach counts after {span}"))
            .unwrap_or_default();
        table.push_str(&format!(
            "| `{}` | {warning} | {critical} | {}{lasting} |\n",
            cell(name),
            cell(measure.meaning)
        ));
    }
    table
}

fn codes(codes: &[Code], measures: &[MeasureDoc]) -> String {
    let mut table = String::from("| code | meaning and what to do |\n|---|---|\n");
    for code in codes {
        table.push_str(&format!("| `{}` | {} {} |\n", code.code, cell(code.meaning), cell(code.advice)));
    }
    for measure in measures {
        table.push_str(&format!(
            "| `{LIMIT_CODE}{}` | The limit of `{}` is breached. {} |\n",
            measure.name,
            measure.name,
            cell(measure.advice)
        ));
    }
    table
}

/// Returns the limits that the kind's sample has, which are its own where the sample sets none; `None` for a check without a
/// sample that needs settings.
fn limits(registry: &Registry, kind: &str) -> Option<Limits> {
    // The limits of a kind may follow from its settings; a check of its defaults or of its sample knows them.
    if let Ok(instance) = config::from_arguments(registry, kind, "explain", &[], &[], None) {
        return Some(instance.limits);
    }
    // An action has none.
    let Some(factory) = registry.get(kind) else { return Some(Limits::default()) };
    let suite = config::parse(registry, "sample.toml", factory.meta().sample).ok();
    let check = suite.and_then(|suite| suite.instances.into_iter().next());
    check.map(|instance| instance.check.limits())
}

/// Makes a text fit to stand in a cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}
