//! `act`: what actions would do, and doing it once it is confirmed.

use std::io::{BufRead as _, Read as _};
use std::path::Path;

use selx_checks::ground::{self, Confined, NoPlan};
use selx_core::action::{ActionReport, GOOD_FOR, Ground as _, Outcome, Permission, SavedPlan, ShortHash, hindrance};
use selx_core::{ActionInstance, ErrorKind, Suite, TimeSpan, escape, exit_codes, format};

use super::acting::Acting;
use super::stop::said;
use super::suite;
use crate::answer::{Answer, Refusal};
use crate::arguments::{ActOptions, Confirming};
use crate::session::Session;

/// Said where the kernel cannot keep a plan from writing.
const NOT_CONFINED: &str = "selx: this kernel cannot keep a plan from writing (it needs Landlock); that it only looked is \
                            the word of the action alone\n";

/// Plans actions, and applies what is confirmed.
pub(crate) fn act(
    session: &mut Session<'_>,
    names: &[String],
    confirming: &Confirming,
    act: &ActOptions,
) -> Result<Answer, Refusal> {
    let suite = described(session)?;
    let acting = Acting::new(session, &suite.settings, act)?;
    if let Some(path) = &confirming.plan {
        let plan = read(path)?;
        let action = chosen(&suite, std::slice::from_ref(&plan.action))?.into_iter().next();
        let action = action.ok_or_else(|| Refusal::new("the plan names no action"))?;
        let report = applied(session, &acting, &action, &plan, &Permission::Given);
        let text = acting.told(session, &report);
        return Ok(acting.answer(&[text], report.outcome));
    }
    let actions = chosen(&suite, names)?;
    if (confirming.apply.is_some() || confirming.save.is_some()) && actions.len() != 1 {
        let names: Vec<String> = actions.iter().map(ActionInstance::full_name).collect();
        let refusal = Refusal::new(format!("one plan is one action's, and these are {}", names.join(", ")));
        return Err(refusal.advice("name one of them"));
    }
    let (mut texts, mut worst) = (Vec::new(), Outcome::Done);
    for action in &actions {
        let outcome = one(session, &acting, action, confirming, &mut texts)?;
        worst = worst.worse(outcome);
        // What comes after one that was not done may rest on it.
        let goes_on = matches!(outcome, Outcome::Done | Outcome::Skips) || !confirming.permitted;
        if !goes_on || acting.is_cancelled() {
            let behind = actions.iter().map(ActionInstance::full_name).skip_while(|name| *name != action.full_name());
            let behind: Vec<String> = behind.skip(1).collect();
            if !behind.is_empty() && !acting.as_json {
                texts.push(format!("not begun, as `{}` was not done: {}\n", action.full_name(), behind.join(", ")));
            }
            break;
        }
    }
    Ok(acting.answer(&texts, worst))
}

/// Plans one action, and applies it if it is confirmed.
fn one(
    session: &mut Session<'_>,
    acting: &Acting,
    action: &ActionInstance,
    confirming: &Confirming,
    texts: &mut Vec<String>,
) -> Result<Outcome, Refusal> {
    let plan = match planned(session, acting, action) {
        Ok(plan) => plan,
        Err(report) => {
            texts.push(acting.told(session, &report));
            return Ok(report.outcome);
        }
    };
    let permission = match (&confirming.apply, &action.permit) {
        (Some(hash), _) => Some(Permission::Typed(hash.clone())),
        (None, Some(policy)) if confirming.permitted => Some(Permission::Policy(policy.clone())),
        (None, None) if confirming.permitted => {
            let name = action.full_name();
            let why = format!("the configuration permits `{name}` nothing by itself");
            let report = ActionReport::nothing(&name, Outcome::Unconfirmed, [why]);
            let report = report.advice(format!(
                "look at `selx act {name}`, then say below `[action.{name}]` what it may do: `permit = {{ risk = \"…\" }}`"
            ));
            texts.push(acting.told(session, &report));
            return Ok(report.outcome);
        }
        (None, _) => None,
    };
    if let Some(permission) = permission {
        let report = applied(session, acting, action, &plan, &permission);
        texts.push(acting.told(session, &report));
        return Ok(report.outcome);
    }
    let saved = match &confirming.save {
        Some(path) => save(path, &plan)?,
        None => String::new(),
    };
    let outcome = match (plan.plan.refused.is_empty(), plan.plan.steps.is_empty()) {
        (false, _) => Outcome::Refused,
        (true, true) => Outcome::Done,
        (true, false) => Outcome::Pending,
    };
    let text = match acting.as_json {
        true => format::plan_json(&plan, &session.secrets),
        false => {
            let how = format!("selx act {} --apply {}", plan.action, plan.hash());
            let shown = format::plan(&plan, &how, &session.style(), &session.secrets);
            format!("{shown}{saved}{}", hindered(acting, action))
        }
    };
    if outcome == Outcome::Pending && confirming.save.is_none() && session.can_ask() {
        return ask(session, acting, action, &plan, &text, texts);
    }
    texts.push(text);
    Ok(outcome)
}

/// Writes a plan into a file.
fn save(path: &Path, plan: &SavedPlan) -> Result<String, Refusal> {
    ground::save_plan(path, plan).map_err(|error| match error.kind() {
        ErrorKind::Rejected => Refusal::from(error),
        _ => Refusal::from(error).code(Outcome::Failed.exit_code()),
    })?;
    let shown = path.display();
    Ok(format!(
        "Saved in `{shown}`, good for {} on this machine: `selx act --plan {shown}`\n",
        TimeSpan::from(GOOD_FOR)
    ))
}

/// Says what is in the way, below a plan that invites to do it.
fn hindered(acting: &Acting, action: &ActionInstance) -> String {
    if let Ok(Some(stopped)) = acting.ground.stopped() {
        return format!("All actions are stopped ({}): `selx start` first\n", said(&stopped));
    }
    let Some(report) = hindrance(&*action.action, &action.full_name(), &acting.ground) else { return String::new() };
    let (why, advice) = (report.why.join("; "), report.advice.unwrap_or_default());
    format!("Not yet: {}. {}\n", escape::visible(&why), escape::visible(&advice))
}

/// Shows a plan and asks for its hash. What is typed is the hash, never just `y`: the hand knows that one too well.
fn ask(
    session: &mut Session<'_>,
    acting: &Acting,
    action: &ActionInstance,
    plan: &SavedPlan,
    text: &str,
    texts: &mut Vec<String>,
) -> Result<Outcome, Refusal> {
    let (hash, name) = (plan.hash(), action.full_name());
    // What came of those before it is read first.
    let before: String = std::mem::take(texts).join("\n");
    let gap = if before.is_empty() { "" } else { "\n" };
    let shown = session.console.print(format!("{before}{gap}{text}").as_bytes());
    shown.map_err(|error| {
        Refusal::new(format!("the plan cannot be shown: {error}")).code(Outcome::Failed.exit_code())
    })?;
    session.console.complain(&format!("\nType {hash} to do it; anything else leaves all as it is: "));
    let typed = typed_line(acting).and_then(|line| line.parse::<ShortHash>().ok());
    if let Some(typed) = typed.filter(|typed| hash.is(typed)) {
        let report = applied(session, acting, action, plan, &Permission::Typed(typed));
        texts.push(acting.told(session, &report));
        return Ok(report.outcome);
    }
    let line = if acting.is_cancelled() { "\n" } else { "" };
    texts.push(format!("{line}{name}: nothing was changed\n"));
    Ok(Outcome::Pending)
}

/// Reads a line from the terminal, unless an interrupt comes first: then whoever is asked wants to be asked no more.
fn typed_line(acting: &Acting) -> Option<String> {
    let (sender, line) = std::sync::mpsc::channel();
    std::thread::Builder::new()
        .spawn(move || {
            let mut line = String::new();
            if std::io::stdin().lock().take(1024).read_line(&mut line).is_ok() {
                let _ = sender.send(line);
            }
        })
        .ok()?;
    loop {
        match line.recv_timeout(std::time::Duration::from_millis(50)) {
            Ok(line) => return Some(line).filter(|_| !acting.is_cancelled()),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) if !acting.is_cancelled() => {}
            Err(_) => return None,
        }
    }
}

/// Makes the plan of an action, in a thread that may not write.
fn planned(
    session: &mut Session<'_>,
    acting: &Acting,
    action: &ActionInstance,
) -> Result<SavedPlan, Box<ActionReport>> {
    let name = action.full_name();
    let ground = &acting.ground;
    let planned =
        acting.during(session, &name, action.timeout, |cx| async move { ground::planned(action, ground, cx).await });
    match planned {
        Ok((plan, confined)) => {
            if confined == Confined::No && !session.options.quiet {
                session.console.complain(NOT_CONFINED);
            }
            Ok(plan)
        }
        Err(error) => Err(Box::new(ActionReport::failed(name, &error))),
    }
}

fn applied(
    session: &Session<'_>,
    acting: &Acting,
    action: &ActionInstance,
    plan: &SavedPlan,
    permission: &Permission,
) -> ActionReport {
    acting.during(session, &action.full_name(), action.timeout, |cx| {
        let ground = &acting.ground;
        async move { ground::apply(action, plan, permission, ground, &cx).await }
    })
}

/// Returns the configuration, without which there is no action.
pub(super) fn described(session: &Session<'_>) -> Result<Suite, Refusal> {
    let loaded = suite(session).map_err(|refusal| refusal.code(exit_codes::CONFIG))?;
    let none = || {
        let refusal = Refusal::new("there is no configuration file, and an action is only what one describes");
        refusal.advice("`selx explain logs-clean` shows how; `selx list` names the kinds").code(exit_codes::CONFIG)
    };
    loaded.map(|(_, suite)| suite).ok_or_else(none)
}

fn chosen(suite: &Suite, names: &[String]) -> Result<Vec<ActionInstance>, Refusal> {
    suite.select_actions(names).map_err(|wrong| {
        let wrong: Vec<String> = wrong.iter().map(|wrong| escape::visible(&wrong.to_string()).into_owned()).collect();
        let refusal = Refusal::new(wrong.join("\n"));
        match suite.actions.iter().map(ActionInstance::full_name).collect::<Vec<_>>() {
            none if none.is_empty() => refusal.advice("the configuration has no actions: `[action.KIND.NAME]`"),
            known => refusal.advice(format!("its actions: {}", known.join(", "))),
        }
    })
}

/// Reads a plan that was saved.
fn read(path: &Path) -> Result<SavedPlan, Refusal> {
    ground::read_plan(path).map_err(|error| match error {
        NoPlan::Unfit(..) => Refusal::new(error.to_string()).code(Outcome::Stale.exit_code()),
        NoPlan::Unread(error) => Refusal::from(error),
    })
}
