//! The checks of selx, one folder a kind, and the embedded history.
//!
//! [`register`] puts them into a registry; what is to be run is said in the words of a configuration file:
//!
//! ```
//! use selx_core::{Registry, Runner, config};
//!
//! let mut registry = Registry::new();
//! selx_checks::register(&mut registry)?;
//! # #[cfg(feature = "host")]
//! # {
//! let text = "[check.host-disk.root]\nlimits.used.warning = '75%'\nwith = { paths = ['/'] }";
//! let suite = config::parse(&registry, "embedded", text)?;
//! let selection = suite.select(&["host-disk".to_owned()]).map_err(|wrong| format!("{wrong:?}"))?;
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! let report = runtime.block_on(Runner::new(suite.settings).run(&selection));
//! for entry in &report.entries {
//!     println!("{} {}: {}", entry.status().as_str(), entry.full_name(), entry.headline());
//! }
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Each group of kinds is a cargo feature: `backup`, `celery`, `command`, `docker`, `history`, `host`,
//! `http`, `logs`, `postgres`, `prometheus`, `redis`, `tls`. Where to go next: `selx_core` for
//! the types of reports and for kinds of your own, the page of each kind (`selx explain KIND`, or `README.md` in its
//! folder) for its settings, measures and codes, `history::Sqlite` for what is kept between runs.

#[cfg(feature = "backup")]
pub mod backup;
#[cfg(feature = "celery")]
pub mod celery;
#[cfg(feature = "command")]
pub mod command;
#[cfg(feature = "docker")]
pub mod compose;
pub mod deletion;
#[cfg(feature = "docker")]
pub mod docker;
pub mod ground;
#[cfg(feature = "history")]
pub mod history;
#[cfg(feature = "host")]
pub mod host;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "logs")]
pub mod logs;
#[cfg(any(feature = "docker", feature = "tls"))]
pub mod net;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "prometheus")]
pub mod prometheus;
#[cfg(any(feature = "backup", feature = "docker"))]
mod proposal;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(any(feature = "backup", feature = "logs"))]
mod regular;
#[cfg(any(feature = "backup", feature = "docker", feature = "host", feature = "logs", feature = "postgres"))]
pub mod setting;
#[cfg(feature = "docker")]
pub mod target;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "unpack")]
pub mod unpack;

use selx_core::{Duplicate, Registry};

/// Registers every kind of this crate: the one list, in the order of the names.
///
/// # Errors
///
/// If a name is taken.
pub fn register(registry: &mut Registry) -> Result<(), Duplicate> {
    #[cfg(feature = "backup")]
    registry.check::<backup::archive::BackupArchive>()?;
    #[cfg(feature = "celery")]
    registry.check::<celery::progress::CeleryProgress>()?;
    #[cfg(feature = "celery")]
    registry.check::<celery::queues::CeleryQueues>()?;
    #[cfg(feature = "celery")]
    registry.check::<celery::workers::CeleryWorkers>()?;
    #[cfg(feature = "command")]
    registry.check::<command::Command>()?;
    #[cfg(feature = "docker")]
    registry.check::<compose::ComposeServices>()?;
    #[cfg(feature = "host")]
    registry.check::<host::cpu::HostCpu>()?;
    #[cfg(feature = "host")]
    registry.check::<host::disk::HostDisk>()?;
    #[cfg(feature = "host")]
    registry.check::<host::memory::HostMemory>()?;
    #[cfg(feature = "http")]
    registry.check::<http::Http>()?;
    #[cfg(feature = "logs")]
    registry.check::<logs::patterns::LogsPatterns>()?;
    #[cfg(feature = "logs")]
    registry.check::<logs::sizes::LogsSizes>()?;
    #[cfg(feature = "postgres")]
    registry.check::<postgres::activity::PostgresActivity>()?;
    #[cfg(feature = "postgres")]
    registry.check::<postgres::ready::PostgresReady>()?;
    #[cfg(feature = "prometheus")]
    registry.check::<prometheus::PrometheusQuery>()?;
    #[cfg(feature = "redis")]
    registry.check::<redis::ping::RedisPing>()?;
    #[cfg(feature = "redis")]
    registry.check::<redis::stats::RedisStats>()?;
    #[cfg(feature = "postgres")]
    registry.check::<postgres::query::SqlQuery>()?;
    #[cfg(feature = "tls")]
    registry.check::<tls::TlsCertificate>()?;
    #[cfg(all(feature = "backup", feature = "command", feature = "postgres"))]
    registry.action::<backup::create::BackupCreate>()?.action::<backup::drill::BackupDrill>()?;
    #[cfg(all(feature = "backup", feature = "command", feature = "postgres"))]
    registry.action::<backup::prune::BackupPrune>()?.action::<backup::restore::BackupRestore>()?;
    #[cfg(feature = "docker")]
    registry.action::<docker::prune::DockerPrune>()?;
    #[cfg(feature = "logs")]
    registry.action::<logs::clean::LogsClean>()?.action::<logs::rotate::LogsRotate>()?;
    #[cfg(feature = "logs")]
    registry.action::<logs::vacuum::JournalVacuum>()?;
    #[cfg(feature = "postgres")]
    registry.action::<postgres::analyze::PostgresAnalyze>()?.action::<postgres::reindex::PostgresReindex>()?;
    #[cfg(feature = "postgres")]
    registry.action::<postgres::vacuum::PostgresVacuum>()?;
    let _ = &registry;
    Ok(())
}
