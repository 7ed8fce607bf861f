//! `validate`: everything that is wrong with a configuration file.

use std::path::PathBuf;

use selx_core::{config, exit_codes};
use serde_json::json;

use crate::answer::{Answer, Refusal, human_or_json};
use crate::session::Session;

/// Reads a file as a run would, and runs nothing.
pub(crate) fn validate(session: &mut Session<'_>, file: Option<PathBuf>) -> Result<Answer, Refusal> {
    let as_json = human_or_json(session.options)?;
    let explicit = file.or_else(|| session.options.config.clone());
    let search = super::search(explicit.as_deref());
    let Some(path) = search.found else {
        let looked: Vec<String> = search.looked.iter().map(|path| format!("  {}", path.display())).collect();
        let refusal = Refusal::new(format!("there is no configuration file; looked for\n{}", looked.join("\n")));
        return Err(refusal.advice("`selx init` writes one of what this host has"));
    };
    let shown = path.display().to_string();
    match config::load(session.registry, &path) {
        Ok(suite) => {
            let files: Vec<String> = suite.files.iter().map(|path| path.display().to_string()).collect();
            if as_json {
                let told = json!({ "file": shown, "valid": true, "checks": suite.instances.len(), "actions": suite.actions.len(), "files": files, "errors": [] });
                return Ok(Answer::new(format!("{told}\n")));
            }
            let count =
                |count: usize, one: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") };
            let checks = match (suite.instances.len(), suite.actions.len()) {
                (0, 0) => "no checks: a run of it is unknown, for it looks at nothing".to_owned(),
                (checks, 0) => count(checks, "check"),
                (0, actions) => format!("no checks, {}", count(actions, "action")),
                (checks, actions) => format!("{}, {}", count(checks, "check"), count(actions, "action")),
            };
            let mut text = format!("{shown} is valid: {checks}\n");
            for file in files.iter().skip(1) {
                text.push_str(&format!("  with {file}\n"));
            }
            Ok(Answer::new(text))
        }
        Err(errors) if as_json => {
            let list: Vec<_> = errors
                .errors
                .iter()
                .map(|error| {
                    json!({
                        "file": error.file, "line": error.line, "column": error.column,
                        "message": error.message, "hint": error.hint,
                    })
                })
                .collect();
            let told = json!({ "file": shown, "valid": false, "errors": list, "more": errors.more });
            Ok(Answer::new(format!("{told}\n")).code(exit_codes::UNKNOWN))
        }
        Err(errors) => Err(Refusal::verbatim(errors)),
    }
}
