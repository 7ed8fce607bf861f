//! What a Python class says about its kind.

use pyo3::prelude::*;
use selx_core::{Area, Code, MeasureDoc, Meta, Unit, is_kebab};
use serde::Deserialize;

use super::leak;
use crate::errors::UsageError;

/// What an adapter says of its class.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClassInfo {
    id: String,
    area: Area,
    summary: String,
    readme: String,
    sample: String,
    codes: Vec<(String, String, String)>,
    measures: Vec<Measured>,
    routines: Vec<String>,
    remembers: bool,
    passing: Vec<String>,
    needs: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Measured {
    name: String,
    unit: Unit,
    meaning: String,
    advice: String,
    called: Option<String>,
}

impl ClassInfo {
    /// Makes it what the registry holds, which lives as long as the process.
    ///
    /// # Errors
    ///
    /// `UsageError` with every name that is not kebab-case.
    pub(super) fn leaked(self) -> PyResult<Meta> {
        let names = std::iter::once(("kind", &self.id))
            .chain(self.codes.iter().map(|(code, ..)| ("code", code)))
            .chain(self.measures.iter().map(|measure| ("measure", &measure.name)));
        let wrong = names.filter(|(_, name)| !is_kebab(name));
        let wrong: Vec<String> = wrong.map(|(what, name)| format!("the {what} `{}`", name.escape_debug())).collect();
        if !wrong.is_empty() {
            let rule = "lower-case letters, digits and single hyphens, beginning with a letter";
            return Err(UsageError::new_err(format!("{}: a name is {rule}", wrong.join(", "))));
        }
        let codes = self.codes.iter().map(|(code, meaning, advice)| Code::new(leak(code), leak(meaning), leak(advice)));
        let measures = self.measures.iter().map(|measure| {
            let name = leak(&measure.name);
            let doc = MeasureDoc::new(name, measure.unit, leak(&measure.meaning), leak(&measure.advice));
            doc.called(measure.called.as_deref().map_or(name, leak))
        });
        let words = |words: &[String]| -> &'static [&'static str] {
            Box::leak(words.iter().map(|word| leak(word)).collect::<Vec<_>>().into_boxed_slice())
        };
        let mut meta = Meta::new(leak(&self.id), self.area, leak(&self.summary))
            .readme(leak(&self.readme))
            .sample(leak(&self.sample))
            .codes(Box::leak(codes.collect::<Vec<_>>().into_boxed_slice()))
            .measures(Box::leak(measures.collect::<Vec<_>>().into_boxed_slice()))
            .routines(words(&self.routines))
            .passing(words(&self.passing))
            .needs(leak(&self.needs));
        if self.remembers {
            meta = meta.remembers();
        }
        Ok(meta)
    }
}
