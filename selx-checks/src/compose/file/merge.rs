//! How a service of one file is laid over that of an earlier one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::yaml::{Merging, Node};

/// How the values of a field are put together.
enum Rule {
    /// The later one counts.
    Replace,
    /// Entry by entry, the later one counts.
    Entries,
    /// Entry by entry, and inside of these by entry again.
    Deep,
    /// Both, each item once.
    Union,
}

fn rule(field: &str) -> Rule {
    match field {
        "environment" | "labels" | "healthcheck" | "sysctls" | "ulimits" | "depends_on" => Rule::Entries,
        "build" | "deploy" | "networks" | "logging" => Rule::Deep,
        "profiles" | "cap_add" | "cap_drop" | "expose" | "external_links" | "env_file" => Rule::Union,
        _ => Rule::Replace,
    }
}

/// Lays a service over an earlier one.
pub(super) fn services(base: &Arc<Node>, over: &Arc<Node>) -> Arc<Node> {
    entries(base, over, |field, base, over| match rule(field) {
        Rule::Replace => over,
        Rule::Entries => entries(&canonical(field, &base), &canonical(field, &over), |_, _, over| over),
        Rule::Deep => deep(&canonical(field, &base), &canonical(field, &over), 8),
        Rule::Union => union(&base, &over),
    })
}

fn deep(base: &Arc<Node>, over: &Arc<Node>, depth: usize) -> Arc<Node> {
    if depth == 0 || base.entries().is_none() || over.entries().is_none() {
        return Arc::clone(over);
    }
    entries(base, over, |field, base, over| {
        let (base, over) = (canonical(field, &base), canonical(field, &over));
        deep(&base, &over, depth - 1)
    })
}

/// Puts two mappings together; what stands in both is decided by `both`.
pub(super) fn entries(
    base: &Arc<Node>,
    over: &Arc<Node>,
    both: impl Fn(&str, Arc<Node>, Arc<Node>) -> Arc<Node>,
) -> Arc<Node> {
    let (Some(first), Some(second)) = (base.entries(), over.entries()) else {
        // A field that is nothing in the later file leaves the earlier one, as an empty mapping would.
        return Arc::clone(if over.is_null() { base } else { over });
    };
    let places: HashMap<&str, usize> = first.iter().enumerate().map(|(at, (name, _))| (name.as_str(), at)).collect();
    let mut merged: Vec<Option<(String, Arc<Node>)>> = first.iter().cloned().map(Some).collect();
    for (name, node) in second {
        let place = places.get(name.as_str()).and_then(|at| merged.get_mut(*at));
        match (node.merging, place) {
            (Merging::Reset, place) => place.into_iter().for_each(|place| *place = None),
            (Merging::Usual, Some(Some((_, known)))) => *known = both(name, Arc::clone(known), Arc::clone(node)),
            (Merging::Override, Some(Some((_, known)))) => *known = Arc::clone(node),
            (_, None | Some(None)) => merged.push(Some((name.clone(), Arc::clone(node)))),
        }
    }
    Node::map(merged.into_iter().flatten().collect())
}

/// Gives a field that may be written as a list or a text the form of a mapping.
pub(super) fn canonical(field: &str, node: &Arc<Node>) -> Arc<Node> {
    if node.is_null() {
        return Node::map(Vec::new());
    }
    if field == "build"
        && let Some(context) = node.scalar()
    {
        return Node::map(vec![("context".to_owned(), Node::text(context))]);
    }
    let Some(items) = node.items() else { return Arc::clone(node) };
    let pair = |item: &Arc<Node>| -> Option<(String, Arc<Node>)> {
        let text = item.scalar()?;
        Some(match field {
            "depends_on" => {
                let condition = ("condition".to_owned(), Node::text("service_started"));
                (text.to_owned(), Node::map(vec![condition]))
            }
            "networks" => (text.to_owned(), Node::map(Vec::new())),
            "environment" | "args" => match text.split_once('=') {
                Some((name, value)) => (name.to_owned(), item.with_text(value)),
                None => (text.to_owned(), Node::nothing()),
            },
            _ => {
                let (name, value) = text.split_once('=').unwrap_or((text, ""));
                (name.to_owned(), item.with_text(value))
            }
        })
    };
    match field {
        "environment" | "labels" | "depends_on" | "networks" | "args" | "sysctls" => {
            // The last of two equal names counts.
            let mut known = HashSet::new();
            let mut pairs: Vec<(String, Arc<Node>)> = items.iter().rev().filter_map(pair).collect();
            pairs.retain(|(name, _)| known.insert(name.clone()));
            pairs.reverse();
            Node::map(pairs)
        }
        _ => Arc::clone(node),
    }
}

/// Both lists, each text once; a text is a list of one.
fn union(base: &Arc<Node>, over: &Arc<Node>) -> Arc<Node> {
    let items = |node: &Arc<Node>| match node.items() {
        Some(items) => items.to_vec(),
        None if node.is_null() => Vec::new(),
        None => vec![Arc::clone(node)],
    };
    let base = items(base);
    let mut known: HashSet<String> = base.iter().filter_map(|item| item.scalar().map(str::to_owned)).collect();
    let is_new = |item: &Arc<Node>| item.scalar().is_none_or(|text| known.insert(text.to_owned()));
    let more: Vec<Arc<Node>> = items(over).into_iter().filter(is_new).collect();
    Node::list(base.into_iter().chain(more).collect())
}
