//! The kind `prometheus-query`: numbers that a Prometheus server has collected, judged by limits.

mod config;
mod discover;
mod facts;
mod fresh;
mod judge;
mod labels;
mod probe;
mod reading;
mod refusal;
mod reply;
mod selector;
mod server;
mod subject;

use std::sync::Arc;

use selx_core::{Area, Check, Code, Context, Discovery, Judgement, Judging, Measure, MeasureDoc, Meta, Result, Unit};

pub use config::{Absent, Config, Few, Many, MaxAge, Preset, Query, Settings};
pub use facts::{Age, Facts, Freshness, Last, Outcome, Points, Reply, Series, Sort};
pub use reading::{Meaning, Reduce};
pub use server::{Prometheus, Server};

/// Asks a Prometheus server a query and judges each series of the answer.
#[derive(Clone, Debug)]
pub struct PrometheusQuery(Arc<Config>);

impl Check for PrometheusQuery {
    type Config = Config;
    type Facts = Facts;

    const META: Meta = Meta::new(
        "prometheus-query",
        Area::Metrics,
        "numbers that Prometheus has collected are fresh and within limits",
    )
    .readme(include_str!("README.md"))
    .sample(include_str!("sample.toml"))
    .codes(CODES)
    .passing(&["name-not-resolved", "not-connected", "tls-failed", "no-answer", "cut-off", "not-ready", "query-failed"])
    .measures(MEASURES)
    .routines(&["daily", "monthly"]);

    fn new(config: Config) -> Self {
        Self(Arc::new(config))
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        probe::probe(&self.0.0, cx).await
    }

    fn judge(&self, facts: &Facts, _: &Judging<Facts>) -> Judgement {
        judge::judge(&self.0.0, facts)
    }

    fn measure(&self, facts: &Facts, _: &Judging<Facts>) -> Vec<Measure> {
        judge::measure(&self.0.0, facts)
    }

    async fn discover(cx: &Context) -> Discovery {
        discover::discover(cx).await
    }
}

const CODES: &[Code] = &[
    Code::new(
        "name-not-resolved",
        "The name of the server leads to no address, or the name servers did not say.",
        "Look the name up with `getent hosts NAME`; then look at the name servers in /etc/resolv.conf.",
    ),
    Code::new(
        "not-connected",
        "The server accepted no connection, or its container does not run.",
        "Look whether Prometheus runs and listens (`ss -ltn`), and at its log.",
    ),
    Code::new(
        "tls-failed",
        "Encryption could not be agreed on, or the certificate is not trusted.",
        "Look at the certificate with a `tls-certificate` check; a private root is trusted with `ca-file`.",
    ),
    Code::new(
        "no-answer",
        "The server accepted the connection and did not send a whole answer in time.",
        "Look at the load and the log of Prometheus; ask for less, or raise `timeout`.",
    ),
    Code::new(
        "cut-off",
        "The server ended the connection before the answer was whole.",
        "Look at the log of Prometheus and of proxies in front of it: it may have been killed for its memory.",
    ),
    Code::new(
        "malformed-response",
        "What came is not an answer that HTTP/1.1 allows.",
        "Look what listens on the port, and whether the URL begins with the right scheme.",
    ),
    Code::new(
        "answer-too-large",
        "The answer is longer than the 8 MiB that are read.",
        "Aggregate in the query (`sum by (job) (…)`, `topk(10, …)`), or ask for a shorter `range`.",
    ),
    Code::new(
        "not-prometheus",
        "The server answers, but not as the API of Prometheus does.",
        "Look what listens there, and whether a proxy answers in its place.",
    ),
    Code::new(
        "unauthorized",
        "The server asks for credentials, or refuses the ones that it was given.",
        "Set `authorization`.",
    ),
    Code::new(
        "not-ready",
        "The server runs and is not ready to answer queries.",
        "After a start it reads its log of writes, which takes minutes; then look at its log.",
    ),
    Code::new(
        "bad-query",
        "Prometheus cannot read the query.",
        "Correct `query` where the message says; the expression browser of the server shows the same error.",
    ),
    Code::new(
        "query-failed",
        "Prometheus read the query and could not answer it.",
        "Try the query in the expression browser of the server; the message has its own words.",
    ),
    Code::new(
        "partial-answer",
        "The server warns that the answer may not be whole, such as when a remote store did not answer.",
        "Look at the stores behind the server; the message has its own words.",
    ),
    Code::new(
        "no-data",
        "The query gives no series.",
        "Try its parts in the expression browser; set `absent = \"ok\"` if having none is what is wanted.",
    ),
    Code::new(
        "missing-series",
        "The query gives fewer series than `at-least`.",
        "Look which are missing: a target may be gone from the configuration, or may have lost its labels.",
    ),
    Code::new(
        "series-capped",
        "The query gives more series than `max-series`, and the rest is not judged.",
        "Aggregate in the query, or raise `max-series`.",
    ),
    Code::new(
        "stale",
        "The data is older than `max-age`, so it says nothing of now.",
        "Look at the targets of the server: a scrape that fails leaves the last numbers behind for minutes.",
    ),
    Code::new(
        "age-unknown",
        "The server does not tell how old the data is.",
        "Name a series with `fresh-by`, or set `max-age = \"off\"` where the age does not matter.",
    ),
    Code::new(
        "nan",
        "A value is not a number, so no limit can judge it.",
        "Often 0 was divided by 0 as nothing happened; let the query leave those out with `… > 0`.",
    ),
    Code::new(
        "infinite",
        "A value is infinite, so no limit can judge it.",
        "Look for a division by 0, or for a quantile that lies beyond the last bucket.",
    ),
    Code::new(
        "histogram",
        "A value is a native histogram, which has no single number.",
        "Take a number out of it with `histogram_quantile`, `histogram_avg` or `histogram_count`.",
    ),
    Code::new("text", "The query gives a text.", "Ask for a number; a query that is in quotes is a text."),
    Code::new(
        "target-down",
        "Prometheus cannot scrape a target.",
        "Look at the page `/targets` of the server: it shows the error of the last scrape.",
    ),
];

const MEASURES: &[MeasureDoc] = &[
    MeasureDoc::new(
        "value",
        Unit::Count,
        "number that the query gives for a series, if `unit` is `value`",
        "The query says what the number is.",
    ),
    MeasureDoc::new(
        "seconds",
        Unit::Seconds,
        "time that the query gives for a series, if `unit` is `seconds`",
        "The query says what the time is.",
    )
    .called("time"),
    MeasureDoc::new(
        "bytes",
        Unit::Bytes,
        "size that the query gives for a series, if `unit` is `bytes`",
        "The query says what the size is.",
    )
    .called("size"),
    MeasureDoc::new(
        "share",
        Unit::Ratio,
        "share that the query gives for a series, if `unit` is `share` or `percent`",
        "The query says what the share is.",
    ),
    MeasureDoc::new(
        "series",
        Unit::Count,
        "number of series that the query gives",
        "Look which series are new, or gone.",
    )
    .called("number of series"),
    MeasureDoc::new(
        "age",
        Unit::Seconds,
        "age of the newest sample of the selector in the query whose data is the oldest",
        "Look at the targets of the server: a scrape may fail.",
    )
    .called("age of the data"),
];

/// Reads an answer of the API: nothing if it is an error in the words of Prometheus. The fuzzer's door.
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub fn fuzz_reply(body: &[u8], keep: usize, quantile: Option<f64>) -> std::result::Result<Option<Outcome>, String> {
    reply::read(body, keep, quantile).map(|said| match said {
        reply::Said::Result(outcome) => Some(outcome),
        reply::Said::Error(..) => None,
    })
}

/// Returns the selectors of a query and the range behind each: the fuzzer's door.
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub fn fuzz_selectors(query: &str) -> Vec<(String, Option<String>)> {
    selector::selectors(query).into_iter().map(|selector| (selector.text, selector.range)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contract() {
        selx_core::contract::check::<PrometheusQuery>(concat!(env!("CARGO_MANIFEST_DIR"), "/src/prometheus"));
    }
}
