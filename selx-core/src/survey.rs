//! Looking a host over: what every kind found out about it, as checks to run and as a file to keep.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use serde_json::Value;

use crate::check::{BoxFuture, DynCheck, Judged, Judging};
use crate::config::{self, ConfigErrors};
use crate::context::Context;
use crate::discovery::{Discovery, Proposal};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::limit::Limits;
use crate::meta::{Id, Meta};
use crate::registry::Registry;
use crate::suite::{Instance, Suite};

/// What one kind found out about a host.
#[derive(Clone, Debug)]
pub struct Surveyed {
    /// The kind.
    pub meta: Meta,
    /// What it found.
    pub discovery: Discovery,
}

/// What all kinds found out about a host, in the order of their names.
#[derive(Clone, Debug)]
pub struct Survey(pub Vec<Surveyed>);

/// The name of the check that stands for a kind of which there is nothing here.
const ANY: &str = "any";

impl Survey {
    /// Asks every kind, side by side, within the time of the context. It only reads.
    ///
    /// A kind that does not answer in time, or panics, is unclear; it does not keep the others from being asked.
    ///
    /// Must be called inside a tokio runtime with time enabled.
    pub async fn of(registry: &Registry, cx: &Context) -> Self {
        let asked = registry.kinds().map(|kind| async move {
            let found = AssertUnwindSafe(kind.discover(cx)).catch_unwind();
            let discovery = match cx.within("discovery", found).await {
                Ok(Ok(discovery)) => discovery,
                Ok(Err(_)) => Discovery::Unclear("looking for it panicked, which is a bug".into()),
                Err(error) => Discovery::Unclear(format!("looking for it did not end: {}", error.message())),
            };
            Surveyed { meta: *kind.meta(), discovery }
        });
        Self(join_all(asked).await)
    }

    /// Returns the proposals of all kinds.
    pub fn proposals(&self) -> Vec<(Id, Proposal)> {
        self.0
            .iter()
            .filter_map(|kind| match &kind.discovery {
                Discovery::Found(proposals) => Some((kind.meta.id, proposals)),
                _ => None,
            })
            .flat_map(|(id, proposals)| proposals.iter().map(move |proposal| (id, proposal.clone())))
            .collect()
    }

    /// Makes checks of what was found.
    ///
    /// A kind of which there is nothing here becomes a check that is skipped and says why, so that a report names it; one
    /// that could not be asked becomes a check that is unknown. Neither is ever fine.
    ///
    /// # Errors
    ///
    /// If a kind proposes settings that it does not accept: a bug of that kind.
    pub fn suite(&self, registry: &Registry) -> Result<Suite, ConfigErrors> {
        let mut suite = config::from_proposals(registry, &self.proposals())?;
        for kind in &self.0 {
            let failure = match &kind.discovery {
                Discovery::Absent(reason) => (ErrorKind::NotApplicable, reason),
                Discovery::Unclear(reason) => (ErrorKind::Local, reason),
                Discovery::Found(_) | Discovery::Manual => continue,
            };
            let check = Nothing { meta: kind.meta, kind: failure.0, reason: failure.1.clone() };
            suite.instances.push(Instance::new(Arc::new(check), ANY));
        }
        Ok(suite)
    }

    /// Writes a commented configuration file of what was found. Its limits are those of the kinds, shown as comments.
    ///
    /// # Errors
    ///
    /// If a kind proposes settings that it does not accept: a bug of that kind.
    pub fn file(&self, registry: &Registry) -> Result<String, ConfigErrors> {
        let suite = config::from_proposals(registry, &self.proposals())?;
        let mut text = String::from(
            "## Written by `selx init` from what was found on this host.\n\
             ## `##` explains. A line with one `#` shows a default or an example: take the `#` away, and change it.\n\
             ## `selx validate` reads the file and tells what is wrong in it; `selx explain KIND` has every setting of a\n\
             ## kind with an example, `selx explain configuration` the settings of the runner.\n",
        );
        for (id, proposal) in self.proposals() {
            let name = &proposal.name;
            text.push_str(&format!("\n## {}\n[check.{id}.{name}]\n", one_line(&proposal.reason)));
            let full_name = format!("{id}.{name}");
            let instance = suite.instances.iter().find(|instance| instance.full_name() == full_name);
            for (measure, limit) in instance.iter().flat_map(|instance| instance.limits.iter()) {
                text.push_str(&format!("# limits.{} = {}\n", key(measure), limit_as_toml(limit)));
            }
            if !proposal.with.trim().is_empty() {
                text.push_str(&format!("[check.{id}.{name}.with]\n{}\n", proposal.with.trim_end()));
            }
        }
        text.push_str(&self.not_found(registry));
        // The file is for somebody who trusts it at once, so it is read before anybody gets it.
        config::parse(registry, "selx.toml", &text)?;
        Ok(text)
    }

    /// Writes about the kinds of which nothing was found: why, and an example where only a person can know.
    fn not_found(&self, registry: &Registry) -> String {
        let mut text = String::new();
        for kind in &self.0 {
            let id = kind.meta.id;
            match &kind.discovery {
                Discovery::Found(_) => {}
                Discovery::Absent(reason) => {
                    text.push_str(&format!("\n## {id}: not here: {}\n", one_line(reason)));
                }
                Discovery::Unclear(reason) => {
                    text.push_str(&format!("\n## {id}: could not be found out: {}\n", one_line(reason)));
                }
                Discovery::Manual => {
                    text.push_str(&format!("\n## {id}: {}. Only you can name it; an example:\n", kind.meta.summary));
                    let sample = registry.get(id.as_str()).map_or("", |kind| kind.meta().sample);
                    for line in sample.lines().filter(|line| !line.trim().is_empty()) {
                        text.push_str(&format!("# {line}\n"));
                    }
                }
            }
        }
        text
    }
}

/// Writes a limit as it stands in a file.
pub(crate) fn limit_as_toml(limit: &crate::limit::Limit) -> String {
    let pairs = [
        ("warning", limit.warning.as_ref().map(ToString::to_string)),
        ("critical", limit.critical.as_ref().map(ToString::to_string)),
        ("for", limit.sustained.map(|span| span.to_string())),
        ("recover", limit.recover.as_ref().map(ToString::to_string)),
    ];
    let pairs: Vec<String> =
        pairs.into_iter().filter_map(|(name, value)| Some(format!("{name} = \"{}\"", value?))).collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// Writes a key, in quotes where it needs them (`used@/var`).
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.chars().all(bare) {
        name.to_owned()
    } else {
        // A JSON string is a basic string of TOML too.
        Value::from(name).to_string()
    }
}

/// Keeps a text from ending the comment it stands in.
fn one_line(text: &str) -> String {
    let flat: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    flat.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A check of something that is not here, or of which nobody knows whether it is.
struct Nothing {
    meta: Meta,
    kind: ErrorKind,
    reason: String,
}

impl DynCheck for Nothing {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn probe<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, Result<Value>> {
        let error = Error::new(self.kind, self.reason.clone()).set_retry(Retry::Never);
        Box::pin(std::future::ready(Err(error)))
    }

    fn judge(&self, _: &Value, _: &Judging<Value>) -> Result<Judged> {
        Err(Error::new(ErrorKind::Bug, "there are no facts of what is not here"))
    }

    fn limits(&self) -> Limits {
        Limits::default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::check::Check;
    use crate::finding::Judgement;
    use crate::meta::Area;
    use crate::report::Status;
    use crate::runner::Runner;

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Config {
        /// The door.
        #[serde(default)]
        #[expect(dead_code, reason = "it only has to be read")]
        door: String,
    }

    #[derive(Serialize, Deserialize)]
    struct Facts {}

    /// Makes a kind that discovers one thing.
    macro_rules! kind {
        ($name:ident, $id:literal, $found:expr) => {
            struct $name;
            impl Check for $name {
                type Config = Config;
                type Facts = Facts;
                const META: Meta = Meta::new($id, Area::Host, "a test").sample("[check.x.y]\n");
                fn new(_: Config) -> Self {
                    Self
                }
                async fn probe(&self, _: &Context) -> Result<Facts> {
                    Ok(Facts {})
                }
                fn judge(&self, _: &Facts, _: &Judging<Facts>) -> Judgement {
                    Judgement::new("seen")
                }
                async fn discover(_: &Context) -> Discovery {
                    $found
                }
            }
        };
    }

    kind!(Found, "found", Discovery::Found(vec![Proposal::new("door", "one\ndoor \u{1b}[2J", "door = \"front\"")]));
    kind!(Absent, "absent", Discovery::Absent("no such socket".into()));
    kind!(Manual, "manual", Discovery::Manual);
    kind!(Broken, "broken", panic!("a bug"));
    kind!(Slow, "slow", std::future::pending().await);
    kind!(Wrong, "wrong", Discovery::Found(vec![Proposal::new("x", "y", "dor = 1")]));

    fn registry() -> Registry {
        let mut registry = Registry::new();
        registry.check::<Found>().unwrap();
        registry.check::<Absent>().unwrap();
        registry.check::<Manual>().unwrap();
        registry.check::<Broken>().unwrap();
        registry.check::<Slow>().unwrap();
        registry
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_there_is_never_fine() {
        let registry = registry();
        let survey = Survey::of(&registry, &Context::new(Duration::from_secs(1))).await;
        let suite = survey.suite(&registry).unwrap();
        let selection = suite.select(&["daily".to_owned()]).unwrap();
        let report = Runner::new(suite.settings.clone()).run(&selection).await;
        let told: Vec<(String, Status)> =
            report.entries.iter().map(|entry| (entry.full_name(), entry.status())).collect();
        for expected in [
            ("found.door", Status::Ok),
            ("absent.any", Status::Skipped),
            ("broken.any", Status::Unknown),
            ("slow.any", Status::Unknown),
        ] {
            assert!(told.contains(&(expected.0.to_owned(), expected.1)), "{expected:?} in {told:?}");
        }
        assert_eq!(told.len(), 4, "nobody looks for what only a person can name");
    }

    #[tokio::test(start_paused = true)]
    async fn a_recorded_survey_is_judged_as_it_was() {
        let registry = registry();
        let survey = Survey::of(&registry, &Context::new(Duration::from_secs(1))).await;
        let suite = survey.suite(&registry).unwrap();
        let selection = suite.select(&["daily".to_owned()]).unwrap();
        let report = Runner::new(suite.settings.clone()).run(&selection).await;
        let again = crate::recording::Recording::of(&report).replay(&registry, None);
        for (was, is) in report.entries.iter().zip(&again.entries) {
            assert_eq!((is.status(), is.headline()), (was.status(), was.headline()), "{}", was.full_name());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_file_reads_back_and_names_everything() {
        let registry = registry();
        let survey = Survey::of(&registry, &Context::new(Duration::from_secs(1))).await;
        let text = survey.file(&registry).unwrap();
        let suite = config::parse(&registry, "selx.toml", &text).unwrap();
        assert_eq!(suite.instances.len(), 1, "{text}");
        for words in ["absent: not here: no such socket", "Only you can name it", "# [check.x.y]", "broken", "slow"] {
            assert!(text.contains(words), "`{words}` in {text}");
        }
        assert!(!text.contains('\u{1b}') && text.contains("## one door"), "{text}");
    }

    #[tokio::test]
    async fn settings_that_a_kind_does_not_accept_are_told() {
        let mut registry = Registry::new();
        registry.check::<Wrong>().unwrap();
        let survey = Survey::of(&registry, &Context::new(Duration::from_secs(1))).await;
        assert!(survey.file(&registry).is_err());
        assert!(survey.suite(&registry).is_err());
    }
}
