//! The registry: everything that has a name. Schema, lists, documentation and completions derive from it.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use schemars::{Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

use crate::action::{Action, DynAction, TypedAction};
use crate::check::{BoxFuture, Check, DynCheck, Typed};
use crate::context::Context;
use crate::discovery::Discovery;
use crate::meta::{Id, Meta};
use crate::secret::SecretRef;

/// A kind of check or of action: what it says about itself, and its settings.
pub trait Kind: Send + Sync {
    /// Returns what the kind says about itself.
    fn meta(&self) -> &Meta;

    /// Returns the schema of its settings.
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema;
}

/// Makes checks of one kind. It is implemented for every [`Check`] and by hand where settings have no Rust type.
pub trait Factory: Kind {
    /// Makes a check of settings that keep their place in the file.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its span. The loader asks again without it, so that all are reported.
    fn build(&self, with: Spanned<DeValue<'_>>) -> Result<Arc<dyn DynCheck>, toml::de::Error>;

    /// Finds out what of this kind the host has.
    fn discover<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Discovery>;
}

/// Makes actions of one kind. It is implemented for every [`Action`] and by hand where settings have no Rust type.
pub trait ActionFactory: Kind {
    /// Makes an action of settings that keep their place in the file.
    ///
    /// # Errors
    ///
    /// As [`Factory::build`].
    fn build(&self, with: Spanned<DeValue<'_>>) -> Result<Arc<dyn DynAction>, toml::de::Error>;
}

impl dyn Factory + '_ {
    /// Makes a check of settings in JSON, as recordings and other languages hold them. `null` stands for no settings.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, in the words of the settings' types.
    pub fn build_json(&self, with: &Value) -> Result<Arc<dyn DynCheck>, String> {
        of_json(with, |value| self.build(value))
    }
}

impl dyn ActionFactory + '_ {
    /// Makes an action of settings in JSON, as journals hold them. `null` stands for no settings.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, in the words of the settings' types.
    pub fn build_json(&self, with: &Value) -> Result<Arc<dyn DynAction>, String> {
        of_json(with, |value| self.build(value))
    }
}

fn of_json<T>(
    with: &Value,
    build: impl FnOnce(Spanned<DeValue<'_>>) -> Result<T, toml::de::Error>,
) -> Result<T, String> {
    let mut text = String::new();
    write_toml(with, &mut text).map_err(|_| "the settings are nested too deeply".to_owned())?;
    let value = DeValue::parse(&text).map_err(|error| error.message().to_owned())?;
    build(value).map_err(|error| error.message().to_owned())
}

/// Writes JSON as a TOML value: the two forms of a text differ in one character, inline tables in their separator.
fn write_toml(value: &Value, out: &mut String) -> std::fmt::Result {
    use std::fmt::Write as _;
    let list = |open: char, close: char, out: &mut String, items: &mut dyn Iterator<Item = (Option<&str>, &Value)>| {
        out.push(open);
        for (key, value) in items.filter(|(_, value)| !value.is_null()) {
            if let Some(key) = key {
                write!(out, "{} = ", text(key))?;
            }
            write_toml(value, out)?;
            out.push(',');
        }
        if out.ends_with(',') {
            out.pop();
        }
        out.push(close);
        Ok(())
    };
    match value {
        Value::Null => out.write_str("{}"),
        Value::Bool(value) => write!(out, "{value}"),
        Value::Number(value) => write!(out, "{value}"),
        Value::String(value) => out.write_str(&text(value)),
        Value::Array(items) => list('[', ']', out, &mut items.iter().map(|value| (None, value))),
        Value::Object(items) => list('{', '}', out, &mut items.iter().map(|(key, value)| (Some(key.as_str()), value))),
    }
}

/// Writes a text as both formats write it, with the one control character that JSON leaves as it is.
fn text(value: &str) -> String {
    Value::from(value).to_string().replace('\u{7f}', "\\u007f")
}

/// The factory of a [`Check`].
struct OfCheck<C>(PhantomData<fn() -> C>);

impl<C: Check> Kind for OfCheck<C> {
    fn meta(&self) -> &Meta {
        &C::META
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<C::Config>()
    }
}

impl<C: Check> Factory for OfCheck<C> {
    fn build(&self, with: Spanned<DeValue<'_>>) -> Result<Arc<dyn DynCheck>, toml::de::Error> {
        let (config, secrets) = SecretRef::named_by(|| C::Config::deserialize(ValueDeserializer::from(with)));
        Ok(Arc::new(Typed::new(C::new(config?)).naming(secrets)))
    }

    fn discover<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Discovery> {
        Box::pin(C::discover(cx))
    }
}

/// The factory of an [`Action`].
struct OfAction<A>(PhantomData<fn() -> A>);

impl<A: Action> Kind for OfAction<A> {
    fn meta(&self) -> &Meta {
        &A::META
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<A::Config>()
    }
}

impl<A: Action> ActionFactory for OfAction<A> {
    fn build(&self, with: Spanned<DeValue<'_>>) -> Result<Arc<dyn DynAction>, toml::de::Error> {
        let (config, secrets) = SecretRef::named_by(|| A::Config::deserialize(ValueDeserializer::from(with)));
        Ok(Arc::new(TypedAction::new(A::new(config?)).naming(secrets)))
    }
}

/// Two kinds of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a kind named `{0}` is registered already")]
pub struct Duplicate(pub Id);

/// Every kind that this program knows, by name. It is a value: two registries in one process do not meet, and a copy knows
/// nothing of what is registered with the other later.
#[derive(Clone, Default)]
pub struct Registry {
    checks: BTreeMap<Id, Arc<dyn Factory>>,
    actions: BTreeMap<Id, Arc<dyn ActionFactory>>,
}

impl Registry {
    /// Makes an empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a kind of check.
    ///
    /// # Errors
    ///
    /// If the name is taken.
    pub fn check<C: Check>(&mut self) -> Result<&mut Self, Duplicate> {
        self.add(Arc::new(OfCheck::<C>(PhantomData)))
    }

    /// Registers a kind of action.
    ///
    /// # Errors
    ///
    /// If the name is taken.
    pub fn action<A: Action>(&mut self) -> Result<&mut Self, Duplicate> {
        self.add_action(Arc::new(OfAction::<A>(PhantomData)))
    }

    /// Registers a kind of check by its factory.
    ///
    /// # Errors
    ///
    /// If the name is taken.
    pub fn add(&mut self, factory: Arc<dyn Factory>) -> Result<&mut Self, Duplicate> {
        let id = self.free(factory.meta().id)?;
        self.checks.insert(id, factory);
        Ok(self)
    }

    /// Registers a kind of action by its factory.
    ///
    /// # Errors
    ///
    /// If the name is taken.
    pub fn add_action(&mut self, factory: Arc<dyn ActionFactory>) -> Result<&mut Self, Duplicate> {
        let id = self.free(factory.meta().id)?;
        self.actions.insert(id, factory);
        Ok(self)
    }

    fn free(&self, id: Id) -> Result<Id, Duplicate> {
        if self.checks.contains_key(&id) || self.actions.contains_key(&id) { Err(Duplicate(id)) } else { Ok(id) }
    }

    /// Finds a kind of check by name.
    pub fn get(&self, name: &str) -> Option<&dyn Factory> {
        // Ids are static; the map is small, and a lookup by text is not on a hot path.
        self.checks.iter().find(|(id, _)| id.as_str() == name).map(|(_, factory)| &**factory)
    }

    /// Finds a kind of action by name.
    pub fn get_action(&self, name: &str) -> Option<&dyn ActionFactory> {
        self.actions.iter().find(|(id, _)| id.as_str() == name).map(|(_, factory)| &**factory)
    }

    /// Finds a kind of either sort by name.
    pub fn kind(&self, name: &str) -> Option<&dyn Kind> {
        let check = self.get(name).map(|factory| factory as &dyn Kind);
        check.or_else(|| self.get_action(name).map(|factory| factory as &dyn Kind))
    }

    /// Returns every kind of check, in the order of their names.
    pub fn kinds(&self) -> impl Iterator<Item = &dyn Factory> {
        self.checks.values().map(|factory| &**factory)
    }

    /// Returns every kind of action, in the order of their names.
    pub fn actions(&self) -> impl Iterator<Item = &dyn ActionFactory> {
        self.actions.values().map(|factory| &**factory)
    }

    /// Returns the names of the kinds of checks, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.checks.keys().map(Id::as_str)
    }

    /// Returns the names of the kinds of actions, in order.
    pub fn action_names(&self) -> impl Iterator<Item = &'static str> {
        self.actions.keys().map(Id::as_str)
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).entries(self.action_names()).finish()
    }
}
