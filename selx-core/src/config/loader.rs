//! From files to a suite.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::check::is_name;
use super::gather::{Wrong, gather, in_order};
use super::problem::{Place, Problem, reword, suggest};
use super::tables::{HistoryTable, Positive, RoutineTable, RunnerTable};
use super::text::{Text, merged};
use super::{ConfigErrors, file, names};
use crate::registry::Registry;
use crate::suite::{ActionInstance, Instance, Routine, Settings, Suite};

/// How many errors are shown.
const MOST_ERRORS: usize = 100;
/// How deep files may include files.
const MOST_DEPTH: usize = 4;
/// How many files a configuration may have.
const MOST_FILES: usize = 100;
/// The keys of the file.
const KEYS: [&str; 6] = ["include", "runner", "history", "routine", "check", "action"];

/// Names that were met, to be looked up when every file is read.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) place: Place,
}

/// One check that was read.
pub(super) struct Made {
    /// `kind.name`.
    pub(super) full: String,
    /// The check, if nothing is wrong with it.
    pub(super) instance: Option<Instance>,
    pub(super) needs: Vec<Named>,
    pub(super) routines: Vec<Named>,
}

/// What is read so far.
pub(super) struct Loader<'r> {
    pub(super) registry: &'r Registry,
    pub(super) texts: Vec<Text>,
    pub(super) problems: Vec<Problem>,
    pub(super) made: Vec<Made>,
    /// Every check there is, also those with errors: `kind`, name.
    pub(super) checks: Vec<(String, String)>,
    pub(super) actions: Vec<ActionInstance>,
    pub(super) routines: BTreeMap<String, Routine>,
    /// The names in `run` of the routines.
    pub(super) runs: Vec<Named>,
    settings: Settings,
    /// Tables that may stand once in all files, with their places.
    once: HashMap<String, Place>,
    paths: Vec<PathBuf>,
    /// The files that are being read, from the main one inwards.
    open: Vec<(u64, u64)>,
    read: Vec<(u64, u64)>,
}

impl<'r> Loader<'r> {
    pub(super) fn new(registry: &'r Registry, settings: Settings, routines: BTreeMap<String, Routine>) -> Self {
        Self {
            registry,
            texts: Vec::new(),
            problems: Vec::new(),
            made: Vec::new(),
            checks: Vec::new(),
            actions: Vec::new(),
            routines,
            runs: Vec::new(),
            settings,
            once: HashMap::new(),
            paths: Vec::new(),
            open: Vec::new(),
            read: Vec::new(),
        }
    }

    /// Reads a file and what it includes. `from` is where it was included.
    pub(super) fn file(&mut self, path: &Path, from: Option<&Place>) {
        let content = match file::read(path) {
            Ok(content) => content,
            Err(refused) => {
                let problem = if let Some(place) = from {
                    Problem::new(place.file, place.span.clone(), refused.message)
                } else {
                    self.texts.push(Text::new(path.display().to_string(), ""));
                    Problem::whole(self.texts.len() - 1, refused.message)
                };
                self.problems.push(problem.maybe_hint(refused.hint));
                return;
            }
        };
        if let Some(place) = from
            && self.read.contains(&content.identity)
        {
            let circle = self.open.contains(&content.identity);
            let message = if circle { "includes a file that includes this one" } else { "is included twice" };
            let message = format!("`{}` {message}", path.display());
            self.problems.push(Problem::new(place.file, place.span.clone(), message));
            return;
        }
        self.read.push(content.identity);
        self.paths.push(path.to_owned());
        let name = path.display().to_string();
        match String::from_utf8(content.bytes) {
            Ok(text) => {
                self.open.push(content.identity);
                self.text(&name, text, Some(path));
                self.open.pop();
            }
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                self.texts.push(Text::new(name, String::from_utf8_lossy(error.as_bytes())));
                let problem = Problem::new(self.texts.len() - 1, at..at + 1, "this byte is not UTF-8");
                self.problems.push(problem.hint("save the file as UTF-8"));
            }
        }
    }

    /// Reads a text. Without a path it may include nothing.
    pub(super) fn text(&mut self, name: &str, text: impl Into<std::sync::Arc<str>>, path: Option<&Path>) {
        let file = self.texts.len();
        let text = Text::new(name, text);
        let source = std::sync::Arc::clone(&text.text);
        let deep = text.too_deep();
        self.texts.push(text);
        if let Some((span, message)) = deep {
            self.problems.push(Problem::new(file, span, message));
            return;
        }
        let (table, errors) = DeTable::parse_recoverable(&source);
        for error in errors.iter().take(10_000) {
            let (message, hint) = reword(error.message());
            let span = error.span().unwrap_or(source.len()..source.len());
            // The parser says some things once for every key behind them.
            let is_told =
                self.problems.last().is_some_and(|last| last.span.as_ref() == Some(&span) && last.message == message);
            if !is_told {
                self.problems.push(Problem::new(file, span, message).maybe_hint(hint));
            }
        }
        // What follows from a broken text would be told as errors that are not there.
        if errors.is_empty() {
            self.document(file, table.get_ref(), path);
        }
    }

    fn document(&mut self, file: usize, table: &DeTable<'_>, path: Option<&Path>) {
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                "include" => self.includes(file, value, path),
                "runner" => {
                    if let Some(told) = self.table::<RunnerTable>(file, "[runner]", key.span(), value) {
                        told.lay_over(&mut self.settings);
                    }
                }
                "history" => {
                    if let Some(told) = self.table::<HistoryTable>(file, "[history]", key.span(), value) {
                        told.lay_over(&mut self.settings);
                    }
                }
                "routine" => {
                    for (name, value) in self.inside(file, value, "[routine.NAME]") {
                        self.routine(file, name.get_ref(), name.span(), value);
                    }
                }
                sort @ ("check" | "action") => {
                    for (kind, value) in self.inside(file, value, &format!("[{sort}.KIND.NAME]")) {
                        self.kind(file, sort, kind.get_ref(), kind.span(), value);
                    }
                }
                other => {
                    let hint = match self.sort_of(other) {
                        Some(sort) => Some(format!("write `[{sort}.{other}.NAME]`")),
                        None => suggest(other, &KEYS),
                    };
                    self.push(Problem::new(file, key.span(), format!("unknown key `{other}`")).maybe_hint(hint));
                }
            }
        }
    }

    /// Returns the entries of a table whose keys are names, in the order of the file.
    pub(super) fn inside<'a, 'i>(
        &mut self,
        file: usize,
        value: &'a Spanned<DeValue<'i>>,
        form: &str,
    ) -> Vec<(&'a Spanned<std::borrow::Cow<'i, str>>, &'a Spanned<DeValue<'i>>)> {
        if let DeValue::Table(table) = value.get_ref() {
            return in_order(table);
        }
        let problem = Problem::new(file, value.span(), "expected tables with names");
        self.push(problem.hint(format!("write `{form}`")));
        Vec::new()
    }

    /// Reads a table of selx itself, which may stand once in all files.
    fn table<T: DeserializeOwned>(
        &mut self,
        file: usize,
        what: &str,
        span: Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<T> {
        self.only(file, what, span);
        let told = gather(value, |value| T::deserialize(ValueDeserializer::from(value)), |_| Vec::new());
        told.map_err(|wrongs| self.wrong(file, wrongs)).ok()
    }

    /// Notes a table that may stand once, or says where it stands already.
    pub(super) fn only(&mut self, file: usize, what: &str, span: Range<usize>) {
        let place = Place { file, span };
        if let Some(first) = self.once.get(what) {
            let at = self.texts.get(first.file).map(|text| {
                let shown = text.show(&Problem::new(first.file, first.span.clone(), ""), &[]);
                format!("{}:{}", shown.file, shown.line)
            });
            let message = format!("`{what}` is in {} already", at.unwrap_or_default());
            let hint = "put both together, or give one another name";
            self.problems.push(Problem::new(file, place.span, message).hint(hint));
        } else {
            self.once.insert(what.to_owned(), place);
        }
    }

    fn routine(&mut self, file: usize, name: &str, span: Range<usize>, value: &Spanned<DeValue<'_>>) {
        if !self.named(file, name, span.clone(), "a routine") {
            return;
        }
        let Some(told) = self.table::<RoutineTable>(file, &format!("[routine.{name}]"), span, value) else {
            // It is there all the same: a check that names it is not wrong.
            self.routines.entry(name.to_owned()).or_default();
            return;
        };
        let routine = self.routines.entry(name.to_owned()).or_default();
        if let Some(Positive(every)) = told.every {
            routine.every = Some(every);
        }
        if let Some(run) = told.run {
            routine.run = run.iter().map(|name| name.get_ref().clone()).collect();
            self.runs.extend(run.into_iter().map(|name| at(file, name)));
        }
    }

    pub(super) fn named(&mut self, file: usize, name: &str, span: Range<usize>, what: &str) -> bool {
        let fine = is_name(name);
        if !fine {
            let message = if name.is_empty() {
                format!("the name of {what} is empty")
            } else {
                format!("`{name}` cannot be the name of {what}")
            };
            let hint = "a name is of letters a to z, digits, `.`, `_` and `-`, at most 100 of them";
            self.push(Problem::new(file, span, message).hint(hint));
        }
        fine
    }

    fn includes(&mut self, file: usize, value: &Spanned<DeValue<'_>>, path: Option<&Path>) {
        let told =
            gather(value, |value| Vec::<Spanned<String>>::deserialize(ValueDeserializer::from(value)), |_| Vec::new());
        let patterns = match told {
            Ok(patterns) => patterns,
            Err(wrongs) => return self.wrong(file, wrongs),
        };
        let Some(path) = path else {
            let problem = Problem::new(file, value.span(), "a text that is not a file can include nothing");
            return self.push(problem);
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        for pattern in patterns {
            let place = Place { file, span: pattern.span() };
            let refuse = |message: String| Problem::new(file, place.span.clone(), message);
            if self.open.len() >= MOST_DEPTH {
                self.push(refuse(format!("files include files more than {MOST_DEPTH} deep")));
                continue;
            }
            match file::matching(folder, pattern.get_ref()) {
                Ok(found) => {
                    for path in found {
                        if self.paths.len() >= MOST_FILES {
                            return self.push(refuse(format!("a configuration has at most {MOST_FILES} files")));
                        }
                        self.file(&path, Some(&place));
                    }
                }
                Err(refused) => self.push(refuse(refused.message).maybe_hint(refused.hint)),
            }
        }
    }

    pub(super) fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(super) fn wrong(&mut self, file: usize, wrongs: Vec<Wrong>) {
        self.problems.extend(wrongs.into_iter().map(|wrong| Problem {
            file,
            span: Some(wrong.span),
            message: wrong.message,
            hint: wrong.hint,
            secret: wrong.secret,
        }));
    }

    /// Looks every name up and gives the suite, or everything that is wrong.
    pub(super) fn finish(mut self) -> Result<Suite, ConfigErrors> {
        names::resolve(&mut self);
        if self.problems.is_empty() {
            return Ok(Suite {
                settings: self.settings,
                instances: self.made.into_iter().filter_map(|made| made.instance).collect(),
                actions: self.actions,
                routines: self.routines,
                files: self.paths,
            });
        }
        let mut problems = self.problems;
        problems.sort_by_key(|problem| (problem.file, problem.span.as_ref().map_or(0, |span| span.start)));
        let total = problems.len();
        let mut errors = Vec::new();
        for (number, text) in self.texts.iter().enumerate() {
            let here = || problems.iter().filter(|problem| problem.file == number);
            let room = MOST_ERRORS - errors.len();
            if here().next().is_none() || room == 0 {
                continue;
            }
            // What one error found out to be a secret, no other one shows.
            let mut hidden = text.hidden();
            hidden.extend(here().filter(|problem| problem.secret).filter_map(|problem| problem.span.clone()));
            let hidden = merged(hidden);
            errors.extend(here().take(room).map(|problem| text.show(problem, &hidden)));
        }
        Err(ConfigErrors { more: total.saturating_sub(errors.len()), errors })
    }
}

pub(super) fn at(file: usize, name: Spanned<String>) -> Named {
    Named { place: Place { file, span: name.span() }, name: name.into_inner() }
}
