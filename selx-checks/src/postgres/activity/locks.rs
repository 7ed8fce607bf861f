//! Who waits for whom. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Session;

/// A session that others wait for and that itself waits for nobody.
#[derive(Debug, PartialEq)]
pub(super) struct Root {
    /// Its process; 0 is a prepared transaction.
    pub(super) pid: u32,
    /// Those that wait for it, directly or behind others.
    pub(super) waiting: BTreeSet<u32>,
    /// The longest wait among them, in seconds.
    pub(super) longest: f64,
}

/// Finds who is at the end of the chains; the one whom most wait for comes first.
pub(super) fn roots(sessions: &[Session]) -> Vec<Root> {
    let waits: BTreeMap<u32, &[u32]> = sessions
        .iter()
        .filter_map(|session| Some((session.pid, session.blockers.as_deref().filter(|pids| !pids.is_empty())?)))
        .collect();
    let mut roots: BTreeMap<u32, Root> = BTreeMap::new();
    for session in sessions.iter().filter(|session| waits.contains_key(&session.pid)) {
        let (mut seen, mut next) = (BTreeSet::new(), vec![session.pid]);
        let mut ends = BTreeSet::new();
        while let Some(pid) = next.pop() {
            if !seen.insert(pid) {
                continue;
            }
            match waits.get(&pid) {
                Some(blockers) => next.extend(*blockers),
                None => {
                    ends.insert(pid);
                }
            }
        }
        // They wait for each other in a circle, which the server ends within `deadlock_timeout`.
        if ends.is_empty() {
            ends.extend(session.blockers.iter().flatten().next());
        }
        for pid in ends {
            let root = roots.entry(pid).or_insert(Root { pid, waiting: BTreeSet::new(), longest: 0.0 });
            root.waiting.insert(session.pid);
            root.longest = root.longest.max(session.waits.unwrap_or(0.0));
        }
    }
    let mut roots: Vec<Root> = roots.into_values().collect();
    roots.sort_by_key(|root| std::cmp::Reverse(root.waiting.len()));
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(pid: u32, blockers: &[u32]) -> Session {
        Session { pid, blockers: Some(blockers.to_vec()), waits: Some(f64::from(pid)), ..Session::default() }
    }

    #[test]
    fn the_end_of_a_chain_is_found() {
        let chain = [session(1, &[]), session(2, &[1]), session(3, &[2]), session(4, &[3, 0])];
        let roots = roots(&chain);
        assert_eq!((roots[0].pid, roots[0].waiting.len(), roots[0].longest), (1, 3, 4.0));
        assert_eq!((roots[1].pid, roots[1].waiting.len()), (0, 1));
    }

    #[test]
    fn circles_and_strangers_end() {
        assert_eq!(roots(&[session(1, &[2]), session(2, &[1])]).len(), 2);
        assert_eq!(roots(&[session(1, &[99])])[0].pid, 99);
        assert_eq!(roots(&[]), []);
    }
}
