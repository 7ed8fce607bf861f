//! Prometheus servers of this host.

use std::time::Duration;

use selx_core::{Context, Discovery, Proposal};

use crate::http::{Url, Wanted, fetch};

/// Where a server listens unless somebody said otherwise.
const USUAL: &str = "http://127.0.0.1:9090";
/// How long a server may take that is on this machine.
const PATIENCE: Duration = Duration::from_secs(1);

/// Proposes to look at the targets of the server at the usual port, if there is one.
pub(super) async fn discover(cx: &Context) -> Discovery {
    match is_prometheus(USUAL, cx).await {
        Ok(true) => Discovery::Found(vec![proposal(USUAL)]),
        Ok(false) => Discovery::Absent(format!("no Prometheus answers at {USUAL}")),
        Err(why) => Discovery::Unclear(why),
    }
}

fn proposal(at: &str) -> Proposal {
    let with = format!("target = \"{at}\"\npreset = \"targets-up\"");
    Proposal::new("targets", format!("Prometheus answers at {at}"), with)
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
        assert!(toml::from_str::<super::super::Config>(&proposal(USUAL).with).is_ok());
    }
}
