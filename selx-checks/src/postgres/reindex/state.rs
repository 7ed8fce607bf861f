//! How far a rebuild is, by what stands in the catalogue. Pure.
//!
//! The server builds `NAME_ccnew` beside an index, lets both change names, calls the old one `NAME_ccold` and drops it. A
//! rebuild that died leaves one of the two, invalid: nothing reads it, and every write goes into it.

use super::indexes::Index;

/// The most bytes that a server gives a name.
const NAME: usize = 63;

/// What is left of a rebuild.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leftover {
    /// The copy that was not finished.
    New,
    /// The old one that was not dropped.
    Old,
}

/// Tells what a name is the leftover of an index of another name by, if it can be one.
pub(super) fn leftover_of(name: &str, index: &str) -> Option<Leftover> {
    let (stem, mark) = name.rsplit_once("_cc")?;
    let (kind, number) = if let Some(number) = mark.strip_prefix("new") {
        (Leftover::New, number)
    } else {
        (Leftover::Old, mark.strip_prefix("old")?)
    };
    // A server cuts a long name so that all of it fits, at the end of a letter.
    let is_cut = index.starts_with(stem) && !stem.is_empty() && name.len() > NAME - 4 && stem.len() < index.len();
    let is_numbered = number.bytes().all(|byte| byte.is_ascii_digit());
    (is_numbered && (stem == index || is_cut)).then_some(kind)
}

/// Finds the index that one is provably the leftover of: invalid, of its name, on the same table, the same in all but the
/// name, beside one that is valid.
pub(super) fn whole_of<'a>(index: &Index, all: &'a [Index]) -> Option<&'a Index> {
    if index.valid || index.owned || index.form.is_empty() {
        return None;
    }
    let mut wholes = all.iter().filter(|whole| {
        whole.valid
            && (whole.table_oid, &whole.schema, &whole.form) == (index.table_oid, &index.schema, &index.form)
            && leftover_of(&index.name, &whole.name).is_some()
    });
    // Of two that it may belong to, nobody can say which.
    let whole = wholes.next()?;
    wholes.next().is_none().then_some(whole)
}

/// How far a rebuild is.
#[derive(Debug)]
pub(super) enum State<'a> {
    /// It has not begun, or nothing is left of it.
    Untouched,
    /// There are copies that were not finished.
    Half(Vec<&'a Index>),
    /// It has happened; the old index may still be there.
    Rebuilt { now: &'a Index, old: Option<&'a Index> },
    /// The index is not there any more, or another one has its name.
    Gone(String),
}

/// What a rebuild is about: its index by number, file, name and form, and the leftovers that were there before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rebuild<'a> {
    pub(super) oid: u32,
    pub(super) file: u32,
    pub(super) name: &'a str,
    pub(super) form: &'a str,
    pub(super) before: &'a [u32],
}

/// Tells how far a rebuild is; `all` are the indexes of the table.
pub(super) fn state<'a>(rebuild: Rebuild<'_>, all: &'a [Index]) -> State<'a> {
    let Some(now) = all.iter().find(|index| index.name == rebuild.name) else {
        return State::Gone(match all.iter().find(|index| index.oid == rebuild.oid) {
            Some(index) => format!("it is called {} now", index.shown()),
            None => "it is not there any more".to_owned(),
        });
    };
    if now.form != rebuild.form {
        return State::Gone("another index has its name".to_owned());
    }
    if (now.oid, now.file) != (rebuild.oid, rebuild.file) && now.valid {
        let is_old = |index: &&Index| {
            index.oid == rebuild.oid
                && index.oid != now.oid
                && !index.valid
                && index.form == rebuild.form
                && leftover_of(&index.name, rebuild.name) == Some(Leftover::Old)
        };
        return State::Rebuilt { now, old: all.iter().find(is_old) };
    }
    let is_copy = |index: &&Index| {
        !index.valid
            && index.oid != rebuild.oid
            && index.form == rebuild.form
            && !rebuild.before.contains(&index.oid)
            && leftover_of(&index.name, rebuild.name) == Some(Leftover::New)
    };
    let copies: Vec<&Index> = all.iter().filter(is_copy).collect();
    if copies.is_empty() { State::Untouched } else { State::Half(copies) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(oid: u32, name: &str, valid: bool) -> Index {
        Index { oid, file: oid, name: name.to_owned(), valid, form: "f".to_owned(), table_oid: 1, ..Index::default() }
    }

    #[test]
    fn leftovers_are_known_by_their_names() {
        assert_eq!(leftover_of("a_ccnew", "a"), Some(Leftover::New));
        assert_eq!(leftover_of("a_ccold12", "a"), Some(Leftover::Old));
        assert_eq!(leftover_of("a_ccnew_ccnew", "a_ccnew"), Some(Leftover::New));
        let long = "ä".repeat(31);
        assert_eq!(leftover_of(&format!("{}_ccnew", "ä".repeat(28)), &long), Some(Leftover::New));
        for (name, other) in
            [("a_ccnewx", "a"), ("b_ccnew", "a"), ("a", "a"), ("_ccnew", "a"), ("a_ccnew", "ab"), ("a_cc", "a")]
        {
            assert_eq!(leftover_of(name, other), None, "{name} {other}");
        }
    }

    #[test]
    fn only_what_is_provably_one_is_a_leftover() {
        let whole = index(1, "a", true);
        let left = index(2, "a_ccnew", false);
        let all = |one: &Index, other: &Index| [one.clone(), other.clone()];
        assert_eq!(whole_of(&left, &all(&whole, &left)).map(|index| index.oid), Some(1));
        for not in [
            Index { valid: true, ..left.clone() },
            Index { owned: true, ..left.clone() },
            Index { form: "g".to_owned(), ..left.clone() },
            Index { form: String::new(), ..left.clone() },
            Index { table_oid: 2, ..left.clone() },
            Index { schema: "other".to_owned(), ..left.clone() },
            Index { name: "a_copy".to_owned(), ..left.clone() },
        ] {
            assert!(whole_of(&not, &all(&whole, &not)).is_none(), "{not:?}");
        }
        let broken = Index { valid: false, ..whole };
        assert!(whole_of(&left, &all(&broken, &left)).is_none());
    }

    #[test]
    fn each_state_is_told_from_the_others() {
        let rebuild = Rebuild { oid: 1, file: 1, name: "a", form: "f", before: &[7] };
        assert!(matches!(state(rebuild, &[index(1, "a", true)]), State::Untouched));
        let earlier = [index(1, "a", true), index(7, "a_ccnew", false)];
        assert!(matches!(state(rebuild, &earlier), State::Untouched));
        let half = [index(1, "a", true), index(7, "a_ccnew", false), index(8, "a_ccnew1", false)];
        assert!(matches!(state(rebuild, &half), State::Half(copies) if copies.len() == 1 && copies[0].oid == 8));
        let swapped = [index(8, "a", true), index(1, "a_ccold", false)];
        assert!(
            matches!(state(rebuild, &swapped), State::Rebuilt { now, old: Some(old) } if (now.oid, old.oid) == (8, 1))
        );
        assert!(matches!(state(rebuild, &[index(8, "a", true)]), State::Rebuilt { old: None, .. }));
        assert!(matches!(state(rebuild, &[]), State::Gone(_)));
        assert!(matches!(state(rebuild, &[index(1, "b", true)]), State::Gone(why) if why.contains("called")));
        let other = Index { form: "g".to_owned(), ..index(9, "a", true) };
        assert!(matches!(state(rebuild, &[other]), State::Gone(_)));
        // One that was invalid before and is there as it was.
        assert!(matches!(state(rebuild, &[index(1, "a", false)]), State::Untouched));
    }
}
