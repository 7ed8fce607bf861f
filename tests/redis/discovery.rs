//! Servers that are found without a configuration.

use std::sync::Arc;

use selx_checks::redis::ping::RedisPing;
use selx_checks::redis::stats::RedisStats;
use selx_core::Status::Ok as Fine;
use selx_core::{Check as _, Context, Discovery, Host};
use serde_json::json;

use crate::server::Server;
use crate::{LONG, look, says};

/// Looks for servers on a host whose files are below a folder.
async fn discover(root: &std::path::Path) -> [Discovery; 2] {
    let cx = Context::with(Arc::new(selx_core::SystemClock), Arc::new(Host::below(root)), Arc::default(), LONG);
    [RedisPing::discover(&cx).await, RedisStats::discover(&cx).await]
}

#[tokio::test]
async fn a_local_server_is_found_by_its_socket() {
    let root = tempfile::tempdir().unwrap();
    for nothing in discover(root.path()).await {
        let Discovery::Absent(why) = nothing else { panic!("{nothing:?}") };
        assert!(why.contains("/run/redis"), "{why}");
    }
    let server = Server::start(&[]);
    let run = root.path().join("run/redis");
    std::fs::create_dir_all(&run).unwrap();
    std::os::unix::fs::symlink(server.socket(), run.join("redis-server.sock")).unwrap();
    for found in discover(root.path()).await {
        let Discovery::Found(proposals) = found else { panic!("{found:?}") };
        assert_eq!(proposals.len(), 1);
        assert_eq!(proposals[0].name, "local-socket");
        assert_eq!(proposals[0].with, "target = \"unix:/run/redis/redis-server.sock\"");
        assert!(proposals[0].reason.contains("answers at"), "{}", proposals[0].reason);
    }
    server.run(&["CONFIG", "SET", "requirepass", "hunter2-hunter2"]);
    for found in discover(root.path()).await {
        let Discovery::Found(proposals) = found else { panic!("{found:?}") };
        assert!(proposals[0].reason.contains("asks for a password: set `password`"), "{}", proposals[0].reason);
    }
    // A socket file that is left behind is no server.
    drop(server);
    assert!(discover(root.path()).await.iter().all(|found| matches!(found, Discovery::Absent(_))));
}

#[tokio::test]
async fn a_server_under_another_root_is_looked_at_there() {
    let server = Server::start(&[]);
    says(&look("redis-ping", json!({ "target": server.socket() }), LONG).await, Fine, &[], &["master"]);
}
