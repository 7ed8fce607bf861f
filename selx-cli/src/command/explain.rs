//! `explain`: the pages of kinds, of the configuration and of exit codes.

use selx_core::{config, explain};

use crate::answer::{Answer, Refusal, one_form_only};
use crate::session::Session;

/// The page of exit codes; the documentation has the same file.
const EXIT_CODES: &str = include_str!("../exit-codes.md");

/// The topics that are no kinds.
const TOPICS: [&str; 2] = ["configuration", "exit-codes"];

/// Prints a page.
pub(crate) fn explain(session: &mut Session<'_>, topic: &str) -> Result<Answer, Refusal> {
    one_form_only(session.options)?;
    let text = match topic {
        "configuration" => config::DEFAULTS.to_owned(),
        "exit-codes" => session.page(EXIT_CODES),
        kind => match explain::page(session.registry, kind) {
            Some(page) => session.page(&page),
            None => return Err(no_page(session, kind)),
        },
    };
    Ok(Answer::new(text))
}

fn no_page(session: &Session<'_>, topic: &str) -> Refusal {
    let meant = selx_core::nearest(topic, session.registry.names().chain(TOPICS));
    let refusal = Refusal::new(format!("there is no page `{topic}`"));
    let others = format!("`selx list` names the kinds; other pages: {}", TOPICS.join(", "));
    refusal.advice(match meant {
        Some(meant) => format!("is `{meant}` meant? {others}"),
        None => others,
    })
}
