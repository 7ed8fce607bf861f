//! Masters and their replicas.

use selx_core::Status::{Critical, Ok as Fine, Warning};
use serde_json::json;

use crate::server::Server;
use crate::{LONG, Looks, look, measure, says};

#[tokio::test]
async fn e3_a_replica_whose_master_is_gone_answers_and_is_not_fine() {
    let mut master = Server::start(&["--repl-diskless-sync-delay", "0"]);
    let replica = Server::start(&["--replicaof", "127.0.0.1", &master.port.to_string()]);
    replica.wait_for("master_link_status:up");
    // The master believes it a little later.
    master.wait_for("state=online");
    let ping = |target: String, role: &'static str| async move {
        let with =
            if role.is_empty() { json!({ "target": target }) } else { json!({ "target": target, "role": role }) };
        look("redis-ping", with, LONG).await
    };
    says(&ping(replica.address(), "replica").await, Fine, &[], &[&format!("replica of {}", master.address())]);
    says(&ping(replica.address(), "").await, Fine, &[], &[]);
    let said = [&*format!("is a replica of {} and takes no writes, expected a master", master.address())];
    says(&ping(replica.address(), "master").await, Critical, &["wrong-role"], &said);
    says(&ping(master.address(), "replica").await, Critical, &["wrong-role"], &["is a master, expected a replica"]);

    // The lag stands on both sides.
    let entry = Looks::of("redis-stats", json!({ "target": replica.address() })).look().await;
    says(&entry, Fine, &[], &["role: slave"]);
    assert!(measure(&entry, "replica-lag").is_some());
    let entry = Looks::of("redis-stats", json!({ "target": master.address() })).look().await;
    says(&entry, Fine, &[], &["role: master", "online"]);
    assert!(measure(&entry, "replica-lag").is_some());

    // A master that asks for more replicas than follow it takes no writes.
    master.run(&["CONFIG", "SET", "min-replicas-to-write", "2"]);
    let said = ["takes no writes: 1 replicas follow it and `min-replicas-to-write` asks for 2"];
    says(&ping(master.address(), "master").await, Critical, &["writes-stopped"], &said);
    assert!(master.try_run(&["SET", "a", "b"]).unwrap_err().to_string().contains("NOREPLICAS"));

    master.kill();
    replica.wait_for("master_link_status:down");
    let lost = format!("has no connection to its master {}", master.address());
    says(&ping(replica.address(), "").await, Warning, &["master-link-down"], &[&lost, "what it serves is old"]);
    says(&ping(replica.address(), "replica").await, Critical, &["master-link-down"], &[&lost]);
    let entry = look("redis-stats", json!({ "target": replica.address() }), LONG).await;
    says(&entry, Critical, &["master-link-down"], &[&lost]);

    // With this it does not even answer a ping.
    replica.run(&["CONFIG", "SET", "replica-serve-stale-data", "no"]);
    let said = ["replica without its master and serves nothing meanwhile"];
    says(&ping(replica.address(), "replica").await, Critical, &["master-link-down", "not-serving"], &said);
}
