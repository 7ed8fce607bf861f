//! The kind `http`: a web endpoint is asked, and its answer judged.

mod config;
mod content;
mod credentials;
mod discover;
mod exchange;
mod expect;
mod facts;
#[cfg(feature = "prometheus")]
mod fetch;
mod field;
mod head;
mod json;
mod judge;
mod probe;
mod redirect;
mod secure;
mod url;
mod wire;

use std::sync::Arc;

use selx_core::{
    Area, Check, Code, Context, Discovery, Judgement, Judging, Limit, Limits, Measure, MeasureDoc, Meta, Result, Unit,
};

pub use config::{Addresses, Authorization, Basic, Config, Endpoint, MaxBody, Method, Private, Redirects};
pub use expect::{Expect, JsonRule, Path, StatusRange, Statuses};
pub use facts::{Answer, Encryption, Facts, HeaderSeen, JsonSeen, Look, Lookup, PathSeen, TextSeen, Times};
pub use field::{FieldName, FieldText, User};
pub use url::Url;

#[cfg(feature = "prometheus")]
pub(crate) use {
    content::{Veil, clean},
    credentials::credentials,
    fetch::{Fetched, Wanted, fetch},
    judge::named,
};

/// Asks a web endpoint and judges status, headers, body and time.
#[derive(Clone, Debug)]
pub struct Http(Arc<Config>);

impl Check for Http {
    type Config = Config;
    type Facts = Facts;

    const META: Meta =
        Meta::new("http", Area::Http, "a web endpoint answers, with the right status and content, in time")
            .readme(include_str!("README.md"))
            .sample(include_str!("sample.toml"))
            .codes(CODES)
            .passing(&[
                "name-not-resolved",
                "not-connected",
                "address-down",
                "tls-failed",
                "no-answer",
                "cut-off",
                "unexpected-status",
            ])
            .measures(MEASURES)
            .routines(&["daily", "emergency"]);

    fn new(config: Config) -> Self {
        Self(Arc::new(config))
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        probe::probe(&self.0, cx).await
    }

    fn judge(&self, facts: &Facts, _: &Judging<Facts>) -> Judgement {
        judge::judge(&self.0, facts)
    }

    fn measure(&self, facts: &Facts, _: &Judging<Facts>) -> Vec<Measure> {
        judge::measure(facts)
    }

    fn limits(&self) -> Limits {
        Limits::default().set("total", Limit::new(Unit::Seconds, "1s", "2s"))
    }

    async fn discover(cx: &Context) -> Discovery {
        discover::discover(cx.host())
    }
}

const CODES: &[Code] = &[
    Code::new(
        "name-not-resolved",
        "The name of the endpoint leads to no address, or the name servers did not say.",
        "Look the name up with `getent hosts NAME`; then look at the zone, and at the name servers in /etc/resolv.conf.",
    ),
    Code::new(
        "not-connected",
        "No address of the endpoint accepted a connection.",
        "Look whether the server runs and listens (`ss -ltn`), and at the firewalls in between.",
    ),
    Code::new(
        "address-down",
        "The endpoint answers, but an address that was tried before did not accept a connection.",
        "Mend the address or take it out of the zone: clients lose time on it. `addresses = \"all\"` judges each one.",
    ),
    Code::new(
        "addresses-capped",
        "The name leads to more addresses than are looked at.",
        "Ask the addresses in several checks with `connect-to`.",
    ),
    Code::new(
        "private-address",
        "The name leads to an address that is not public although `private` does not allow it.",
        "Look who changed the zone; if it is meant so, set `private = \"allow\"`.",
    ),
    Code::new(
        "tls-failed",
        "Encryption could not be agreed on, or the certificate is not trusted.",
        "Look at the certificate with a `tls-certificate` check; a private root is trusted with `ca-file`.",
    ),
    Code::new(
        "no-answer",
        "The server accepted the connection and did not send a whole answer in time.",
        "Look at the workers and the log of the server; the message says which part of the answer was missing.",
    ),
    Code::new(
        "cut-off",
        "The server ended the connection before the answer was whole.",
        "Look at the log of the server and of the proxies in front of it: a worker may have died.",
    ),
    Code::new(
        "malformed-response",
        "What came is not an answer that HTTP/1.1 allows.",
        "Look what listens on the port, and whether the URL begins with the right scheme.",
    ),
    Code::new(
        "headers-too-large",
        "The headers of the answer are longer than 64 KiB, or more than 100.",
        "Look which application adds headers without end, such as cookies.",
    ),
    Code::new(
        "body-too-large",
        "The body of the answer is longer than `max-body`.",
        "Ask a smaller resource, or raise `max-body`.",
    ),
    Code::new(
        "redirected",
        "The endpoint answers with a redirect that is not followed.",
        "Set `url` to the target if it is right, or follow with `redirects`; expect the status if the redirect is wanted.",
    ),
    Code::new(
        "unexpected-status",
        "The status of the answer is another than expected.",
        "Look at the log of the server for this request.",
    ),
    Code::new(
        "unexpected-header",
        "A header of the answer is missing or other than expected.",
        "Compare the header with `expect.headers`.",
    ),
    Code::new(
        "unexpected-body",
        "The body of the answer is other than expected.",
        "Compare the excerpt with `expect`: a maintenance or login page is often sent with status 200.",
    ),
    Code::new(
        "encoded-body",
        "The body is compressed although that was not asked for, so it was not compared with what is expected.",
        "Let the server honour `accept-encoding: identity`.",
    ),
];

const MEASURES: &[MeasureDoc] = &[
    MeasureDoc::new(
        "total",
        Unit::Seconds,
        "time from the lookup of the name to the last byte of the answer",
        "Look which part grew: dns, connect, tls, first-byte or body.",
    )
    .called("total time"),
    MeasureDoc::new("dns", Unit::Seconds, "time to look the name up", "Look at the name servers in /etc/resolv.conf.")
        .called("name lookup"),
    MeasureDoc::new(
        "connect",
        Unit::Seconds,
        "time to open the connection, with addresses that failed before",
        "Look at the network, and at the queue of the listening socket (`ss -ltn`).",
    )
    .called("time to connect"),
    MeasureDoc::new(
        "tls",
        Unit::Seconds,
        "time to agree on encryption",
        "Look at the load of the server, and at its key and certificates.",
    )
    .called("TLS handshake"),
    MeasureDoc::new(
        "first-byte",
        Unit::Seconds,
        "time from the request to the first byte of the answer",
        "The application is slow, or waits for a database or a free worker.",
    )
    .called("time to the first byte"),
    MeasureDoc::new(
        "body",
        Unit::Seconds,
        "time from the first to the last byte of the answer",
        "The answer is large, streamed, or the network is slow.",
    )
    .called("time of the body"),
    MeasureDoc::new(
        "body-size",
        Unit::Bytes,
        "size of the body of the answer",
        "Look what the answer holds; an empty or a huge one is often an error page.",
    )
    .called("body size"),
];

/// Reads the head of an answer from its chunks and tells whether it was accepted: the fuzzer's door.
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub fn fuzz_head<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<bool, String> {
    let mut guard = head::HeadGuard::default();
    for chunk in chunks {
        guard.push(chunk).map_err(|fault| fault.text)?;
    }
    Ok(guard.is_done())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contract() {
        selx_core::contract::check::<Http>(concat!(env!("CARGO_MANIFEST_DIR"), "/src/http"));
    }
}
