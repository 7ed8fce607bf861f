//! A check that is written in Python.

use std::collections::BTreeMap;
use std::sync::Arc;

use pyo3::prelude::*;
use selx_core::limit::Threshold;
use selx_core::{
    BoxFuture, Context, Discovery, DynCheck, Error, ErrorKind, Factory, Judged, Judgement, Judging, Limit, Limits,
    Measure, Meta, Result, SecretRef, TimeSpan,
};
use serde::Deserialize;
use serde_json::{Value, json};
use toml::Spanned;
use toml::de::DeValue;

use super::look::PyContext;
use super::{Class, call, read};

/// What an adapter says of an instance.
#[derive(Deserialize)]
struct InstanceInfo {
    #[serde(default)]
    limits: BTreeMap<String, Thresholds>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Thresholds {
    #[serde(default)]
    warning: Option<String>,
    #[serde(default)]
    critical: Option<String>,
    #[serde(default, rename = "for")]
    lasting: Option<String>,
    #[serde(default)]
    recover: Option<String>,
}

impl Factory for Class {
    fn build(&self, with: Spanned<DeValue<'_>>) -> Result<Arc<dyn DynCheck>, toml::de::Error> {
        let built = self.make::<InstanceInfo>(&with)?;
        let wrong = |message: String| selx_core::config::wrong_setting(&with, &[], &message);
        let limits = limits(&self.meta, &built.told.limits).map_err(wrong)?;
        Ok(Arc::new(PyCheck { meta: self.meta, instance: built.instance, secrets: built.secrets, limits }))
    }

    fn discover<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, Discovery> {
        Box::pin(async { Discovery::Manual })
    }
}

/// Reads the limits that a class has by itself.
fn limits(meta: &Meta, said: &BTreeMap<String, Thresholds>) -> Result<Limits, String> {
    let mut limits = Limits::default();
    for (key, thresholds) in said {
        let name = key.split('@').next().unwrap_or_default();
        let doc = meta.measure(name).ok_or_else(|| format!("there is a limit on `{name}`, which is no measure"))?;
        let read = |text: &Option<String>| text.as_ref().map(|text| Threshold::parse(text, doc.unit)).transpose();
        let lasting = thresholds.lasting.as_ref().map(|text| text.parse::<TimeSpan>()).transpose()?;
        let limit = Limit {
            warning: read(&thresholds.warning)?,
            critical: read(&thresholds.critical)?,
            sustained: lasting,
            recover: read(&thresholds.recover)?,
        };
        limits = limits.set(key.clone(), limit);
    }
    Ok(limits)
}

struct PyCheck {
    meta: Meta,
    instance: Arc<Py<PyAny>>,
    secrets: Vec<SecretRef>,
    limits: Limits,
}

/// What a judgement and its measures come to.
#[derive(Deserialize)]
struct Verdict {
    judgement: Judgement,
    #[serde(default)]
    measures: Vec<Measure>,
}

impl PyCheck {
    /// Looks whether all that was said is documented, as the contract asks of every kind.
    fn known(&self, said: &Verdict) -> Result<()> {
        let id = self.meta.id;
        let wrong = said.judgement.findings.iter().find(|found| self.meta.code(&found.code).is_none());
        let code = wrong.map(|found| format!("`judge` found `{}`, which is no code of `{id}`", found.code));
        let wrong = said.measures.iter().find_map(|measure| match self.meta.measure(&measure.name) {
            None => Some(format!("`measure` gave `{}`, which is no measure of `{id}`", measure.name)),
            Some(doc) if doc.unit != measure.unit => {
                Some(format!("`measure` gave `{}` in another unit than `{id}` says", measure.name))
            }
            Some(_) => None,
        });
        match code.or(wrong) {
            Some(text) => Err(Error::new(ErrorKind::Bug, text).advice("name it in the class, with what it means")),
            None => Ok(()),
        }
    }
}

impl DynCheck for PyCheck {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn probe<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Value>> {
        Box::pin(async move {
            let previous = if self.meta.remembers { cx.previous::<Value>().await.seen() } else { None };
            let cancel = cx.cancel().child_token();
            let look = PyContext::of(cx, cancel.clone(), &self.secrets).remembering(previous);
            let ask = call::ask(&self.instance, "probe", Vec::new(), Some(look.clone()), None, cancel);
            let seen = cx.within("the probe, written in Python", ask).await;
            look.faults().into_iter().for_each(|fault| cx.fault(fault));
            match seen {
                // It is this host that did not end in time, not what it looked at.
                Err(error) if error.kind() == ErrorKind::NoAnswer => {
                    Err(Error::new(ErrorKind::TimedOut, format!("did not end within {}", TimeSpan::from(cx.limit()))))
                }
                seen => seen?,
            }
        })
    }

    fn judge(&self, facts: &Value, cx: &Judging<Value>) -> Result<Judged> {
        let previous = cx.previous.as_ref().map(|previous| &previous.facts);
        let since = cx.since_previous().map(|since| since.as_secs_f64());
        let seen = cx.previous.as_ref().map(|previous| previous.seen.at.to_string());
        let judging = json!({
            "now": cx.now.at.to_string(), "previous": previous, "previous_seen": seen, "since_previous": since,
        });
        let said = call::ask_now(&self.instance, "judge", vec![facts.to_string(), judging.to_string()])?;
        let mut said: Verdict = read(said, "`judge`")?;
        self.known(&said)?;
        for finding in &mut said.judgement.findings {
            // What the class says of the code is the advice, unless the finding has one of its own.
            if finding.advice.is_none() {
                finding.advice = self.meta.code(&finding.code).map(|code| code.advice.to_owned());
            }
        }
        Ok(Judged { judgement: said.judgement, measures: said.measures })
    }

    fn limits(&self) -> Limits {
        self.limits.clone()
    }

    fn secrets(&self) -> &[SecretRef] {
        &self.secrets
    }
}
