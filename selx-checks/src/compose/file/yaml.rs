//! YAML as a tree, with anchors that cost nothing, merge keys, and caps on everything.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

/// How much of a file is read.
pub(super) const MAX_BYTES: usize = 1 << 20;
/// How many nodes there may be when every alias is followed.
const MAX_NODES: usize = 100_000;
/// How deep nodes may lie in each other when every alias is followed: whoever walks a tree does so by recursion.
const MAX_DEPTH: usize = 64;

/// A node of a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(super) kind: Kind,
    /// How it is merged over what stands in an earlier file.
    pub(super) merging: Merging,
    /// Variables that its text names and that have no value.
    pub(super) missing: Vec<String>,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// A text; only one that was not quoted may be a number, a truth or nothing.
    Scalar { text: String, plain: bool },
    /// A list.
    List(Vec<Arc<Node>>),
    /// A mapping, in the order of the file.
    Map(Vec<(String, Arc<Node>)>),
}

/// How a node is merged: compose's own tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Merging {
    /// By the rules of its field.
    #[default]
    Usual,
    /// It takes the place of what was there: `!override`.
    Override,
    /// What was there is gone: `!reset`.
    Reset,
}

impl Node {
    /// Makes a text.
    pub(super) fn text(text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            kind: Kind::Scalar { text: text.into(), plain: false },
            merging: Merging::Usual,
            missing: Vec::new(),
        })
    }

    /// Makes a node that is nothing.
    pub(super) fn nothing() -> Arc<Self> {
        let kind = Kind::Scalar { text: String::new(), plain: true };
        Arc::new(Self { kind, merging: Merging::Usual, missing: Vec::new() })
    }

    /// Makes a text of a part of this one.
    pub(super) fn with_text(&self, text: &str) -> Arc<Self> {
        let kind = Kind::Scalar { text: text.to_owned(), plain: false };
        Arc::new(Self { kind, merging: Merging::Usual, missing: self.missing.clone() })
    }

    /// Makes a mapping.
    pub(super) fn map(entries: Vec<(String, Arc<Self>)>) -> Arc<Self> {
        Arc::new(Self { kind: Kind::Map(entries), merging: Merging::Usual, missing: Vec::new() })
    }

    /// Makes a list.
    pub(super) fn list(items: Vec<Arc<Self>>) -> Arc<Self> {
        Arc::new(Self { kind: Kind::List(items), merging: Merging::Usual, missing: Vec::new() })
    }

    /// Tells whether nothing is there: `null`, `~`, or an empty place.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }

    /// Returns a text, number or truth as it is written.
    pub(super) fn scalar(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// Returns a truth, in the words that either version of YAML has for it.
    pub(super) fn truth(&self) -> Option<bool> {
        match self.scalar()?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Some(true),
            "false" | "no" | "off" | "n" => Some(false),
            _ => None,
        }
    }

    /// Returns the entries of a mapping.
    pub(super) fn entries(&self) -> Option<&[(String, Arc<Self>)]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// Returns the items of a list.
    pub(super) fn items(&self) -> Option<&[Arc<Self>]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }

    /// Finds an entry of a mapping.
    pub(super) fn get(&self, key: &str) -> Option<&Arc<Self>> {
        self.entries()?.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }
}

/// A node that is being read.
enum Open {
    List(Vec<Arc<Node>>),
    Map { entries: Vec<(String, Arc<Node>)>, places: HashMap<String, usize>, key: Option<Key>, merged: Vec<Arc<Node>> },
}

/// The key of an entry, and whether it stands without quotes.
type Key = (String, bool);

/// How large a node is when every alias is followed.
#[derive(Clone, Copy)]
struct Extent {
    nodes: usize,
    levels: usize,
}

impl Extent {
    const ONE: Self = Self { nodes: 1, levels: 1 };

    fn with(self, inner: Self) -> Self {
        Self { nodes: self.nodes.saturating_add(inner.nodes), levels: self.levels.max(inner.levels.saturating_add(1)) }
    }
}

struct Frame {
    open: Open,
    anchor: usize,
    extent: Extent,
    merging: Merging,
}

/// Reads the only document of a text.
///
/// # Errors
///
/// What is wrong and in which line, as a phrase.
pub(crate) fn parse(text: &str) -> Result<Arc<Node>, String> {
    let mut parser = Parser::new_from_str(text);
    let mut stack: Vec<Frame> = Vec::new();
    let mut anchors: HashMap<usize, (Arc<Node>, Extent)> = HashMap::new();
    let mut root: Option<Arc<Node>> = None;
    let mut nodes = 0_usize;
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| format!("line {}: {}", error.marker().line(), error.info()))?;
        let line = span.start.line();
        let (node, anchor, extent) = match event {
            Event::DocumentStart(_) if root.is_some() => return Err(format!("line {line}: begins a second document")),
            Event::Scalar(text, style, anchor, tag) => (scalar(&text, style, tag.as_deref()), anchor, Extent::ONE),
            Event::Alias(anchor) => {
                let Some((node, extent)) = anchors.get(&anchor) else {
                    return Err(format!("line {line}: an alias names what is not there yet"));
                };
                deep(stack.len() + extent.levels - 1, line)?;
                (Arc::clone(node), 0, *extent)
            }
            Event::SequenceStart(anchor, tag) => {
                let (open, merging) = (Open::List(Vec::new()), merging(tag.as_deref()));
                stack.push(Frame { open, anchor, extent: Extent::ONE, merging });
                deep(stack.len(), line)?;
                continue;
            }
            Event::MappingStart(anchor, tag) => {
                let (places, merging) = (HashMap::new(), merging(tag.as_deref()));
                let open = Open::Map { entries: Vec::new(), places, key: None, merged: Vec::new() };
                stack.push(Frame { open, anchor, extent: Extent::ONE, merging });
                deep(stack.len(), line)?;
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match stack.pop() {
                Some(frame) => (close(frame.open, frame.merging, line)?, frame.anchor, frame.extent),
                None => return Err(format!("line {line}: ends what did not begin")),
            },
            _ => continue,
        };
        nodes = nodes.max(extent.nodes);
        if anchor != 0 {
            anchors.insert(anchor, (Arc::clone(&node), extent));
        }
        match stack.last_mut() {
            Some(frame) => {
                frame.extent = frame.extent.with(extent);
                nodes = nodes.max(frame.extent.nodes);
                put(&mut frame.open, node, line)?;
            }
            None => root = Some(node),
        }
        if nodes > MAX_NODES {
            return Err(format!("line {line}: comes to more than {MAX_NODES} nodes when its aliases are followed"));
        }
    }
    root.ok_or_else(|| "is empty".to_owned())
}

fn deep(levels: usize, line: usize) -> Result<(), String> {
    if levels > MAX_DEPTH { Err(format!("line {line}: nests deeper than {MAX_DEPTH} levels")) } else { Ok(()) }
}

fn merging(tag: Option<&Tag>) -> Merging {
    match tag.map(|tag| (&*tag.handle, &*tag.suffix)) {
        Some(("!", "reset")) => Merging::Reset,
        Some(("!", "override")) => Merging::Override,
        _ => Merging::Usual,
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Arc<Node> {
    let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    let plain = style == ScalarStyle::Plain && !is_text;
    Arc::new(Node { kind: Kind::Scalar { text: text.to_owned(), plain }, merging: merging(tag), missing: Vec::new() })
}

/// Puts a node into the one that is open.
fn put(open: &mut Open, node: Arc<Node>, line: usize) -> Result<(), String> {
    match open {
        Open::List(items) => items.push(node),
        Open::Map { entries, places, key, merged } => match key.take() {
            None => match &node.kind {
                Kind::Scalar { text, plain } => *key = Some((text.clone(), *plain)),
                _ => return Err(format!("line {line}: a key is a text")),
            },
            Some((name, true)) if name == "<<" => merged.push(node),
            // The last of two equal keys counts.
            Some((name, _)) => match places.get(&name).and_then(|at| entries.get_mut(*at)) {
                Some((_, known)) => *known = node,
                None => {
                    places.insert(name.clone(), entries.len());
                    entries.push((name, node));
                }
            },
        },
    }
    Ok(())
}

fn close(open: Open, merging: Merging, line: usize) -> Result<Arc<Node>, String> {
    let kind = match open {
        Open::List(items) => Kind::List(items),
        Open::Map { mut entries, places, merged, .. } => {
            let mut known: HashSet<String> = places.into_keys().collect();
            let mut sources: Vec<Arc<Node>> = Vec::new();
            for node in merged {
                match &node.kind {
                    Kind::List(items) => sources.extend(items.iter().cloned()),
                    _ => sources.push(node),
                }
            }
            for source in sources {
                let Some(more) = source.entries() else {
                    return Err(format!("line {line}: `<<` merges mappings only"));
                };
                for (name, node) in more {
                    // What stands in the mapping itself, or in an earlier source, counts.
                    if known.insert(name.clone()) {
                        entries.push((name.clone(), Arc::clone(node)));
                    }
                }
            }
            Kind::Map(entries)
        }
    };
    Ok(Arc::new(Node { kind, merging, missing: Vec::new() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_and_merge_keys() {
        let root = parse("a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc:\n  <<: [*a, *b]\n  x: 9\nd: *a\n").unwrap();
        let value = |at: &str, key: &str| root.get(at)?.get(key)?.scalar().map(str::to_owned);
        assert_eq!(value("c", "x").as_deref(), Some("9"));
        assert_eq!(value("c", "y").as_deref(), Some("2"));
        assert_eq!(value("c", "z").as_deref(), Some("4"));
        assert_eq!(value("d", "x").as_deref(), Some("1"));
        assert!(parse("<<: 3").is_err());
    }

    #[test]
    fn quoting_decides_what_is_nothing() {
        let root = parse("a: null\nb: 'null'\nc:\nd: ''\ne: !!str null\nf: yes\n").unwrap();
        for (key, null) in [("a", true), ("b", false), ("c", true), ("d", false), ("e", false)] {
            assert_eq!(root.get(key).unwrap().is_null(), null, "{key}");
        }
        assert_eq!(root.get("f").unwrap().truth(), Some(true));
    }

    #[test]
    fn bombs_are_counted_and_not_built() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}", level - 1);
            text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![before; 10].join(", ")));
        }
        let why = parse(&text).unwrap_err();
        assert!(why.contains("aliases"), "{why}");
        // Each anchor takes the one before it deeper: what is walked is as deep as what is written.
        let (open, close) = ("[".repeat(40), "]".repeat(40));
        let why = parse(&format!("- &a {open}{close}\n- {open}*a{close}\n")).unwrap_err();
        assert!(why.contains("line 2") && why.contains("64 levels"), "{why}");
        let why = parse(&"- ".repeat(100)).unwrap_err();
        assert!(why.contains("64 levels"), "{why}");
        assert!(parse(&"[".repeat(100_000)).is_err());
    }

    #[test]
    fn many_keys_are_read_in_a_time_that_grows_as_they_do() {
        let keys: String = (0..40_000).map(|n| format!("k{n}: \n")).collect();
        let root = parse(&format!("a: &a\n  x: 1\n{keys}k0: last\n")).unwrap();
        assert_eq!(root.entries().unwrap().len(), 40_001);
        assert_eq!(root.get("k0").unwrap().scalar(), Some("last"));
    }

    #[test]
    fn what_is_wrong_has_a_line() {
        for text in ["a: [", "a: b: c", "a: *b", "a: 1\n--- \nb: 2\n", "? [x]\n: 1", "", "# nothing\n"] {
            let why = parse(text).unwrap_err();
            assert!(why.contains("line ") || why == "is empty", "{text:?}: {why}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "([a-c]|: |\n|- |\\*a|&a |<<|\\[|\\]|\\{|\\}|'|\"|,|  |!reset |\\?){0,60}") {
            let _ = parse(&text);
        }
    }
}
