//! `init`: a configuration file of what this host has.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use selx_core::{Discovery, Survey};

use crate::answer::{Answer, PRIVATE, Refusal, one_form_only};
use crate::session::Session;

/// Writes the file, or prints it for `-`, and says what was found.
pub(crate) fn init(session: &mut Session<'_>, file: &Path) -> Result<Answer, Refusal> {
    one_form_only(session.options)?;
    let to_stdout = file == Path::new("-");
    if !to_stdout && file.symlink_metadata().is_ok() {
        return Err(exists(file));
    }
    let survey = super::survey(session)?;
    let text = survey.file(session.registry).map_err(|errors| {
        Refusal::verbatim(format!("selx: bug: a kind proposes what it does not accept; please report this\n{errors}"))
    })?;
    if to_stdout {
        let told = told(session, &survey);
        session.console.complain(&told);
        return Ok(Answer::new(text));
    }
    write(file, &text)?;
    let shown = selx_core::escape::visible(&file.display().to_string()).into_owned();
    Ok(Answer::new(format!(
        "{}\n{shown} is written: `selx validate {shown}` reads it, `selx run daily --config {shown}` runs it\n",
        told(session, &survey)
    )))
}

/// Makes a new file that only its owner can change, whatever the umask is: nothing loads a file that others may write.
fn write(file: &Path, text: &str) -> Result<(), Refusal> {
    let failed = |error: std::io::Error| {
        Refusal::new(format!("`{}` cannot be written: {error}", file.display()))
            .advice("`selx init -` prints it instead; `selx init FILE` writes it elsewhere")
    };
    let mut opened = match OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(file) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(exists(file)),
        other => other.map_err(failed)?,
    };
    let written = opened
        .set_permissions(std::fs::Permissions::from_mode(PRIVATE))
        .and_then(|()| opened.write_all(text.as_bytes()))
        .and_then(|()| opened.sync_all());
    written.map_err(|error| {
        // It was made a moment ago and is not whole: nobody is to find it.
        let _ = std::fs::remove_file(file);
        failed(error)
    })
}

fn exists(file: &Path) -> Refusal {
    Refusal::new(format!("`{}` exists and is not overwritten", file.display()))
        .advice("move it away, name another file, or compare with `selx init -`")
}

/// Says what was found and what was not, and why.
fn told(session: &Session<'_>, survey: &Survey) -> String {
    let width = survey.0.iter().map(|kind| kind.meta.id.as_str().len()).max().unwrap_or(0);
    let mut text = String::new();
    for kind in &survey.0 {
        let lines = match &kind.discovery {
            Discovery::Found(proposals) => {
                proposals.iter().map(|proposal| format!("{}: {}", proposal.name, proposal.reason)).collect()
            }
            Discovery::Absent(reason) => vec![format!("not here: {reason}")],
            Discovery::Unclear(reason) => vec![format!("could not be found out: {reason}")],
            Discovery::Manual => vec!["only you can say what to check; an example is in the file".to_owned()],
        };
        for line in lines {
            text.push_str(&session.row(kind.meta.id.as_str(), width, &selx_core::escape::visible(&line)));
        }
    }
    text
}
