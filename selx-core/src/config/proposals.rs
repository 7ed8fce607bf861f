//! From what kinds discover on a host to a file and a suite.

use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use super::settings::{key_text, text_in_toml};
use super::text::escape;
use super::{ConfigError, ConfigErrors, parse};
use crate::discovery::Proposal;
use crate::meta::Id;
use crate::registry::Registry;
use crate::suite::Suite;

/// Writes proposals as a file: one table each, with the reason as a comment.
pub fn proposals_text(proposals: &[(Id, Proposal)]) -> String {
    let mut out = String::new();
    for (kind, proposal) in proposals {
        if !out.is_empty() {
            out.push('\n');
        }
        if !proposal.reason.is_empty() {
            out.push_str(&format!("# {}\n", escape(&proposal.reason, 300)));
        }
        out.push_str(&format!("[check.{}.{}]\n", kind.as_str(), key_text(&proposal.name)));
        let with = proposal.with.trim();
        if !with.is_empty() {
            out.push_str(&format!("[check.{}.{}.with]\n{with}\n", kind.as_str(), key_text(&proposal.name)));
        }
    }
    out
}

/// Makes a suite of what was discovered.
///
/// # Errors
///
/// What is wrong with the proposals, which is a bug of their kinds. A proposal whose settings begin a table of their own
/// is refused: names found on a host must not become other checks than the ones proposed.
pub fn from_proposals(registry: &Registry, proposals: &[(Id, Proposal)]) -> Result<Suite, ConfigErrors> {
    let errors: Vec<ConfigError> = proposals
        .iter()
        .filter(|(_, proposal)| begins_a_table(&proposal.with))
        .map(|(kind, proposal)| ConfigError {
            file: "discovery".to_owned(),
            line: 0,
            column: 0,
            message: format!(
                "the proposal {} of `{kind}` begins a table of its own",
                escape(&text_in_toml(&proposal.name), 200)
            ),
            hint: Some("this is a bug of the kind: settings are lines without a header".to_owned()),
            source: String::new(),
            indent: 0,
            width: 0,
        })
        .collect();
    if !errors.is_empty() {
        return Err(ConfigErrors { errors, more: 0 });
    }
    parse(registry, "discovery", &proposals_text(proposals))
}

/// Tells whether a line outside brackets begins with one.
fn begins_a_table(text: &str) -> bool {
    let (mut depth, mut fresh) = (0_usize, true);
    for token in Source::new(text).lex() {
        match token.kind() {
            TokenKind::LeftSquareBracket if depth == 0 && fresh => return true,
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => depth += 1,
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => depth = depth.saturating_sub(1),
            TokenKind::Newline => {
                fresh = true;
                continue;
            }
            TokenKind::Whitespace | TokenKind::Comment => continue,
            _ => {}
        }
        fresh = false;
    }
    // An open bracket would swallow the next header, and be told as an error of it.
    depth != 0
}
