//! What `redis-stats` says about the time since the last look.

use selx_core::Status::{Critical, Ok as Fine, Unknown, Warning};
use serde_json::json;

use crate::server::Server;
use crate::{LONG, Looks, look, measure, says, words};

#[tokio::test]
async fn e6_the_hit_rate_is_that_since_the_last_look() {
    let mut server = Server::start(&[]);
    let looks = Looks::of("redis-stats", json!({ "target": server.address(), "min-lookups": 10 }));
    let get = |key: &str, times: usize| {
        let mut pipe = redis::pipe();
        (0..times).for_each(|_| {
            pipe.cmd("GET").arg(key);
        });
        pipe.exec(&mut server.connection()).unwrap();
    };
    server.run(&["SET", "there", "1"]);
    get("gone", 50);
    let entry = looks.look().await;
    says(&entry, Fine, &[], &["rates from the next look on"]);
    assert_eq!((measure(&entry, "hit-rate"), measure(&entry, "evicted")), (None, None));
    // No lookup at all, and too few of them, are no hit rate of nought.
    let entry = looks.look().await;
    says(&entry, Fine, &[], &["0 keys looked up, too few for a hit rate"]);
    get("gone", 9);
    let entry = looks.look().await;
    says(&entry, Fine, &[], &["9 keys looked up, too few for a hit rate"]);
    assert_eq!(measure(&entry, "hit-rate"), None);
    get("there", 15);
    get("gone", 5);
    let entry = looks.look().await;
    says(&entry, Fine, &[], &["hit rate 75% of 20"]);
    assert_eq!(measure(&entry, "hit-rate"), Some(0.75));
    // Counters that went back are no lookups.
    server.run(&["CONFIG", "RESETSTAT"]);
    let entry = looks.look().await;
    says(&entry, Fine, &[], &["counters that went back without a restart", "rates from the next look on"]);
    assert_eq!((measure(&entry, "hit-rate"), measure(&entry, "expired")), (None, None));
    // After a restart all of it is new, and it is told.
    server.restart(&[]);
    let mut pipe = redis::pipe();
    (0..12).for_each(|_| {
        pipe.cmd("GET").arg("gone");
    });
    pipe.exec(&mut server.connection()).unwrap();
    let entry = looks.look().await;
    says(&entry, Fine, &[], &["was started anew since the last look", "hit rate 0% of 12"]);
    says(&looks.look().await, Fine, &[], &["0 keys looked up"]);
}

#[tokio::test]
async fn evictions_and_expiries_are_counted() {
    let server = Server::start(&["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru", "--hz", "100"]);
    let looks = Looks::of("redis-stats", json!({ "target": server.address(), "broker": false }));
    looks.look().await;
    server.run(&["SET", "short", "1", "PX", "1"]);
    std::thread::sleep(std::time::Duration::from_millis(5));
    server.run(&["GET", "short"]);
    let mut connection = server.connection();
    for number in 0..60 {
        let value = "x".repeat(100_000);
        redis::cmd("SET").arg(number).arg(value).exec(&mut connection).unwrap();
    }
    let entry = looks.look().await;
    assert!(measure(&entry, "evicted").unwrap() > 10.0 && measure(&entry, "expired") == Some(1.0), "{}", words(&entry));
    assert_eq!(entry.status(), Fine, "a cache is full by right: {}", words(&entry));
    assert_eq!(measure(&entry, "filled"), None);
}

#[tokio::test]
async fn slow_commands_are_counted_once_and_without_arguments() {
    let server = Server::start(&["--slowlog-log-slower-than", "250000"]);
    let looks = Looks::of("redis-stats", json!({ "target": server.address() }));
    let sleep = |seconds: &str| drop(server.run(&["DEBUG", "SLEEP", seconds]));
    sleep("0.3");
    assert_eq!(measure(&looks.look().await, "slow"), None);
    sleep("0.3");
    sleep("0.5");
    let entry = looks.look().await;
    says(&entry, Fine, &[], &["slow commands: 2, the slowest DEBUG in "]);
    assert!(!format!("{:?}", entry.facts).contains("SLEEP"), "arguments are kept");
    assert_eq!(measure(&entry, "slow"), Some(2.0));
    assert!(measure(&entry, "slowest").unwrap() >= 0.5);
    assert_eq!(measure(&looks.look().await, "slow"), Some(0.0));
    server.run(&["SLOWLOG", "RESET"]);
    assert_eq!(measure(&looks.look().await, "slow"), Some(0.0));
    sleep("0.3");
    assert_eq!(measure(&looks.look().await, "slow"), Some(1.0));
}

#[tokio::test]
async fn clients_near_the_limit_and_turned_away() {
    let server = Server::start(&["--maxclients", "10"]);
    let looks = Looks::of("redis-stats", json!({ "target": server.address() }));
    says(&looks.look().await, Fine, &[], &[]);
    let held: Vec<_> = (0..9).map(|_| server.connection()).collect();
    // The tenth is the look itself.
    says(&looks.look().await, Critical, &["limit-clients"], &["clients connected 10 of 10 (100%)", "CLIENT LIST"]);
    let last = server.connection();
    assert!(redis::Client::open(format!("redis://{}", server.address())).unwrap().get_connection().is_err());
    drop((held, last));
    server.wait_for("connected_clients:1");
    let entry = looks.look().await;
    assert_eq!(entry.status(), Warning, "{}", words(&entry));
    assert!(words(&entry).contains("connections rejected"), "{}", words(&entry));
}

#[tokio::test]
async fn a_memory_that_fills_up_without_eviction() {
    let server = Server::start(&["--maxmemory", "20mb"]);
    let looks = Looks::of("redis-stats", json!({ "target": server.address() }));
    says(&looks.look().await, Fine, &[], &["of 20 MiB used"]);
    let mut connection = server.connection();
    for number in 0..14 {
        redis::cmd("SET").arg(number).arg("x".repeat(1_000_000)).exec(&mut connection).unwrap();
    }
    says(&looks.look().await, Warning, &["limit-filled"], &["share of `maxmemory` used"]);
}

#[tokio::test]
async fn a_broker_that_may_evict_is_critical() {
    let server = Server::start(&["--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"]);
    let stats = |broker: Option<bool>| {
        let with = match broker {
            Some(broker) => json!({ "target": server.address(), "broker": broker }),
            None => json!({ "target": server.address() }),
        };
        look("redis-stats", with, LONG)
    };
    server.run(&["SET", "some", "thing"]);
    says(&stats(None).await, Fine, &[], &[]);
    says(&stats(Some(true)).await, Critical, &["broker-may-evict"], &["is a broker and throws messages away"]);
    let mut connection = server.connection();
    let member = "celery.pidbox\u{6}\u{16}\u{6}\u{16}celery@a.celery.pidbox";
    let mut pipe = redis::pipe();
    pipe.cmd("SELECT").arg(7).cmd("SADD").arg("_kombu.binding.celery.pidbox").arg(member);
    pipe.exec(&mut connection).unwrap();
    let said = [
        "holds queues of Celery (database 7) and throws messages away when its memory is full",
        "`maxmemory-policy allkeys-lru`",
        "noeviction",
    ];
    says(&stats(None).await, Critical, &["broker-may-evict"], &said);
    says(&stats(Some(false)).await, Fine, &[], &[]);
    server.run(&["CONFIG", "SET", "maxmemory-policy", "volatile-ttl"]);
    says(&stats(None).await, Critical, &["broker-may-evict"], &["throws keys away that expire, such as results"]);
    // Who may not look for the keys does not know.
    server.run(&["ACL", "SETUSER", "default", "-exists"]);
    let said = ["not known whether messages of Celery are among the keys", "Set `broker`"];
    says(&stats(None).await, Unknown, &["broker-not-known"], &said);
    server.run(&["ACL", "SETUSER", "default", "+@all"]);
    for (setting, value) in [("maxmemory-policy", "noeviction"), ("maxmemory", "0")] {
        server.run(&["CONFIG", "SET", setting, value]);
        says(&stats(None).await, Fine, &[], &[]);
        server.run(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    }
}
