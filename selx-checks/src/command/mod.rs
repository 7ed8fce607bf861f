//! `command`: any program with the plugin interface of Nagios, or that prints our JSON, or that has an exit code.

mod child;
mod config;
mod input;
mod judge;
mod plugin;
mod probe;

use schemars::JsonSchema;
use selx_core::{Area, Check, Code, Context, Judgement, Judging, Measure, MeasureDoc, Meta, Result, Unit};
use serde::{Deserialize, Serialize};

pub use child::{Child, Ended, Exit, GRACE, OUTPUT_LIMIT, Output};
use config::{Argument, Directory, Environment, Program, SecretEnvironment, Size};

/// The settings of one program.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The program by its absolute path. It, and every folder above it, belongs to root or to the running user and
    /// can be changed by nobody else.
    program: Program,
    /// The arguments, passed as they are: no shell reads them. Every user of the machine can see them, so no secrets.
    #[serde(default)]
    args: Vec<Argument>,
    /// Variables of its environment, beside `PATH`, `LC_ALL`, `TZ` and `HOME`. Nothing of the environment of selx is
    /// passed on.
    #[serde(default)]
    env: Environment,
    /// Variables that hold a secret, as `env:NAME` or `file:/path`. For programs that take it in no other way.
    #[serde(default)]
    secret_env: SecretEnvironment,
    /// What its output and its exit code mean. The default is `nagios`.
    #[serde(default)]
    format: Format,
    /// Whether the performance data of a plugin becomes measures. The default is `true`.
    #[serde(default = "yes")]
    perfdata: bool,
    /// How much of each of its two outputs is kept, between 1 KiB and 4 MiB. The default is `64KiB`.
    #[serde(default)]
    output_limit: Size,
    /// Its working directory. The default is `/`.
    #[serde(default)]
    working_directory: Directory,
}

fn yes() -> bool {
    true
}

/// What the output and the exit code of a program mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// The plugin interface: exit code 0 to 3, a line, performance data.
    #[default]
    Nagios,
    /// One JSON object with a summary, findings and measures.
    Json,
    /// Exit code 0 is fine, any other is critical.
    ExitCode,
}

/// What the program did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The program as it is named in the settings.
    pub program: String,
    /// How long it was given.
    pub limit: std::time::Duration,
    /// How it ended and what it printed, without secrets.
    pub ended: Ended,
}

/// The check of one program.
#[derive(Debug)]
pub struct Command(Config);

impl Check for Command {
    type Config = Config;
    type Facts = Facts;

    const META: Meta =
        Meta::new("command", Area::Command, "a program of your own, or any monitoring plugin, says that all is well")
            .readme(include_str!("README.md"))
            .sample(include_str!("sample.toml"))
            .codes(CODES)
            .measures(MEASURES)
            .needs("to run the program, and those that the program itself needs");

    fn new(config: Config) -> Self {
        Self(config)
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        probe::run(&self.0, cx).await
    }

    fn judge(&self, facts: &Facts, _: &Judging<Facts>) -> Judgement {
        judge::judge(self.0.format, self.0.perfdata, facts)
    }

    fn measure(&self, facts: &Facts, _: &Judging<Facts>) -> Vec<Measure> {
        judge::measure(self.0.format, self.0.perfdata, facts)
    }
}

const CODES: &[Code] = &[
    Code::new(
        "plugin-warning",
        "The plugin ended with exit code 1.",
        "Its line says what it found; its own documentation says what to do.",
    ),
    Code::new(
        "plugin-critical",
        "The plugin ended with exit code 2.",
        "Its line says what it found; its own documentation says what to do.",
    ),
    Code::new(
        "plugin-unknown",
        "The plugin ended with exit code 3: it could not look.",
        "Run it by hand as the same user; often an argument or a right is missing.",
    ),
    Code::new(
        "command-failed",
        "The program ended with another exit code than 0.",
        "Run it by hand as the same user and read what it prints.",
    ),
    Code::new("reported", "The program reported a finding of its own.", "Its documentation says what to do."),
    Code::new(
        "said-nothing",
        "The plugin printed no line, which its interface asks for, so its exit code is not believed.",
        "Run it by hand as the same user; what it printed to standard error is in the evidence.",
    ),
    Code::new(
        "exit-unexpected",
        "The exit code is none of the format, or it contradicts what was printed.",
        "126 and 127 come from a shell that could not run a program; otherwise look at `format`.",
    ),
    Code::new(
        "ended-by-signal",
        "A signal ended the program.",
        "Look for a crash or the out-of-memory killer in the kernel log.",
    ),
    Code::new(
        "did-not-end",
        "The program did not end in time and was ended, so it said nothing for certain.",
        "Raise `timeout` of the check if the program needs longer, or find out what it waits for.",
    ),
    Code::new(
        "flooded",
        "The program wrote without an end and was ended.",
        "Make it print less; a plugin prints a few lines.",
    ),
    Code::new(
        "output-cut",
        "The program printed more than is kept, so part of it was not judged.",
        "Raise `output-limit`, or make the program print less.",
    ),
    Code::new(
        "output-unreadable",
        "The program did not print the JSON object that `format = \"json\"` asks for.",
        "Print one object with `summary`, `findings` and `measures`, and nothing else, to standard output.",
    ),
    Code::new(
        "perfdata-unreadable",
        "Some of the performance data does not read, so limits on it cannot be judged.",
        "Mend the plugin (`label=number`, no decimal comma), or set `perfdata = false` if its numbers are not needed.",
    ),
    Code::new(
        "left-behind",
        "A process that the program started outlived it and held its output open.",
        "Let the program wait for what it starts, or let that close its outputs.",
    ),
];

const MEASURES: &[MeasureDoc] = &[
    MeasureDoc::new(
        "value",
        Unit::Count,
        "plain number that the program gave, under its label",
        "The program's own documentation says what the number means.",
    ),
    MeasureDoc::new(
        "bytes",
        Unit::Bytes,
        "size that the program gave, under its label",
        "The program's own documentation says what the size means.",
    ),
    MeasureDoc::new(
        "seconds",
        Unit::Seconds,
        "time that the program gave, under its label",
        "The program's own documentation says what the time means.",
    ),
    MeasureDoc::new(
        "share",
        Unit::Ratio,
        "percentage that the program gave, under its label",
        "The program's own documentation says what the share means.",
    ),
    MeasureDoc::new(
        "counter",
        Unit::Count,
        "counter that the program gave, under its label; it only grows",
        "The program's own documentation says what is counted.",
    ),
];

#[cfg(test)]
mod tests {
    #[test]
    fn contract() {
        selx_core::contract::check::<super::Command>(concat!(env!("CARGO_MANIFEST_DIR"), "/src/command"));
    }
}
