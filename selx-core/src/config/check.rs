//! One check of the file: from `[check.KIND.NAME]` to an instance.

use std::sync::Arc;

use toml::Spanned;
use toml::de::DeValue;

use super::entry::Entry;
use super::gather::Wrong;
use super::limits;
use super::problem::reword;
use super::settings::in_toml;
use super::tables::{CheckTable, Positive};
use super::text::Text;
use crate::check::DynCheck;
use crate::registry::Factory;
use crate::suite::Instance;

/// A check with the names that have to be looked up when every file is read, and what is wrong with it.
pub(super) struct Draft {
    /// The check, if nothing is wrong.
    pub(super) instance: Option<Instance>,
    pub(super) wrongs: Vec<Wrong>,
    pub(super) needs: Vec<Spanned<String>>,
    pub(super) routines: Vec<Spanned<String>>,
}

/// Reads one check.
pub(super) fn read(factory: &dyn Factory, name: &str, value: &Spanned<DeValue<'_>>) -> Draft {
    let mut wrongs = Vec::new();
    let instance = instance(factory, name, value, &mut wrongs);
    Draft {
        instance: instance.filter(|_| wrongs.is_empty()),
        wrongs,
        // These are looked up even if the check has errors, so that all are told at once.
        needs: texts(value, "needs"),
        routines: texts(value, "routines"),
    }
}

/// Returns the texts of an array. What is not a text there is told by the table as a whole.
fn texts(value: &Spanned<DeValue<'_>>, key: &str) -> Vec<Spanned<String>> {
    let array = value.get_ref().get(key).and_then(|value| value.get_ref().as_array());
    let texts = array.into_iter().flatten();
    texts.filter_map(|value| Some(Spanned::new(value.span(), value.get_ref().as_str()?.to_owned()))).collect()
}

fn instance(
    factory: &dyn Factory,
    name: &str,
    value: &Spanned<DeValue<'_>>,
    wrongs: &mut Vec<Wrong>,
) -> Option<Instance> {
    let meta = factory.meta();
    let entry = Entry::of(factory, "check", name, value, wrongs)?;
    let told: CheckTable = entry.own(&["with", "limits"], wrongs);
    let limits = entry.table.get("limits");
    let Some((check, json)) = entry.built(|value| factory.build(value), wrongs) else {
        if let Some(value) = limits {
            limits::read(meta, crate::Limits::default(), value, wrongs);
        }
        return None;
    };
    let mut instance = Instance::new(check, name);
    if let Some(value) = limits {
        instance.limits = limits::read(meta, instance.limits, value, wrongs);
    }
    instance.with = json;
    instance.timeout = told.timeout.map(|Positive(span)| span.get());
    instance.retries = told.retries.map(|retries| retries.0);
    instance.required = told.required;
    if let Some(routines) = told.routines {
        instance.routines = routines.into_iter().map(Spanned::into_inner).collect();
    }
    Some(instance)
}

/// Tells whether a text can be a name: it stands in reports, in metrics and on the command line.
pub(super) fn is_name(name: &str) -> bool {
    let may = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty() && name.len() <= 100 && name.bytes().all(may)
}

/// Makes a check of settings that were kept as JSON, such as those of a recording.
pub(crate) fn from_json(factory: &dyn Factory, with: &serde_json::Value) -> Result<Arc<dyn DynCheck>, String> {
    let text = if with.is_null() { "{}".to_owned() } else { in_toml(with) };
    if let Some((_, message)) = Text::new("", text.as_str()).too_deep() {
        return Err(message);
    }
    let value = DeValue::parse(&text).map_err(|error| error.message().to_owned())?;
    factory.build(value).map_err(|error| reword(error.message()).0)
}
