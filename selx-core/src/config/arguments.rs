//! A check of the command line: `selx check http --url https://example.org --expect.status 200`.
//!
//! The arguments become a document, one line each, that goes the way of a file; what is wrong is told of the argument.

use std::cell::LazyCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::{self, is_name};
use super::gather::Wrong;
use super::problem::reword;
use super::schema::Settings;
use super::settings::{key_text, settings_of, text_in_toml};
use super::text::{Text, escape, is_secret_key};
use super::{ArgumentError, ArgumentErrors};
use crate::registry::Registry;
use crate::suite::Instance;

/// How many parts a key may have.
const MAX_PARTS: usize = 6;
const NONE_SUCH: &str = "there is no such setting";

/// One line of the document, with what it was made of.
struct Line {
    /// Which argument it is.
    order: usize,
    span: Range<usize>,
    /// The flag that errors name.
    flag: String,
    /// The key of a setting; empty for the others.
    key: String,
    /// The values as they were given, to be hidden if the key names a secret.
    raw: Vec<String>,
}

/// Makes a check of arguments.
///
/// `settings` are pairs of a key (`url`, `expect.status`) and a raw value, which is typed by the schema of the setting:
/// a text as it is, numbers, `true` and `false`; several values of an array by giving the flag again, or by commas if it
/// is given once; a table or an array also as TOML (`{ a = 1 }`, `["a,b"]`, `[]`). `limits` are a measure (`used`,
/// `used@/var`), `warning`, `critical`, `for` or `recover`, and its value. `timeout` is a duration.
///
/// # Errors
///
/// Every argument that is wrong, by its flag.
pub fn from_arguments(
    registry: &Registry,
    kind: &str,
    name: &str,
    settings: &[(String, String)],
    limits: &[(String, String, String)],
    timeout: Option<&str>,
) -> Result<Instance, ArgumentErrors> {
    let mut errors = Vec::new();
    let Some(factory) = registry.get(kind) else {
        let near = crate::nearest(kind, registry.names());
        let hint = near.map_or("`selx list` shows every kind".to_owned(), |near| format!("is `{near}` meant?"));
        let message = "there is no such kind".to_owned();
        return Err(ArgumentErrors {
            errors: vec![ArgumentError { flag: escape(kind, 100), message, hint: Some(hint) }],
        });
    };
    if !is_name(name) {
        let message = "not a name: letters a to z, digits, `.`, `_` and `-`, at most 100 of them".to_owned();
        errors.push((0, ArgumentError { flag: "--name".to_owned(), message, hint: None }));
    }
    let schema = Settings::of(factory);
    let mut document = String::new();
    let mut lines: Vec<Line> = Vec::new();
    let mut add = |order: usize, flag: String, key: &str, raw: Vec<String>, text: String| {
        let start = document.len();
        document.push_str(&text);
        document.push('\n');
        lines.push(Line { order, span: start..document.len(), flag, key: key.to_owned(), raw });
    };
    // Only an error needs them, and their schema costs more than all the rest.
    let names = LazyCell::new(|| settings_of(registry, kind).into_iter().map(|doc| doc.name).collect::<Vec<_>>());
    for (order, (key, values)) in grouped(settings).into_iter().enumerate() {
        let flag = format!("--{}", escape(key, 100));
        let parts: Vec<&str> = key.split('.').collect();
        if parts.len() > MAX_PARTS || parts.contains(&"") {
            let error = ArgumentError { flag, message: NONE_SUCH.to_owned(), hint: nearest_flag(key, &names) };
            errors.push((order, error));
            continue;
        }
        let path: Vec<String> = parts.iter().map(|part| key_text(part)).collect();
        match typed(&schema, schema.at(&parts), &values) {
            Ok(text) => {
                let raw = values.iter().map(|value| (*value).to_owned()).collect();
                add(order, flag, key, raw, format!("with.{} = {text}", path.join(".")));
            }
            Err(message) => errors.push((order, ArgumentError { flag, message, hint: None })),
        }
    }
    for (index, (measure, level, value)) in limits.iter().enumerate() {
        let text = format!("limits.{}.{} = {}", text_in_toml(measure), key_text(level), text_in_toml(value));
        add(settings.len() + index, format!("--{}", escape(level, 100)), "", vec![value.clone()], text);
    }
    if let Some(timeout) = timeout {
        let order = settings.len() + limits.len();
        add(
            order,
            "--timeout".to_owned(),
            "",
            vec![timeout.to_owned()],
            format!("timeout = {}", text_in_toml(timeout)),
        );
    }

    match read(factory, name, &document) {
        Ok(instance) if errors.is_empty() => return Ok(instance),
        Ok(_) => {}
        Err(wrongs) => errors.extend(wrongs.into_iter().map(|wrong| told(wrong, &lines, &names))),
    }
    errors.sort_by_key(|(order, _)| *order);
    Err(ArgumentErrors { errors: errors.into_iter().map(|(_, error)| error).collect() })
}

fn read(factory: &dyn crate::registry::Factory, name: &str, document: &str) -> Result<Instance, Vec<Wrong>> {
    let text = Text::new("arguments", document);
    if let Some((span, message)) = text.too_deep() {
        return Err(vec![Wrong::new(span, message, None)]);
    }
    let (table, syntax) = DeTable::parse_recoverable(document);
    if !syntax.is_empty() {
        let wrong = |error: &toml::de::Error| {
            let (message, hint) = reword(error.message());
            Wrong::new(error.span().unwrap_or_default(), message, hint)
        };
        return Err(syntax.iter().map(wrong).collect());
    }
    // The table stands behind every line, so that what is missing is not told of one of them.
    let end = document.len()..document.len() + 1;
    let value = Spanned::new(end, DeValue::Table(table.into_inner()));
    let draft = check::read(factory, name, &value);
    draft.instance.ok_or(draft.wrongs)
}

/// Puts the values of a flag that is given again together, in the order of the first.
fn grouped(settings: &[(String, String)]) -> Vec<(&str, Vec<&str>)> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for (key, value) in settings {
        match groups.iter_mut().find(|(known, _)| known == key) {
            Some((_, values)) => values.push(value),
            None => groups.push((key, vec![value])),
        }
    }
    groups
}

/// Names the nearest flag, or some of those there are.
fn nearest_flag(key: &str, names: &[String]) -> Option<String> {
    if let Some(near) = crate::nearest(key, names.iter().map(String::as_str)) {
        return Some(format!("is `--{near}` meant?"));
    }
    let shown: Vec<String> = names.iter().take(12).map(|name| format!("`--{name}`")).collect();
    let more = names.len().saturating_sub(shown.len());
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!shown.is_empty()).then(|| format!("there are {}{rest}", shown.join(", ")))
}

/// Says of which line an error is.
fn told(wrong: Wrong, lines: &[Line], names: &[String]) -> (usize, ArgumentError) {
    if let Some(missing) = &wrong.missing {
        let flag = format!("--{}", escape(missing, 100));
        return (usize::MAX, ArgumentError { flag, message: "must be given".to_owned(), hint: wrong.hint });
    }
    let line = lines.iter().find(|line| line.span.contains(&wrong.span.start));
    let Some(line) = line else {
        let message = escape(&wrong.message, 400);
        return (usize::MAX, ArgumentError { flag: "the settings".to_owned(), message, hint: wrong.hint });
    };
    let mut message = wrong.message;
    let mut hint = wrong.hint;
    if message.starts_with("unknown setting `") && !line.key.is_empty() {
        let direct = message == format!("unknown setting `{}`", line.key.rsplit('.').next().unwrap_or_default());
        if direct {
            NONE_SUCH.clone_into(&mut message);
            hint = nearest_flag(&line.key, names);
        }
    }
    let secret = wrong.secret || is_secret_key(&line.key);
    for raw in line.raw.iter().filter(|raw| secret && !raw.is_empty()) {
        message = message.replace(raw.as_str(), "[hidden]");
        hint = hint.map(|hint| hint.replace(raw.as_str(), "[hidden]"));
    }
    let hint = hint.map(|hint| escape(&hint, 400));
    (line.order, ArgumentError { flag: line.flag.clone(), message: escape(&message, 400), hint })
}

/// What a value may be, by the schema of its setting.
#[derive(Default)]
struct Types<'a> {
    text: bool,
    whole: bool,
    number: bool,
    truth: bool,
    table: bool,
    items: Option<Option<&'a serde_json::Value>>,
}

impl<'a> Types<'a> {
    fn of(settings: &'a Settings, schema: &'a serde_json::Value) -> Self {
        use serde_json::Value;
        let mut types = Self::default();
        for branch in settings.branches(schema) {
            let named: Vec<&str> = match branch.get("type") {
                Some(Value::String(name)) => vec![name],
                Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
                _ => Vec::new(),
            };
            for name in named {
                match name {
                    "string" => types.text = true,
                    "integer" => types.whole = true,
                    "number" => types.number = true,
                    "boolean" => types.truth = true,
                    "object" => types.table = true,
                    "array" => types.items = Some(branch.get("items")),
                    _ => {}
                }
            }
        }
        types
    }
}

/// Writes raw values as TOML.
fn typed(settings: &Settings, schema: Option<&serde_json::Value>, values: &[&str]) -> Result<String, String> {
    let types = schema.map(|schema| Types::of(settings, schema)).unwrap_or_default();
    let first = values.first().copied().unwrap_or_default();
    if let Some(items) = types.items {
        if values.len() == 1 && first.trim_start().starts_with('[') {
            return as_toml(first);
        }
        let parts: Vec<&str> = match values {
            [one] if one.trim_start().starts_with('{') => vec![one],
            [one] if types.text => return Ok(text_in_toml(one)),
            // An empty value is one, mostly a variable that was not set: taken for `[]`, it would ask for less, or nothing.
            [one] => one.split(',').map(str::trim).collect(),
            several => several.to_vec(),
        };
        let parts = parts.iter().map(|part| typed(settings, items, &[part])).collect::<Result<Vec<_>, _>>()?;
        return Ok(format!("[{}]", parts.join(", ")));
    }
    if values.len() > 1 {
        return Err(format!("is given {} times, but takes one value", values.len()));
    }
    let trimmed = first.trim();
    let is_whole = trimmed.parse::<i64>().is_ok() || trimmed.parse::<u64>().is_ok();
    let digits = trimmed.trim_start_matches('+');
    if types.table && trimmed.starts_with('{') {
        return as_toml(first);
    }
    if types.truth && (trimmed == "true" || trimmed == "false") {
        return Ok(trimmed.to_owned());
    }
    if (types.whole || types.number) && is_whole {
        // `007` is a number for a person and an error in TOML.
        return Ok(digits.parse::<i128>().map_or_else(|_| digits.to_owned(), |number| number.to_string()));
    }
    if types.number
        && let Ok(number) = trimmed.parse::<f64>()
        && number.is_finite()
    {
        return Ok(format!("{number:?}"));
    }
    if types.table && !types.text {
        return Err(
            "takes a table, such as `{ key = \"value\" }`; `selx explain KIND` shows what stands in it".to_owned()
        );
    }
    Ok(text_in_toml(first))
}

/// Takes a value that is TOML already, if it is one value and nothing else.
fn as_toml(raw: &str) -> Result<String, String> {
    if let Some((_, message)) = Text::new("", raw).too_deep() {
        return Err(message);
    }
    match DeValue::parse(raw) {
        Ok(_) => Ok(raw.trim().to_owned()),
        Err(error) => Err(format!("is not a value of TOML: {}", error.message())),
    }
}
