//! Where the links of an archive lead whoever unpacks it, one through the other. Pure; a path is followed as a system
//! follows it, and no disk is asked.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hasher as _};

/// How many links are remembered, and how many bytes of what they lead to.
const MOST_LINKS: usize = 200_000;
const MOST_BYTES: usize = 32 << 20;
/// How many links one path may go through, and the longest aim of a link: systems follow no more.
const MOST_STEPS: usize = 40;
const LONGEST: usize = 4096;

/// The links that were seen.
#[derive(Default)]
pub(super) struct Links {
    aims: HashMap<u64, Box<[u8]>>,
    bytes: usize,
}

/// A place below the folder in which an archive is unpacked: each folder on the way to it, as a number.
#[derive(Clone, Default)]
struct Place {
    way: Vec<DefaultHasher>,
}

impl Place {
    fn enter(&mut self, part: &[u8]) {
        let mut hasher = self.way.last().cloned().unwrap_or_default();
        hasher.write(part);
        hasher.write_u8(b'/');
        self.way.push(hasher);
    }

    fn key(&self) -> u64 {
        self.way.last().map_or(0, |hasher| hasher.finish())
    }
}

impl Links {
    /// Adds a link that lies at a path.
    pub(super) fn add(&mut self, path: &[&[u8]], aim: &[u8]) {
        let Some((name, folder)) = path.split_last() else { return };
        let Some(mut place) = self.follow(Place::default(), folder) else { return };
        place.enter(name);
        self.insert(place.key(), aim);
    }

    /// Adds a second name of what may be a link: it leads on from where the second name lies.
    pub(super) fn add_name(&mut self, path: &[&[u8]], of: &[&[u8]]) {
        let Some((name, folder)) = of.split_last() else { return };
        let Some(mut place) = self.follow(Place::default(), folder) else { return };
        place.enter(name);
        if let Some(aim) = self.aims.get(&place.key()).cloned() {
            self.add(path, &aim);
        }
    }

    fn insert(&mut self, key: u64, aim: &[u8]) {
        let is_room = self.aims.len() < MOST_LINKS && self.bytes + aim.len() <= MOST_BYTES;
        if aim.len() <= LONGEST && (is_room || self.aims.contains_key(&key)) {
            self.bytes += aim.len();
            self.aims.insert(key, aim.into());
        }
    }

    /// Tells whether what is written below these folders lands outside.
    pub(super) fn leads_out(&self, folders: &[&[u8]]) -> bool {
        !self.aims.is_empty() && self.follow(Place::default(), folders).is_none()
    }

    /// Goes a way from a place on; `None` if it leaves what is unpacked at any of its steps, or has no end.
    fn follow(&self, mut place: Place, parts: &[&[u8]]) -> Option<Place> {
        // What is left of the aims of links, and then of the path itself.
        let mut inner: VecDeque<&[u8]> = VecDeque::new();
        let mut outer = parts.iter();
        let mut steps = 0;
        while let Some(part) = inner.pop_front().or_else(|| outer.next().copied()) {
            if part == b".." {
                place.way.pop()?;
                continue;
            }
            place.enter(part);
            let Some(aim) = self.aims.get(&place.key()) else { continue };
            steps += 1;
            if aim.starts_with(b"/") || steps > MOST_STEPS {
                return None;
            }
            place.way.pop();
            for part in super::hazard::parts(aim).into_iter().rev() {
                inner.push_front(part);
            }
        }
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::super::hazard::parts;
    use super::*;

    /// Tells whether what is written into a folder lands outside, behind these links.
    fn out(links: &[(&str, &str)], folder: &str) -> bool {
        let mut seen = Links::default();
        for (path, aim) in links {
            seen.add(&parts(path.as_bytes()), aim.as_bytes());
        }
        seen.leads_out(&parts(folder.as_bytes()))
    }

    #[test]
    fn links_are_followed_through_links() {
        for (links, folder) in [
            (&[("l", "/etc")][..], "l"),
            (&[("d/l", "../..")], "d/l"),
            (&[("d/l1", ".."), ("l2", "d/l1/..")], "l2"),
            (&[("d/l1", ".."), ("l2", "d/l1"), ("l3", "l2/..")], "l3/x/y"),
            (&[("d/out", "../../etc"), ("l", "d/out")], "l"),
            // Written through one link, the next one lies elsewhere than its name says.
            (&[("up", "d/e"), ("up/l", "../../.."), ("m", "d/e/l")], "m"),
            (&[("a", "b"), ("b", "a")], "a"),
        ] {
            assert!(out(links, folder), "{links:?} {folder}");
        }
        for (links, folder) in [
            (&[("d/l", "..")][..], "d/l"),
            (&[("d/e/l1", "../.."), ("l2", "d/e/l1")], "l2/x"),
            (&[("l", "/etc")], "m"),
            (&[("a/l", "../b"), ("b/m", "../a")], "a/l/m/l"),
            (&[("l", "/etc"), ("l", "d")], "l"),
        ] {
            assert!(!out(links, folder), "{links:?} {folder}");
        }
        // Longer than any system follows, in bounded time.
        let chain: Vec<(String, String)> = (0..50).map(|at| (format!("l{at}"), format!("l{}/x/..", at + 1))).collect();
        let chain: Vec<(&str, &str)> = chain.iter().map(|(path, aim)| (&**path, &**aim)).collect();
        assert!(out(&chain, "l0") && !out(&chain, "l20"));
    }

    #[test]
    fn a_second_name_of_a_link_leads_on_from_where_it_lies() {
        let mut seen = Links::default();
        seen.add(&parts(b"d/e/l"), b"../..");
        seen.add_name(&parts(b"h"), &parts(b"d/e/l"));
        assert!(!seen.leads_out(&parts(b"d/e/l")) && seen.leads_out(&parts(b"h")));
    }
}
