//! The settings of a kind in words, for `explain` and for the flags of the command line.

use serde_json::Value;

use super::schema::Settings;
use crate::registry::Registry;

/// One setting of a kind, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingDoc {
    /// The key; of a table inside, `table.key`.
    pub name: String,
    /// The type in words: "a duration", "an array of texts".
    pub kind: String,
    /// The default as it stands in a file, if there is one.
    pub default: Option<String>,
    /// Whether it must be given. What a table requires is required only if the table is.
    pub required: bool,
    /// What it is; empty if its author did not say.
    pub description: String,
}

/// Returns the settings of a kind in the order of their names, those of tables one level deep after their table. A kind
/// that is not registered has none.
pub fn settings_of(registry: &Registry, kind: &str) -> Vec<SettingDoc> {
    let Some(kind) = registry.kind(kind) else {
        return Vec::new();
    };
    let settings = Settings::of(kind);
    let mut docs = Vec::new();
    for (name, schema, required) in properties(&settings, settings.root()) {
        docs.push(doc(&settings, name.clone(), schema, required));
        for (inner, schema, inner_required) in properties(&settings, schema) {
            docs.push(doc(&settings, format!("{name}.{inner}"), schema, required && inner_required));
        }
    }
    docs
}

fn properties<'a>(settings: &'a Settings, schema: &'a Value) -> Vec<(String, &'a Value, bool)> {
    let mut found: Vec<(String, &Value, bool)> = Vec::new();
    for branch in settings.branches(schema) {
        let required: Vec<&str> =
            branch.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, schema) in branch.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if !found.iter().any(|(known, ..)| known == name) {
                found.push((name.clone(), schema, required.contains(&name.as_str())));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn doc(settings: &Settings, name: String, schema: &Value, required: bool) -> SettingDoc {
    let (resolved, _) = settings.resolve(schema);
    let text = |schema: &Value| schema.get("description").and_then(Value::as_str).map(str::to_owned);
    let default = schema.get("default").or_else(|| resolved.get("default")).filter(|value| !value.is_null());
    SettingDoc {
        name,
        kind: words(settings, schema, 0),
        default: default.map(in_toml),
        required,
        description: text(schema).or_else(|| text(resolved)).unwrap_or_default(),
    }
}

/// Says the type of a schema in words.
fn words(settings: &Settings, schema: &Value, depth: usize) -> String {
    let (schema, name) = settings.resolve(schema);
    match name {
        Some("TimeSpan") => return "a duration".to_owned(),
        Some("ByteSize") => return "a size".to_owned(),
        Some("Share") => return "a share".to_owned(),
        Some("SecretRef") => return "a reference to a secret".to_owned(),
        _ => {}
    }
    if depth > 4 {
        return "a value".to_owned();
    }
    if let Some(value) = schema.get("const") {
        return in_toml(value);
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let values: Vec<String> = values.iter().filter(|value| !value.is_null()).map(in_toml).collect();
        return one_of(&values);
    }
    for join in ["oneOf", "anyOf", "allOf"] {
        if let Some(parts) = schema.get(join).and_then(Value::as_array) {
            let parts: Vec<&Value> =
                parts.iter().filter(|part| part.get("type").and_then(Value::as_str) != Some("null")).collect();
            let fixed = parts.iter().all(|part| part.get("const").is_some());
            let mut said: Vec<String> = parts.iter().map(|part| words(settings, part, depth + 1)).collect();
            said.dedup();
            return if fixed { one_of(&said) } else { said.join(", or ") };
        }
    }
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect(),
        _ => Vec::new(),
    };
    let said: Vec<String> = types
        .iter()
        .map(|name| match *name {
            "string" => "a text".to_owned(),
            "integer" => "a whole number".to_owned(),
            "number" => "a number".to_owned(),
            "boolean" => "true or false".to_owned(),
            "array" => match schema.get("items") {
                Some(items) => format!("an array of {}", plural(&words(settings, items, depth + 1))),
                None => "an array".to_owned(),
            },
            _ => "a table".to_owned(),
        })
        .collect();
    if said.is_empty() { "a value".to_owned() } else { said.join(", or ") }
}

fn one_of(values: &[String]) -> String {
    match values {
        [one] => one.clone(),
        several => format!("one of {}", several.join(", ")),
    }
}

fn plural(one: &str) -> String {
    match one.strip_prefix("a ") {
        Some("reference to a secret") => "references to secrets".to_owned(),
        Some(noun) if !noun.contains(", or ") => format!("{noun}s"),
        _ => format!("values, each {one}"),
    }
}

/// Writes a value as it stands in a file.
pub(super) fn in_toml(value: &Value) -> String {
    match value {
        Value::Array(values) => format!("[{}]", values.iter().map(in_toml).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Object(entries) => {
            let entries = entries.iter().filter(|(_, value)| !value.is_null());
            let said: Vec<String> =
                entries.map(|(key, value)| format!("{} = {}", key_text(key), in_toml(value))).collect();
            format!("{{ {} }}", said.join(", "))
        }
        Value::String(text) => text_in_toml(text),
        other => other.to_string(),
    }
}

/// Writes one part of a key: bare if it can be.
pub(super) fn key_text(key: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !key.is_empty() && key.bytes().all(bare) { key.to_owned() } else { text_in_toml(key) }
}

/// Writes a text on one line, so that whatever is in it stays a text.
pub(super) fn text_in_toml(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            character if character.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(character))),
            character => out.push(character),
        }
    }
    out.push('"');
    out
}
