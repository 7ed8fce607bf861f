//! Where a service is: an address, a socket file, a URL, or a service of a compose project that publishes no port.
//!
//! A production compose file publishes neither its database nor its broker. `{ compose = FILE, service = NAME }` finds
//! the container through the Docker API at each look, since addresses change with every `up`, and takes the ordinary way
//! to it from there: over the bridge, with the ordinary client.

mod address;
mod compose;
mod endpoint;
mod reach;
mod running;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use selx_core::{Context, Result};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

pub use address::{Address, Place};
pub use compose::ComposeService;
pub use endpoint::{Container, Endpoint};
pub use running::{Candidate, RunningService, running_services, running_services_of, undiscovered};
pub(crate) use running::{engine_failed, toml_text};

use crate::net::Failure;
#[cfg(any(feature = "postgres", feature = "redis"))]
use crate::net::{FailureKind, Phase};

/// Says what may be meant by a name that is none: inside of a Compose project services have names that a host does not
/// know.
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(crate) fn unknown_name(mut failure: Failure, host: &str) -> Failure {
    if failure.phase == Phase::Resolve && failure.kind != FailureKind::TimedOut && !host.contains('.') {
        failure.text.push_str(&format!(
            "; if it is a service of a Compose project, write `{{ compose = \"/FILE\", service = \"{host}\" }}`"
        ));
    }
    failure
}

/// What a sort of service says about its addresses.
pub trait Service: Send + Sync + 'static {
    /// What it is called, such as `PostgreSQL`.
    const NAME: &'static str;
    /// The schemes of its URLs, and whether each asks for encryption.
    const SCHEMES: &'static [(&'static str, bool)];
    /// The port that is meant where none is given.
    const PORT: u16;
}

/// Where a service of one sort is. In a file it is a text or a table.
///
/// | form | meaning |
/// |---|---|
/// | `"10.0.0.5"`, `"db.internal:5433"`, `"[::1]:5432"` | an address, with the usual port where none is given |
/// | `"/run/service.sock"`, `"unix:/run/service.sock"` | a socket file |
/// | `"postgres://user@db.internal/name"`, `"rediss://cache:6380/1"` | a URL without a password |
/// | `{ compose = "/srv/app/docker-compose.yml", service = "postgres" }` | a service of a compose project |
pub enum Target<S> {
    /// An address, a socket file or a URL.
    Address(Address, PhantomData<fn() -> S>),
    /// A service of a compose project.
    Compose(ComposeService),
}

impl<S: Service> Target<S> {
    /// Finds out where the service is now.
    ///
    /// # Errors
    ///
    /// The inner failure is one of the subject: the container is not there, or does not run. The outer error is what
    /// could not be found out: no right to the engine's socket, a file that cannot be read.
    pub async fn find(&self, cx: &Context) -> Result<Result<Endpoint, Failure>> {
        match self {
            Self::Address(address, _) => Ok(Ok(Endpoint::of(address.clone()))),
            Self::Compose(service) => service.find(S::PORT, cx).await,
        }
    }
}

impl<S> Clone for Target<S> {
    fn clone(&self) -> Self {
        match self {
            Self::Address(address, _) => Self::Address(address.clone(), PhantomData),
            Self::Compose(service) => Self::Compose(service.clone()),
        }
    }
}

/// All of it: what checks of one run share is kept under this, and what findings name is shorter.
impl<S> fmt::Debug for Target<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address, _) => fmt::Debug::fmt(address, f),
            Self::Compose(service) => fmt::Debug::fmt(service, f),
        }
    }
}

/// It is what findings name: `db.internal:5432`, or `service postgres of app/docker-compose.yml`.
impl<S> fmt::Display for Target<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address, _) => address.fmt(f),
            Self::Compose(service) => service.fmt(f),
        }
    }
}

impl<'de, S: Service> Deserialize<'de> for Target<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<S>(PhantomData<fn() -> S>);

        impl<'de, S: Service> Visitor<'de> for Either<S> {
            type Value = Target<S>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address, or a table { compose = FILE, service = NAME }")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Address::parse::<S>(text).map(|address| Target::Address(address, PhantomData)).map_err(E::custom)
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
                ComposeService::deserialize(MapAccessDeserializer::new(map)).map(Target::Compose)
            }
        }

        deserializer.deserialize_any(Either(PhantomData))
    }
}

impl<S: Service> JsonSchema for Target<S> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Target{}", S::NAME).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let service = generator.subschema_for::<ComposeService>();
        json_schema!({ "oneOf": [{ "type": "string", "minLength": 1 }, service] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Postgres;

    impl Service for Postgres {
        const NAME: &'static str = "PostgreSQL";
        const SCHEMES: &'static [(&'static str, bool)] = &[("postgres", false), ("postgresql", false)];
        const PORT: u16 = 5432;
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        target: Target<Postgres>,
    }

    /// A session or an answer that checks share is kept under this: whatever leads elsewhere has to be in it.
    #[test]
    fn no_two_targets_look_the_same_in_full() {
        let compose = |text: &str| format!("target = {{ {text}, service = 'db' }}");
        let all = [
            "target = 'db'".to_owned(),
            "target = 'db:5433'".to_owned(),
            "target = 'postgres://ann@db/shop'".to_owned(),
            "target = 'postgres://bob@db/shop'".to_owned(),
            "target = 'postgres://ann@db/billing'".to_owned(),
            "target = '/run/db'".to_owned(),
            compose("compose = '/srv/live/shop/compose.yml'"),
            compose("compose = '/srv/test/shop/compose.yml'"),
            compose("compose = ['/srv/live/shop/compose.yml', '/a.yml']"),
            compose("compose = ['/srv/live/shop/compose.yml', '/b.yml']"),
            compose("compose = '/srv/live/shop/compose.yml', project = 'shop'"),
            compose("compose = '/srv/live/shop/compose.yml', engine = 'unix:/run/one.sock'"),
            compose("compose = '/srv/live/shop/compose.yml', engine = 'unix:/run/two.sock'"),
        ];
        let full: std::collections::BTreeSet<String> =
            all.iter().map(|text| format!("{:?}", toml::from_str::<Settings>(text).unwrap().target)).collect();
        assert_eq!(full.len(), all.len(), "{full:#?}");
    }

    #[test]
    fn both_forms_are_read() {
        let read = |text: &str| toml::from_str::<Settings>(text).map(|settings| settings.target.to_string());
        assert_eq!(read("target = 'db'").unwrap(), "db:5432");
        assert_eq!(read("target = { compose = '/a/b.yml', service = 'db' }").unwrap(), "service db of a/b.yml");
        let project = "target = { compose = '/a/b.yml', service = 'db', project = 'shop' }";
        assert_eq!(read(project).unwrap(), "service db of project shop");
        let two = "target = { compose = ['/a/b.yml', '/a/c.yml'], service = 'db', engine = 'unix:/run/d.sock' }";
        assert_eq!(read(two).unwrap(), "service db of a/b.yml and 1 more");
        for (wrong, words) in [
            ("target = 3", "an address, or a table"),
            ("target = { compose = '/a/b.yml' }", "missing field `service`"),
            ("target = { compose = '/a/b.yml', service = 'db', prot = 1 }", "unknown field `prot`"),
            ("target = { compose = '', service = 'db' }", "has a path"),
            ("target = { compose = [], service = 'db' }", "at least one"),
            ("target = { compose = 3, service = 'db' }", "a list of paths"),
            ("target = { compose = '/b.yml', service = 'db', engine = 'tcp://x:1' }", "socket"),
            ("target = 'http://db'", "`postgres`"),
        ] {
            let error = read(wrong).unwrap_err();
            assert!(error.message().contains(words), "{wrong}: {error}");
        }
    }
}
