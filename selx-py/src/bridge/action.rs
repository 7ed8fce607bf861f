//! An action that is written in Python, under the same journal, locks and permission as every other.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use selx_core::action::{Applied, DynAction, Permit, Plan, Seen, Tried};
use selx_core::{ActionFactory, BoxFuture, Context, Error, ErrorKind, Finding, Meta, Result, SecretRef, TimeSpan};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use toml::Spanned;
use toml::de::DeValue;

use super::look::{PyContext, PyPermit};
use super::{Class, call, read};

/// How long a look at the world may take, if the action has less time left.
const LOOK: Duration = Duration::from_secs(30);

/// What an adapter says of an instance.
#[derive(Deserialize)]
struct InstanceInfo {
    resources: Vec<String>,
    #[serde(default)]
    places: Vec<PathBuf>,
}

impl ActionFactory for Class {
    fn build(&self, with: Spanned<DeValue<'_>>) -> Result<Arc<dyn DynAction>, toml::de::Error> {
        let built = self.make::<InstanceInfo>(&with)?;
        if built.told.resources.is_empty() {
            let text = "`resources` names nothing: two runs would meet; name what nobody else may change meanwhile";
            return Err(selx_core::config::wrong_setting(&with, &[], text));
        }
        Ok(Arc::new(PyAction { meta: self.meta, instance: built.instance, secrets: built.secrets, told: built.told }))
    }
}

struct PyAction {
    meta: Meta,
    instance: Arc<Py<PyAny>>,
    secrets: Vec<SecretRef>,
    told: InstanceInfo,
}

impl PyAction {
    /// Asks the world how far it is. That has to be known after a cancellation and after the time is up as well, so that it has
    /// a time of its own.
    async fn look<T: DeserializeOwned>(&self, method: &'static str, arguments: Vec<String>, cx: &Context) -> Result<T> {
        let cancel = CancellationToken::new();
        let look = PyContext::of(cx, cancel.clone(), &self.secrets);
        let ask = call::ask(&self.instance, method, arguments, Some(look), None, cancel);
        let limit = cx.remaining().max(LOOK);
        match tokio::time::timeout(limit, ask).await {
            Ok(given) => read(given?, &format!("`{method}`")),
            Err(_) => {
                let limit = TimeSpan::from(limit);
                Err(Error::new(ErrorKind::TimedOut, format!("`{method}` did not end within {limit}")))
            }
        }
    }

    /// Asks for a change, and waits for its end: half of a change is nothing that anybody knows.
    async fn change<T: DeserializeOwned>(
        &self,
        method: &'static str,
        arguments: Vec<String>,
        permit: &Permit,
        cx: &Context,
    ) -> Result<T> {
        let cancel = cx.cancel().child_token();
        let look = PyContext::of(cx, cancel.clone(), &self.secrets);
        let permission = PyPermit::of(permit);
        let given = call::ask(&self.instance, method, arguments, Some(look), Some(permission.clone()), cancel).await;
        permission.end();
        read(given?, &format!("`{method}`"))
    }
}

impl DynAction for PyAction {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn batch(&self) -> usize {
        1
    }

    fn resources(&self) -> Vec<String> {
        self.told.resources.clone()
    }

    fn places<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, Vec<PathBuf>> {
        Box::pin(async { self.told.places.clone() })
    }

    fn lock<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, Result<Vec<(String, Tried)>>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn plan<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Plan<Value>>> {
        Box::pin(async move {
            let cancel = cx.cancel().child_token();
            let look = PyContext::of(cx, cancel.clone(), &self.secrets);
            let ask = call::ask(&self.instance, "plan", Vec::new(), Some(look), None, cancel);
            read(cx.within("the plan, written in Python", ask).await??, "`plan`")
        })
    }

    fn apply<'a>(&'a self, step: &'a Value, permit: &'a Permit, cx: &'a Context) -> BoxFuture<'a, Result<Applied>> {
        Box::pin(self.change("apply", vec![step.to_string()], permit, cx))
    }

    fn probe<'a>(&'a self, step: &'a Value, cx: &'a Context) -> BoxFuture<'a, Result<Seen>> {
        Box::pin(self.look("probe", vec![step.to_string()], cx))
    }

    fn undo<'a>(&'a self, step: &'a Value, permit: &'a Permit, cx: &'a Context) -> BoxFuture<'a, Result<Applied>> {
        Box::pin(self.change("undo", vec![step.to_string()], permit, cx))
    }

    fn tidy<'a>(&'a self, permit: &'a Permit, cx: &'a Context) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.change("tidy", Vec::new(), permit, cx))
    }

    fn verify<'a>(&'a self, done: &'a [Value], cx: &'a Context) -> BoxFuture<'a, Result<Vec<Finding>>> {
        Box::pin(async move {
            let done = Value::from(done.to_vec()).to_string();
            self.look("verify", vec![done], cx).await
        })
    }

    fn secrets(&self) -> &[SecretRef] {
        &self.secrets
    }
}
