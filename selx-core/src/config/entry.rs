//! One entry of the file, `[check.KIND.NAME]` or `[action.KIND.NAME]`: what the runner is told, and the kind's own settings.

use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error, ValueDeserializer};

use super::gather::{Wrong, gather, to_json};
use super::schema;
use crate::registry::Kind;

/// The table of an entry.
pub(super) struct Entry<'a, 'i> {
    kind: &'a dyn Kind,
    value: &'a Spanned<DeValue<'i>>,
    pub(super) table: &'a DeTable<'i>,
}

impl<'a, 'i> Entry<'a, 'i> {
    /// Takes an entry, or says that it is none. `sort` is what it is, `check` or `action`.
    pub(super) fn of(
        kind: &'a dyn Kind,
        sort: &str,
        name: &str,
        value: &'a Spanned<DeValue<'i>>,
        wrongs: &mut Vec<Wrong>,
    ) -> Option<Self> {
        if let DeValue::Table(table) = value.get_ref() {
            return Some(Self { kind, value, table });
        }
        let hint = format!("write `[{sort}.{}.NAME]` with the settings below it", kind.meta().id);
        let message = format!("expected a table for the {sort} `{name}`");
        wrongs.push(Wrong::new(value.span(), message, Some(hint)));
        None
    }

    /// Reads what the runner is told; `apart` are the keys that are read elsewhere.
    pub(super) fn own<T: DeserializeOwned + Default>(&self, apart: &[&str], wrongs: &mut Vec<Wrong>) -> T {
        let mut own = DeTable::new();
        for (key, value) in self.table.iter().filter(|(key, _)| !apart.contains(&key.get_ref().as_ref())) {
            own.insert(key.clone(), value.clone());
        }
        let own = Spanned::new(self.value.span(), DeValue::Table(own));
        let told = gather(&own, |value| T::deserialize(ValueDeserializer::from(value)), |_| Vec::new());
        told.unwrap_or_else(|mut found| {
            for wrong in &mut found {
                // A setting of the kind that stands one level too high is the usual mistake.
                if let Some(key) =
                    wrong.message.strip_prefix("unknown setting `").and_then(|text| text.strip_suffix('`'))
                    && schema::has_setting(self.kind, key)
                {
                    wrong.hint = Some(format!("`{key}` belongs to the kind: write `with = {{ {key} = … }}`"));
                }
            }
            wrongs.append(&mut found);
            T::default()
        })
    }

    /// Makes what the kind makes of its own settings, and returns them as JSON beside it.
    pub(super) fn built<T>(
        &self,
        build: impl Fn(Spanned<DeValue<'i>>) -> Result<T, Error>,
        wrongs: &mut Vec<Wrong>,
    ) -> Option<(T, Value)> {
        let empty = Spanned::new(self.value.span(), DeValue::Table(DeTable::new()));
        let with = self.table.get("with").unwrap_or(&empty);
        let json = to_json(with, wrongs);
        let built = if with.get_ref().is_table() {
            gather(with, build, |path| schema::required(self.kind, path))
        } else {
            let hint = Some("write `with = { … }`".to_owned());
            Err(vec![Wrong::new(with.span(), "expected a table of the kind's settings", hint)])
        };
        match built {
            Ok(built) => Some((built, json)),
            Err(found) => {
                // A number that JSON cannot say is told once.
                let new = found.into_iter().filter(|wrong| wrongs.iter().all(|told| told.span != wrong.span));
                let new: Vec<Wrong> = new.collect();
                wrongs.extend(new);
                None
            }
        }
    }
}
