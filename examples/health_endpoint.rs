//! The registry in the health endpoint of an axum service.
//!
//! `GET /health` runs two checks and answers 200 while each was looked at and none is critical, else 503; the body is the
//! report in its frozen JSON form. One look serves all that ask within two seconds.
//!
//! ```sh
//! cargo run --example health_endpoint -- 127.0.0.1:8080
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it got")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use selx_core::report::v1;
use selx_core::{Registry, Report, Runner, Selection, Status, config};
use tokio::sync::Mutex;

const CHECKS: &str = "
    runner = { timeout = '2s' }
    [check.host-disk.root]
    with = { paths = ['/'] }
    [check.host-memory.memory]
";

/// How long an answer is good for: a health endpoint must not be a way to make the host work.
const FRESH: Duration = Duration::from_secs(2);

struct Health {
    runner: Runner,
    checks: Selection,
    last: Mutex<Option<(Instant, Arc<Report>)>>,
}

impl Health {
    async fn look(&self) -> Arc<Report> {
        // Whoever asks while somebody looks waits for the same answer.
        let mut last = self.last.lock().await;
        match &*last {
            Some((at, report)) if at.elapsed() < FRESH => Arc::clone(report),
            _ => {
                let report = Arc::new(self.runner.run(&self.checks).await);
                *last = Some((Instant::now(), Arc::clone(&report)));
                report
            }
        }
    }
}

async fn health(State(health): State<Arc<Health>>) -> (StatusCode, Json<v1::Report>) {
    let report = health.look().await;
    let code = match report.status() {
        Status::Ok | Status::Warning => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, Json(v1::Report::from(&*report)))
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let mut registry = Registry::new();
    selx_checks::register(&mut registry)?;
    let suite = config::parse(&registry, "health", CHECKS)?;
    let checks = Selection::of(suite.instances);
    let state = Arc::new(Health { runner: Runner::new(suite.settings), checks, last: Mutex::default() });
    let service = Router::new().route("/health", get(health)).with_state(state);
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, service).await?;
    Ok(())
}
