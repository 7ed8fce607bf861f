//! The history of a run: where it is, or why it is nowhere.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use selx_checks::history::{Sqlite, default_state_dir};
use selx_core::{Error, ErrorKind, Finding, History, Host, Remembered, Report, Result, RunStart, Settings};

/// Returns the history; it opens nothing before it is asked for something.
pub(crate) fn history(settings: &Settings) -> Arc<dyn History> {
    let folder = match &settings.state {
        Some(folder) => Ok(folder.clone()),
        None => default_state_dir(&Host::default()),
    };
    match folder {
        Ok(folder) => Arc::new(Sqlite::new(folder, settings.retention)),
        Err(error) => Arc::new(Nowhere(error)),
    }
}

/// A history that has no place: the run says so in a notice and goes on, as with every history that fails.
struct Nowhere(Error);

impl Nowhere {
    fn error(&self) -> Error {
        let error = Error::new(ErrorKind::Missing, self.0.to_string());
        error.advice(self.0.advice_text().unwrap_or("name a folder with `--state-dir`"))
    }
}

#[async_trait]
impl History for Nowhere {
    async fn begin(&self, _: &RunStart) -> Result<Vec<Finding>> {
        Err(self.error())
    }

    async fn recall(&self, _: &[String]) -> Result<HashMap<String, Remembered>> {
        Err(self.error())
    }

    async fn save(&self, _: &Report) -> Result<()> {
        Err(self.error())
    }

    async fn series(&self, _: &str, _: &str, _: &str, _: Timestamp, _: usize) -> Result<Vec<(Timestamp, f64)>> {
        Err(self.error())
    }
}
