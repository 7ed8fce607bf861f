//! What a process sees to before it does anything: panics, signals, core dumps.

use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use selx_core::Secrets;
use selx_core::exit_codes;
use tokio_util::sync::CancellationToken;

/// The secrets that a panic's text must not show: it leaves through a hook that belongs to the whole process.
static SECRETS: OnceLock<Arc<Secrets>> = OnceLock::new();

/// Makes every panic one line on standard error and no backtrace.
pub(crate) fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        use std::io::Write as _;
        let _ = std::io::stderr().write_all(panic_line(panic).as_bytes());
    }));
}

fn panic_line(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map_or_else(|| "unknown place".to_owned(), ToString::to_string);
    let said = panic
        .payload()
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.payload().downcast_ref::<String>().cloned())
        .unwrap_or_default();
    let said = SECRETS.get().and_then(|secrets| secrets.redact(&said)).unwrap_or(said);
    let said: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("selx: bug: {said} ({place}); please report this line\n")
}

/// Keeps what this process will read in memory out of core dumps and away from debuggers of other users.
pub(crate) fn hide_memory(secrets: &Arc<Secrets>) {
    use rustix::process::{DumpableBehavior, Resource, Rlimit};
    let _ = SECRETS.set(Arc::clone(secrets));
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // A core dump into a pipe does not look at the limit, hence both. Neither can fail for a process about itself.
    let _ = rustix::process::setrlimit(Resource::Core, none);
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Has a write beyond the limit for file sizes fail with an error, which is told, instead of ending the process.
pub(crate) fn survive_size_limit() {
    // A handler rather than "ignore", so that programs we start have the usual behaviour.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

/// Whether there was an interrupt. Handlers last as long as the process, so there is one for all runs.
static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Has the first `SIGINT` or `SIGTERM` cancel a run, so that it reports what it has; a second one ends the process at
/// once. Must be called inside a runtime.
///
/// # Errors
///
/// If the system has no room for a handler.
pub(crate) fn cancel_on_interrupt(cancel: &CancellationToken) -> std::io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use tokio::signal::unix::{SignalKind, signal};
    if INTERRUPTED.get().is_none() {
        let seen = Arc::new(AtomicBool::new(false));
        for number in [SIGINT, SIGTERM] {
            // In this order: the signal that sets the flag must not find it set. Both act inside the handler, so that
            // they work even while a check holds the runtime's only thread.
            let code = i32::from(exit_codes::UNKNOWN);
            signal_hook::flag::register_conditional_shutdown(number, code, Arc::clone(&seen))?;
            signal_hook::flag::register(number, Arc::clone(&seen))?;
        }
        let _ = INTERRUPTED.set(seen);
    }
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let mut stream = signal(kind)?;
        let cancel = cancel.clone();
        tokio::spawn(async move {
            if stream.recv().await.is_some() {
                cancel.cancel();
            }
        });
    }
    Ok(())
}

/// Has every `SIGINT`, `SIGTERM` and `SIGHUP` end an action after the step at hand. None of them ends the process: a step that
/// is torn is worse than one that is waited for, and its time is bounded. Must be called inside a runtime.
///
/// # Errors
///
/// If the system has no room for a handler.
pub(crate) fn stop_on_interrupt(cancel: &CancellationToken) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let mut stream = signal(kind)?;
        let cancel = cancel.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                cancel.cancel();
            }
        });
    }
    Ok(())
}

/// Has the next interrupt end the process at once, as there is no run left to cancel: who reads the answer may be
/// stuck. Returns whether there was an interrupt before.
pub(crate) fn end_on_interrupt() -> bool {
    INTERRUPTED.get().is_some_and(|seen| seen.swap(true, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_tells_no_secret() {
        let folder = std::env::temp_dir().join(format!("selx-panic-{}", std::process::id()));
        std::fs::write(&folder, "canary \"7d3f\"\n").unwrap();
        std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let secrets = Arc::new(Secrets::default());
        let secret = secrets.get(&format!("file:{}", folder.display()).parse().unwrap()).unwrap();
        std::fs::remove_file(&folder).unwrap();
        assert!(SECRETS.set(Arc::clone(&secrets)).is_ok());
        let (sender, lines) = std::sync::mpsc::channel();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let _ = sender.send(panic_line(panic));
        }));
        let raw = std::panic::catch_unwind(|| panic!("with {}\nand more", secret.expose()));
        let quoted = std::panic::catch_unwind(|| panic!("with {:?}", secret.expose()));
        std::panic::set_hook(before);
        assert!(raw.is_err() && quoted.is_err());
        // Other tests of this process may panic on purpose at the same time.
        let lines: Vec<String> = lines.try_iter().filter(|line| line.contains("with ")).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        for line in lines {
            assert!(
                line.starts_with("selx: bug: with ") && line.contains("[secret]") && !line.contains("7d3f"),
                "{line}"
            );
            assert_eq!(line.matches('\n').count(), 1);
        }
    }
}
