//! `list`: the kinds there are, or the checks of the configuration.

use selx_core::Area;
use serde_json::json;

use super::suite;
use crate::answer::{Answer, Refusal, human_or_json};
use crate::page::broken;
use crate::session::Session;

/// Lists kinds by area, or checks in the order of the file.
pub(crate) fn list(session: &mut Session<'_>, checks: bool, actions: bool) -> Result<Answer, Refusal> {
    let as_json = human_or_json(session.options)?;
    if checks {
        return list_checks(session, as_json);
    }
    if actions {
        return list_actions(session, as_json);
    }
    if let Some(path) = &session.options.config {
        return Err(Refusal::new(format!("`list` names the kinds, and reads nothing of `{}`", path.display()))
            .advice("`--checks` and `--actions` name what a configuration has"));
    }
    let mut metas: Vec<_> = session.registry.kinds().map(|kind| *kind.meta()).collect();
    metas.sort_by_key(|meta| (meta.area, meta.id));
    let mut acts: Vec<_> = session.registry.actions().map(|kind| *kind.meta()).collect();
    acts.sort_by_key(|meta| (meta.area, meta.id));
    if as_json {
        let kinds: Vec<_> = metas
            .iter()
            .map(|meta| {
                json!({
                    "id": meta.id, "area": meta.area, "summary": meta.summary,
                    "routines": meta.routines, "rights": meta.needs, "remembers": meta.remembers,
                })
            })
            .collect();
        let acts: Vec<_> = acts
            .iter()
            .map(|meta| json!({ "id": meta.id, "area": meta.area, "summary": meta.summary, "rights": meta.needs }))
            .collect();
        return Ok(Answer::new(format!("{}\n", json!({ "kinds": kinds, "actions": acts }))));
    }
    let width = metas.iter().chain(&acts).map(|meta| meta.id.as_str().len()).max().unwrap_or(0);
    let (bold, plain) = session.bold();
    let mut text = String::new();
    let mut area: Option<Area> = None;
    for meta in &metas {
        if area != Some(meta.area) {
            let gap = if area.is_some() { "\n" } else { "" };
            text.push_str(&format!("{gap}{bold}{}{plain}\n", meta.area));
            area = Some(meta.area);
        }
        text.push_str(&session.row(meta.id.as_str(), width, meta.summary));
    }
    if !acts.is_empty() {
        text.push_str(&format!("\n{bold}actions: they change something, and show it before{plain}\n"));
    }
    for meta in &acts {
        text.push_str(&session.row(meta.id.as_str(), width, meta.summary));
    }
    let last = "`selx explain KIND` has the page of a kind, `selx check KIND --help` its settings.";
    text.push('\n');
    text.push_str(&broken(last, String::new(), "", session.console.width()));
    Ok(Answer::new(text))
}

fn list_checks(session: &mut Session<'_>, as_json: bool) -> Result<Answer, Refusal> {
    let (place, suite) = match suite(session)? {
        Some((path, suite)) => (path.display().to_string(), suite),
        None => {
            let suite = super::survey(session)?.suite(session.registry);
            ("what this host has (no configuration file)".to_owned(), suite.map_err(Refusal::verbatim)?)
        }
    };
    if as_json {
        let checks: Vec<_> = suite
            .instances
            .iter()
            .map(|check| {
                json!({
                    "check": check.full_name(), "kind": check.meta().id, "name": check.name,
                    "routines": check.routines, "needs": check.needs, "required": check.required,
                })
            })
            .collect();
        return Ok(Answer::new(format!("{}\n", json!({ "from": place, "checks": checks }))));
    }
    let width = suite.instances.iter().map(|check| check.full_name().len()).max().unwrap_or(0);
    let (bold, plain) = session.bold();
    let mut text = format!("{bold}{place}{plain}\n");
    for check in &suite.instances {
        let needs = match check.needs.as_slice() {
            [] => String::new(),
            needs => format!("; after {}", needs.join(", ")),
        };
        let routines = format!("{}{needs}", check.routines.join(", "));
        text.push_str(&session.row(&check.full_name(), width, &routines));
    }
    if suite.instances.is_empty() {
        text.push_str("  no checks\n");
    }
    Ok(Answer::new(text))
}

fn list_actions(session: &mut Session<'_>, as_json: bool) -> Result<Answer, Refusal> {
    let suite = super::act::described(session)?.actions;
    if as_json {
        let actions: Vec<_> = suite
            .iter()
            .map(|action| {
                json!({
                    "action": action.full_name(), "kind": action.meta().id, "name": action.name,
                    "permitted": action.permit.as_ref().map(ToString::to_string),
                })
            })
            .collect();
        return Ok(Answer::new(format!("{}\n", json!({ "actions": actions }))));
    }
    let width = suite.iter().map(|action| action.full_name().len()).max().unwrap_or(0);
    let mut text = String::new();
    for action in &suite {
        let permit = match &action.permit {
            Some(policy) => format!("permitted by itself: {policy}"),
            None => "only when somebody confirms it".to_owned(),
        };
        text.push_str(&session.row(&action.full_name(), width, &permit));
    }
    if suite.is_empty() {
        text.push_str("  no actions\n");
    }
    Ok(Answer::new(text))
}

impl Session<'_> {
    /// Writes a name and what is said about it, in two columns.
    pub(crate) fn row(&self, name: &str, width: usize, text: &str) -> String {
        let first = format!("  {name:width$}  ");
        let hanging = " ".repeat(width + 4);
        broken(text, first, &hanging, self.console.width())
    }

    /// Returns how a heading begins and ends.
    pub(crate) fn bold(&self) -> (&'static str, &'static str) {
        if self.options.output.is_none() && self.console.colours(self.options.color) {
            ("\u{1b}[1m", "\u{1b}[0m")
        } else {
            ("", "")
        }
    }
}
