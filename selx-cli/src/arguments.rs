//! The command line: its words, and the flags of `check KIND`, which come from the kind's settings.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use selx_core::TimeSpan;
use selx_core::action::ShortHash;
use selx_core::format::Format;

use crate::console::Color;

/// Checks for the maintenance of servers: hosts, web endpoints, products in Compose.
#[derive(Debug, Parser)]
#[command(
    name = "selx",
    version,
    max_term_width = 100,
    after_help = "Exit codes of `run` and `check`: 0 ok, 1 warning, 2 critical, 3 unknown (and every error). \
                  `act` has its own: `selx explain exit-codes` has all of them."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Options {
    /// The configuration file. Without it: $SELX_CONFIG, ./selx.toml, the user's and the system's configuration folder
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// How the answer is written. `check` without it: human on a terminal, nagios elsewhere; everything else: human
    #[arg(long, global = true, value_name = "FORMAT", value_parser = format_parser())]
    pub(crate) format: Option<Format>,
    /// Write the answer to this file, whole or not at all, instead of standard output
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Say more: also what is fine, with its numbers; twice: with evidence
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Print nothing if the exit code is 0 (for cron, which mails what is printed)
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// Log to standard error what the program does: error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log: Option<tracing::Level>,
}

/// Options of `run` and `check`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of a run")]
pub(crate) struct RunOptions {
    /// How long one attempt of a check may take, such as 10s
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) timeout: Option<TimeSpan>,
    /// How long the whole run may take
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) deadline: Option<TimeSpan>,
    /// How many checks run at the same time
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) concurrency: Option<u16>,
    /// Keep what was seen in this file, so that it can be judged again
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    pub(crate) record: Option<PathBuf>,
    /// Judge what was seen in a recorded run instead of looking, with the limits of today
    #[arg(long, value_name = "FILE")]
    pub(crate) replay: Option<PathBuf>,
    /// Neither read nor write the history; rates and lasting breaches are then not known
    #[arg(long)]
    pub(crate) no_history: bool,
    /// Where the history is [default: /var/lib/selx for root, ~/.local/state/selx for others]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) state_dir: Option<PathBuf>,
}

/// Options of the commands that change something.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of an action")]
pub(crate) struct ActOptions {
    /// How long planning and applying one action may take, such as 1h
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) timeout: Option<TimeSpan>,
    /// Where journals, locks and the stop file are [default: /var/lib/selx for root, ~/.local/state/selx for others]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) state_dir: Option<PathBuf>,
}

/// How a plan is confirmed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Confirming")]
pub(crate) struct Confirming {
    /// Apply the plan that has this hash: the one that was shown, as long as it is still the same
    #[arg(long, value_name = "HASH", conflicts_with_all = ["plan", "permitted", "save"])]
    pub(crate) apply: Option<ShortHash>,
    /// Apply the plan of this file, which `--save` wrote not more than 15 minutes ago
    #[arg(long, value_name = "FILE", conflicts_with_all = ["permitted", "save", "names"])]
    pub(crate) plan: Option<PathBuf>,
    /// Apply what `permit` of the configuration allows, without asking: for cron
    #[arg(long, conflicts_with = "save")]
    pub(crate) permitted: bool,
    /// Write the plan into this file as well, for `--plan`
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a routine (daily, weekly, …) or checks by name and report
    ///
    /// A name is a routine, a kind (`http`), the name of a check (`api`) or both (`http.api`). Without a configuration
    /// file the host is looked over first and what it has is checked with the usual limits.
    Run {
        /// Routines, kinds or names of checks
        #[arg(required = true, value_name = "ROUTINE|NAME")]
        names: Vec<String>,
        #[command(flatten)]
        run: RunOptions,
    },
    /// Run one check without a configuration file: `selx check host-disk --paths /`
    ///
    /// `selx check KIND --help` lists the settings of that kind. The answer is for people on a terminal and in the form of
    /// a monitoring plugin elsewhere.
    Check {
        /// The kind; `selx list` names them. Its settings follow as options
        kind: String,
        /// The name under which its history is kept; without it, one that follows from the settings
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Where a measure is a warning, such as `80%` or `used=80%` (repeatable)
        #[arg(long, value_name = "[MEASURE=]RANGE", help_heading = "Limits", allow_hyphen_values = true)]
        warning: Vec<String>,
        /// Where a measure is critical, such as `85%` or `used=85%` (repeatable)
        #[arg(long, value_name = "[MEASURE=]RANGE", help_heading = "Limits", allow_hyphen_values = true)]
        critical: Vec<String>,
        #[command(flatten)]
        run: RunOptions,
    },
    /// Show what actions of the configuration would do; do it once it is confirmed
    ///
    /// A name is a kind (`logs-clean`), the name of an action (`shop`) or both (`logs-clean.shop`). Without a confirmation
    /// nothing is changed: the plan is made without the right to write. On a terminal it asks. Exit codes: 0 done or nothing to
    /// do, 4 done but for what a rule left alone, 10 planned, 11 to 15 not allowed, 20 to 23 failed; `selx explain exit-codes`.
    Act {
        /// Kinds or names of actions
        #[arg(value_name = "NAME", required_unless_present = "plan")]
        names: Vec<String>,
        #[command(flatten)]
        confirming: Confirming,
        #[command(flatten)]
        act: ActOptions,
    },
    /// Find out how far a run came that did not end, and finish it or take it back; without RUN, list such runs
    Recover {
        /// The run, as the list names it
        run: Option<String>,
        /// Change nothing: a person has looked, and the run is closed as it is
        #[arg(long, requires = "run")]
        as_it_is: bool,
        #[command(flatten)]
        act: ActOptions,
    },
    /// Stop all actions of this machine until `selx start`: none begins, none begins a further step
    Stop {
        /// Why, for whoever meets it
        #[arg(value_name = "REASON")]
        reason: Vec<String>,
        #[command(flatten)]
        act: ActOptions,
    },
    /// Allow actions again
    Start {
        #[command(flatten)]
        act: ActOptions,
    },
    /// List the kinds there are, or the checks and actions of the configuration
    List {
        /// The checks of the configuration instead of the kinds
        #[arg(long)]
        checks: bool,
        /// The actions of the configuration instead of the kinds
        #[arg(long, conflicts_with = "checks")]
        actions: bool,
    },
    /// Print the page of a kind, with its settings, measures and codes
    ///
    /// `selx explain configuration` has all that the file may say, `selx explain topics` names the other pages.
    Explain {
        /// A kind, or a page that `topics` names; without one, `topics`
        #[arg(default_value = "topics")]
        topic: String,
    },
    /// Look this host over and write a configuration file for it
    Init {
        /// Where to write it; `-` is standard output
        #[arg(default_value = "selx.toml", value_name = "FILE|-")]
        file: PathBuf,
    },
    /// Read a configuration file and tell everything that is wrong with it; nothing is run
    Validate {
        /// The file; without it the one that a run would use
        file: Option<PathBuf>,
    },
    /// Print the JSON Schema of the configuration file, for editors
    Schema,
    /// Tell what this host lacks for the checks: rights, files, clock, history, configuration
    Doctor {
        /// Where the history is [default: /var/lib/selx for root, ~/.local/state/selx for others]
        #[arg(long, value_name = "FOLDER")]
        state_dir: Option<PathBuf>,
    },
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

impl Command {
    /// Tells whether a command of this name changes something, which has exit codes of its own.
    pub(crate) fn changes(name: &str) -> bool {
        matches!(name, "act" | "recover" | "stop" | "start")
    }
}

fn time(text: &str) -> Result<TimeSpan, String> {
    let span: TimeSpan = text.parse()?;
    // As in a file: in no time nothing can be seen.
    if span.get().is_zero() { Err("it is more than zero".to_owned()) } else { Ok(span) }
}

fn format_parser() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(|format| format.as_str())).try_map(|text| text.parse())
}
