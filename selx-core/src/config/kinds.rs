//! The entries of the file that are of a kind: `[check.KIND.NAME]` and `[action.KIND.NAME]`.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::loader::{Loader, Made, at};
use super::problem::Problem;
use super::{action, check};

impl Loader<'_> {
    /// Tells what is of a kind of this name: `check` or `action`.
    pub(super) fn sort_of(&self, kind: &str) -> Option<&'static str> {
        let check = self.registry.get(kind).map(|_| "check");
        check.or_else(|| self.registry.get_action(kind).map(|_| "action"))
    }

    pub(super) fn kind(
        &mut self,
        file: usize,
        sort: &str,
        kind: &str,
        span: Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let registry = self.registry;
        if self.sort_of(kind) != Some(sort) {
            self.stranger(file, sort, kind, span, value);
            return;
        }
        for (name, value) in self.inside(file, value, &format!("[{sort}.{kind}.NAME]")) {
            let span = name.span();
            let name = name.get_ref().as_ref();
            if !value.get_ref().is_table() {
                let hint = format!("write `[{sort}.{kind}.NAME]` with the settings below it");
                let message = format!("`{name}` stands where the name of {} is expected", a(sort));
                self.push(Problem::new(file, span, message).hint(hint));
                continue;
            }
            if !self.named(file, name, span.clone(), a(sort)) {
                continue;
            }
            self.only(file, &format!("[{sort}.{kind}.{name}]"), span);
            if let Some(factory) = registry.get_action(kind) {
                let mut wrongs = Vec::new();
                self.actions.extend(action::read(factory, name, value, &mut wrongs));
                self.wrong(file, wrongs);
            }
            let Some(factory) = registry.get(kind) else { continue };
            self.checks.push((kind.to_owned(), name.to_owned()));
            let draft = check::read(factory, name, value);
            self.wrong(file, draft.wrongs);
            self.made.push(Made {
                full: format!("{kind}.{name}"),
                instance: draft.instance,
                needs: draft.needs.into_iter().map(|name| at(file, name)).collect(),
                routines: draft.routines.into_iter().map(|name| at(file, name)).collect(),
            });
        }
    }

    /// Says that there is no such kind of check, or of action.
    fn stranger(&mut self, file: usize, sort: &str, kind: &str, span: Range<usize>, value: &Spanned<DeValue<'_>>) {
        let (message, hint) = match self.sort_of(kind) {
            Some(other) => {
                (format!("`{kind}` is a kind of {other}, not of {sort}"), format!("write `[{other}.{kind}.NAME]`"))
            }
            None => {
                let known: Vec<&str> = match sort {
                    "action" => self.registry.action_names().collect(),
                    _ => self.registry.names().collect(),
                };
                let near = crate::nearest(kind, known.iter().copied());
                let hint = near.map_or("`selx list` shows every kind".to_owned(), |near| format!("is `{near}` meant?"));
                (format!("unknown kind `{kind}`"), hint)
            }
        };
        self.push(Problem::new(file, span, message).hint(hint));
        // Its checks are there: those that need them are not wrong.
        if let (DeValue::Table(table), "check") = (value.get_ref(), sort) {
            self.checks.extend(table.keys().map(|name| (kind.to_owned(), name.get_ref().to_string())));
        }
    }
}

/// Says what something of a sort is called in a sentence.
fn a(sort: &str) -> &'static str {
    if sort == "action" { "an action" } else { "a check" }
}
