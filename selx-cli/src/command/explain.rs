//! `explain`: the pages of kinds, of the configuration and of exit codes.

use selx_core::{config, explain};

use crate::answer::{Answer, Refusal, one_form_only};
use crate::session::Session;

/// The page of exit codes; the documentation has the same file.
const EXIT_CODES: &str = include_str!("../exit-codes.md");

/// The page of the configuration; the documentation has the same file.
const CONFIGURATION: &str = include_str!("../configuration.md");

/// The topics that are no kinds, and what they are.
pub(super) const TOPICS: [(&str, &str); 4] = [
    ("configuration", "what a configuration may say"),
    ("defaults", "the configuration of all defaults"),
    ("exit-codes", "what the program ends with"),
    ("topics", "these pages"),
];

/// Prints a page.
pub(crate) fn explain(session: &mut Session<'_>, topic: &str) -> Result<Answer, Refusal> {
    one_form_only(session.options)?;
    let text = match topic {
        "configuration" => session.page(CONFIGURATION),
        "defaults" => config::DEFAULTS.to_owned(),
        "exit-codes" => session.page(EXIT_CODES),
        "topics" => {
            let width = TOPICS.iter().map(|(topic, _)| topic.len()).max().unwrap_or(0);
            let rows = TOPICS.iter().map(|(topic, about)| session.row(topic, width, about));
            format!("{}\nand the page of every kind; `selx list` names them.\n", rows.collect::<String>())
        }
        kind => match explain::page(session.registry, kind) {
            Some(page) => session.page(&page),
            None => return Err(no_page(session, kind)),
        },
    };
    Ok(Answer::new(text))
}

fn no_page(session: &Session<'_>, topic: &str) -> Refusal {
    let topics = || TOPICS.iter().map(|(topic, _)| *topic);
    let meant =
        selx_core::nearest(topic, session.registry.names().chain(session.registry.action_names()).chain(topics()));
    let refusal = Refusal::new(format!("there is no page `{topic}`"));
    let others = format!("`selx list` names the kinds; other pages: {}", topics().collect::<Vec<_>>().join(", "));
    refusal.advice(match meant {
        Some(meant) => format!("is `{meant}` meant? {others}"),
        None => others,
    })
}
