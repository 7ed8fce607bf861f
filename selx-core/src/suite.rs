//! What is to be run: checks made from a configuration, with their runner settings.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::action::{DynAction, Policy};
use crate::check::DynCheck;
use crate::limit::Limits;
use crate::meta::Meta;
use crate::quantity::TimeSpan;

/// The runner's settings. Their defaults stand in one commented file, which `selx explain defaults` prints.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How many checks run at the same time.
    pub concurrency: usize,
    /// How long one attempt of a check may take.
    pub timeout: Duration,
    /// How long the whole run may take.
    pub deadline: Duration,
    /// How often a check that did not pass is tried again.
    pub retries: u32,
    /// How long to wait before trying again.
    pub retry_delay: Duration,
    /// Where the history is; `None` is the default place.
    pub state: Option<PathBuf>,
    /// Whether a history is kept.
    pub history: bool,
    /// How long the history is kept.
    pub retention: Duration,
    /// How long planning and applying one action may take.
    pub action_timeout: Duration,
}

impl Settings {
    /// Lowers the concurrency to what the limit for open files of this process has room for; `None` is no limit.
    ///
    /// A check has few files open at a time; some are kept for the history, the report and the runtime.
    pub fn fit_descriptors(&mut self, limit: Option<u64>) {
        const KEPT: u64 = 16;
        const PER_CHECK: u64 = 4;
        let room = limit.map_or(u64::MAX, |limit| limit.saturating_sub(KEPT) / PER_CHECK);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        self.concurrency = self.concurrency.min(room).max(1);
    }
}

/// One check of a configuration.
#[derive(Clone)]
pub struct Instance {
    /// The check.
    pub check: Arc<dyn DynCheck>,
    /// The name that the configuration gave it.
    pub name: String,
    /// Its limits: the kind's own with those of the configuration laid over them.
    pub limits: Limits,
    /// How long one attempt may take; `None` is the runner's setting.
    pub timeout: Option<Duration>,
    /// How often it is tried again; `None` is the runner's setting.
    pub retries: Option<u32>,
    /// The checks (`kind.name`) whose failure explains this one's.
    pub needs: Vec<String>,
    /// The routines it belongs to.
    pub routines: Vec<String>,
    /// Whether "not applicable" is a failure.
    pub required: bool,
    /// The settings as they were given.
    pub with: Value,
}

impl Instance {
    /// Makes one with the kind's own limits and routines and no settings of the runner.
    pub fn new(check: Arc<dyn DynCheck>, name: impl Into<String>) -> Self {
        let meta = *check.meta();
        Self {
            limits: check.limits(),
            check,
            name: name.into(),
            timeout: None,
            retries: None,
            needs: Vec::new(),
            routines: meta.routines.iter().map(|name| (*name).to_owned()).collect(),
            required: false,
            with: Value::Null,
        }
    }

    /// Returns what the kind says about itself.
    pub fn meta(&self) -> &Meta {
        self.check.meta()
    }

    /// Returns `kind.name`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.check.meta().id, self.name)
    }

    /// Tells whether judging it needs a history.
    pub fn remembers(&self) -> bool {
        self.check.meta().remembers || self.limits.remember()
    }
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance").field("name", &self.full_name()).finish_non_exhaustive()
    }
}

/// One action of a configuration.
#[derive(Clone)]
pub struct ActionInstance {
    /// The action.
    pub action: Arc<dyn DynAction>,
    /// The name that the configuration gave it.
    pub name: String,
    /// How long planning and applying it may take; `None` is the runner's setting.
    pub timeout: Option<Duration>,
    /// What it may do when nobody watches; `None` is nothing.
    pub permit: Option<Policy>,
    /// The settings as they were given.
    pub with: Value,
}

impl ActionInstance {
    /// Returns what the kind says about itself.
    pub fn meta(&self) -> &Meta {
        self.action.meta()
    }

    /// Returns `kind.name`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.action.meta().id, self.name)
    }
}

impl std::fmt::Debug for ActionInstance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActionInstance").field("name", &self.full_name()).finish_non_exhaustive()
    }
}

/// A named selection with a schedule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routine {
    /// The checks, by kind, by name or by `kind.name`. Empty: those that name the routine.
    pub run: Vec<String>,
    /// How often it is to run, so that a run that was missed is noticed.
    pub every: Option<TimeSpan>,
}

/// Everything that a configuration says.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The runner's settings.
    pub settings: Settings,
    /// The checks, in the order of the file.
    pub instances: Vec<Instance>,
    /// The actions, in the order of the file.
    pub actions: Vec<ActionInstance>,
    /// The routines that the file describes, by name.
    pub routines: BTreeMap<String, Routine>,
    /// The files it was read from, the main one first; empty if it was not read from a file.
    pub files: Vec<PathBuf>,
}

/// A name that selects nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing is named `{name}`{}", .nearest.as_ref().map(|name| format!("; is `{name}` meant?")).unwrap_or_default())]
pub struct NothingNamed {
    /// The name that was asked for.
    pub name: String,
    /// The nearest name there is.
    pub nearest: Option<String>,
}

/// What was selected of a suite.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The checks, in the order of the file.
    pub instances: Vec<Instance>,
    /// The routine, if exactly one routine was asked for.
    pub routine: Option<(String, Routine)>,
}

impl Selection {
    /// Selects checks that were made without a configuration.
    pub fn of(instances: impl IntoIterator<Item = Instance>) -> Self {
        Self { instances: instances.into_iter().collect(), routine: None }
    }
}

impl Suite {
    /// Selects checks by routine, kind, name or `kind.name`.
    ///
    /// # Errors
    ///
    /// Every name that selects nothing. A routine without checks is no error here: its report says so.
    pub fn select(&self, names: &[String]) -> Result<Selection, Vec<NothingNamed>> {
        let mut chosen = vec![false; self.instances.len()];
        let mut wrong = Vec::new();
        for name in names {
            let found = if self.is_routine(name) { self.members(name) } else { self.named(name) };
            if found.is_empty() && !self.is_routine(name) {
                wrong.push(NothingNamed { name: name.clone(), nearest: self.nearest(name) });
            }
            for index in found {
                if let Some(slot) = chosen.get_mut(index) {
                    *slot = true;
                }
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let routine = match names {
            [name] if self.is_routine(name) => {
                Some((name.clone(), self.routines.get(name).cloned().unwrap_or_default()))
            }
            _ => None,
        };
        let instances = self.instances.iter().zip(&chosen).filter(|(_, chosen)| **chosen);
        Ok(Selection { instances: instances.map(|(instance, _)| instance.clone()).collect(), routine })
    }

    /// Selects actions by kind, name or `kind.name`, in the order in which they are asked for, each once.
    ///
    /// # Errors
    ///
    /// Every name that selects nothing.
    pub fn select_actions(&self, names: &[String]) -> Result<Vec<ActionInstance>, Vec<NothingNamed>> {
        let mut chosen: Vec<&ActionInstance> = Vec::new();
        let mut wrong = Vec::new();
        for name in names {
            let is =
                |one: &&ActionInstance| one.meta().id.as_str() == name || one.name == *name || one.full_name() == *name;
            let found: Vec<&ActionInstance> = self.actions.iter().filter(is).collect();
            if found.is_empty() {
                let names = |one: &ActionInstance| [one.name.clone(), one.meta().id.to_string(), one.full_name()];
                let nearest = crate::nearest(name, self.actions.iter().flat_map(names));
                wrong.push(NothingNamed { name: name.clone(), nearest });
            }
            let known: Vec<String> = chosen.iter().map(|one| one.full_name()).collect();
            chosen.extend(found.into_iter().filter(|one| !known.contains(&one.full_name())));
        }
        if wrong.is_empty() { Ok(chosen.into_iter().cloned().collect()) } else { Err(wrong) }
    }

    /// Returns the names of all routines: the usual ones, those of the file, those that checks name.
    pub fn routine_names(&self) -> Vec<String> {
        let usual = ["daily", "weekly", "monthly", "quarterly", "emergency"].map(str::to_owned);
        let mut names: Vec<String> = usual
            .into_iter()
            .chain(self.routines.keys().cloned())
            .chain(self.instances.iter().flat_map(|instance| instance.routines.clone()))
            .collect();
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names
    }

    fn is_routine(&self, name: &str) -> bool {
        self.routine_names().iter().any(|routine| routine == name)
    }

    fn members(&self, routine: &str) -> Vec<usize> {
        match self.routines.get(routine) {
            Some(routine) if !routine.run.is_empty() => routine.run.iter().flat_map(|name| self.named(name)).collect(),
            _ => self.positions(|instance| instance.routines.iter().any(|name| name == routine)),
        }
    }

    /// Returns the positions of the checks that a kind, a name or a `kind.name` selects.
    pub fn named(&self, name: &str) -> Vec<usize> {
        self.positions(|instance| {
            instance.meta().id.as_str() == name || instance.name == name || instance.full_name() == name
        })
    }

    fn positions(&self, wanted: impl Fn(&Instance) -> bool) -> Vec<usize> {
        self.instances.iter().enumerate().filter(|(_, instance)| wanted(instance)).map(|(index, _)| index).collect()
    }

    fn nearest(&self, name: &str) -> Option<String> {
        let known = self.routine_names().into_iter().chain(
            self.instances
                .iter()
                .flat_map(|instance| [instance.name.clone(), instance.meta().id.to_string(), instance.full_name()]),
        );
        crate::nearest(name, known)
    }
}
