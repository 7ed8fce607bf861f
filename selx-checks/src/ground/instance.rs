//! An action of a configuration on a real machine: planned without the right to write, applied in the machine's zone.

use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;
use selx_core::action::{self, ActionReport, Ground, Outcome, Permission, Request, SavedPlan};
use selx_core::{ActionInstance, Context, Result, Secrets, SystemClock};

use super::confined::{self, Confined};

/// Makes the plan of an action, in a thread that may not write, as it can be shown, saved and confirmed. The secrets that its
/// settings name are read before: what they are has to be known before any text is made of what was seen.
///
/// # Cancellation safety
///
/// As for [`plan`](super::plan).
///
/// # Errors
///
/// What [`plan`](super::plan) says. A secret that cannot be read is told by the action, if it needs it.
///
/// ```no_run
/// use selx_checks::ground::{self, HostGround};
/// use selx_core::action::{Permission, ShortHash};
/// use selx_core::{Context, Host, Secrets, Suite, format};
///
/// async fn confirmed(suite: &Suite, ask: impl Fn(&str) -> ShortHash) -> Result<bool, Box<dyn std::error::Error>> {
///     let named = suite.select_actions(&["logs-clean.shop".to_owned()]).map_err(|wrong| wrong[0].to_string())?;
///     let limit = suite.settings.action_timeout;
///     let ground = HostGround::new("/var/lib/selx", Host::default());
///     let (plan, _) = ground::planned(&named[0], &ground, Context::new(limit)).await?;
///     let shown = format::plan(&plan, "the hash, typed here", &format::Style::default(), &Secrets::default());
///     let permission = Permission::Typed(ask(&shown));
///     let report = ground::apply(&named[0], &plan, &permission, &ground, &Context::new(limit)).await;
///     Ok(report.outcome.exit_code() == 0)
/// }
/// ```
pub async fn planned(action: &ActionInstance, ground: &dyn Ground, cx: Context) -> Result<(SavedPlan, Confined)> {
    know(action, cx.secrets());
    let (plan, confined) = confined::plan(Arc::clone(&action.action), cx).await?;
    let saved = SavedPlan::new(action.full_name(), action.with.clone(), ground.machine(), &SystemClock, plan);
    Ok((saved, confined))
}

/// Reads the secrets that the settings of an action name, so that they are taken out of every text that is made from then on:
/// of two plans, one with and one without them, each step would be another one. One that cannot be read is told where it is
/// needed.
pub fn know(action: &ActionInstance, secrets: &Secrets) {
    for from in action.action.secrets() {
        drop(secrets.get(from));
    }
}

/// Returns the zone of this machine. One that says nothing of it has UTC, as everywhere.
fn zone() -> Result<TimeZone, String> {
    let says_nothing = std::env::var_os("TZ").is_none() && Path::new("/etc/localtime").symlink_metadata().is_err();
    if says_nothing { Ok(TimeZone::UTC) } else { TimeZone::try_system().map_err(|error| error.to_string()) }
}

/// Applies a plan of an action of this machine, in its zone. See [`action::apply`].
///
/// # Cancellation safety
///
/// That of [`action::apply`]: it may not be dropped.
pub async fn apply(
    action: &ActionInstance,
    plan: &SavedPlan,
    permission: &Permission,
    ground: &dyn Ground,
    cx: &Context,
) -> ActionReport {
    know(action, cx.secrets());
    let name = action.full_name();
    let windowed = matches!(permission, Permission::Policy(policy) if policy.window.is_some());
    let zone = match zone() {
        Ok(zone) => zone,
        Err(_) if !windowed => TimeZone::UTC,
        // Its hours are not those of any other zone.
        Err(why) => {
            let why = format!("the zone of this machine, in which the window is meant, is not known: {why}");
            let report = ActionReport::nothing(name, Outcome::Unconfirmed, [why]);
            return report.advice("set `TZ` or `/etc/localtime` to one that is there (`apt-get install tzdata`)");
        }
    };
    let request = Request { action: &*action.action, name: &name, with: &action.with, plan, permission, zone: &zone };
    action::apply(&request, ground, cx).await
}
