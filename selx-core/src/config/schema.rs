//! The schema of the file and of the kinds' settings, and what is read from it. Loading a right file never needs it.

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::gather::Step;
use super::tables::{ActionTable, CheckTable, HistoryTable, RoutineTable, RunnerTable};
use crate::meta::Meta;
use crate::registry::{Kind, Registry};

/// Returns the JSON Schema (2020-12) of the whole file, with every kind of the registry, for editors.
pub fn schema(registry: &Registry) -> Value {
    let mut generator = SchemaGenerator::default();
    let runner = generator.subschema_for::<RunnerTable>();
    let history = generator.subschema_for::<HistoryTable>();
    let routine = generator.subschema_for::<RoutineTable>();
    let properties = |mut common: Value| -> Map<String, Value> {
        common.get_mut("properties").and_then(Value::as_object_mut).map(std::mem::take).unwrap_or_default()
    };
    let own = properties(Value::from(generator.root_schema_for::<CheckTable>()));
    let mut kinds = Map::new();
    for factory in registry.kinds() {
        let with = Value::from(factory.schema(&mut generator));
        let mut own = own.clone();
        own.insert("limits".to_owned(), limits(factory.meta()));
        kinds.insert(factory.meta().id.to_string(), of_kind(factory.meta(), own, with));
    }
    // Its definitions are those of the generator, so that they are found in this document.
    let action = Value::from(generator.subschema_for::<ActionTable>());
    let own = action.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
    let own = own.and_then(|name| generator.definitions_mut().remove(name)).unwrap_or(action);
    let own = properties(own);
    let mut actions = Map::new();
    for factory in registry.actions() {
        let with = Value::from(factory.schema(&mut generator));
        actions.insert(factory.meta().id.to_string(), of_kind(factory.meta(), own.clone(), with));
    }
    let mut definitions = generator.take_definitions(true);
    definitions.insert("Limit".to_owned(), limit());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "selx configuration",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "include": {
                "description": "Further files, relative to this one. `*` and `?` may stand in the last part of a path.",
                "type": "array",
                "items": { "type": "string" }
            },
            "runner": runner,
            "history": history,
            "routine": {
                "description": "Named selections with a schedule: `[routine.NAME]`.",
                "type": "object",
                "propertyNames": name(),
                "additionalProperties": routine
            },
            "check": {
                "description": "The checks: `[check.KIND.NAME]`.",
                "type": "object",
                "additionalProperties": false,
                "properties": kinds
            },
            "action": {
                "description": "The actions: `[action.KIND.NAME]`.",
                "type": "object",
                "additionalProperties": false,
                "properties": actions
            }
        },
        "$defs": definitions
    })
}

fn name() -> Value {
    json!({ "pattern": "^[A-Za-z0-9._-]{1,100}$" })
}

fn of_kind(meta: &Meta, mut properties: Map<String, Value>, with: Value) -> Value {
    properties.insert("with".to_owned(), with);
    json!({
        "description": meta.summary,
        "type": "object",
        "propertyNames": name(),
        "additionalProperties": { "type": "object", "additionalProperties": false, "properties": properties }
    })
}

fn limits(meta: &Meta) -> Value {
    let measures: Map<String, Value> = meta
        .measures
        .iter()
        .map(|measure| {
            let description = format!("The limit of the {}.", measure.meaning);
            (measure.name.to_owned(), json!({ "description": description, "$ref": "#/$defs/Limit" }))
        })
        .collect();
    let names: Vec<&str> = meta.measures.iter().map(|measure| measure.name).collect();
    let mut limits = json!({
        "description": "The limits of the measures: `MEASURE`, or `MEASURE@SUBJECT` for one subject.",
        "type": "object",
        "additionalProperties": false,
        "properties": measures
    });
    if !names.is_empty()
        && let Some(limits) = limits.as_object_mut()
    {
        let pattern = format!("^({})@.+$", names.join("|"));
        limits.insert("patternProperties".to_owned(), json!({ pattern: { "$ref": "#/$defs/Limit" } }));
    }
    limits
}

fn limit() -> Value {
    let threshold = |what: &str| json!({ "description": what, "type": ["string", "number"] });
    json!({
        "description": "A limit. What it does not say stays as the kind says it; `off` takes it away.",
        "oneOf": [
            { "const": "off" },
            {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": false,
                "properties": {
                    "warning": threshold("Where it is a warning: `75%`, `10GiB`, `21d:`, `10:20`."),
                    "critical": threshold("Where it is critical."),
                    "for": { "description": "How long a breach has to last before it counts: `15m`.", "type": "string" },
                    "recover": threshold("Where an alarm ends again.")
                }
            }
        ]
    })
}

/// The schema of one kind's settings.
pub(super) struct Settings {
    root: Value,
    definitions: Map<String, Value>,
}

impl Settings {
    pub(super) fn of(kind: &dyn Kind) -> Self {
        let mut generator = SchemaGenerator::default();
        let root = Value::from(kind.schema(&mut generator));
        Self { root, definitions: generator.take_definitions(true) }
    }

    pub(super) fn root(&self) -> &Value {
        &self.root
    }

    /// Follows references. The name of the last one tells types apart that are all texts.
    pub(super) fn resolve<'a>(&'a self, schema: &'a Value) -> (&'a Value, Option<&'a str>) {
        let (mut schema, mut name) = (schema, None);
        // A bound, because a schema written by hand may refer to itself.
        for _ in 0..16 {
            let Some(target) = schema.get("$ref").and_then(Value::as_str) else { break };
            let last = target.rsplit('/').next().unwrap_or_default();
            let Some(next) = self.definitions.get(last) else { break };
            (schema, name) = (next, Some(last));
        }
        (schema, name)
    }

    /// Returns the schema with those that it joins or chooses from.
    pub(super) fn branches<'a>(&'a self, schema: &'a Value) -> Vec<&'a Value> {
        let mut found = Vec::new();
        let mut waiting = vec![(schema, 0)];
        while let Some((schema, depth)) = waiting.pop() {
            let (schema, _) = self.resolve(schema);
            found.push(schema);
            if depth < 4 {
                for join in ["allOf", "anyOf", "oneOf"] {
                    let parts = schema.get(join).and_then(Value::as_array);
                    waiting.extend(parts.into_iter().flatten().map(|part| (part, depth + 1)));
                }
            }
        }
        found
    }

    /// Returns the schema of a key of a table.
    pub(super) fn inside<'a>(&'a self, schema: &'a Value, key: &str) -> Option<&'a Value> {
        let branches = self.branches(schema);
        let named = branches.iter().find_map(|branch| branch.get("properties")?.get(key));
        named
            .or_else(|| branches.iter().find_map(|branch| branch.get("additionalProperties").filter(|v| v.is_object())))
    }

    /// Returns the schema at a path with dots.
    pub(super) fn at<'a>(&'a self, path: &[&str]) -> Option<&'a Value> {
        path.iter().try_fold(&self.root, |schema, key| self.inside(schema, key))
    }
}

/// Returns the settings that the table at a path must have.
pub(super) fn required(kind: &dyn Kind, path: &[Step]) -> Vec<String> {
    let settings = Settings::of(kind);
    let at = path.iter().try_fold(&settings.root, |schema, step| match step {
        Step::Key(key) => settings.inside(schema, key),
        Step::Index(_) => settings.branches(schema).into_iter().find_map(|branch| branch.get("items")),
    });
    let Some(at) = at else { return Vec::new() };
    // What is chosen from may ask for other things; only what surely holds is told.
    let (schema, _) = settings.resolve(at);
    let names = schema.get("required").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Tells whether a kind has a setting of this name.
pub(super) fn has_setting(kind: &dyn Kind, key: &str) -> bool {
    let settings = Settings::of(kind);
    settings
        .branches(&settings.root)
        .iter()
        .any(|branch| branch.get("properties").is_some_and(|p| p.get(key).is_some()))
}
