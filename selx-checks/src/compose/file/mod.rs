//! Compose files: how they are read, put together and named.

mod merge;
mod model;
mod names;
mod project;
mod service;
mod variables;
mod yaml;

pub use model::Model;
pub use names::Names;
pub use project::ComposeFiles;
pub(crate) use project::{Project, Source};
pub use service::{Condition, Service};

/// Reads a file of variables and a compose file beside it, without a disk; a problem is shown as users see it. The
/// fuzzer's door.
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub fn fuzz_model(variables: &str, file: &str) -> Result<Model, String> {
    model::of_text(variables, file).map_err(|error| error.to_string())
}

/// Reads a text as YAML and tells how many nodes it comes to when every alias is followed, and how deep they lie: the
/// fuzzer's door.
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub fn fuzz_yaml(text: &str) -> Result<(usize, usize), String> {
    fn extent(node: &yaml::Node) -> (usize, usize) {
        let entries = node.entries().unwrap_or_default().iter().map(|(_, node)| node);
        let inner = node.items().unwrap_or_default().iter().chain(entries).map(|node| extent(node));
        let (nodes, depth) = inner.fold((0, 0), |(nodes, depth), (more, deep)| (nodes + more, depth.max(deep)));
        (nodes + 1, depth + 1)
    }
    yaml::parse(text).map(|node| extent(&node))
}

/// Reads a file of variables: the fuzzer's door.
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub fn fuzz_variables(text: &str) -> std::collections::BTreeMap<String, String> {
    variables::parse(text)
}

/// Puts variables into a text, and tells which have no value: the fuzzer's door.
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub fn fuzz_interpolate(
    text: &str,
    variables: &std::collections::BTreeMap<String, String>,
) -> Result<(String, std::collections::BTreeSet<String>), String> {
    let mut missing = std::collections::BTreeSet::new();
    variables::interpolate(text, variables, &mut missing).map(|text| (text, missing))
}
