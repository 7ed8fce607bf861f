//! An engine that has what a test says: two old containers, two old images, a network, records of the build cache.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::machine::Machine;
use crate::socket::Socket;

/// The time by the engine's header and by the machine's clock, about.
pub(crate) const OLD: &str = "2026-01-02T03:04:05.123456789Z";

/// What the engine answers, by method and path: a status and a body. A test changes it.
pub(crate) type World = Arc<Mutex<BTreeMap<String, (u16, String)>>>;

/// An id of a container, an image or a network.
pub(crate) fn id(digit: char) -> String {
    digit.to_string().repeat(64)
}

pub(crate) fn container(id: &str, name: &str) -> Value {
    json!({
        "Id": id, "Name": format!("/{name}"), "Created": OLD, "Image": format!("sha256:{}", "e".repeat(64)),
        "State": { "Status": "exited", "Running": false, "Paused": false, "Restarting": false, "FinishedAt": OLD },
        "Config": { "Image": "shop:1", "Labels": {} },
        "HostConfig": { "RestartPolicy": { "Name": "no" }, "NetworkMode": "none" },
        "Mounts": [], "NetworkSettings": { "Networks": {} }
    })
}

pub(crate) fn image(id: &str, tags: &[&str]) -> Value {
    json!({
        "Id": format!("sha256:{id}"), "ParentId": "", "RepoTags": tags, "RepoDigests": [], "Created": 1_700_000_000,
        "Size": 1000, "SharedSize": -1, "Labels": null, "Containers": -1
    })
}

pub(crate) fn network(id: &str, name: &str) -> Value {
    json!({
        "Id": id, "Name": name, "Created": OLD, "Scope": "local", "Driver": "bridge", "Ingress": false,
        "ConfigOnly": false, "Containers": {}, "Labels": {}
    })
}

pub(crate) fn record(id: &str) -> Value {
    json!({
        "ID": id, "Type": "regular", "Description": "fileop target", "InUse": false, "Shared": false, "Size": 7,
        "CreatedAt": OLD, "LastUsedAt": OLD, "UsageCount": 1
    })
}

/// The stock of an engine.
pub(crate) struct Stock {
    pub(crate) containers: Vec<Value>,
    pub(crate) images: Vec<Value>,
    pub(crate) networks: Vec<Value>,
    pub(crate) records: Vec<Value>,
    pub(crate) info: Value,
}

impl Stock {
    pub(crate) fn new() -> Self {
        Self {
            containers: vec![container(&id('1'), "one"), container(&id('2'), "two")],
            images: vec![image(&id('a'), &[]), image(&id('b'), &[])],
            networks: vec![network(&id('c'), "idle"), network(&id('d'), "bridge")],
            records: vec![record("0123456789abcdefghijklmno")],
            info: json!({ "OSType": "linux", "DockerRootDir": "/nowhere", "Driver": "overlay2" }),
        }
    }

    /// Returns the answers that this comes to.
    pub(crate) fn world(&self) -> World {
        let mut world = BTreeMap::new();
        let mut put = |path: String, body: &Value| world.insert(format!("GET {path}"), (200, body.to_string()));
        let mut info = self.info.clone();
        for (key, list) in [("Containers", &self.containers), ("Images", &self.images)] {
            if info.get(key).is_none() {
                info[key] = list.len().into();
            }
        }
        put("/info".into(), &info);
        put("/version".into(), &json!({ "Components": [{ "Name": "Engine" }] }));
        put("/containers/json?all=true".into(), &self.containers.iter().cloned().collect());
        put("/images/json?all=true".into(), &self.images.iter().cloned().collect());
        put("/networks".into(), &self.networks.iter().cloned().collect());
        put("/volumes".into(), &json!({ "Volumes": null }));
        let used = self.images.iter().map(|image| json!({ "Id": image["Id"], "Size": 1000, "SharedSize": 400 }));
        let usage =
            json!({ "Images": used.collect::<Vec<_>>(), "Containers": [], "Volumes": [], "BuildCache": self.records });
        for path in ["/system/df?verbose=1", "/system/df?verbose=1&type=build-cache"] {
            put(path.into(), &usage);
        }
        for one in &self.containers {
            put(format!("/containers/{}/json", one["Id"].as_str().unwrap()), one);
        }
        for one in &self.images {
            put(format!("/images/{}/json", one["Id"].as_str().unwrap()), one);
        }
        for one in &self.networks {
            let id = one["Id"].as_str().unwrap();
            put(format!("/networks/{id}"), one);
            put(format!("/containers/json?all=true&filters=%7B%22network%22%3A%5B%22{id}%22%5D%7D"), &json!([]));
        }
        Arc::new(Mutex::new(world))
    }
}

/// Writes an answer of HTTP.
pub(crate) fn http(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
}

/// Makes a machine that looks at an engine of these answers. What is removed is gone from then on.
pub(crate) fn machine(world: &World) -> Machine {
    let world = Arc::clone(world);
    Machine::of(Socket::new(move |method, path, mut stream| {
        let mut world = world.lock().unwrap();
        let asked = format!("{method} {path}");
        let told = world.get(&asked).cloned();
        let (status, body) = match (told, method) {
            (Some(told), _) => told,
            (None, "DELETE") => {
                let thing = path.split('?').next().unwrap();
                for rest in ["", "/json"] {
                    world.remove(&format!("GET {thing}{rest}"));
                }
                (204, String::new())
            }
            _ => (404, json!({ "message": "no such thing" }).to_string()),
        };
        // It does it, and breaks off before it says so.
        if method == "DELETE" && world.contains_key("loses its answer") {
            return;
        }
        let now = selx_core::Clock::now(&selx_core::SystemClock).strftime("%a, %d %b %Y %H:%M:%S GMT");
        let date = if world.contains_key("no date") { String::new() } else { format!("Date: {now}\r\n") };
        let speaks = world.get("speaks").map_or("1.47", |(_, version)| version);
        let _ = stream.write_all(http(status, &format!("Api-Version: {speaks}\r\n{date}"), &body).as_bytes());
    }))
}

/// Puts an answer in the place of another.
pub(crate) fn put(world: &World, asked: &str, status: u16, body: impl ToString) {
    world.lock().unwrap().insert(asked.to_owned(), (status, body.to_string()));
}
