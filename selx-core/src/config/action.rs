//! One action of the file: from `[action.KIND.NAME]` to an instance.

use toml::Spanned;
use toml::de::DeValue;

use super::entry::Entry;
use super::gather::Wrong;
use super::tables::{ActionTable, Positive};
use crate::registry::ActionFactory;
use crate::suite::ActionInstance;

/// Reads one action, if nothing is wrong with it.
pub(super) fn read(
    factory: &dyn ActionFactory,
    name: &str,
    value: &Spanned<DeValue<'_>>,
    wrongs: &mut Vec<Wrong>,
) -> Option<ActionInstance> {
    let entry = Entry::of(factory, "action", name, value, wrongs)?;
    let told: ActionTable = entry.own(&["with"], wrongs);
    let (action, with) = entry.built(|value| factory.build(value), wrongs)?;
    let timeout = told.timeout.map(|Positive(span)| span.get());
    let instance = ActionInstance { action, name: name.to_owned(), timeout, permit: told.permit.map(Into::into), with };
    wrongs.is_empty().then_some(instance)
}
