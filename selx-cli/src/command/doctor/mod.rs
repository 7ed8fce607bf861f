//! `doctor`: what this host lacks for the checks. It only reads.

mod actions;
mod clock;
mod configuration;
mod rights;
mod schedule;
mod state;

use std::path::PathBuf;

use selx_core::{Discovery, Host, exit_codes};
use serde::Serialize;
use serde_json::json;

use crate::answer::{Answer, Refusal, human_or_json};
use crate::session::Session;

/// What came out of looking at one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// It is there.
    Ok,
    /// Worth knowing; nothing has to be done.
    Note,
    /// It is missing or wrong, and checks suffer.
    Missing,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Item {
    /// What it belongs to.
    topic: &'static str,
    state: State,
    /// What was seen.
    text: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Item {
    pub(super) fn ok(topic: &'static str, text: impl Into<String>) -> Self {
        Self { topic, state: State::Ok, text: text.into(), advice: None }
    }

    pub(super) fn note(topic: &'static str, text: impl Into<String>) -> Self {
        Self { state: State::Note, ..Self::ok(topic, text) }
    }

    pub(super) fn missing(topic: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { state: State::Missing, advice: Some(advice.into()), ..Self::ok(topic, text) }
    }
}

/// Looks at everything and lists it.
pub(crate) fn doctor(session: &mut Session<'_>, state_dir: Option<PathBuf>) -> Result<Answer, Refusal> {
    let as_json = human_or_json(session.options)?;
    let host = Host::default();
    let (mut items, suite) = configuration::items(session);
    items.extend(rights::items(session.registry, &host));
    items.extend(kinds(session)?);
    let state_dir = state_dir.or_else(|| suite.as_ref().and_then(|suite| suite.settings.state.clone()));
    items.extend(state::items(&host, state_dir.clone())?);
    items.extend(actions::items(&host, state_dir, suite.as_ref()));
    items.extend(clock::items(&host));
    items.extend(schedule::items(&host));
    let code = if items.iter().any(|item| item.state == State::Missing) { exit_codes::WARNING } else { exit_codes::OK };
    let text = if as_json { format!("{}\n", json!({ "items": items })) } else { for_people(session, &items) };
    Ok(Answer::new(text).code(code))
}

/// Says what each kind found of its sort.
fn kinds(session: &Session<'_>) -> Result<Vec<Item>, Refusal> {
    let root = rustix::process::geteuid().is_root();
    let survey = super::survey(session)?;
    let mut items = Vec::new();
    for kind in survey.0 {
        let id = kind.meta.id;
        items.push(match kind.discovery {
            Discovery::Found(proposals) => {
                let names: Vec<String> = proposals.into_iter().map(|proposal| proposal.reason).collect();
                Item::ok("kinds", format!("{id}: {}", names.join("; ")))
            }
            Discovery::Absent(reason) => Item::note("kinds", format!("{id}: not here: {reason}")),
            Discovery::Unclear(reason) => Item::missing(
                "kinds",
                format!("{id}: could not be found out: {reason}"),
                format!("`selx explain {id}` says what it needs"),
            ),
            Discovery::Manual => Item::note("kinds", format!("{id}: checks what the configuration names")),
        });
        if !root && !kind.meta.needs.is_empty() {
            items.push(Item::note("kinds", format!("{id}: needs the right {}", kind.meta.needs)));
        }
    }
    Ok(items)
}

fn for_people(session: &Session<'_>, items: &[Item]) -> String {
    let colours = session.options.output.is_none() && session.console.colours(session.options.color);
    let (bold, plain) = session.bold();
    let mut text = String::new();
    let mut topic = "";
    for item in items {
        if item.state == State::Ok && session.options.quiet {
            continue;
        }
        if item.topic != topic {
            let gap = if topic.is_empty() { "" } else { "\n" };
            text.push_str(&format!("{gap}{bold}{}{plain}\n", item.topic));
            topic = item.topic;
        }
        let (mark, color) = match item.state {
            State::Ok => ("ok     ", "\u{1b}[32m"),
            State::Note => ("note   ", ""),
            State::Missing => ("missing", "\u{1b}[33m"),
        };
        let (color, plain) = if colours && !color.is_empty() { (color, "\u{1b}[0m") } else { ("", "") };
        let width = session.console.width();
        let indent = " ".repeat(11);
        let shown = selx_core::escape::visible(&item.text);
        // The mark takes the columns of the first indent; its colour takes none.
        let lines = crate::page::broken(&shown, indent.clone(), &indent, width);
        let rest = lines.strip_prefix(&indent).unwrap_or(&lines);
        text.push_str(&format!("  {color}{mark}{plain}  {rest}"));
        if let Some(advice) = &item.advice {
            let shown = selx_core::escape::visible(advice);
            text.push_str(&crate::page::broken(&shown, indent.clone() + "-> ", &(indent.clone() + "   "), width));
        }
    }
    let missing = items.iter().filter(|item| item.state == State::Missing).count();
    text.push_str(&match missing {
        0 => "\nnothing is missing\n".to_owned(),
        1 => "\n1 thing is missing\n".to_owned(),
        count => format!("\n{count} things are missing\n"),
    });
    text
}
