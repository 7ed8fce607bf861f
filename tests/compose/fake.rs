//! An engine that answers what a test says, by the path that is asked.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;
use tokio::task::JoinSet;

/// An engine behind a socket file. It ends when it is dropped.
pub(crate) struct Fake {
    folder: tempfile::TempDir,
    /// The first line of every request.
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Fake {
    /// Answers each path by a function of it.
    pub(crate) fn new(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("engine.sock")).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&asked), Arc::new(answer));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                connections.spawn(async move {
                    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
                    while !request.windows(4).any(|part| part == b"\r\n\r\n") {
                        match stream.read(&mut buffer).await {
                            Ok(count) if count > 0 => request.extend_from_slice(&buffer[..count]),
                            _ => return,
                        }
                    }
                    let request = String::from_utf8_lossy(&request).into_owned();
                    let line = request.lines().next().unwrap_or_default().to_owned();
                    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                    seen.lock().unwrap().push(line);
                    let _ = stream.write_all(&answer(&path)).await;
                });
            }
        });
        Self { folder, asked, _tasks: tasks }
    }

    /// Returns its socket file.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }

    /// Returns the folder of its socket file.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Writes an answer of HTTP.
pub(crate) fn http(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
        .into()
}

/// Writes an answer of JSON.
pub(crate) fn good(body: &Value) -> Vec<u8> {
    http("200 OK", "Api-Version: 1.52\r\nDate: Mon, 23 Nov 2026 02:30:00 GMT\r\n", &body.to_string())
}

/// What a container is in the answers of today's engines (API 1.44 to 1.52), which have fields that older ones lack and
/// lack fields that older ones have.
pub(crate) fn listed(project: &str, service: &str) -> Value {
    json!({
        "Id": format!("{service:0>64}"),
        "Names": [format!("/{project}-{service}-1")],
        "Image": "shop/app:1",
        "ImageID": "sha256:aa",
        "ImageManifestDescriptor": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:cc", "size": 1000,
            "platform": { "architecture": "amd64", "os": "linux" }
        },
        "Command": "sleep 300",
        "Created": 1_795_300_000,
        "Ports": [],
        "Labels": {
            "com.docker.compose.project": project,
            "com.docker.compose.service": service,
            "com.docker.compose.oneoff": "False",
            "com.docker.compose.container-number": "1",
            "com.docker.compose.config-hash": "abc",
            "com.docker.compose.image": "sha256:aa",
            "com.docker.compose.depends_on": "",
            "com.docker.compose.version": "2.40.3"
        },
        "State": "running",
        "Status": "Up 3 minutes (healthy)",
        "Health": { "Status": "healthy", "FailingStreak": 0 },
        "HostConfig": { "NetworkMode": "shop_default", "Annotations": { "x": "y" } },
        "NetworkSettings": { "Networks": {} },
        "Mounts": []
    })
}

/// The same container by itself.
pub(crate) fn inspected(project: &str, service: &str) -> Value {
    json!({
        "Id": format!("{service:0>64}"),
        "Created": "2026-11-23T02:00:00.123456789Z",
        "Path": "sleep",
        "Args": ["300"],
        "State": {
            "Status": "running", "Running": true, "Paused": false, "Restarting": false, "OOMKilled": false,
            "Dead": false, "Pid": 4_000_000, "ExitCode": 0, "Error": "",
            "StartedAt": "2026-11-23T02:00:01.5Z", "FinishedAt": "0001-01-01T00:00:00Z",
            "Health": { "Status": "healthy", "FailingStreak": 0, "Log": [] }
        },
        "Image": "sha256:aa",
        "Name": format!("/{project}-{service}-1"),
        "RestartCount": 0,
        "Driver": "overlayfs",
        "Platform": "linux",
        "ImageManifestDescriptor": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:cc", "size": 1000
        },
        "HostConfig": {
            "NetworkMode": "shop_default",
            "RestartPolicy": { "Name": "unless-stopped", "MaximumRetryCount": 0 }
        },
        "Mounts": [],
        "Config": { "Image": "shop/app:1", "Env": ["PATH=/bin"], "Cmd": ["sleep", "300"], "Labels": {} },
        "NetworkSettings": { "Networks": { "shop_default": {
            "IPAddress": "172.19.0.2", "IPPrefixLen": 16, "DNSNames": ["x"], "GwPriority": 0
        } } }
    })
}

/// An image in the answers of today's engines.
pub(crate) fn image() -> Value {
    json!({
        "Id": "sha256:aa", "RepoTags": ["shop/app:1"], "RepoDigests": ["shop/app@sha256:aa"],
        "Descriptor": { "mediaType": "application/vnd.oci.image.index.v1+json", "digest": "sha256:aa", "size": 856 },
        "Identity": { "Build": [{ "Ref": "x" }] },
        "Created": "2026-11-23T02:00:00Z", "Architecture": "amd64", "Os": "linux", "Size": 1000,
        "GraphDriver": { "Name": "overlayfs", "Data": null }, "RootFS": { "Type": "layers" },
        "Metadata": { "LastTagTime": "2026-11-23T02:00:00Z" }, "Config": {}
    })
}

/// Answers as an engine that runs these services does.
pub(crate) fn engine(services: &'static [&'static str]) -> impl Fn(&str) -> Vec<u8> + Send + Sync + 'static {
    move |path| {
        let wanted = services.iter().find(|service| path.contains(&format!("{service:0>64}")));
        if path.contains("/containers/json") {
            good(&services.iter().map(|service| listed("shop", service)).collect())
        } else if path.contains("/images/") {
            good(&image())
        } else if let Some(service) = wanted {
            good(&inspected("shop", service))
        } else {
            http("404 Not Found", "", "{\"message\":\"no such container\"}")
        }
    }
}
