//! The last lines that a container wrote.

use std::sync::Mutex;

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::StreamExt as _;
use selx_core::{Context, Result};

use super::Engine;
use crate::net::Failure;

/// How much of a log is read. The usual driver cuts lines at 16 KiB.
const LOG_CAP: usize = 1 << 20;
/// How much of one line is kept. Whoever shows it takes passwords out first, and cuts then: half of one is still told.
const LINE_CAP: usize = 4000;

/// The end of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogTail {
    /// The last lines, the oldest first, each cut to what can be shown. They may hold anything.
    pub lines: Vec<String>,
}

impl Engine {
    /// Returns the last lines that a container wrote to its output and its errors.
    ///
    /// More than 1 MiB is not read; what came until then is returned. `None` if there is no such container (any more).
    ///
    /// # Errors
    ///
    /// As [`list`](Self::list). A container whose log driver cannot be read is the engine's answer, not an error.
    pub async fn log_tail(&self, id: &str, lines: usize, cx: &Context) -> Result<Result<Option<LogTail>, Failure>> {
        let collected = Mutex::new(Vec::<u8>::new());
        let seen = self
            .ask(LOG_CAP, tokio::time::Instant::now(), cx, |docker| {
                let options = LogsOptionsBuilder::default().stdout(true).stderr(true).tail(&lines.to_string()).build();
                let (id, collected) = (super::words::name(id), &collected);
                async move {
                    let mut stream = docker.logs(&id, Some(options));
                    while let Some(piece) = stream.next().await {
                        let bytes = piece.map(LogOutput::into_bytes)?;
                        collected.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend_from_slice(&bytes);
                    }
                    Ok(())
                }
            })
            .await?;
        let bytes = collected.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(match seen {
            Ok(None) => Ok(None),
            // A log that broke off, or is longer than what is read, still says something.
            Err(failure) if bytes.is_empty() => Err(failure),
            _ => Ok(Some(LogTail { lines: tail(&bytes, lines) })),
        })
    }
}

/// Takes the last lines, cut.
fn tail(bytes: &[u8], lines: usize) -> Vec<String> {
    let all: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let last = all.get(all.len().saturating_sub(lines)..).unwrap_or_default();
    last.iter()
        .map(|line| {
            let line = String::from_utf8_lossy(line.get(..LINE_CAP * 4).unwrap_or(line));
            let mut letters = line.trim_end_matches('\r').chars();
            let short: String = letters.by_ref().take(LINE_CAP).collect();
            if letters.next().is_some() { format!("{short}…") } else { short }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_cut() {
        assert_eq!(tail(b"one\ntwo\r\n\nthree\n", 2), ["two", "three"]);
        assert_eq!(tail(b"", 2), Vec::<String>::new());
        let long = tail(&[b'x'; 20_000], 5);
        assert_eq!(long[0].chars().count(), LINE_CAP + 1);
    }
}
