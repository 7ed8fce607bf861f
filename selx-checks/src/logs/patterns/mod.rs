//! The kind `logs-patterns`: what stands in logs, counted by the time in the lines.

mod config;
mod containers;
mod discover;
mod facts;
mod journal;
mod judge;
mod look;
mod opening;
mod passed_over;
mod preset;
mod probe;
mod shapes;

use selx_core::{
    Area, Check, Code, Context, Discovery, Judgement, Judging, Limit, Limits, Measure, MeasureDoc, Meta, Result, Unit,
};

pub use config::{Config, Expression, PatternConfig, Patterns, Presets, Samples, Text, Window, Zone};
pub use containers::Containers;
pub use facts::{Facts, FileSeen, Part, PatternSeen, SampleSeen, ShapeSeen, Trouble};
pub use journal::Journal;
pub use preset::Preset;

/// What stands in logs.
#[derive(Debug)]
pub struct LogsPatterns(Config);

impl Check for LogsPatterns {
    type Config = Config;
    type Facts = Facts;

    const META: Meta = Meta::new(
        "logs-patterns",
        Area::Logs,
        "errors, failed logins and other patterns in logs, by the time in the lines",
    )
    .readme(include_str!("README.md"))
    .sample(include_str!("sample.toml"))
    .remembers()
    .needs("to read the logs: root, or the group `adm` as a rule")
    .codes(&[
        Code::new(
            "nothing-there",
            "No file belongs to a path or pattern, or to any.",
            "Correct `paths`, or see why the program does not write its log.",
        ),
        Code::new(
            "not-readable",
            "A file or folder of logs could not be read.",
            "Run selx as root or in the group that may read it, or leave the file out with `exclude`.",
        ),
        Code::new(
            "not-searchable",
            "A file was read and cannot be searched: for its packing, its encoding, or reports of selx in it.",
            "Pack logs with gzip, zstd or xz, write them as UTF-8, give reports of selx a file of their own; or leave the \
             file out with `exclude`.",
        ),
        Code::new(
            "read-error",
            "The disk or the system failed in the middle of a file; counts are of what was read before.",
            "Look for disk errors in the kernel log.",
        ),
        Code::new(
            "broken",
            "A compressed log is damaged, or unpacks to more than anything plausible.",
            "Look at the file with `gzip -t`; what it held is lost, perhaps. Move it away once you have.",
        ),
        Code::new(
            "gap",
            "A log that was read at the last look is gone, and with it what was written to it afterwards.",
            "Run the check more often than logs are rotated away, or keep more rotated files.",
        ),
        Code::new(
            "limit",
            "A limit was reached before everything was looked at.",
            "Narrow `paths`, or raise `most-files`.",
        ),
        Code::new(
            "silent",
            "There are logs, and nothing was written to any of them in the window.",
            "See whether the programs run and where they write to now.",
        ),
        Code::new(
            "undated",
            "Lines match that have no time which is known here.",
            "Let the program write its times in ISO 8601, or use `window = \"since-last\"`, which needs none.",
        ),
        Code::new(
            "in-future",
            "Lines are dated after now.",
            "Set `zone` to that of the program, or look at the clocks.",
        ),
        Code::new(
            "clock-twice",
            "Lines are of the hour that comes twice when clocks are set back.",
            "Let the program write its zone or UTC into the lines.",
        ),
        Code::new(
            "long-lines",
            "Lines are too long to be looked at in one piece.",
            "See what writes them; a match that is longer than 4 KiB may be missed in them.",
        ),
        Code::new(
            "new-shape",
            "Messages of a shape came that was never seen before.",
            "Read the line; it is often the first sign of a new trouble.",
        ),
        Code::new(
            "grown-shape",
            "There are at least three times as many messages of a shape as at the last look.",
            "Read the line, and what happened since.",
        ),
        Code::new(
            "gone-shape",
            "Messages of a shape that were many at the last look came no more.",
            "If they were a trouble, it is over; if they were a sign of life, see what ended.",
        ),
        Code::new(
            "many-shapes",
            "There are more shapes of messages than are told apart.",
            "Narrow the patterns; some program writes texts that change in every line.",
        ),
    ])
    .measures(&[
        MeasureDoc::new(
            "events",
            Unit::Count,
            "number of events that match a pattern in the window",
            "Read the newest lines with `-v`.",
        ),
        MeasureDoc::new(
            "new-shapes",
            Unit::Count,
            "number of shapes of messages that were never seen before",
            "Read one line of each.",
        ),
        MeasureDoc::new("read", Unit::Bytes, "amount of log that was read", "See which log grew; `logs-sizes` tells."),
    ]);

    fn new(config: Config) -> Self {
        Self(config)
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        probe::probe(&self.0, cx).await
    }

    fn judge(&self, facts: &Facts, _: &Judging<Facts>) -> Judgement {
        judge::judge(facts)
    }

    fn measure(&self, facts: &Facts, _: &Judging<Facts>) -> Vec<Measure> {
        judge::measure(facts)
    }

    fn limits(&self) -> Limits {
        Limits::default().set("events@critical", Limit::new(Unit::Count, "0", ""))
    }

    async fn discover(cx: &Context) -> Discovery {
        discover::discover(cx).await
    }
}
