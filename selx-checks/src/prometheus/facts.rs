//! What was seen: everything a judgement needs, and nothing that is secret.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::net::Failure;

/// What asking a server came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Where the server is, as it is configured.
    pub server: String,
    /// The name of its container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// How old the data is; nothing if that was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
    /// The answer to the query.
    pub reply: Reply,
}

/// What an answer is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Reply {
    /// None that is whole.
    Broken {
        /// Where and why it broke off.
        failure: Failure,
        /// How many bytes came.
        received: u64,
    },
    /// Nothing that Prometheus says.
    Foreign {
        /// The status.
        status: u16,
        /// What is wrong with it.
        why: String,
        /// How the body begins.
        excerpt: String,
    },
    /// The server starts or stops.
    Unready {
        /// The status.
        status: u16,
    },
    /// Prometheus says no.
    Refused {
        /// The status.
        status: u16,
        /// What sort of error it is, in the words of Prometheus.
        error_type: String,
        /// The error, in the words of Prometheus.
        error: String,
    },
    /// What was asked for.
    Found(Outcome),
}

/// What a query gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The sort of the result.
    pub sort: Sort,
    /// How many series there were.
    pub total: usize,
    /// The first of them, at most `max-series`.
    #[serde(default)]
    pub series: Vec<Series>,
    /// What the server warns of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What the server says beside that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub infos: Vec<String>,
}

/// The sorts of results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sort {
    /// Series with one point each.
    #[default]
    Vector,
    /// Series with many points each.
    Matrix,
    /// One number.
    Scalar,
    /// A text.
    String,
}

/// One series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Its points, taken together.
    pub points: Points,
}

/// The points of a series, taken together. The numbers are those of the finite points; all of them are there if one is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Points {
    /// How many there are.
    pub count: usize,
    /// The time of the first, in seconds since 1970.
    pub first_at: f64,
    /// The time of the last.
    pub last_at: f64,
    /// The last one.
    pub last: Last,
    /// How many are not a number.
    #[serde(default)]
    pub nan: usize,
    /// How many are infinite.
    #[serde(default)]
    pub infinite: usize,
    /// How many are histograms.
    #[serde(default)]
    pub histograms: usize,
    /// The mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avg: Option<f64>,
    /// The least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The greatest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The quantile that `reduce` asks for: the share, and the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantile: Option<(f64, f64)>,
}

/// The last point of a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Last {
    /// A number.
    Number(f64),
    /// None.
    #[default]
    Nan,
    /// Above every number.
    PlusInfinity,
    /// Below every number.
    MinusInfinity,
    /// A histogram.
    Histogram,
}

/// How old the data is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Freshness {
    /// The clock of the server, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<f64>,
    /// How far it is ahead of the clock of this host, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<f64>,
    /// One for each selector that was asked for.
    #[serde(default)]
    pub selectors: Vec<Age>,
    /// How many selectors the query has.
    pub total: usize,
    /// The age of the newest sample of `up`, which every server writes that scrapes something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<f64>,
    /// Why it could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// The age of what a selector selects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Age {
    /// The selector.
    pub selector: String,
    /// The range behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<String>,
    /// The age of its newest sample in seconds; nothing if the server sees none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Whether there are samples in its range.
    #[serde(default)]
    pub older: bool,
}
