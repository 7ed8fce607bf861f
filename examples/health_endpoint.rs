//! The registry in the health endpoint of a small service.
//!
//! `GET /health` runs two checks and answers 200 while none is critical or unknown, else 503; the body is the report in its
//! frozen JSON form. The checks of one request are shared by all that come in while they run.
//!
//! ```sh
//! cargo run --example health_endpoint -- 127.0.0.1:8080
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it got")]

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use selx_core::{Instance, Registry, Report, Runner, Selection, Status, config, report};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::time::{Duration, Instant};

/// How long an answer is good for: a health endpoint must not be a way to make the host work.
const FRESH: Duration = Duration::from_secs(2);

struct Health {
    runner: Runner,
    checks: Selection,
    last: Mutex<Option<(Instant, Arc<Report>)>>,
}

impl Health {
    fn new(registry: &Registry) -> Result<Self, Box<dyn Error>> {
        let build = |kind: &str, with: serde_json::Value| -> Result<Instance, Box<dyn Error>> {
            let factory = registry.get(kind).ok_or_else(|| format!("this build has no `{kind}`"))?;
            Ok(Instance::new(factory.build_json(&with)?, "service"))
        };
        let mut settings = config::defaults();
        settings.timeout = Duration::from_secs(2);
        settings.history = false;
        Ok(Self {
            runner: Runner::new(settings),
            checks: Selection::of([
                build("host-disk", json!({ "paths": ["/"] }))?,
                build("host-memory", serde_json::Value::Null)?,
            ]),
            last: Mutex::default(),
        })
    }

    async fn look(&self) -> Arc<Report> {
        let mut last = self.last.lock().await;
        if let Some((at, report)) = &*last
            && at.elapsed() < FRESH
        {
            return Arc::clone(report);
        }
        let report = Arc::new(self.runner.run(&self.checks).await);
        *last = Some((Instant::now(), Arc::clone(&report)));
        report
    }

    async fn answer(&self, path: &str) -> Response<Full<Bytes>> {
        let (code, body) = if path == "/health" {
            let report = self.look().await;
            let code = match report.status() {
                Status::Ok | Status::Warning => StatusCode::OK,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            };
            (code, serde_json::to_vec(&report::v1::Report::from(&*report)).unwrap_or_default())
        } else {
            (StatusCode::NOT_FOUND, Vec::new())
        };
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = code;
        response
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let mut registry = Registry::new();
    selx_checks::register(&mut registry)?;
    let health = Arc::new(Health::new(&registry)?);
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let health = Arc::clone(&health);
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let health = Arc::clone(&health);
                async move { Ok::<_, Infallible>(health.answer(request.uri().path()).await) }
            });
            // A client that hangs up is its own business.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
