//! `run` and `check`: look, and report.

use std::num::NonZero;
use std::sync::Arc;

use selx_core::format::{Format, render};
use selx_core::recording::Recording;
use selx_core::{Entry, Finding, Instance, Report, Runner, Selection, Settings, config, exit_codes};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::{descriptors_are_left, no_runtime, small_runtime, suite, survey};
use crate::answer::{Answer, PRIVATE, PUBLIC, Refusal, refuse};
use crate::arguments::RunOptions;
use crate::process;
use crate::progress::Progress;
use crate::session::Session;

/// What is said above a report for people of a host that nobody has described.
const WITHOUT_FILE: &str = "There is no configuration file: this host was looked over,\n\
                            and checked with the usual limits. `selx init` writes a\n\
                            file of what was found, to keep and to change.\n\n";

/// A check that was asked for in arguments.
pub(crate) struct Asked {
    pub(crate) kind: String,
    pub(crate) name: Option<String>,
    pub(crate) given: Vec<(String, String)>,
    pub(crate) warning: Vec<String>,
    pub(crate) critical: Vec<String>,
}

/// Runs routines and checks of the configuration, or of what the host has.
pub(crate) fn routine(session: &mut Session<'_>, names: &[String], run: &RunOptions) -> Result<Answer, Refusal> {
    let loaded = suite(session)?;
    let format = session.options.format.unwrap_or(Format::Human);
    if let Some(path) = &run.replay {
        let suite = loaded.as_ref().map(|(_, suite)| suite);
        let mut report = Recording::read(path)?.replay(session.registry, suite);
        let routines = match suite {
            Some(suite) => suite.routine_names(),
            None => config::parse(session.registry, "", "").map_err(Refusal::verbatim)?.routine_names(),
        };
        let strangers = suite.and_then(|suite| not_recorded(&suite.select(names).ok()?, &report));
        report.notices.extend(strangers);
        leave(&mut report, names, &routines)?;
        return Ok(reported(session, &report, format));
    }
    let (suite, found) = match loaded {
        Some((_, suite)) => (suite, true),
        None => {
            let suite = survey(session)?.suite(session.registry);
            (suite.map_err(Refusal::verbatim)?, false)
        }
    };
    let selection = suite.select(names).map_err(|wrong| {
        let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        Refusal::new(wrong.join("\n"))
            .advice(format!("routines: {}; `selx list --checks` names the checks", suite.routine_names().join(", ")))
    })?;
    let settings = overridden(suite.settings, run);
    let mut answer = looked(session, settings, &selection, run, format)?;
    if !found && format == Format::Human {
        answer.text.insert_str(0, WITHOUT_FILE);
    }
    Ok(answer)
}

/// Runs one check that the arguments describe.
pub(crate) fn check(session: &mut Session<'_>, asked: &Asked, run: &RunOptions) -> Result<Answer, Refusal> {
    let meta = *session.kind(&asked.kind)?.meta();
    if let Some(path) = &session.options.config {
        let refusal = Refusal::new(format!("`check` reads no configuration file, not even `{}`", path.display()));
        return Err(refusal.advice("`selx run NAME` runs a check of the file"));
    }
    let format =
        session.options.format.unwrap_or_else(|| if session.on_terminal() { Format::Human } else { Format::Nagios });
    if let Some(path) = &run.replay {
        if !(asked.given.is_empty() && asked.warning.is_empty() && asked.critical.is_empty()) {
            let refusal = Refusal::new("`check --replay` takes no settings and limits: those of the recording count");
            return Err(refusal.advice("write them into a file: `selx run KIND --replay FILE --config FILE`"));
        }
        let mut report = Recording::read(path)?.replay(session.registry, None);
        let name = asked.name.as_ref().map_or_else(|| asked.kind.clone(), |name| format!("{}.{name}", asked.kind));
        leave(&mut report, &[name], &[])?;
        return Ok(reported(session, &report, format));
    }
    let mut limits = Vec::new();
    for (level, texts) in [("warning", &asked.warning), ("critical", &asked.critical)] {
        for text in texts {
            // A range has no `=`, a subject (`used@/a=b`) may.
            let (measure, range) = match text.rsplit_once('=') {
                Some((measure, range)) => (measure, range),
                None => match meta.measures.first() {
                    Some(measure) => (measure.name, text.as_str()),
                    None => {
                        let refusal = Refusal::new(format!("`--{level} {text}`: `{}` has no measures", meta.id));
                        return Err(refusal.advice("leave it out; what this kind finds has its own severity"));
                    }
                },
            };
            limits.push((measure.to_owned(), level.to_owned(), range.to_owned()));
        }
    }
    let name = asked.name.clone().unwrap_or_else(|| name_of(&asked.given));
    let timeout = run.timeout.map(|span| span.to_string());
    let instance =
        config::from_arguments(session.registry, meta.id.as_str(), &name, &asked.given, &limits, timeout.as_deref())
            .map_err(|errors| {
                Refusal::new(errors.to_string()).advice(format!("`selx check {} --help` lists the settings", meta.id))
            })?;
    let selection = Selection { instances: vec![instance], routine: None };
    let settings = overridden(config::defaults(), run);
    looked(session, settings, &selection, run, format)
}

/// Makes a name of settings, so that two checks of one kind do not share what is remembered of them.
fn name_of(given: &[(String, String)]) -> String {
    if given.is_empty() {
        return "cli".to_owned();
    }
    let mut given: Vec<_> = given.iter().collect();
    given.sort();
    // FNV-1a: the name has to be the same in every version, and nobody attacks it.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in given.iter().flat_map(|(key, value)| key.bytes().chain([0]).chain(value.bytes()).chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("cli-{:08x}", (hash ^ (hash >> 32)) & 0xffff_ffff)
}

fn overridden(mut settings: Settings, run: &RunOptions) -> Settings {
    if let Some(timeout) = run.timeout {
        settings.timeout = timeout.get();
    }
    if let Some(deadline) = run.deadline {
        settings.deadline = deadline.get();
    }
    if let Some(concurrency) = run.concurrency {
        settings.concurrency = usize::from(concurrency);
    }
    if run.no_history {
        settings.history = false;
    }
    if let Some(folder) = &run.state_dir {
        settings.state = Some(folder.clone());
    }
    settings.fit_descriptors(rustix::process::getrlimit(rustix::process::Resource::Nofile).current);
    settings
}

/// Runs a selection and makes the answer of its report.
fn looked(
    session: &mut Session<'_>,
    settings: Settings,
    selection: &Selection,
    run: &RunOptions,
    format: Format,
) -> Result<Answer, Refusal> {
    let runtime = runtime(selection.instances.len(), settings.concurrency)?;
    let cancel = CancellationToken::new();
    let progress = session.progress(selection.instances.len());
    let mut runner = Runner::new(settings.clone()).secrets(Arc::clone(&session.secrets)).cancelled_by(cancel.clone());
    if settings.history {
        runner = runner.history(super::history(&settings));
    }
    if let Some(progress) = &progress {
        runner = runner.observer(Arc::clone(progress) as _);
    }
    let owns_process = session.owns_process;
    let report = runtime.block_on(async {
        if owns_process && let Err(error) = process::cancel_on_interrupt(&cancel) {
            tracing::warn!(%error, "interrupts end the process without a report");
        }
        if let Some(progress) = &progress {
            tokio::spawn(Arc::clone(progress).draw());
        }
        runner.run(selection).await
    });
    let interrupted = owns_process && process::end_on_interrupt();
    // Threads that hang in a dead file system are left behind; the process ends without them.
    runtime.shutdown_background();
    if let Some(progress) = &progress {
        progress.clear();
    }
    let mut answer = reported(session, &report, format);
    if interrupted {
        answer.code = exit_codes::UNKNOWN;
    }
    if let Some(path) = &run.record
        && let Err(error) = Recording::of(&report).write(path)
    {
        let refused = refuse(session.console, session.options.color, &error.into());
        if answer.code != exit_codes::CRITICAL {
            answer.code = refused;
        }
    }
    Ok(answer)
}

fn reported(session: &Session<'_>, report: &Report, format: Format) -> Answer {
    Answer {
        text: render(report, format, &session.style(), &session.secrets),
        code: report.status().exit_code(),
        mode: if format == Format::Openmetrics { PUBLIC } else { PRIVATE },
        lasting: false,
    }
}

/// Names the checks that were asked for and that the recording does not have: a limit that was to be tried on another name
/// must not pass for one that was tried.
fn not_recorded(selection: &Selection, report: &Report) -> Option<Finding> {
    let names: Vec<String> = selection.instances.iter().map(Instance::full_name).collect();
    let there: Vec<String> = report.entries.iter().map(Entry::full_name).collect();
    let missing: Vec<String> = names.into_iter().filter(|name| !there.contains(name)).collect();
    (!missing.is_empty()).then(|| {
        let message = format!("not judged, because the recording has nothing of that name: {}", missing.join(", "));
        Finding::info("not-recorded", "", message)
    })
}

/// Leaves of a recorded run what was asked for. A routine stands for all of it, because a recording does not say what
/// belonged to which.
fn leave(report: &mut Report, names: &[String], routines: &[String]) -> Result<(), Refusal> {
    if names.iter().any(|name| routines.contains(name)) {
        return Ok(());
    }
    let is = |entry: &Entry, name: &String| {
        *name == entry.name || *name == entry.meta.id.as_str() || *name == entry.full_name()
    };
    if let Some(name) = names.iter().find(|name| !report.entries.iter().any(|entry| is(entry, name))) {
        let there: Vec<String> = report.entries.iter().map(Entry::full_name).collect();
        return Err(Refusal::new(format!("nothing in the recording is named `{name}`"))
            .advice(format!("it has: {}", there.join(", "))));
    }
    report.entries.retain(|entry| names.iter().any(|name| is(entry, name)));
    Ok(())
}

/// Makes the runtime: one thread for one check, several for several, and one again where the system gives no more.
fn runtime(checks: usize, concurrency: usize) -> Result<Runtime, Refusal> {
    if checks.min(concurrency) <= 1 {
        return small_runtime();
    }
    descriptors_are_left().map_err(no_runtime)?;
    let cores = std::thread::available_parallelism().map_or(2, NonZero::get);
    let workers = cores.clamp(2, 16);
    if !threads_are_left(workers + 1) {
        return small_runtime();
    }
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .or_else(|_| small_runtime())
}

/// Tells whether so many threads can be made. A runtime that is refused one panics, so it is tried before.
fn threads_are_left(count: usize) -> bool {
    let gate = std::sync::RwLock::new(());
    std::thread::scope(|scope| {
        let closed = gate.write();
        let all = (0..count).all(|_| {
            let waiting = std::thread::Builder::new().stack_size(16 * 1024).spawn_scoped(scope, || drop(gate.read()));
            waiting.is_ok()
        });
        drop(closed);
        all
    })
}

impl Session<'_> {
    /// Makes the line that tells what a run waits for, if somebody sees it.
    fn progress(&self, checks: usize) -> Option<Arc<Progress>> {
        if self.options.quiet || self.options.log.is_some() || !self.owns_process {
            return None;
        }
        let width = self.console.progress_width()?;
        Some(Progress::new(checks, width, self.console.unicode()))
    }
}
