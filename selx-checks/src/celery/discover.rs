//! Applications on this host: compose projects with workers of Celery and a Redis.

use selx_core::{Context, Discovery, Proposal};

use crate::redis::client::Redis;
use crate::redis::discover::is_server;
use crate::target::{Address, Candidate, Place, RunningService, running_services, undiscovered};

/// The variables of a worker that usually name its broker.
const VARIABLES: &[&str] = &["CELERY_BROKER_URL", "BROKER_URL", "CELERY_BROKER", "REDIS_URL"];

/// Proposes to ask the workers, and to expect as many as there are services of them.
pub(super) async fn workers(cx: &Context) -> Discovery {
    discover(cx, |application| format!("\nexpect = {}", application.workers.len())).await
}

/// Proposes the queues or the work of each application.
pub(super) async fn application(cx: &Context) -> Discovery {
    discover(cx, |_| String::new()).await
}

/// Workers with their broker.
struct Application<'a> {
    broker: &'a RunningService,
    database: u32,
    workers: Vec<&'a str>,
}

async fn discover(cx: &Context, more: impl Fn(&Application<'_>) -> String) -> Discovery {
    let services = match running_services(|candidate| is_worker(candidate) || is_server(candidate), cx).await {
        Ok(services) => services,
        Err(error) => return undiscovered(&error),
    };
    let found: Vec<Proposal> = applications(&services)
        .iter()
        .filter_map(|application| {
            let with = format!("target = {}", application.broker.target()?);
            let database = match application.database {
                0 => String::new(),
                number => format!("\ndatabase = {number}"),
            };
            let project = &application.broker.project;
            let services = application.workers.join("`, `");
            let reason = format!("the service `{services}` of project `{project}` is a worker of Celery");
            let with = format!("{with}{database}{}", more(application));
            Some(Proposal::new(application.broker.name(), reason, with))
        })
        .collect();
    if found.is_empty() {
        return Discovery::Absent("no compose project runs both a worker of Celery and a server of Redis".to_owned());
    }
    Discovery::Found(found)
}

fn is_worker(candidate: &Candidate<'_>) -> bool {
    candidate.command.contains("celery") && candidate.command.contains("worker")
}

/// Puts workers and brokers of one project together.
fn applications(services: &[RunningService]) -> Vec<Application<'_>> {
    let mut applications: Vec<Application<'_>> = Vec::new();
    let serves = |service: &RunningService| {
        let command = service.container.command.join(" ");
        is_server(&Candidate { service: &service.service, image: &service.image, command: &command })
    };
    for worker in services {
        if serves(worker) {
            continue;
        }
        let named = named_broker(worker);
        let mut brokers = services.iter().filter(|service| service.project == worker.project && serves(service));
        let first = brokers.clone().next();
        let by_name = named.as_ref().and_then(|(host, _)| brokers.find(|service| service.service == *host));
        let Some(broker) = by_name.or(first) else { continue };
        let database = named.map_or(0, |(_, database)| database);
        let known = applications.iter_mut().find(|known| {
            known.broker.project == broker.project
                && known.broker.service == broker.service
                && known.database == database
        });
        match known {
            Some(known) => known.workers.push(&worker.service),
            None => applications.push(Application { broker, database, workers: vec![&worker.service] }),
        }
    }
    applications
}

/// The host and the database that a worker's environment names. The password in it is not looked at.
fn named_broker(worker: &RunningService) -> Option<(String, u32)> {
    let url = VARIABLES.iter().find_map(|name| worker.container.environment.get(*name))?;
    let (scheme, rest) = url.split_once("://")?;
    let without = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let without = without.split(['?', '#']).next().unwrap_or_default();
    let address = Address::parse::<Redis>(&format!("{scheme}://{without}")).ok()?;
    let Place::Tcp { host, .. } = address.place else { return None };
    Some((host, address.database.and_then(|text| text.parse().ok()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::target::Container;

    fn service(name: &str, image: &str, command: &[&str], url: Option<&str>) -> RunningService {
        let environment = url.map(|url| ("CELERY_BROKER_URL".to_owned(), url.to_owned()));
        RunningService {
            project: "shop".into(),
            service: name.into(),
            files: Vec::new(),
            image: image.into(),
            container: Container {
                id: String::new(),
                name: String::new(),
                environment: environment.into_iter().collect::<BTreeMap<_, _>>(),
                command: command.iter().map(|&word| word.to_owned()).collect(),
                mounts: Vec::new(),
            },
        }
    }

    #[test]
    fn workers_and_their_broker_are_put_together() {
        let worker = &["celery", "-A", "app", "worker"];
        let services = [
            service("broker", "redis:7", &["redis-server"], None),
            service("cache", "redis:7", &["redis-server"], None),
            service("worker", "shop", worker, Some("redis://:hunter2@broker:6379/3?ssl=no")),
            service("worker-bulk", "shop", worker, Some("redis://broker:6379/3")),
            service("worker-other", "shop", worker, None),
        ];
        let found = applications(&services);
        let shown: Vec<(&str, u32, usize)> =
            found.iter().map(|one| (one.broker.service.as_str(), one.database, one.workers.len())).collect();
        assert_eq!(shown, [("broker", 3, 2), ("broker", 0, 1)]);
        assert!(is_worker(&Candidate { service: "w", image: "x", command: "celery -A app worker -l INFO" }));
        assert!(!is_worker(&Candidate { service: "b", image: "x", command: "celery -A app beat" }));
    }
}
