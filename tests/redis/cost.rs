//! What a look costs a server, and that it changes nothing.

use serde_json::json;

use selx_core::Status::Ok as Fine;

use crate::server::Server;
use crate::{LONG, look, says};

/// Returns how often each command was called since the counters were reset, and the microseconds of all of them.
fn calls(server: &Server) -> (Vec<(String, u64)>, u64) {
    let text: String = redis::from_redis_value(server.run(&["INFO", "commandstats"])).unwrap();
    let mut time = 0;
    let mut counted: Vec<(String, u64)> = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("cmdstat_")) {
        let (name, values) = line.split_once(':').unwrap();
        let value = |wanted: &str| -> u64 {
            values.split(',').find_map(|part| part.strip_prefix(wanted)).unwrap().parse().unwrap()
        };
        if name != "config|resetstat" {
            counted.push((name.to_owned(), value("calls=")));
            time += value("usec=");
        }
    }
    counted.sort();
    (counted, time)
}

#[tokio::test]
async fn a_look_costs_few_commands_and_writes_nothing() {
    let server = Server::start(&[]);
    server.run(&["SET", "a", "b"]);
    let before = server.run(&["DEBUG", "DIGEST"]);
    for (kind, with, expected) in [
        ("redis-ping", json!({}), vec![("client|setname", 1), ("info", 1), ("ping", 5)]),
        (
            "redis-ping",
            json!({ "database": 1, "marker": "a" }),
            vec![("client|setname", 1), ("exists", 1), ("info", 1), ("ping", 5), ("select", 1)],
        ),
        ("redis-stats", json!({}), vec![("client|setname", 1), ("info", 1), ("ping", 3), ("slowlog|get", 1)]),
    ] {
        let mut with = with;
        with["target"] = json!(server.address());
        server.run(&["CONFIG", "RESETSTAT"]);
        let entry = look(kind, with, LONG).await;
        assert!(entry.status() == Fine || kind == "redis-ping");
        let (counted, micros) = calls(&server);
        let counted: Vec<(&str, u64)> = counted.iter().map(|(name, calls)| (name.as_str(), *calls)).collect();
        assert_eq!(counted, expected, "{kind}");
        println_cost(kind, micros);
    }
    server.run(&["CONFIG", "SET", "maxmemory", "100mb"]);
    server.run(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    server.run(&["CONFIG", "RESETSTAT"]);
    says(&look("redis-stats", json!({ "target": server.address() }), LONG).await, Fine, &[], &[]);
    let (counted, _) = calls(&server);
    let of = |name: &str| counted.iter().find(|(one, _)| one == name).map(|(_, calls)| *calls);
    assert_eq!((of("select"), of("exists"), counted.len()), (Some(1), Some(1), 6), "{counted:?}");
    assert_eq!(server.run(&["DEBUG", "DIGEST"]), before);
}

/// Leaves the time of the server in the output of the test, where it is looked up for the pages of the kinds.
#[expect(clippy::print_stdout, reason = "shown with `--nocapture`")]
fn println_cost(kind: &str, micros: u64) {
    println!("{kind}: {micros} microseconds of the server");
}
