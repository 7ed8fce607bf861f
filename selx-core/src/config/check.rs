//! One check of the file: from `[check.KIND.NAME]` to an instance.

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::gather::{Wrong, gather, to_json};
use super::tables::{CheckTable, Positive};
use super::{limits, schema};
use crate::registry::Factory;
use crate::suite::Instance;

/// A check with the names that have to be looked up when every file is read.
pub(super) struct Draft {
    pub(super) instance: Instance,
    pub(super) needs: Vec<Spanned<String>>,
    pub(super) routines: Vec<Spanned<String>>,
}

/// Reads one check.
pub(super) fn read(factory: &dyn Factory, name: &str, value: &Spanned<DeValue<'_>>) -> Result<Draft, Vec<Wrong>> {
    let meta = factory.meta();
    let DeValue::Table(table) = value.get_ref() else {
        let hint = format!("write `[check.{}.NAME]` with the settings below it", meta.id);
        let message = format!("expected a table for the check `{name}`");
        return Err(vec![Wrong::new(value.span(), message, Some(hint))]);
    };
    let mut wrongs = Vec::new();

    // The settings of the runner, without what is read apart.
    let mut own = DeTable::new();
    for (key, value) in table.iter().filter(|(key, _)| !matches!(key.get_ref().as_ref(), "with" | "limits")) {
        own.insert(key.clone(), value.clone());
    }
    let own = Spanned::new(value.span(), DeValue::Table(own));
    let told = gather(&own, |value| CheckTable::deserialize(ValueDeserializer::from(value)), |_| Vec::new());
    let told = told.unwrap_or_else(|mut found| {
        for wrong in &mut found {
            // A setting of the kind that stands one level too high is the usual mistake.
            if let Some(key) = wrong.message.strip_prefix("unknown setting `").and_then(|text| text.strip_suffix('`'))
                && schema::has_setting(factory, key)
            {
                wrong.hint = Some(format!("`{key}` belongs to the kind: write `with = {{ {key} = … }}`"));
            }
        }
        wrongs.append(&mut found);
        CheckTable::default()
    });

    let empty = Spanned::new(value.span(), DeValue::Table(DeTable::new()));
    let with = table.get("with").unwrap_or(&empty);
    let json = to_json(with, &mut wrongs);
    let built = if with.get_ref().is_table() {
        gather(with, |value| factory.build(value), |path| schema::required(factory, path))
    } else {
        let hint = Some("write `with = { … }`".to_owned());
        Err(vec![Wrong::new(with.span(), "expected a table of the kind's settings", hint)])
    };
    let check = match built {
        Ok(check) => check,
        Err(found) => {
            // A number that JSON cannot say is told once.
            let new = found.into_iter().filter(|wrong| wrongs.iter().all(|told| told.span != wrong.span));
            let new: Vec<Wrong> = new.collect();
            wrongs.extend(new);
            if let Some(value) = table.get("limits") {
                limits::read(meta, crate::Limits::default(), value, &mut wrongs);
            }
            return Err(wrongs);
        }
    };
    let mut instance = Instance::new(check, name);
    if let Some(value) = table.get("limits") {
        instance.limits = limits::read(meta, instance.limits, value, &mut wrongs);
    }
    if !wrongs.is_empty() {
        return Err(wrongs);
    }
    instance.with = json;
    instance.timeout = told.timeout.map(|Positive(span)| span.get());
    instance.retries = told.retries.map(|retries| retries.0);
    instance.required = told.required;
    let routines = told.routines.unwrap_or_default();
    if table.contains_key("routines") {
        instance.routines = routines.iter().map(|name| name.get_ref().clone()).collect();
    }
    Ok(Draft { instance, needs: told.needs, routines })
}

/// Tells whether a text can be a name: it stands in reports, in metrics and on the command line.
pub(super) fn is_name(name: &str) -> bool {
    let may = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty() && name.len() <= 100 && name.bytes().all(may)
}
