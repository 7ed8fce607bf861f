//! The kind `prometheus-query` against a real Prometheus, healthy and sick, and against peers that lie. It needs the
//! program prometheus, which it takes from the package where the system has none, and fails without it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod drive;
mod hostile;
#[expect(dead_code, reason = "the tests of faults use all of it")]
#[path = "../faults/peer.rs"]
mod peer;
mod server;

use std::os::unix::fs::PermissionsExt;

use selx_core::{Status, Unit};
use serde_json::{Value, json};

use crate::drive::{LONG, SHORT, assert_is, assert_ok, limited, look, measured, words};
use crate::server::{Exporter, PASSWORD, Prometheus};

/// The numbers of a shop. Those with a time are four and twenty minutes old.
fn shop() -> String {
    let now = jiff::Timestamp::now().as_millisecond();
    let (lately, long_ago) = (now - 240_000, now - 1_200_000);
    let mut text = format!(
        "shop_errors 5\nshop_requests 1000\nshop_queue{{name=\"a\"}} 3\nshop_queue{{name=\"b\"}} 40\n\
         shop_queue{{name=\"é\\\"x\"}} 7\nshop_slowest_seconds 2.5\nshop_memory_bytes 11811160064\nshop_full_percent 91.5\n\
         shop_nan NaN\nshop_inf +Inf\nshop_minus -Inf\nshop_lately 1 {lately}\nshop_long_ago 1 {long_ago}\n"
    );
    for number in 0..150 {
        text.push_str(&format!("shop_many{{n=\"{number}\"}} {number}\n"));
    }
    text
}

#[tokio::test]
async fn healthy_queries_are_fine() {
    let exporter = Exporter::start(shop());
    let server = Prometheus::start(&exporter);
    let with = |query: &str| json!({ "target": server.url(), "query": query });
    let entry = look(with("shop_queue"), LONG).await;
    assert_ok(&entry, &["3 series, 3 to 40 for `shop_queue`", "`shop_queue`"]);
    assert_eq!(measured(&entry, "value", "name=b"), 40.0);
    assert_eq!(measured(&entry, "value", "name=é\"x"), 7.0);
    assert_eq!(measured(&entry, "series", ""), 3.0);
    assert!(measured(&entry, "age", "") < 60.0, "{}", words(&entry));
    let entry = look(with("scalar(shop_errors) / scalar(shop_requests)"), LONG).await;
    assert_eq!(measured(&entry, "value", ""), 0.005);
    assert_ok(
        &look(json!({ "target": format!("127.0.0.1:{}", server.port), "query": "vector(1)" }), LONG).await,
        &["reads no series"],
    );
    let entry = limited(
        json!({ "target": server.url(), "query": "shop_errors / shop_requests", "unit": "share" }),
        "share",
        Unit::Ratio,
        "1%",
    )
    .await;
    assert_ok(&entry, &["0.5% for"]);
    // A query that is too long for an address, with a comment in it.
    let mut long = "# what the shop does\nshop_queue{name=\"a\"}".to_owned();
    long.push_str(&" + on(name) shop_queue{name=\"a\"}".repeat(150));
    let entry = look(with(&long), LONG).await;
    assert_eq!(measured(&entry, "value", ""), 453.0, "{}", words(&entry));
    // An alert that is quiet, of something that was never seen.
    let quiet = json!({ "target": server.url(), "query": "shop_crashes_total > 0", "absent": "ok" });
    assert_ok(&limited(quiet, "series", Unit::Count, "0").await, &["no series"]);
    // Points of a range, and those of a selector with a range.
    server.wait_for("count_over_time(shop_errors%5B1m%5D)", "\"3\"");
    for reduce in ["last", "avg", "min", "max", "p95"] {
        let mut range = with("shop_errors");
        range["range"] = json!("5s");
        range["step"] = json!("1s");
        range["reduce"] = json!(reduce);
        let entry = look(range, LONG).await;
        assert_eq!(measured(&entry, "value", ""), 5.0, "{reduce}: {}", words(&entry));
    }
    let mut points = with("shop_errors[1m]");
    points["reduce"] = json!("max");
    assert_ok(&look(points, LONG).await, &["max 5 for"]);
}

#[tokio::test]
async fn sick_numbers_are_named() {
    let exporter = Exporter::start(shop());
    let server = Prometheus::start(&exporter);
    // Until every target was tried, the dead one too.
    server.wait_for("count%28up%29", "\"3\"");
    server.wait_for("up%7Bjob%3D%22dead%22%7D", "\"0\"");
    let with = |more: Value| {
        let mut with = json!({ "target": server.url() });
        with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        with
    };
    for (more, measure, unit, limit, said) in [
        (json!({ "query": "shop_full_percent", "unit": "percent" }), "share", Unit::Ratio, "85%", "91.5%"),
        (json!({ "query": "shop_slowest_seconds", "unit": "seconds" }), "seconds", Unit::Seconds, "2s", "2.5s"),
        (json!({ "query": "shop_memory_bytes", "unit": "bytes" }), "bytes", Unit::Bytes, "10GiB", "11 GiB"),
        (json!({ "query": "shop_queue" }), "value", Unit::Count, "30", "name=b value 40"),
        (json!({ "query": "shop_queue > 30", "absent": "ok" }), "series", Unit::Count, "0", "number of series 1"),
        (json!({ "query": "shop_errors", "range": "1m", "reduce": "avg" }), "value", Unit::Count, "4", "value 5"),
    ] {
        let entry = limited(with(more), measure, unit, limit).await;
        assert_is(&entry, Status::Critical, &format!("limit-{measure}"), &[said, "critical limit"]);
    }
    let unknown = Status::Unknown;
    for (more, status, code, said) in [
        (json!({ "preset": "targets-up" }), Status::Critical, "target-down", "2 of 3 targets are up"),
        (json!({ "query": "no_such_series" }), unknown, "no-data", "no series for `no_such_series`"),
        (json!({ "query": "no_such_series", "absent": "critical" }), Status::Critical, "no-data", "no series"),
        (json!({ "query": "shop_queue", "at-least": 4 }), unknown, "missing-series", "3 series of the 4"),
        (json!({ "query": "shop_many" }), unknown, "series-capped", "150 series, of which 100 are judged"),
        (json!({ "query": "shop_nan" }), unknown, "nan", "NaN"),
        (json!({ "query": "shop_inf" }), unknown, "infinite", "+Inf"),
        (json!({ "query": "shop_minus" }), unknown, "infinite", "-Inf"),
        (json!({ "query": "shop_errors / 0" }), unknown, "infinite", "+Inf"),
        (
            json!({ "query": "shop_nan", "range": "1m", "step": "1s", "reduce": "max" }),
            unknown,
            "nan",
            "points are NaN",
        ),
        (json!({ "query": "\"shop\"" }), unknown, "text", "gives a text"),
        (json!({ "query": "shop_lately", "max-age": "1m" }), unknown, "stale", "1m allowed"),
        (json!({ "query": "last_over_time(shop_long_ago[1h])" }), unknown, "stale", "what counts in [1h] is older"),
        (
            json!({ "query": "last_over_time(shop_long_ago[1h])", "max-age": "10m" }),
            unknown,
            "stale",
            "what counts in [1h] is older",
        ),
        (
            json!({ "query": "sum(shop_crashes_total) or vector(0)" }),
            unknown,
            "stale",
            "what the query gives is not theirs",
        ),
        (json!({ "query": "shop_errors", "fresh-by": "shop_beat" }), unknown, "stale", "shop_beat no sample"),
        (json!({ "query": "sum(shop_queue" }), unknown, "bad-query", "line 1, column 15: unclosed left parenthesis"),
        (json!({ "query": "sum(shop_queue)\n  bye (name)" }), unknown, "bad-query", "line 2, column 3"),
        (json!({ "query": "rate(shop_queue)" }), unknown, "bad-query", "expected type range vector"),
        (json!({ "query": "shop_queue * on() shop_queue" }), unknown, "query-failed", "many-to-many matching"),
        (
            json!({ "query": "shop_errors", "target": format!("{}/mon", server.url()) }),
            Status::Critical,
            "not-prometheus",
            "404 Not Found",
        ),
        (
            json!({ "query": "shop_errors", "target": server.url().replace("http:", "https:") }),
            Status::Critical,
            "tls-failed",
            "TLS",
        ),
    ] {
        let entry = look(with(more), LONG).await;
        assert_is(&entry, status, code, &[said]);
    }
    // What is 20 minutes old is fresh enough for who allows an hour.
    let hour = with(json!({ "query": "last_over_time(shop_long_ago[1h])", "max-age": "1h" }));
    let entry = look(hour, LONG).await;
    assert_ok(&entry, &[]);
    assert!((1200.0..1400.0).contains(&measured(&entry, "age", "")), "{}", words(&entry));
}

#[tokio::test]
async fn a_series_that_ends_and_a_server_that_goes() {
    let exporter = Exporter::start(shop());
    let mut server = Prometheus::start(&exporter);
    let with = |more: Value| {
        let mut with = json!({ "target": server.url(), "query": "shop_errors" });
        with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        with
    };
    assert_ok(&look(with(json!({})), LONG).await, &[]);
    // The exporter lives and has lost its numbers: Prometheus ends the series at once.
    exporter.say("other 1\n");
    server.wait_for("shop_errors", "\"result\":[]");
    assert_is(&look(with(json!({})), LONG).await, Status::Unknown, "no-data", &["no series for `shop_errors`"]);
    let quiet = with(json!({ "query": "shop_errors > 9", "absent": "ok" }));
    assert_ok(&look(quiet, LONG).await, &["no sample of `shop_errors`"]);
    let rate = with(json!({ "query": "last_over_time(shop_errors[1h])" }));
    assert_is(&look(rate, LONG).await, Status::Unknown, "stale", &["what counts in [1h] is older"]);
    let range = with(json!({ "range": "1m", "step": "1s", "max-age": "1s", "reduce": "max" }));
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    let entry = look(range, LONG).await;
    assert_is(&entry, Status::Unknown, "stale", &["ended", "ago"]);
    let with = with(json!({}));
    server.pause();
    assert_is(&look(with.clone(), SHORT).await, Status::Critical, "no-answer", &["phase: first byte"]);
    server.kill();
    assert_is(&look(with, LONG).await, Status::Critical, "not-connected", &["refused"]);
}

#[tokio::test]
async fn a_server_behind_a_password_a_certificate_and_a_prefix() {
    let exporter = Exporter::start(shop());
    let server = Prometheus::start_secured(&exporter);
    let secret = server.folder().join("password");
    std::fs::write(&secret, PASSWORD).unwrap();
    std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
    let wrong = server.folder().join("wrong");
    std::fs::write(&wrong, "hunter3-hunter3").unwrap();
    std::fs::set_permissions(&wrong, PermissionsExt::from_mode(0o600)).unwrap();
    let basic =
        |path: &std::path::Path| json!({ "basic": { "user": "ann", "password": format!("file:{}", path.display()) } });
    let with = |more: Value| {
        let target = format!("https://localhost:{}/mon", server.port);
        let mut with = json!({ "target": target, "query": "vector(1)", "ca-file": server.folder().join("root.pem") });
        with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        with
    };
    let mut entry = look(with(json!({ "authorization": basic(&secret) })), LONG).await;
    // It listens before it is ready, and says so.
    while entry.status() != Status::Ok {
        assert_is(&entry, Status::Critical, "not-ready", &["503 Service Unavailable"]);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        entry = look(with(json!({ "authorization": basic(&secret) })), LONG).await;
    }
    assert_ok(&entry, &["1 for `vector(1)`"]);
    for (more, code, said) in [
        (json!({}), "unauthorized", "401 Unauthorized"),
        (json!({ "authorization": basic(&wrong) }), "unauthorized", "401 Unauthorized"),
        (json!({ "ca-file": null }), "tls-failed", "not signed by a trusted root"),
        (json!({ "target": format!("https://127.0.0.1:{}/mon", server.port) }), "tls-failed", "127.0.0.1"),
    ] {
        let entry = look(with(more), LONG).await;
        assert_is(&entry, Status::Critical, code, &[said]);
        assert!(!words(&entry).contains("hunter"), "{}", words(&entry));
    }
    // Without the prefix, the server leads to it.
    let bare = json!({ "target": format!("https://localhost:{}", server.port), "authorization": basic(&secret) });
    let entry = look(with(bare), LONG).await;
    assert_is(&entry, Status::Critical, "not-prometheus", &["404 Not Found"]);
}
