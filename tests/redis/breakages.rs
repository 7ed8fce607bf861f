//! Servers in the states that an operator meets: each by status and words.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use rustix::process::Signal;
use selx_core::Status::{Critical, Ok as Fine, Unknown, Warning};
use serde_json::{Value, json};

use crate::server::Server;
use crate::{LONG, SHORT, look, measure, says, words};

async fn ping(with: Value) -> selx_core::Entry {
    look("redis-ping", with, LONG).await
}

async fn stats(with: Value) -> selx_core::Entry {
    look("redis-stats", with, LONG).await
}

/// Writes a password into a file that only its owner may read.
fn password(server: &Server, value: &str) -> String {
    let path = server.folder.path().join("password");
    std::fs::write(&path, value).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    format!("file:{}", path.display())
}

#[tokio::test]
async fn healthy_servers_are_fine_by_every_way() {
    let server = Server::start(&[]);
    for target in [
        server.address(),
        format!("unix:{}", server.socket().display()),
        format!("redis://{}", server.address()),
        format!("redis://localhost:{}/15", server.port),
    ] {
        let entry = ping(json!({ "target": target, "role": "master" })).await;
        says(&entry, Fine, &[], &["answers in", "master", "version 7"]);
        assert!(measure(&entry, "latency").unwrap() > 0.0 && measure(&entry, "connect").unwrap() > 0.0);
        says(&stats(json!({ "target": target })).await, Fine, &[], &["1 clients", "rates from the next look on"]);
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_password_is_never_fine_without_it() {
    let server = Server::start(&["--requirepass", "hunter2-hunter2"]);
    let target = server.address();
    let right = password(&server, "hunter2-hunter2");
    for kind in ["redis-ping", "redis-stats"] {
        let entry = look(kind, json!({ "target": target }), LONG).await;
        says(
            &entry,
            Critical,
            &["login-needed"],
            &["asks for a password, and none is given", "Set `password = \"file:"],
        );
        says(&look(kind, json!({ "target": target, "password": right }), LONG).await, Fine, &[], &[]);
        let ann = look(kind, json!({ "target": target, "password": right, "user": "ann" }), LONG).await;
        says(&ann, Critical, &["login-failed"], &["refuses the password, or the user is switched off"]);
    }
    let wrong = password(&server, "hunter3-hunter3");
    let entry = ping(json!({ "target": target, "password": wrong })).await;
    says(&entry, Critical, &["login-failed"], &["refuses the password"]);
    assert!(!format!("{} {:?}", words(&entry), entry.facts).contains("hunter"), "{}", words(&entry));
    let entry = ping(json!({ "target": target, "password": "file:/nonexistent/password" })).await;
    says(&entry, Unknown, &[], &["/nonexistent/password"]);
}

#[tokio::test]
async fn a_password_that_is_not_needed_is_told() {
    let server = Server::start(&[]);
    let with = json!({ "target": server.address(), "password": password(&server, "hunter2-hunter2") });
    says(&ping(with).await, Warning, &["password-not-needed"], &["serves everybody"]);
}

#[tokio::test]
async fn users_of_an_access_list_are_told_the_right_they_lack() {
    let server = Server::start(&[]);
    let secret = password(&server, "hunter2-hunter2");
    let user = |name: &str, rights: &[&str]| {
        server.run(&[&["ACL", "SETUSER", name, "on", ">hunter2-hunter2", "resetkeys", "-@all"], rights].concat());
        json!({ "target": server.address(), "user": name, "password": secret })
    };
    let full = user("full", &["+ping", "+info", "+slowlog|get"]);
    says(&ping(full.clone()).await, Fine, &[], &["master"]);
    says(&stats(full.clone()).await, Fine, &[], &[]);
    let entry = ping(user("none", &[])).await;
    let said = ["does not let this user run PING", "ACL SETUSER NAME +ping"];
    says(&entry, Critical, &["not-permitted", "not-permitted"], &said);
    let pings = user("pings", &["+ping"]);
    let said = ["does not let this user run INFO, so that its role", "ACL SETUSER NAME +info"];
    says(&ping(pings.clone()).await, Unknown, &["not-permitted"], &said);
    let entry = stats(pings).await;
    says(&entry, Unknown, &["not-permitted", "not-permitted"], &["none of its numbers is known", "+slowlog|get"]);
    let entry = stats(user("info", &["+ping", "+info"])).await;
    says(
        &entry,
        Unknown,
        &["not-permitted"],
        &["slow commands are not known", "ACL SETUSER NAME +slowlog|get", "slow-log = false"],
    );
    let mut no_log = user("info", &["+ping", "+info"]);
    no_log["slow-log"] = json!(false);
    says(&stats(no_log).await, Fine, &[], &[]);
    let mut marked = full;
    marked["marker"] = json!("app");
    let said = ["not known whether the marker exists", "+exists %R~app"];
    says(&ping(marked).await, Unknown, &["not-permitted"], &said);
}

#[tokio::test]
async fn e7_another_server_is_told_by_its_missing_marker() {
    let server = Server::start(&[]);
    let with = json!({ "target": server.address(), "marker": "shop:version", "database": 3 });
    says(&ping(with.clone()).await, Critical, &["marker-missing"], &["has no key `shop:version`", "another server"]);
    let mut connection = server.connection();
    redis::pipe().cmd("SELECT").arg(3).cmd("SET").arg("shop:version").arg("1").exec(&mut connection).unwrap();
    says(&ping(with).await, Fine, &[], &[]);
}

#[tokio::test]
async fn a_database_that_is_not_there() {
    let server = Server::start(&[]);
    let entry = ping(json!({ "target": server.address(), "database": 16 })).await;
    says(&entry, Critical, &["refused"], &["SELECT is answered with `ERR DB index is out of range`"]);
    let entry = ping(json!({ "target": format!("redis://{}/shop", server.address()) })).await;
    says(&entry, Unknown, &[], &["`shop` is not the number of a database"]);
}

#[tokio::test]
async fn e4_a_full_memory_is_seen_without_writing() {
    let server = Server::start(&["--maxmemory", "100kb"]);
    let with = json!({ "target": server.address() });
    let said = ["takes no writes that need memory", "of 100 KiB are used and nothing is evicted"];
    says(&ping(with.clone()).await, Critical, &["memory-full"], &said);
    assert!(server.try_run(&["SET", "a", "b"]).unwrap_err().to_string().contains("OOM"));
    server.run(&["CONFIG", "SET", "maxmemory-policy", "volatile-lru"]);
    says(&ping(with.clone()).await, Critical, &["memory-full"], &["no key expires, as `volatile-lru` wants it"]);
    // A cache that evicts takes writes.
    server.run(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    says(&ping(with).await, Fine, &[], &[]);
}

#[tokio::test]
async fn e4_a_snapshot_that_failed_is_seen_without_writing() {
    let server = Server::start(&[]);
    let with = json!({ "target": server.address() });
    server.run(&["CONFIG", "SET", "save", "3600 1"]);
    server.run(&["SET", "a", "b"]);
    // A folder where the file should be: it cannot be put in its place, whoever asks for it.
    std::fs::create_dir(server.folder.path().join("dump.rdb")).unwrap();
    server.run(&["BGSAVE"]);
    server.wait_for("rdb_last_bgsave_status:err");
    says(&ping(with.clone()).await, Critical, &["writes-stopped"], &["takes no writes: its last snapshot failed"]);
    assert!(server.try_run(&["SET", "a", "c"]).unwrap_err().to_string().contains("MISCONF"));
    // It refuses even pings then; its other numbers are judged all the same.
    let entry = stats(with.clone()).await;
    says(&entry, Critical, &["writes-stopped"], &["takes no writes since it cannot save its data", "1 clients"]);
    server.run(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"]);
    says(&ping(with.clone()).await, Critical, &["save-failed"], &["goes on taking writes although"]);
    server.run(&["ACL", "SETUSER", "default", "-config"]);
    let said = ["by default it takes no writes then", "does not let this user run CONFIG GET", "+config|get"];
    says(&ping(with.clone()).await, Critical, &["not-permitted", "save-failed"], &said);
    server.run(&["ACL", "SETUSER", "default", "+@all"]);
    std::fs::remove_dir(server.folder.path().join("dump.rdb")).unwrap();
    server.run(&["BGSAVE"]);
    server.wait_for("rdb_last_bgsave_status:ok");
    says(&ping(with).await, Fine, &[], &[]);
}

#[tokio::test]
async fn e1_a_server_that_loads_its_data_says_how_far_it_is() {
    let mut server = Server::start(&[]);
    server.run(&["DEBUG", "POPULATE", "20000"]);
    server.run(&["SAVE"]);
    server.restart(&["--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"]);
    let with = json!({ "target": server.address() });
    says(&ping(with.clone()).await, Warning, &["loading"], &["is loading its data (", "% done", "serves nothing yet"]);
    says(&stats(with).await, Warning, &["loading"], &["is loading its data"]);
}

#[tokio::test]
async fn e1_a_server_that_is_busy_with_a_script() {
    let server = Server::start(&["--busy-reply-threshold", "10"]);
    let mut connection = server.connection();
    let script = std::thread::spawn(move || {
        redis::cmd("EVAL").arg("while true do end").arg(0).query::<redis::Value>(&mut connection)
    });
    let until = std::time::Instant::now() + LONG;
    while !server.try_run(&["PING"]).is_err_and(|error| error.to_string().contains("BUSY")) {
        assert!(std::time::Instant::now() < until, "the script does not run");
    }
    let entry = ping(json!({ "target": server.address() })).await;
    says(&entry, Critical, &["not-serving"], &["is busy with a script", "SCRIPT KILL"]);
    server.run(&["SCRIPT", "KILL"]);
    assert!(script.join().unwrap().is_err());
}

#[tokio::test]
async fn a_server_that_was_stopped_hangs_and_is_critical() {
    let server = Server::start(&[]);
    server.signal(Signal::STOP);
    for target in [server.address(), format!("unix:{}", server.socket().display())] {
        for kind in ["redis-ping", "redis-stats"] {
            let entry = look(kind, json!({ "target": target }), SHORT).await;
            says(&entry, Critical, &["no-answer"], &["did not answer within", "(phase: login)"]);
            assert!(entry.measures.is_empty());
        }
    }
    server.signal(Signal::CONT);
    says(&ping(json!({ "target": server.address() })).await, Fine, &[], &[]);
}

#[tokio::test]
async fn a_server_that_was_killed_is_not_connected_to() {
    let mut server = Server::start(&[]);
    server.kill();
    let entry = ping(json!({ "target": server.address() })).await;
    says(&entry, Critical, &["not-connected"], &["refused the connection (phase: connect)"]);
    let socket = format!("unix:{}", server.socket().display());
    let entry = ping(json!({ "target": socket })).await;
    says(&entry, Critical, &["not-connected"], &["refused the connection", &socket]);
    std::fs::remove_file(server.socket()).unwrap();
    let entry = ping(json!({ "target": socket })).await;
    says(&entry, Critical, &["not-connected"], &["does not exist"]);
    let entry = ping(json!({ "target": "no-such-host.invalid" })).await;
    assert_eq!(entry.status(), Critical);
    assert!(words(&entry).contains("name-not-resolved"), "{}", words(&entry));
}

#[tokio::test]
async fn a_server_without_room_for_clients_says_so() {
    let server = Server::start(&["--maxclients", "2"]);
    let mut held: Vec<std::os::unix::net::UnixStream> = Vec::new();
    // Until one is turned away.
    loop {
        let mut one = std::os::unix::net::UnixStream::connect(server.socket()).unwrap();
        one.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut answer = [0; 64];
        match one.read(&mut answer) {
            Ok(count) => {
                assert!(String::from_utf8_lossy(&answer[..count]).contains("max number of clients"));
                break;
            }
            Err(_) => held.push(one),
        }
        assert!(held.len() <= 2, "nobody is turned away");
    }
    for kind in ["redis-ping", "redis-stats"] {
        for target in [server.address(), format!("unix:{}", server.socket().display())] {
            let entry = look(kind, json!({ "target": target }), LONG).await;
            says(&entry, Critical, &["too-many-clients"], &["as many clients as it accepts", "CLIENT LIST"]);
        }
    }
}

#[tokio::test]
async fn a_command_that_was_renamed_is_not_taken_for_fine() {
    let server = Server::start(&["--rename-command", "INFO", "STATE"]);
    let entry = ping(json!({ "target": server.address() })).await;
    says(&entry, Unknown, &["refused"], &["refuses INFO, so that its role"]);
    says(&stats(json!({ "target": server.address() })).await, Unknown, &["refused"], &["none of its numbers is known"]);
}

#[tokio::test]
async fn an_append_only_file_does_not_disturb() {
    let server = Server::start(&["--appendonly", "yes"]);
    server.run(&["SET", "a", "b"]);
    says(&ping(json!({ "target": server.address() })).await, Fine, &[], &[]);
}
