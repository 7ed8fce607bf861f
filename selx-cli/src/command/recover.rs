//! `recover`: runs that did not come to their end.

use selx_core::action::journal::Progress;
use selx_core::action::{Ground as _, Open, Outcome, recover_by};
use selx_core::{config, escape, exit_codes};
use serde_json::json;

use super::acting::Acting;
use super::suite;
use crate::answer::{Answer, Refusal};
use crate::arguments::ActOptions;
use crate::page::broken;
use crate::session::Session;

/// Lists the runs that are not over, or brings one to an end.
pub(crate) fn recover(
    session: &mut Session<'_>,
    run: Option<&str>,
    as_it_is: bool,
    act: &ActOptions,
) -> Result<Answer, Refusal> {
    // A journal holds all that is needed: without a configuration the usual places count.
    let settings = match (&act.state_dir, suite(session)) {
        (_, Ok(Some((_, suite)))) => suite.settings,
        (_, Ok(None)) | (Some(_), Err(_)) => config::defaults(),
        (None, Err(refusal)) => return Err(refusal.code(exit_codes::CONFIG)),
    };
    let acting = Acting::new(session, &settings, act)?;
    let open = acting.ground.open().map_err(|error| Refusal::from(error).code(Outcome::Failed.exit_code()))?;
    let open: Vec<Open> = open.into_iter().filter(|open| run.is_some() || !open.alive).collect();
    let Some(run) = run else {
        let text = listed(session, &open, acting.as_json);
        let outcome = if open.is_empty() { Outcome::Done } else { Outcome::Unfinished };
        return Ok(acting.answer(&[text], outcome));
    };
    let Some(open) = open.iter().find(|open| open.run == run) else {
        let refusal = Refusal::new(format!("no run `{}` is open", escape::visible(run)));
        return Err(
            refusal.advice("`selx recover` lists the runs that are not over, but for those that are at work now")
        );
    };
    let name = named(open);
    let registry = session.registry;
    let report = acting.during(session, &name, None, |cx| {
        let ground = &acting.ground;
        async move { recover_by(registry, open, as_it_is, ground, &cx).await }
    });
    let text = acting.told(session, &report);
    Ok(acting.answer(&[text], report.outcome))
}

fn named(open: &Open) -> String {
    let begin = open.read.as_ref().ok().and_then(|read| read.begin());
    begin.map_or_else(|| "?".to_owned(), |begin| begin.plan.action.clone())
}

fn listed(session: &Session<'_>, open: &[Open], as_json: bool) -> String {
    if as_json {
        let runs: Vec<_> = open
            .iter()
            .map(|open| {
                let read = open.read.as_ref().ok();
                let begun = read.and_then(|read| read.records.first()).map(|record| record.at.at.to_string());
                json!({
                    "run": open.run, "action": named(open), "journal": open.path, "begun": begun,
                    "damaged": open.read.as_ref().err().map(ToString::to_string),
                })
            })
            .collect();
        return format!("{}\n", json!({ "open": runs }));
    }
    if open.is_empty() {
        return "every run came to its end\n".to_owned();
    }
    let width = open.iter().map(|open| open.run.len()).max().unwrap_or(0);
    let mut text = String::new();
    for open in open {
        text.push_str(&session.row(&escape::visible(&open.run), width, &escape::visible(&said(open))));
    }
    let last = "`selx recover RUN` asks the world how far it came, and finishes it or takes it back.";
    text.push('\n');
    text.push_str(&broken(last, String::new(), "", session.console.width()));
    text
}

/// Says of a run what its journal knows.
fn said(open: &Open) -> String {
    let read = match &open.read {
        Ok(read) => read,
        Err(damaged) => return format!("its journal `{}` is not whole: {damaged}", open.path.display()),
    };
    let Some(first) = read.records.first() else { return "nothing was begun".to_owned() };
    let progress = read.progress();
    let count = |is: fn(&Progress) -> bool| progress.iter().filter(|progress| is(progress)).count();
    let done = count(|progress| matches!(progress, Progress::Done(_)));
    let unknown = count(|progress| matches!(progress, Progress::Begun | Progress::UndoBegun));
    let begun = first.at.at.strftime("%Y-%m-%d %H:%M:%S UTC");
    format!("{}, begun {begun}: {done} of {} steps done, {unknown} at work when it ended", named(open), progress.len())
}
