//! Names in compose files: of files, and what the engine calls networks and volumes.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::variables::{Variables, interpolate};
use super::yaml::{Kind, Node};

/// What the engine calls the networks and volumes that the files of a project name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The networks, those that others made (`external`) included.
    pub networks: BTreeSet<String>,
    /// The volumes, in the same way.
    pub volumes: BTreeSet<String>,
    /// Variables without a value in a name: with them it may be another.
    pub missing: BTreeSet<String>,
    /// The names of the project that stand before those in its files.
    prefixes: Vec<String>,
}

impl Names {
    /// Begins with the network that every project has.
    pub(super) fn of(project: &str, other: Option<&str>) -> Self {
        let prefixes: Vec<String> = std::iter::once(project).chain(other).map(str::to_owned).collect();
        let networks = prefixes.iter().map(|project| format!("{project}_default")).collect();
        Self { networks, prefixes, ..Self::default() }
    }

    /// Adds the names of a file.
    pub(super) fn take(&mut self, tree: &Arc<Node>, variables: &Variables) {
        for (field, is_network) in [("networks", true), ("volumes", false)] {
            for (key, node) in tree.get(field).and_then(|all| all.entries()).unwrap_or_default() {
                let external = node.get("external").filter(|external| !external.is_null());
                let is_external = external.is_some_and(|external| external.truth() != Some(false));
                // The first generation writes the name of an external one below that word.
                let name = node.get("name").or_else(|| external?.get("name")).and_then(|name| name.scalar());
                let names = match name.map(|name| interpolate(name, variables, &mut self.missing)) {
                    Some(Ok(name)) => vec![name],
                    Some(Err(_)) => {
                        self.missing.insert(format!("{field}.{key}"));
                        Vec::new()
                    }
                    None if is_external => vec![key.clone()],
                    None => self.prefixes.iter().map(|project| format!("{project}_{key}")).collect(),
                };
                let all = if is_network { &mut self.networks } else { &mut self.volumes };
                all.extend(names);
            }
        }
    }
}

/// Puts a folder before relative names of files, in any of the forms in which they may be written.
pub(super) fn absolute(files: &Arc<Node>, folder: &Path) -> Arc<Node> {
    let kind = match &files.kind {
        Kind::Scalar { .. } => match files.scalar() {
            Some(name) => return files.with_text(&folder.join(name).to_string_lossy()),
            None => return Arc::clone(files),
        },
        Kind::List(items) => Kind::List(items.iter().map(|item| absolute(item, folder)).collect()),
        Kind::Map(entries) => {
            let each = |(name, node): &(String, Arc<Node>)| {
                let node = if name == "path" { absolute(node, folder) } else { Arc::clone(node) };
                (name.clone(), node)
            };
            Kind::Map(entries.iter().map(each).collect())
        }
    };
    Arc::new(Node { kind, merging: files.merging, missing: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::super::variables;
    use super::super::yaml;
    use super::*;

    #[test]
    fn networks_and_volumes_are_named_as_the_engine_names_them() {
        let text = "networks:\n  back:\n  front: {name: edge-$STAGE}\n  proxy: {external: true}\n  \
                    old: {external: {name: elder}}\n  own: {external: false}\n\
                    volumes:\n  data: {}\n  dump: {name: $UNKNOWN}\n";
        let mut names = Names::of("shop", Some("-shop"));
        names.take(&yaml::parse(text).unwrap(), &variables::parse("STAGE=live"));
        let networks: Vec<&str> = names.networks.iter().map(String::as_str).collect();
        let both = ["-shop_back", "-shop_default", "-shop_own", "edge-live", "elder", "proxy"];
        assert_eq!(networks[..6], both);
        assert_eq!(networks[6..], ["shop_back", "shop_default", "shop_own"]);
        assert!(names.volumes.contains("shop_data"));
        assert_eq!(names.missing.iter().collect::<Vec<_>>(), ["UNKNOWN"]);
    }
}
