//! What an action asks of an engine: its lists as the engine gives them, and the removal of one thing by its id.

use bollard::errors::Error as ClientError;
use hyper::Method;
use selx_core::action::Permit;
use selx_core::{Context, Error, ErrorKind, Result, escape};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use super::Engine;
use super::words::{name, words};
use crate::net::{Failure, FailureKind};

/// How much of the answer to a removal is read.
const ANSWER_CAP: usize = 1 << 20;

/// The first version of the API, by its minor number, in which `prune` heeds an id: older ones would prune all.
pub(crate) const BY_ID: usize = 39;

/// One thing that is to be removed, by its id; a volume has none but its name. Nothing of it is forced.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Removal<'a> {
    /// A container that does not run. The volumes that were made for it stay.
    Container(&'a str),
    /// An image that has one name or none. Images under it stay.
    Image(&'a str),
    /// A network.
    Network(&'a str),
    /// A record of the build cache. The engine has no other way to remove one than to prune with its id as the filter.
    Cache(&'a str),
    /// A volume.
    Volume(&'a str),
}

impl Removal<'_> {
    /// The one request that this is.
    fn request(&self) -> (Method, String) {
        match self {
            Self::Container(id) => (Method::DELETE, format!("/containers/{}", name(id))),
            Self::Image(id) => (Method::DELETE, format!("/images/{}?noprune=true", name(id))),
            Self::Network(id) => (Method::DELETE, format!("/networks/{}", name(id))),
            Self::Volume(called) => (Method::DELETE, format!("/volumes/{}", name(called))),
            // {"id":{"ID":true}}
            Self::Cache(id) => {
                (Method::POST, format!("/build/prune?filters=%7B%22id%22%3A%7B%22{}%22%3Atrue%7D%7D", name(id)))
            }
        }
    }
}

/// What the engine told about a removal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// It removed it, and said this.
    Removed(Value),
    /// There is no such thing (any more).
    Absent,
    /// It is in use, or is not removed for another reason that the engine gives.
    Conflict(String),
}

impl Engine {
    /// Reads an answer by its path: `None` if there is no such thing.
    ///
    /// # Errors
    ///
    /// As [`list`](Self::list); what the engine did wrong is an error too, about the subject.
    pub(crate) async fn read<T: DeserializeOwned>(&self, path: &str, cap: usize, cx: &Context) -> Result<Option<T>> {
        let asked = self.exchange((cap, None), Instant::now(), cx, |line| line.json(Method::GET, path.to_owned()));
        asked.await?.map_err(wrong)
    }

    /// Removes one thing. What was there before is to be looked at in the moment before.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read). What came of the removal is not known then.
    pub(crate) async fn remove(&self, removal: Removal<'_>, _: &Permit, cx: &Context) -> Result<Told> {
        // Without a version a question may be put twice; whoever has just looked knows it.
        if self.minor().is_none() {
            return Err(Error::new(
                ErrorKind::Bug,
                "something is to be removed from an engine that was not asked before",
            ));
        }
        let (method, path) = removal.request();
        let is_removed = method == Method::DELETE;
        let allowed = Some((method.clone(), path.clone()));
        let asked = self.exchange((ANSWER_CAP, allowed), Instant::now(), cx, |line| {
            let sent = line.json(method.clone(), path.clone());
            async move {
                match sent.await {
                    // To `prune` it says that there is no such request.
                    Err(ClientError::DockerResponseServerError { status_code: 404, .. }) if is_removed => {
                        Ok(Told::Absent)
                    }
                    // 403: a network that is in use or is the engine's own; 406: impossible.
                    Err(error @ ClientError::DockerResponseServerError { status_code: 403 | 404 | 406 | 409, .. }) => {
                        Ok(Told::Conflict(words(&error)))
                    }
                    answer => answer.map(Told::Removed),
                }
            }
        });
        let told = asked.await?.map_err(wrong)?;
        told.ok_or_else(|| Error::new(ErrorKind::Bug, "a removal was answered without an answer"))
    }
}

/// Makes an error of what the engine did wrong.
fn wrong(failure: Failure) -> Error {
    let kind = match failure.kind {
        FailureKind::TimedOut => ErrorKind::NoAnswer,
        FailureKind::Refused | FailureKind::NotFound | FailureKind::Unreachable => ErrorKind::Unreachable,
        FailureKind::TooLarge => ErrorKind::Limit,
        _ => ErrorKind::Protocol,
    };
    Error::new(kind, escape::visible(&failure.text).into_owned()).with("phase", failure.phase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removal_is_of_one_thing_and_forces_nothing() {
        let paths =
            [Removal::Container("0a"), Removal::Image("sha256:0a"), Removal::Cache("0a"), Removal::Volume("a b")];
        let paths = paths.map(|removal| removal.request().1);
        assert_eq!(paths[0], "/containers/0a");
        assert_eq!(paths[1], "/images/sha256:0a?noprune=true");
        assert_eq!(paths[2], "/build/prune?filters=%7B%22id%22%3A%7B%220a%22%3Atrue%7D%7D");
        assert_eq!(paths[3], "/volumes/a%20b");
    }
}
