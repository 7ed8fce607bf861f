//! What the commands that change something have in common: the machine, the time, interrupts, and the line that says how
//! far they are.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use selx_checks::ground::HostGround;
use selx_checks::history::default_state_dir;
use selx_core::action::{ActionReport, Outcome};
use selx_core::format::{self, Format, Style};
use selx_core::{Context, Extent, Host, Observer as _, Settings, SystemClock, exit_codes};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::{descriptors_are_left, no_runtime};
use crate::answer::{Answer, Refusal, human_or_json};
use crate::arguments::ActOptions;
use crate::process;
use crate::progress::Progress;
use crate::session::Session;

/// What a command that changes something works with.
pub(super) struct Acting {
    pub(super) ground: HostGround,
    pub(super) as_json: bool,
    timeout: Option<Duration>,
    usual: Duration,
    runtime: Runtime,
    cancel: CancellationToken,
}

/// Returns the machine whose actions are meant: the folder of the arguments, of the configuration, or the usual one.
pub(super) fn ground(settings: Option<&Settings>, act: &ActOptions) -> Result<HostGround, Refusal> {
    let named: Option<PathBuf> = act.state_dir.clone().or_else(|| settings.and_then(|settings| settings.state.clone()));
    let folder = match named {
        Some(folder) => folder,
        None => default_state_dir(&Host::default()).map_err(|error| Refusal::from(error).code(exit_codes::CONFIG))?,
    };
    let folder = std::path::absolute(&folder).unwrap_or(folder);
    Ok(HostGround::new(folder, Host::default()))
}

impl Acting {
    pub(super) fn new(session: &Session<'_>, settings: &Settings, act: &ActOptions) -> Result<Self, Refusal> {
        let as_json = human_or_json(session.options)?;
        // One thread besides this one: it draws while a step is done.
        let built = descriptors_are_left()
            .and_then(|()| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build());
        let (ground, runtime, cancel) =
            (ground(Some(settings), act)?, built.map_err(no_runtime)?, CancellationToken::new());
        if session.owns_process
            && let Err(error) = runtime.block_on(async { process::stop_on_interrupt(&cancel) })
        {
            tracing::warn!(%error, "an interrupt ends the process within a step");
        }
        Ok(Self {
            ground,
            as_json,
            timeout: act.timeout.map(|span| span.get()),
            usual: settings.action_timeout,
            runtime,
            cancel,
        })
    }

    /// Tells whether somebody interrupted.
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Does something of an action, and shows on a terminal how far it is. `own` is the time that the action is given in the
    /// configuration.
    pub(super) fn during<T, F: Future<Output = T>>(
        &self,
        session: &Session<'_>,
        name: &str,
        own: Option<Duration>,
        work: impl FnOnce(Context) -> F,
    ) -> T {
        let extent = Arc::new(Extent::default());
        let limit = self.timeout.or(own).unwrap_or(self.usual);
        let cx = Context::with(Arc::new(SystemClock), Arc::default(), Arc::clone(&session.secrets), limit)
            .cancelled_by(self.cancel.clone())
            .telling(Arc::clone(&extent));
        let progress = session.progress_of_action();
        let done = self.runtime.block_on(async {
            if let Some(progress) = &progress {
                progress.started(name, &extent);
                tokio::spawn(Arc::clone(progress).draw());
            }
            work(cx).await
        });
        if let Some(progress) = &progress {
            progress.clear();
        }
        done
    }

    /// Writes what came of an action.
    pub(super) fn told(&self, session: &Session<'_>, report: &ActionReport) -> String {
        match self.as_json {
            true => format::action_json(report, &session.secrets),
            false => format::action(report, &session.style(), &session.secrets),
        }
    }

    /// Makes the answer of what was said of several actions.
    pub(super) fn answer(self, texts: &[String], outcome: Outcome) -> Answer {
        // Threads that hang in a dead file system are left behind; the process ends without them.
        self.runtime.shutdown_background();
        let gap = if self.as_json { "" } else { "\n" };
        Answer::new(texts.join(gap)).code(outcome.exit_code()).lasting()
    }
}

impl Session<'_> {
    /// Returns how a text for people is to look.
    pub(crate) fn style(&self) -> Style {
        Style {
            width: self.on_terminal().then(|| self.console.width()),
            color: self.options.output.is_none() && self.console.colours(self.options.color),
            unicode: self.console.unicode(),
            verbosity: self.options.verbose,
        }
    }

    /// Tells whether somebody sits at a terminal, reads the answer there, and can be asked.
    pub(super) fn can_ask(&self) -> bool {
        use std::io::IsTerminal as _;
        let for_people = matches!(self.options.format, None | Some(Format::Human));
        self.owns_process && for_people && !self.options.quiet && self.on_terminal() && std::io::stdin().is_terminal()
    }

    fn progress_of_action(&self) -> Option<Arc<Progress>> {
        if self.options.quiet || self.options.log.is_some() || !self.owns_process {
            return None;
        }
        let width = self.console.progress_width()?;
        Some(Progress::new(0, width, self.console.unicode()))
    }
}
