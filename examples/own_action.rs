//! An action of one's own: it puts a page in the place of a product while work is done on it.
//!
//! `cargo run --example own_action -- act shop --config FILE`, where the file says:
//!
//! ```toml
//! [action.maintenance-page.shop]
//! with = { page = "/srv/shop/public/maintenance.html", text = "Back at five." }
//! ```

use std::io::{ErrorKind as Io, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use schemars::JsonSchema;
use selx_core::action::{Action, Applied, Permit, Plan, Planned, Refused, Risk, Seen, Undo};
use selx_core::{Area, Code, Context, Duplicate, Error, Finding, Meta, Registry, Result};
use serde::{Deserialize, Serialize};

/// The settings.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// The file that the web server shows while it is there.
    page: PathBuf,
    /// What stands in it.
    text: String,
}

/// One step: everything that it takes to do it, and to know whether it was done.
#[derive(Serialize, Deserialize)]
struct Step {
    page: PathBuf,
    text: String,
}

struct MaintenancePage(Config);

impl Action for MaintenancePage {
    type Config = Config;
    type Step = Step;
    const META: Meta = Meta::new("maintenance-page", Area::Http, "shows a page in the place of a product")
        .codes(&[Code::new("not-shown", "The page is not there.", "Look who else writes to its folder.")]);

    fn new(config: Config) -> Self {
        Self(config)
    }

    /// Two runs on the same folder never meet.
    fn resources(&self) -> Vec<String> {
        vec![format!("files:{}", self.0.page.parent().unwrap_or(&self.0.page).display())]
    }

    /// It only looks; `selx act` makes it in a thread that may not write.
    async fn plan(&self, _: &Context) -> Result<Plan<Step>> {
        let Config { page, text } = &self.0;
        let step = Step { page: page.clone(), text: text.clone() };
        let shown = page.display().to_string();
        let planned = Planned {
            what: format!("show the page {shown}: {text}"),
            target: shown.clone(),
            risk: Risk::Disruptive,
            bytes: None,
            seconds: None,
            locks: Vec::new(),
            undo: Undo::Possible(format!("take {shown} away")),
            not_simulated: Vec::new(),
            step,
        };
        Ok(match look(&planned.step)? {
            Seen::Before => Plan::of(vec![planned]),
            Seen::After => Plan::of(Vec::new()),
            Seen::Partial(why) | Seen::Unknown(why) => {
                let refused = Refused { why, advice: format!("look at {}, and move it away", planned.target) };
                Plan { refused: vec![refused], ..Plan::of(Vec::new()) }
            }
        })
    }

    async fn apply(&self, step: &Step, _: &Permit, _: &Context) -> Result<Applied> {
        // Never over a file that somebody else has put there.
        let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(&step.page);
        match made.and_then(|mut file| file.write_all(step.text.as_bytes()).and_then(|()| file.sync_all())) {
            Ok(()) => Ok(Applied::Changed("the page is shown".to_owned())),
            Err(error) if error.kind() == Io::AlreadyExists => Ok(Applied::AlreadyDone),
            Err(error) => Err(Error::from_io(error, format!("`{}`", step.page.display()))),
        }
    }

    /// After a crash this is asked, and nothing else.
    async fn probe(&self, step: &Step, _: &Context) -> Result<Seen> {
        look(step)
    }

    async fn undo(&self, step: &Step, _: &Permit, _: &Context) -> Result<Applied> {
        match std::fs::remove_file(&step.page) {
            Ok(()) => Ok(Applied::Changed("the page was taken away".to_owned())),
            Err(error) if error.kind() == Io::NotFound => Ok(Applied::AlreadyDone),
            Err(error) => Err(Error::from_io(error, format!("`{}`", step.page.display()))),
        }
    }

    async fn verify(&self, done: &[Step], _: &Context) -> Result<Vec<Finding>> {
        let missing = done.iter().filter(|step| !step.page.is_file());
        Ok(missing
            .map(|step| Finding::critical("not-shown", step.page.display().to_string(), "is not there"))
            .collect())
    }
}

fn look(step: &Step) -> Result<Seen> {
    match std::fs::read(&step.page) {
        Ok(bytes) if bytes == step.text.as_bytes() => Ok(Seen::After),
        Ok(_) => Ok(Seen::Partial("another text stands there, or a part of it".to_owned())),
        Err(error) if error.kind() == Io::NotFound => Ok(Seen::Before),
        Err(error) => Err(Error::from_io(error, format!("`{}`", step.page.display()))),
    }
}

fn register(registry: &mut Registry) -> Result<(), Duplicate> {
    registry.action::<MaintenancePage>().map(drop)
}

fn main() -> std::process::ExitCode {
    selx_cli::Program::new().with(selx_checks::register).with(register).main()
}
