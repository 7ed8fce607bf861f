//! What every kind must keep to, as tests: for the kinds of selx and for those of other crates.
//!
//! A kind has a folder with `README.md`, `sample.toml` and `testcases/*.json`. One test in its crate holds it to the
//! contract:
//!
//! ```ignore
//! #[test]
//! fn contract() {
//!     selx_core::contract::check::<MyKind>(concat!(env!("CARGO_MANIFEST_DIR"), "/src/my-kind"));
//! }
//! ```
//!
//! The contract, point by point:
//!
//! - the id, the codes and the measures are kebab-case, documented in whole sentences, and unique;
//! - the README has the fixed headings, and its example is `sample.toml` to the letter;
//! - the sample is read without an error, and a key that it does not have is refused with its place;
//! - every setting has a description;
//! - default limits are on measures that are documented;
//! - every testcase gives the status, the codes and the words that it says, twice, and its facts survive being saved;
//! - every documented code occurs in a testcase, and no finding has a code that is not documented;
//! - a judgement does not panic on facts that were damaged;
//! - a probe that is cancelled ends within a second.
//!
//! An action has no testcases: what it does is done to a world. Its texts and its settings are held to the same, its plan
//! ends within a second when it is cancelled, it names what nobody else may change meanwhile, and [`life()`] takes it through
//! a life in a world that its author made: a plan, a wrong confirmation, the right one, and the same plan once more.

mod documents;
mod life;
mod probe;
mod testcase;

use std::marker::PhantomData;
use std::path::Path;

use crate::check::Check;
use crate::registry::{ActionFactory, Factory, Registry};

pub use life::{life, life_of};
pub use testcase::Testcase;

/// Holds a kind to the contract.
///
/// # Panics
///
/// With every violation, if there is one.
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub fn check<C: Check>(folder: impl AsRef<Path>) {
    let violations = violations::<C>(folder.as_ref());
    if !violations.is_empty() {
        panic!("`{}` breaks the contract:\n- {}", C::META.id, violations.join("\n- "));
    }
}

/// Returns what of the contract a kind breaks, one sentence each.
pub fn violations<C: Check>(folder: &Path) -> Vec<String> {
    let mut registry = Registry::new();
    if registry.check::<C>().is_err() {
        return vec!["it cannot be registered".to_owned()];
    }
    let _: PhantomData<C> = PhantomData;
    match registry.get(C::META.id.as_str()) {
        Some(factory) => of_factory(factory, &registry, folder),
        None => vec!["it is not found under its own id".to_owned()],
    }
}

/// Returns what of the contract a kind of check of a registry breaks.
pub fn of_factory(factory: &dyn Factory, registry: &Registry, folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    documents::of_check(factory, registry, folder, &mut found);
    testcase::look(factory, folder, &mut found);
    probe::of_check(factory.meta().sample, registry, &mut found);
    found
}

/// Returns what of the contract a kind of action of a registry breaks, as far as that can be seen without a world to
/// change; [`life()`] is the rest.
pub fn of_action(factory: &dyn ActionFactory, registry: &Registry, folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    documents::of_action(factory, registry, folder, &mut found);
    probe::of_action(factory.meta().sample, registry, &mut found);
    found
}
