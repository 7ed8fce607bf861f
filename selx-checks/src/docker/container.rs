//! What is taken from the engine's answers about containers.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use bollard::models::{ContainerInspectResponse, ContainerSummary};
use jiff::Timestamp;

/// A container as a list shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Its id.
    pub id: String,
    /// Its name, without the slash.
    pub name: String,
    /// The reference of the image it was made from, or an id where that names another image by now.
    pub image: String,
    /// The id of the image it was made from.
    pub image_id: String,
    /// Its command line, in one text.
    pub command: String,
    /// Its state in one word, such as `running`.
    pub state: String,
    /// Its state in words, such as `Up 3 minutes (healthy)`.
    pub status: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl Summary {
    /// Takes what is needed; nothing where the answer has no id.
    pub(super) fn of(from: ContainerSummary) -> Option<Self> {
        let names = from.names.unwrap_or_default();
        // Links give a container further names, with a second slash in them.
        let own = |name: &&String| !name.trim_start_matches('/').contains('/');
        let name = names.iter().find(own).or_else(|| names.first());
        Some(Self {
            id: from.id.filter(|id| !id.is_empty())?,
            name: name.map(|name| name.trim_start_matches('/').to_owned()).unwrap_or_default(),
            image: from.image.unwrap_or_default(),
            image_id: from.image_id.unwrap_or_default(),
            command: from.command.unwrap_or_default(),
            state: from.state.map(|state| state.to_string()).unwrap_or_default(),
            status: from.status.unwrap_or_default(),
            created: from.created.and_then(|seconds| Timestamp::from_second(seconds).ok()),
            labels: from.labels.unwrap_or_default().into_iter().collect(),
        })
    }

    /// Returns a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// Tells whether its processes are there and not paused.
    pub fn runs(&self) -> bool {
        self.state == "running"
    }
}

/// A container as the engine describes it by itself. It holds passwords, so its `Debug` is short.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Its name, without the slash.
    pub name: String,
    /// The reference of the image, as it was given when the container was made.
    pub image: String,
    /// The id of the image it was made from.
    pub image_id: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Its state.
    pub state: State,
    /// How often the engine restarted it by its policy, in its whole life.
    pub restarts: u64,
    /// When the engine starts it again by itself: `no`, `always`, `unless-stopped`, `on-failure`.
    pub restart_policy: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its environment. It holds passwords.
    pub environment: BTreeMap<String, String>,
    /// The command that it was given, or that of its image; without the entry point.
    pub command: Vec<String>,
    /// The program with its arguments that is its first process. It may hold passwords.
    pub process: Vec<String>,
    /// Where its folders come from: the path in the container, and on this host.
    pub mounts: Vec<(PathBuf, PathBuf)>,
    /// `bridge`, `host`, `none`, `container:ID`, or the name of a network.
    pub network_mode: String,
    /// The networks it is in, in the order of their names.
    pub networks: Vec<Network>,
    /// The ports that this host passes on to it.
    pub published: Vec<Port>,
    /// Whether its output is that of a terminal.
    pub tty: bool,
    /// The driver that keeps its log, such as `json-file`.
    pub log_driver: String,
    /// The file on the engine's host that the driver writes; empty if it writes none.
    pub log_path: String,
}

impl std::fmt::Debug for Container {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Container")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// One network of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Its name, such as `shop_default`.
    pub name: String,
    /// The addresses of the container in it, with the length of the network's prefix.
    pub addresses: Vec<(IpAddr, u8)>,
}

/// A port that the host passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// The port in the container.
    pub inside: u16,
    /// The address on this host.
    pub address: IpAddr,
    /// The port on this host.
    pub port: u16,
}

/// The state of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// In one word: `created`, `running`, `paused`, `restarting`, `exited`, `removing`, `dead`.
    pub status: String,
    /// The exit code of its last end; 0 while it has not ended.
    pub exit_code: i64,
    /// Whether it was killed for memory at its last end.
    pub oom_killed: bool,
    /// Why it could not be started, in the engine's words.
    pub error: String,
    /// The number of its first process on the engine's host; 0 if it does not run.
    pub pid: u32,
    /// When it was last started.
    pub started: Option<Timestamp>,
    /// When it last ended.
    pub finished: Option<Timestamp>,
    /// What its health check says, if it has one.
    pub health: Option<Health>,
}

/// What a health check said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// `starting`, `healthy` or `unhealthy`.
    pub status: String,
    /// How often in a row it failed.
    pub failures: u64,
    /// What it printed the last time. It may hold anything.
    pub output: String,
}

impl Container {
    /// Takes what is needed; nothing where the answer has no id.
    pub(super) fn of(from: ContainerInspectResponse) -> Option<Self> {
        let config = from.config.unwrap_or_default();
        let host = from.host_config.unwrap_or_default();
        let state = from.state.unwrap_or_default();
        let network = from.network_settings.unwrap_or_default();
        let environment = config.env.unwrap_or_default().into_iter().map(|pair| match pair.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => (pair, String::new()),
        });
        let mounts = from.mounts.unwrap_or_default().into_iter().filter_map(|mount| {
            let source = mount.source.filter(|source| source.starts_with('/'))?;
            Some((mount.destination?.into(), source.into()))
        });
        let mut process = vec![from.path.unwrap_or_default()];
        process.extend(from.args.unwrap_or_default());
        Some(Self {
            id: from.id.filter(|id| !id.is_empty())?,
            name: from.name.unwrap_or_default().trim_start_matches('/').to_owned(),
            image: config.image.unwrap_or_default(),
            image_id: from.image.unwrap_or_default(),
            created: from.created.as_deref().and_then(time),
            restarts: from.restart_count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0),
            restart_policy: host
                .restart_policy
                .and_then(|policy| policy.name)
                .map(|name| name.to_string())
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| "no".to_owned()),
            labels: config.labels.unwrap_or_default().into_iter().collect(),
            environment: environment.collect(),
            command: config.cmd.unwrap_or_default(),
            process,
            mounts: mounts.collect(),
            network_mode: host.network_mode.unwrap_or_default(),
            networks: networks(network.networks.unwrap_or_default()),
            published: published(network.ports.unwrap_or_default()),
            tty: config.tty.unwrap_or(false),
            log_driver: host.log_config.and_then(|log| log.typ).unwrap_or_default(),
            log_path: from.log_path.unwrap_or_default(),
            state: State {
                status: state.status.map(|status| status.to_string()).unwrap_or_default(),
                exit_code: state.exit_code.unwrap_or(0),
                oom_killed: state.oom_killed.unwrap_or(false),
                error: state.error.unwrap_or_default(),
                pid: state.pid.and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0),
                started: state.started_at.as_deref().and_then(time),
                finished: state.finished_at.as_deref().and_then(time),
                health: state.health.and_then(|health| {
                    let status = health.status.map(|status| status.to_string()).unwrap_or_default();
                    let last = health.log.and_then(|mut log| log.pop());
                    // An image without a health check may say so by `none`.
                    (!status.is_empty() && status != "none").then(|| Health {
                        status,
                        failures: health.failing_streak.and_then(|count| u64::try_from(count).ok()).unwrap_or(0),
                        output: last.and_then(|last| last.output).unwrap_or_default(),
                    })
                }),
            },
        })
    }
}

/// Reads a time of the engine. What never happened is dated to the year one.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let time: Timestamp = text.parse().ok()?;
    (time > Timestamp::UNIX_EPOCH).then_some(time)
}

fn networks(from: std::collections::HashMap<String, bollard::models::EndpointSettings>) -> Vec<Network> {
    let mut networks: Vec<Network> = from
        .into_iter()
        .map(|(name, settings)| {
            let four = (settings.ip_address, settings.ip_prefix_len);
            let six = (settings.global_ipv6_address, settings.global_ipv6_prefix_len);
            let read = |(text, prefix): (Option<String>, Option<i64>)| {
                Some((text?.parse().ok()?, prefix.and_then(|length| u8::try_from(length).ok()).unwrap_or(0)))
            };
            let addresses = [four, six].into_iter().filter_map(read).collect();
            Network { name, addresses }
        })
        .collect();
    networks.sort_by(|one, other| one.name.cmp(&other.name));
    networks
}

fn published(from: bollard::models::PortMap) -> Vec<Port> {
    let mut ports: Vec<Port> = Vec::new();
    for (inside, bindings) in from {
        let Some(inside) = inside.strip_suffix("/tcp").and_then(|port| port.parse().ok()) else { continue };
        for binding in bindings.unwrap_or_default() {
            let Some(port) = binding.host_port.and_then(|port| port.parse().ok()) else { continue };
            let address = match binding.host_ip.as_deref().unwrap_or_default() {
                "" | "0.0.0.0" => IpAddr::from([127, 0, 0, 1]),
                "::" => IpAddr::from(std::net::Ipv6Addr::LOCALHOST),
                address => match address.parse() {
                    Ok(address) => address,
                    Err(_) => continue,
                },
            };
            ports.push(Port { inside, address, port });
        }
    }
    // The fourth version first: containers are rarely reached by the sixth.
    ports.sort_by_key(|port| (port.inside, port.address.is_ipv6(), port.port));
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_happened_has_no_time() {
        assert_eq!(time("0001-01-01T00:00:00Z"), None);
        assert_eq!(time(""), None);
        assert!(time("2026-11-23T02:30:00.123456789Z").is_some());
    }
}
