//! A kind of one's own beside those of selx, in a command line that has every command.
//!
//! ```sh
//! cargo run --example own_kind -- check load-file --path /proc/loadavg --warning 4
//! cargo run --example own_kind -- explain load-file
//! ```
//!
//! `docs/ADD-A-CHECK.md` makes such a kind in a crate of its own, with its page, its sample and its testcases.

use std::path::PathBuf;
use std::process::ExitCode;

use schemars::JsonSchema;
use selx_core::{
    Area, Check, Context, Duplicate, Error, ErrorKind, Judgement, Judging, Limit, Limits, Measure, MeasureDoc, Meta,
    Registry, Result, Unit,
};
use serde::{Deserialize, Serialize};

/// A file whose first word is a number.
struct LoadFile(Config);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The file whose first word is the number.
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Facts {
    number: f64,
}

impl Check for LoadFile {
    type Config = Config;
    type Facts = Facts;
    const META: Meta = Meta::new("load-file", Area::Host, "number at the beginning of a file")
        .readme("# load-file\n\nThe number at the beginning of a file, such as a load average.\n")
        .measures(&[MeasureDoc::new("number", Unit::Count, "number in the file", "Look at who writes the file.")]);

    fn new(config: Config) -> Self {
        Self(config)
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        let path = cx.host().path(&self.0.path);
        let text = std::fs::read_to_string(&path).map_err(|error| Error::from_io(error, path.display()))?;
        let word = text.split_whitespace().next().unwrap_or_default();
        let number = word.parse().map_err(|_| {
            Error::new(ErrorKind::Protocol, "does not begin with a number").with("path", path.display())
        })?;
        Ok(Facts { number })
    }

    fn judge(&self, facts: &Facts, _: &Judging<Facts>) -> Judgement {
        Judgement::new(format!("the number is {}", facts.number))
    }

    fn measure(&self, facts: &Facts, _: &Judging<Facts>) -> Vec<Measure> {
        vec![Measure::new("number", facts.number, Unit::Count)]
    }

    fn limits(&self) -> Limits {
        Limits::default().set("number", Limit::new(Unit::Count, "10", "20"))
    }
}

fn register(registry: &mut Registry) -> Result<(), Duplicate> {
    registry.check::<LoadFile>()?;
    Ok(())
}

fn main() -> ExitCode {
    selx_cli::Program::new().with(selx_checks::register).with(register).main()
}
