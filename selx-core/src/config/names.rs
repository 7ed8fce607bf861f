//! Names that one part of the file uses for another: needs, routines, and what routines run.

use std::collections::{HashMap, HashSet};

use super::loader::{Loader, Named};
use super::problem::Problem;
use crate::nearest;

/// Looks every name up. Needs are kept as `kind.name`.
pub(super) fn resolve(loader: &mut Loader<'_>) {
    let checks = Checks::of(&loader.checks);
    let mut problems = Vec::new();
    // Where each need of each check stands, for the circles.
    let mut edges: Vec<(String, Vec<(String, usize)>)> = Vec::new();
    for made in &mut loader.made {
        let mut found = Vec::new();
        for (index, need) in made.needs.iter().enumerate() {
            match checks.one(&need.name) {
                Ok(full) => found.push((full, index)),
                Err((message, hint)) => problems.push(problem(need, message).maybe_hint(hint)),
            }
        }
        if let Some(instance) = &mut made.instance {
            instance.needs = found.iter().map(|(full, _)| full.clone()).collect();
        }
        edges.push((made.full.clone(), found));
    }
    for (check, index, chain) in circles(&edges) {
        if let Some(need) = loader.made.get(check).and_then(|made| made.needs.get(index)) {
            let hint = "take one of them out: a check that waits for itself explains nothing";
            problems.push(problem(need, format!("the needs go in a circle: {chain}")).hint(hint));
        }
    }

    let mut routines: Vec<&str> = loader.routines.keys().map(String::as_str).collect();
    routines.extend(loader.registry.kinds().flat_map(|kind| kind.meta().routines.iter().copied()));
    for named in loader.made.iter().flat_map(|made| &made.routines) {
        if !routines.contains(&named.name.as_str()) {
            let hint = match nearest(&named.name, routines.iter().copied()) {
                Some(near) => format!("is `{near}` meant?"),
                None => format!("write `[routine.{}]` to make it one", named.name),
            };
            problems.push(problem(named, format!("unknown routine `{}`", named.name)).hint(hint));
        }
    }
    for named in &loader.runs {
        if !checks.any(&named.name) {
            let hint = if loader.registry.get(&named.name).is_some() {
                Some(format!("the file has no check of the kind: write `[check.{}.NAME]`", named.name))
            } else {
                nearest(&named.name, checks.all()).map(|near| format!("is `{near}` meant?"))
            };
            problems.push(problem(named, format!("nothing is named `{}`", named.name)).maybe_hint(hint));
        }
    }
    loader.problems.append(&mut problems);
}

fn problem(named: &Named, message: String) -> Problem {
    Problem::new(named.place.file, named.place.span.clone(), message)
}

/// The checks by all that they can be called.
struct Checks<'a> {
    full: HashSet<String>,
    by_name: HashMap<&'a str, Vec<&'a str>>,
    kinds: HashSet<&'a str>,
}

impl<'a> Checks<'a> {
    fn of(checks: &'a [(String, String)]) -> Self {
        let mut by_name: HashMap<&str, Vec<&str>> = HashMap::new();
        for (kind, name) in checks {
            by_name.entry(name).or_default().push(kind);
        }
        Self {
            full: checks.iter().map(|(kind, name)| format!("{kind}.{name}")).collect(),
            by_name,
            kinds: checks.iter().map(|(kind, _)| kind.as_str()).collect(),
        }
    }

    /// Finds the one check of a name, as `kind.name`.
    fn one(&self, name: &str) -> Result<String, (String, Option<String>)> {
        if self.full.contains(name) {
            return Ok(name.to_owned());
        }
        match self.by_name.get(name).map(Vec::as_slice) {
            Some([kind]) => Ok(format!("{kind}.{name}")),
            Some([first, second, ..]) => {
                let message = format!("`{name}` is the name of two checks, `{first}.{name}` and `{second}.{name}`");
                Err((message, Some("write the one that is meant as `kind.name`".to_owned())))
            }
            _ => {
                let near = nearest(name, self.all()).map(|near| format!("is `{near}` meant?"));
                Err((format!("no check is named `{name}`"), near))
            }
        }
    }

    fn any(&self, name: &str) -> bool {
        self.full.contains(name) || self.by_name.contains_key(name) || self.kinds.contains(name)
    }

    fn all(&self) -> impl Iterator<Item = String> {
        let names = self.by_name.keys().chain(&self.kinds).map(|name| (*name).to_owned());
        let mut all: Vec<String> = names.chain(self.full.iter().cloned()).collect();
        all.sort();
        all.into_iter()
    }
}

/// Finds one need of each circle: the number of the check, the number of the need, and the circle in words.
fn circles(edges: &[(String, Vec<(String, usize)>)]) -> Vec<(usize, usize, String)> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let numbers: HashMap<&str, usize> = edges.iter().enumerate().map(|(at, (name, _))| (name.as_str(), at)).collect();
    let mut marks = vec![Mark::New; edges.len()];
    let mut found = Vec::new();
    for start in 0..edges.len() {
        // A path of checks with the number of the need that is looked at next; no recursion, whatever the file says.
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        if marks.get(start) != Some(&Mark::New) {
            continue;
        }
        while let Some((check, next)) = path.last_mut() {
            let here = *check;
            if let Some(mark) = marks.get_mut(here) {
                *mark = Mark::Open;
            }
            let need = edges.get(here).and_then(|(_, needs)| needs.get(*next));
            let Some((need, index)) = need else {
                if let Some(mark) = marks.get_mut(here) {
                    *mark = Mark::Done;
                }
                path.pop();
                continue;
            };
            *next += 1;
            let Some(to) = numbers.get(need.as_str()).copied() else { continue };
            match marks.get(to) {
                Some(Mark::New) => path.push((to, 0)),
                Some(Mark::Open) => {
                    let names = path.iter().skip_while(|(at, _)| *at != to).filter_map(|(at, _)| edges.get(*at));
                    let mut chain: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
                    chain.push(need);
                    found.push((here, *index, chain.join(" → ")));
                }
                _ => {}
            }
        }
    }
    found
}
