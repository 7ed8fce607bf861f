//! `stop` and `start`: whether any action of this machine may begin.

use selx_checks::ground::HostGround;
use selx_core::action::{Ground as _, Outcome, Stopped};
use selx_core::{Clock as _, SystemClock, exit_codes};

use super::acting::ground;
use super::suite;
use crate::answer::{Answer, Refusal, one_form_only};
use crate::arguments::ActOptions;
use crate::session::Session;

/// Stops all actions of this machine.
pub(crate) fn stop(session: &Session<'_>, reason: &str, act: &ActOptions) -> Result<Answer, Refusal> {
    let ground = machine(session, act)?;
    if let Some(stopped) = ground.stopped().map_err(failed)? {
        return Ok(Answer::new(format!("they were stopped already, {}\n", said(&stopped))).lasting());
    }
    let at = SystemClock.now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let stopped = Stopped { by: who(), reason: reason.to_owned(), at };
    ground.stop(&stopped).map_err(failed)?;
    let folder = ground.folder().display();
    let text = format!(
        "no action that keeps its state in `{folder}` begins, and none begins a further step, until `selx start`\n"
    );
    Ok(Answer::new(text).lasting())
}

/// Allows them again.
pub(crate) fn start(session: &Session<'_>, act: &ActOptions) -> Result<Answer, Refusal> {
    let text = match machine(session, act)?.start().map_err(failed)? {
        Some(stopped) => format!("actions are allowed again; they were stopped {}\n", said(&stopped)),
        None => "actions were not stopped\n".to_owned(),
    };
    Ok(Answer::new(text).lasting())
}

fn machine(session: &Session<'_>, act: &ActOptions) -> Result<HostGround, Refusal> {
    one_form_only(session.options)?;
    // Stopping has to work whatever is wrong with the file, where the folder is said.
    let suite = match (&act.state_dir, suite(session)) {
        (_, Ok(suite)) => suite,
        (Some(_), Err(_)) => None,
        (None, Err(refusal)) => {
            let advice =
                "`--state-dir FOLDER` does without the file: /var/lib/selx for root, unless the file names another";
            return Err(refusal.advice(advice).code(exit_codes::CONFIG));
        }
    };
    ground(suite.as_ref().map(|(_, suite)| &suite.settings), act)
}

fn failed(error: selx_core::Error) -> Refusal {
    Refusal::from(error).code(Outcome::Failed.exit_code())
}

/// Says who stopped them, when, and why.
pub(super) fn said(stopped: &Stopped) -> String {
    let reason = if stopped.reason.is_empty() { String::new() } else { format!(": {}", stopped.reason) };
    selx_core::escape::visible(&format!("by {} at {}{reason}", stopped.by, stopped.at)).into_owned()
}

/// Names the user, for whoever meets the stop.
fn who() -> String {
    let user = rustix::process::getuid().as_raw();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(user)).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("user {user}"))
}
