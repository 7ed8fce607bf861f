//! The labels of a series, as the API writes them.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The most labels of a series that are read.
const MAX_LABELS: usize = 64;

/// Labels, each of which stands once.
pub(super) struct Labels(pub(super) BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Once;

        impl<'de> Visitor<'de> for Once {
            type Value = Labels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Labels, M::Error> {
                let mut labels = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, String>()? {
                    if labels.len() >= MAX_LABELS {
                        return Err(M::Error::custom("a series has more than 64 labels"));
                    }
                    if labels.insert(name, value).is_some() {
                        return Err(M::Error::custom("a label stands twice in one series"));
                    }
                }
                Ok(Labels(labels))
            }
        }

        deserializer.deserialize_map(Once)
    }
}
