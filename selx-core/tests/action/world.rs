//! A world of things that an action changes, with a disk for journals. Both can die at any point, as under `SIGKILL`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use schemars::JsonSchema;
use selx_core::action::journal::{self, Ledger};
use selx_core::action::{
    Action, Applied, Ground, Holder, Kept, Lock, Machine, Open, Permit, Plan, Planned, Refused, Risk, Seen, Space,
    Stopped, Tried, Undo,
};
use selx_core::{Area, Context, Error, ErrorKind, Finding, Meta, Result};
use serde::{Deserialize, Serialize};

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    Before,
    Partly,
    After,
}

/// What is true, whoever asks.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) things: BTreeMap<String, (u32, Option<&'static str>)>,
    /// The files of journals, with the bytes that are on the disk.
    pub(crate) disk: BTreeMap<String, Vec<u8>>,
    pub(crate) closed: BTreeSet<String>,
    pub(crate) locks: BTreeMap<String, Option<Holder>>,
    pub(crate) stopped: Option<Stopped>,
    /// After how many more operations everything stops; none is never.
    pub(crate) dies_in: Option<usize>,
    pub(crate) dead: bool,
    /// Every change, in order.
    pub(crate) log: Vec<String>,
    /// Whether journals cannot be written any more.
    pub(crate) disk_fails: bool,
    pub(crate) lock_lost: bool,
}

impl State {
    /// Counts an operation; tells whether it still happens.
    fn lives(&mut self) -> bool {
        match &mut self.dies_in {
            _ if self.dead => return false,
            Some(0) => self.dead = true,
            Some(left) => *left -= 1,
            None => {}
        }
        !self.dead
    }
}

/// The world, in many hands.
#[derive(Clone, Default)]
pub(crate) struct World(Arc<Mutex<State>>);

impl World {
    pub(crate) fn of(names: &[&str]) -> Self {
        let world = Self::default();
        for name in names {
            world.state().things.insert((*name).to_owned(), (1, None));
        }
        world
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn thing(&self, name: &str) -> Thing {
        match self.state().things[name].1 {
            None => Thing::Before,
            Some("partly") => Thing::Partly,
            Some(_) => Thing::After,
        }
    }

    pub(crate) fn is(&self, expected: &[(&str, Thing)]) {
        for (name, thing) in expected {
            assert_eq!(self.thing(name), *thing, "{name}");
        }
    }

    /// Lets the machine be started again after its death.
    pub(crate) fn wake(&self) {
        let mut state = self.state();
        (state.dead, state.dies_in, state.disk_fails, state.lock_lost) = (false, None, false, false);
        // What a process held is free when it is dead.
        state.locks.clear();
    }

    /// The events of the only journal.
    pub(crate) fn events(&self) -> Vec<journal::Event> {
        let state = self.state();
        let bytes = state.disk.values().next().expect("a journal");
        journal::read(bytes).expect("whole").records.into_iter().map(|record| record.event).collect()
    }
}

/// Settings, which say how the action behaves.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) whole: bool,
    pub(crate) fails: Vec<String>,
    pub(crate) fails_late: Vec<String>,
    pub(crate) fails_in_part: Vec<String>,
    pub(crate) panics: Vec<String>,
    pub(crate) skips: Vec<String>,
    pub(crate) not_undone: Vec<String>,
    pub(crate) no_way_back: Vec<String>,
    pub(crate) unknown: Vec<String>,
    pub(crate) refused: Option<String>,
    pub(crate) goal: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) version: u32,
}

/// An action on all things that are as they were.
pub(crate) struct Change<const BATCH: usize>(pub(crate) Config, pub(crate) World);

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::Local, format!("the disk said no to {what}")).advice("look at the disk")
}

impl<const BATCH: usize> Action for Change<BATCH> {
    type Config = Config;
    type Step = Step;
    const META: Meta = Meta::new("change", Area::Host, "changes things");
    const BATCH: usize = BATCH;

    fn new(config: Config) -> Self {
        Self(config, World::default())
    }

    fn resources(&self) -> Vec<String> {
        vec!["things".to_owned(), "a-first".to_owned()]
    }

    async fn places(&self, _: &Context) -> Vec<PathBuf> {
        vec!["/".into()]
    }

    async fn plan(&self, _: &Context) -> Result<Plan<Step>> {
        let state = self.1.state();
        let mut steps = Vec::new();
        for (name, (version, done)) in &state.things {
            if done.is_none() {
                let undo = match self.0.no_way_back.contains(name) {
                    true => Undo::Impossible("it is gone".to_owned()),
                    false => Undo::Possible("it is put back".to_owned()),
                };
                steps.push(Planned {
                    step: Step { name: name.clone(), version: *version },
                    target: name.clone(),
                    what: format!("change {name}"),
                    risk: Risk::Destructive,
                    bytes: Some(10),
                    seconds: None,
                    locks: vec!["a lock".to_owned()],
                    undo,
                    not_simulated: vec!["what it weighs".to_owned()],
                });
            }
        }
        let done = state.things.values().filter(|(_, done)| done.is_some()).count() as u64;
        let kept =
            (done > 0).then(|| Kept { why: "changed already".into(), count: done, bytes: None, examples: vec![] });
        let refused = self.0.refused.clone().map(|why| Refused { why, advice: "let it be".into() });
        Ok(Plan {
            steps,
            whole: self.0.whole,
            kept: kept.into_iter().collect(),
            refused: refused.into_iter().collect(),
        })
    }

    async fn apply(&self, step: &Step, _: &Permit, _: &Context) -> Result<Applied> {
        let mut state = self.1.state();
        let has = |names: &[String]| names.contains(&step.name);
        if has(&self.0.skips) {
            return Ok(Applied::Skipped("in use".to_owned()));
        }
        if has(&self.0.fails) || !state.lives() {
            return Err(broken(&step.name));
        }
        assert!(!has(&self.0.panics), "a bug");
        if state.things[&step.name].1.is_some_and(|done| done != "partly") {
            return Ok(Applied::AlreadyDone);
        }
        // Two operations each: it can die between them.
        state.log.push(format!("change {}", step.name));
        if let Some(thing) = state.things.get_mut(&step.name) {
            thing.1 = Some("partly");
        }
        if has(&self.0.fails_in_part) || !state.lives() {
            return Err(broken(&step.name));
        }
        if let Some(thing) = state.things.get_mut(&step.name) {
            thing.1 = Some("after");
        }
        if has(&self.0.fails_late) || !state.lives() {
            return Err(broken(&step.name));
        }
        Ok(Applied::Changed(format!("{} changed", step.name)))
    }

    async fn probe(&self, step: &Step, _: &Context) -> Result<Seen> {
        let state = self.1.state();
        if self.0.unknown.contains(&step.name) {
            return Ok(Seen::Unknown("it cannot be seen".to_owned()));
        }
        Ok(match state.things[&step.name].1 {
            None => Seen::Before,
            Some("partly") => Seen::Partial("half of it".to_owned()),
            Some(_) => Seen::After,
        })
    }

    async fn undo(&self, step: &Step, _: &Permit, _: &Context) -> Result<Applied> {
        let mut state = self.1.state();
        if self.0.not_undone.contains(&step.name) || !state.lives() {
            return Err(broken("undoing"));
        }
        state.log.push(format!("undo {}", step.name));
        if let Some(thing) = state.things.get_mut(&step.name) {
            thing.1 = Some("partly");
        }
        if !state.lives() {
            return Err(broken("undoing"));
        }
        if let Some(thing) = state.things.get_mut(&step.name) {
            thing.1 = None;
        }
        Ok(Applied::Changed("put back".to_owned()))
    }

    async fn verify(&self, done: &[Step], _: &Context) -> Result<Vec<Finding>> {
        let mut findings = vec![Finding::info("done", "", format!("{} done", done.len()))];
        match self.0.goal.as_deref() {
            Some("critical") => findings.push(Finding::critical("goal", "", "nothing was freed")),
            Some("error") => return Err(broken("looking")),
            _ => {}
        }
        Ok(findings)
    }
}

struct Disk(World, String);

impl Ledger for Disk {
    fn append(&mut self, lines: &[u8]) -> Result<()> {
        let mut state = self.0.state();
        if state.disk_fails {
            return Err(broken("the journal"));
        }
        let was_dead = state.dead;
        let lives = state.lives();
        // Who dies while writing has written a part; who is dead writes nothing.
        let written = if lives { lines.len() } else { lines.len() / 2 };
        if !was_dead {
            let part = lines.get(..written).unwrap_or_default();
            state.disk.get_mut(&self.1).expect("it was made").extend_from_slice(part);
        }
        if lives { Ok(()) } else { Err(broken("the journal")) }
    }
}

struct Held(World, String);

impl Lock for Held {
    fn check(&self) -> Result<()> {
        if self.0.state().lock_lost { Err(broken("the lock")) } else { Ok(()) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.state().locks.remove(&self.1);
    }
}

impl Ground for World {
    fn machine(&self) -> Machine {
        Machine { name: "shop".to_owned(), id: "4711".to_owned() }
    }

    fn stopped(&self) -> Result<Option<Stopped>> {
        Ok(self.state().stopped.clone())
    }

    fn lock(&self, resource: &str, holder: &Holder) -> Result<Tried> {
        let mut state = self.state();
        if let Some(other) = state.locks.get(resource) {
            return Ok(Tried::Taken(other.clone()));
        }
        state.locks.insert(resource.to_owned(), Some(holder.clone()));
        drop(state);
        Ok(Tried::Ours(Box::new(Held(self.clone(), resource.to_owned()))))
    }

    fn open(&self) -> Result<Vec<Open>> {
        let state = self.state();
        let open = state.disk.iter().filter(|(run, _)| !state.closed.contains(*run));
        Ok(open
            .map(|(run, bytes)| Open { run: run.clone(), path: run.into(), read: journal::read(bytes), alive: false })
            .filter(|open| open.read.as_ref().is_ok_and(|read| read.end().is_none()) || open.read.is_err())
            .collect())
    }

    fn journal(&self, run: &str, _: u64) -> Result<Box<dyn Ledger>> {
        let mut state = self.state();
        if !state.lives() || state.disk_fails {
            return Err(broken("the journal"));
        }
        state.disk.insert(run.to_owned(), Vec::new());
        drop(state);
        Ok(Box::new(Disk(self.clone(), run.to_owned())))
    }

    fn reopen(&self, open: &Open) -> Result<Box<dyn Ledger>> {
        let whole = open.read.as_ref().expect("it was read").whole;
        let mut state = self.state();
        state.disk.get_mut(&open.run).expect("it is there").truncate(whole);
        drop(state);
        Ok(Box::new(Disk(self.clone(), open.run.clone())))
    }

    fn close(&self, run: &str) {
        self.state().closed.insert(run.to_owned());
    }

    fn space(&self, _: &Path) -> Option<Space> {
        Some(Space { free: 5, size: 10 })
    }
}
