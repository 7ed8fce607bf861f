//! Which failure explains which.

use std::collections::{HashMap, HashSet};

use crate::report::{Entry, Status};
use crate::suite::Instance;

/// Marks entries that failed because a check they need failed: they are shown under it, and still measured.
///
/// The cause is the first one up the chain, so that one broken database is one alarm with its followers below it.
pub(super) fn explain(entries: &mut [Entry], instances: &[Instance]) {
    if instances.iter().all(|instance| instance.needs.is_empty()) {
        return;
    }
    let needs: HashMap<String, &[String]> =
        instances.iter().map(|instance| (instance.full_name(), instance.needs.as_slice())).collect();
    let failed: HashSet<String> =
        entries.iter().filter(|entry| entry.status() >= Status::Unknown).map(Entry::full_name).collect();
    for entry in entries.iter_mut() {
        let name = entry.full_name();
        if failed.contains(&name) {
            entry.caused_by = cause(&name, &needs, &failed, &mut HashSet::new());
        }
    }
}

/// Follows the needs of a check to the failed one that itself needs no failed one.
fn cause(
    name: &str,
    needs: &HashMap<String, &[String]>,
    failed: &HashSet<String>,
    seen: &mut HashSet<String>,
) -> Option<String> {
    // A circle is a configuration error; here it only must not hang.
    if !seen.insert(name.to_owned()) {
        return None;
    }
    let first = needs.get(name)?.iter().find(|need| failed.contains(*need))?;
    Some(cause(first, needs, failed, seen).unwrap_or_else(|| first.clone()))
}
