//! Prometheus servers of this host.

use std::time::Duration;

use selx_core::{Context, Discovery, ErrorKind, Proposal};

use crate::http::{Url, Wanted, fetch};
use crate::target::{Candidate, RunningService, running_services, undiscovered};

/// Where a server listens unless somebody said otherwise.
const USUAL: &str = "http://127.0.0.1:9090";
/// How long a server may take that is on this machine.
const PATIENCE: Duration = Duration::from_secs(1);

/// Proposes to look at the targets of every Prometheus in a compose project, or else of the one at the usual port.
pub(super) async fn discover(cx: &Context) -> Discovery {
    let services = running_services(is_service, cx).await;
    let found: Vec<Proposal> = services.iter().flatten().filter_map(of_service).collect();
    if !found.is_empty() {
        return Discovery::Found(found);
    }
    match (is_prometheus(USUAL, cx).await, services) {
        (Ok(true), _) => {
            Discovery::Found(vec![proposal("local", format!("Prometheus answers at {USUAL}"), &format!("\"{USUAL}\""))])
        }
        (Err(why), _) => Discovery::Unclear(why),
        (Ok(false), Err(error)) if error.kind() != ErrorKind::Missing => undiscovered(&error),
        (Ok(false), _) => {
            Discovery::Absent(format!("no service of a compose project is Prometheus, and none answers at {USUAL}"))
        }
    }
}

/// Tells whether a service is Prometheus: by its image, or by what it starts.
fn is_service(candidate: &Candidate<'_>) -> bool {
    let starts = || {
        let mut words = candidate.command.split_whitespace();
        words.any(|word| word.rsplit('/').next() == Some("prometheus")) && candidate.command.contains("--config.file")
    };
    candidate.image_is(&["prometheus"]) || starts()
}

fn of_service(service: &RunningService) -> Option<Proposal> {
    let reason = format!("service `{}` of project `{}` is Prometheus", service.service, service.project);
    Some(proposal(&service.name(), reason, &service.target()?))
}

fn proposal(name: &str, reason: String, target: &str) -> Proposal {
    Proposal::new(format!("{name}-targets"), reason, format!("target = {target}\npreset = \"targets-up\""))
}

/// Tells whether a server says of itself that it is Prometheus and ready.
async fn is_prometheus(at: &str, cx: &Context) -> Result<bool, String> {
    let url: Url = format!("{at}/-/ready").parse()?;
    let wanted = Wanted {
        url: &url,
        socket: None,
        form: None,
        authorization: None,
        ca_file: None,
        connect_timeout: PATIENCE,
        max_body: 4096,
    };
    match tokio::time::timeout(PATIENCE, fetch(&wanted, cx)).await {
        Ok(Ok(fetched)) => {
            let is_right = fetched.parts.is_some_and(|parts| parts.status.is_success()) && fetched.failure.is_none();
            Ok(is_right && fetched.body.starts_with(b"Prometheus"))
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn answering(body: &'static str) -> bool {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
            stream.write_all(head.as_bytes()).await.unwrap();
        };
        let cx = Context::new(Duration::from_secs(5));
        tokio::join!(is_prometheus(&at, &cx), server).0.unwrap()
    }

    #[tokio::test]
    async fn only_what_says_so_is_prometheus() {
        assert!(answering("Prometheus Server is Ready.\n").await);
        assert!(!answering("<html>cockpit</html>").await);
        let cx = Context::new(Duration::from_secs(5));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        assert_eq!(is_prometheus(&at, &cx).await, Ok(false));
    }

    #[test]
    fn what_is_proposed_reads() {
        let proposal = proposal("local", String::new(), &format!("\"{USUAL}\""));
        assert!(toml::from_str::<super::super::Config>(&proposal.with).is_ok());
        assert_eq!(proposal.name, "local-targets");
    }

    #[test]
    fn services_are_known_by_image_or_command() {
        let is = |image, command| is_service(&Candidate { service: "x", image, command });
        assert!(is("prom/prometheus:v3.1.0", "/bin/prometheus --config.file=/etc/prometheus/prometheus.yml"));
        assert!(is("shop:1", "as-user prometheus prometheus --config.file=/etc/prometheus.yml"));
        assert!(!is("shop:1", "redis-server"));
        assert!(!is("prom/alertmanager:v1", "/bin/alertmanager --config.file=/etc/alertmanager.yml"));
    }
}
