//! The program: kinds in, exit code out.

use std::ffi::OsString;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, FromArgMatches as _};
use selx_core::{Duplicate, Meta, Registry, Secrets, exit_codes};

use crate::answer::{Refusal, deliver, refuse};
use crate::arguments::{Arguments, Command};
use crate::command;
use crate::console::{Color, Console};
use crate::flags;
use crate::process;
use crate::session::{Session, unknown_kind};

/// A function that registers kinds.
type Register = fn(&mut Registry) -> Result<(), Duplicate>;

/// A command line with the kinds that it knows.
///
/// ```
/// use selx_cli::{Console, Program};
/// let program = Program::new().with(selx_checks::register);
/// let code = program.run(["selx", "list"], &mut Console::to(Vec::new(), Vec::new()));
/// assert_eq!(code, selx_core::exit_codes::OK);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Program {
    registers: Vec<Register>,
}

impl Program {
    /// Makes a program without kinds.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds kinds.
    #[must_use]
    pub fn with(mut self, register: Register) -> Self {
        self.registers.push(register);
        self
    }

    /// Runs the process: its arguments, its output, its signals. The code is one of [`exit_codes`], whatever happens.
    pub fn main(self) -> ExitCode {
        // The standard library has opened /dev/null for every one of the descriptors 0 to 2 that was closed, and ignores
        // SIGPIPE: both before anything of ours runs. `tests/cli` holds it to that.
        process::tell_panics();
        process::survive_size_limit();
        let secrets = Arc::new(Secrets::default());
        process::hide_memory(&secrets);
        let mut console = Console::of_process();
        ExitCode::from(self.guarded(std::env::args_os().collect(), &mut console, secrets))
    }

    /// Runs a command line of this process. A panic is a bug, and to a scheduler it is unknown.
    fn guarded(&self, arguments: Vec<OsString>, console: &mut Console, secrets: Arc<Secrets>) -> u8 {
        let bug = if changes(&arguments) { exit_codes::BUG } else { exit_codes::UNKNOWN };
        let code = std::panic::catch_unwind(AssertUnwindSafe(|| self.dispatch(arguments, console, secrets, true)));
        code.unwrap_or(bug)
    }

    /// Runs one command line inside another program and returns its exit code. The first argument is the program's name.
    ///
    /// It reads the environment, the files that a configuration names and the host; it writes to the console and where
    /// the arguments say. Signals, limits and the panic hook of the process are left alone.
    pub fn run<I, A>(&self, arguments: I, console: &mut Console) -> u8
    where
        I: IntoIterator<Item = A>,
        A: Into<OsString>,
    {
        let arguments = arguments.into_iter().map(Into::into).collect();
        self.dispatch(arguments, console, Arc::default(), false)
    }

    fn dispatch(&self, raw: Vec<OsString>, console: &mut Console, secrets: Arc<Secrets>, owns_process: bool) -> u8 {
        // Codes 1 to 3 say how a look went, and nothing about a change.
        let wrong = if changes(&raw) { exit_codes::USAGE } else { exit_codes::UNKNOWN };
        let mut registry = Registry::new();
        for register in &self.registers {
            if let Err(error) = register(&mut registry) {
                console.complain(&format!("selx: {error}; two plugins have the same kind\n"));
                return if wrong == exit_codes::USAGE { exit_codes::BUG } else { wrong };
            }
        }
        let mut grammar = Arguments::command();
        let named = flags::kind_of(&raw, &grammar);
        let kind = named.as_deref().and_then(|name| registry.get(name));
        if let (Some(name), None) = (&named, kind) {
            // Said before the line is parsed: without the kind every setting of it would look wrong.
            return refuse(console, Color::Auto, &unknown_kind(&registry, name));
        }
        let mut settings = Vec::new();
        if let Some(kind) = kind {
            let meta = kind.meta();
            settings = flags::of(&registry, meta.id.as_str(), &grammar);
            grammar = flags::added(grammar, meta, &settings);
        }
        let matches = match grammar.try_get_matches_from(raw) {
            Ok(matches) => matches,
            Err(error) => return told_by_clap(console, &error, kind.map(|kind| kind.meta()), wrong),
        };
        let arguments = match Arguments::from_arg_matches(&matches) {
            Ok(arguments) => arguments,
            Err(error) => return told_by_clap(console, &error, None, wrong),
        };
        let options = arguments.options;
        if let Some(level) = options.log {
            log(level, console.error_colours(options.color), &secrets);
        }
        let mut session = Session { registry: &registry, options: &options, console, secrets, owns_process };
        let answer = match arguments.command {
            Command::Run { names, run } => command::run::routine(&mut session, &names, &run),
            Command::Check { kind, name, warning, critical, run } => {
                let given = matches
                    .subcommand_matches("check")
                    .map(|matches| flags::given(&settings, matches))
                    .unwrap_or_default();
                let asked = command::run::Asked { kind, name, given, warning, critical };
                command::run::check(&mut session, &asked, &run)
            }
            Command::Act { names, confirming, act } => command::act::act(&mut session, &names, &confirming, &act),
            Command::Recover { run, as_it_is, act } => {
                command::recover::recover(&mut session, run.as_deref(), as_it_is, &act)
            }
            Command::Stop { reason, act } => command::stop::stop(&session, &reason.join(" "), &act),
            Command::Start { act } => command::stop::start(&session, &act),
            Command::List { checks, actions } => command::list::list(&mut session, checks, actions),
            Command::Explain { topic } => command::explain::explain(&mut session, &topic),
            Command::Init { file } => command::init::init(&mut session, &file),
            Command::Validate { file } => command::validate::validate(&mut session, file),
            Command::Schema => command::print::schema(&session),
            Command::Doctor { state_dir } => command::doctor::doctor(&mut session, state_dir),
            Command::Completions { shell } => command::print::completions(&session, shell),
            Command::Man => command::print::man(&session),
        };
        match answer {
            Ok(answer) => deliver(console, &options, &answer),
            Err(refusal) => refuse(console, options.color, &refusal.code(wrong)),
        }
    }
}

/// Tells whether a command line is one that changes something.
fn changes(arguments: &[OsString]) -> bool {
    // Most command lines have none of the words, and the grammar takes its time.
    arguments.iter().skip(1).filter_map(|word| word.to_str()).any(Command::changes)
        && flags::command_of(arguments, &Arguments::command()).is_some_and(|command| Command::changes(&command))
}

/// Prints what clap has to say: help and version are answers, everything else is a wrong command line.
fn told_by_clap(console: &mut Console, error: &clap::Error, kind: Option<&Meta>, wrong: u8) -> u8 {
    if let Some(refusal) = unknown_option(error, kind) {
        return refuse(console, Color::Auto, &refusal.code(wrong));
    }
    // The options are not known yet; the environment and the terminal decide.
    let text = error.render();
    if error.use_stderr() {
        let text = if console.error_colours(Color::Auto) { text.ansi().to_string() } else { text.to_string() };
        console.complain(&text);
        return wrong;
    }
    let text = if console.colours(Color::Auto) { text.ansi().to_string() } else { text.to_string() };
    match console.print(text.as_bytes()) {
        Ok(()) => exit_codes::OK,
        Err(error) => {
            console.complain(&format!("selx: standard output cannot be written: {error}\n"));
            exit_codes::UNKNOWN
        }
    }
}

/// Says which option there is not. The usual words for it suggest to pass it on as a value, which never helps here.
fn unknown_option(error: &clap::Error, kind: Option<&Meta>) -> Option<Refusal> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let text = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let given = text(ContextKind::InvalidArg)?;
    let mut advice = match text(ContextKind::SuggestedArg) {
        Some(meant) => format!("is `{meant}` meant? "),
        None => String::new(),
    };
    Some(match kind {
        Some(meta) => {
            advice.push_str(&format!("`selx check {} --help` lists its settings", meta.id));
            Refusal::new(format!("`{}` has no setting or option `{given}`", meta.id)).advice(advice)
        }
        None => {
            advice.push_str("`selx COMMAND --help` lists what a command takes");
            Refusal::new(format!("there is no option or argument `{given}` here")).advice(advice)
        }
    })
}

fn log(level: tracing::Level, colours: bool, secrets: &Arc<Secrets>) {
    let secrets = Arc::clone(secrets);
    let writer = move || Log(Arc::clone(&secrets));
    // A second program in the same process keeps the first one's log.
    let _ = tracing_subscriber::fmt().with_max_level(level).with_writer(writer).with_ansi(colours).try_init();
}

/// Standard error without secrets, whoever logs them. An event arrives in one piece.
struct Log(Arc<Secrets>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let clean = self.0.redact(&String::from_utf8_lossy(bytes));
        std::io::stderr().write_all(clean.as_ref().map_or(bytes, |text| text.as_bytes()))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_unknown() {
        let program = Program::new().with(|_| panic!("a plugin breaks"));
        let mut console = Console::to(Vec::new(), Vec::new());
        let code = program.guarded(vec!["selx".into(), "list".into()], &mut console, Arc::default());
        assert_eq!(code, exit_codes::UNKNOWN);
    }

    #[test]
    fn two_kinds_of_one_name_are_refused() {
        let program = Program::new().with(selx_checks::register).with(selx_checks::register);
        let mut console = Console::to(Vec::new(), Vec::new());
        assert_eq!(program.run(["selx", "list"], &mut console), exit_codes::UNKNOWN);
    }
}
