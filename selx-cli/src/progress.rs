//! One line on a terminal that says what a run waits for. It appears only if the run takes its time, and goes away.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use selx_core::{ByteSize, Entry, Extent, Observer, TimeSpan};
use tokio::time::Instant;

/// How long a run may take before anything is shown.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often the line is drawn again.
const PERIOD: Duration = Duration::from_millis(200);

/// What is known about a run that is going on.
pub(crate) struct Progress {
    state: Mutex<State>,
    total: usize,
    width: usize,
    unicode: bool,
}

struct State {
    done: usize,
    running: BTreeMap<String, (Instant, Arc<Extent>)>,
    shown: bool,
    over: bool,
}

impl Progress {
    /// Makes the progress of a run of so many checks on a terminal of that width; of none, it is that of one action.
    pub(crate) fn new(total: usize, width: usize, unicode: bool) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State { done: 0, running: BTreeMap::new(), shown: false, over: false }),
            total,
            width,
            unicode,
        })
    }

    /// Draws until it is dropped.
    pub(crate) async fn draw(self: Arc<Self>) {
        tokio::time::sleep(PATIENCE).await;
        loop {
            {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                if state.over {
                    return;
                }
                let line = self.line(&state, Instant::now());
                state.shown = write(&format!("\r\u{1b}[K{line}"));
            }
            tokio::time::sleep(PERIOD).await;
        }
    }

    /// Takes the line away, before anything else is written.
    pub(crate) fn clear(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.over = true;
        if std::mem::take(&mut state.shown) {
            write("\r\u{1b}[K");
        }
    }

    fn line(&self, state: &State, now: Instant) -> String {
        let (dot, cut) = if self.unicode { ("·", "…") } else { ("-", "...") };
        let mut line = String::new();
        if self.total > 0 {
            line = format!("{} of {} {dot} waiting for ", state.done, self.total);
        }
        // The one that began first is the one that a reader wonders about.
        if let Some((name, (since, extent))) = state.running.iter().min_by_key(|(_, (since, _))| *since) {
            let waited = TimeSpan::from(Duration::from_secs(now.saturating_duration_since(*since).as_secs()));
            let words = match extent.words() {
                words if words.is_empty() => String::new(),
                words => format!(": {} {dot}", selx_core::escape::visible(&words)),
            };
            line.push_str(&format!("{name}{words} {waited}"));
            if let Some((done, whole)) = extent.seen() {
                let percent = done as f64 / whole as f64 * 100.0;
                line.push_str(&format!(", {percent:.0}% of {}", ByteSize(whole)));
            }
            if state.running.len() > 1 {
                line.push_str(&format!(" and {} more", state.running.len() - 1));
            }
        } else if self.total > 0 {
            line = format!("{} of {}", state.done, self.total);
        }
        if line.chars().count() >= self.width {
            let room = self.width.saturating_sub(1 + cut.chars().count());
            line = line.chars().take(room).collect::<String>() + cut;
        }
        line
    }
}

impl Observer for Progress {
    fn started(&self, check: &str, extent: &Arc<Extent>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.running.insert(check.to_owned(), (Instant::now(), Arc::clone(extent)));
    }

    fn finished(&self, entry: &Entry) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.running.remove(&entry.full_name());
        state.done += 1;
    }
}

fn write(text: &str) -> bool {
    let mut err = std::io::stderr();
    err.write_all(text.as_bytes()).and_then(|()| err.flush()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(names: &[&str], width: usize) -> String {
        let progress = Progress::new(12, width, true);
        for name in names {
            progress.started(name, &Arc::default());
        }
        let state = progress.state.lock().unwrap();
        progress.line(&state, Instant::now() + Duration::from_secs(2))
    }

    #[test]
    fn the_line_names_what_is_waited_for_and_fits() {
        assert_eq!(line(&["http.api"], 80), "0 of 12 · waiting for http.api 2s");
        assert_eq!(line(&["http.api", "http.b"], 80), "0 of 12 · waiting for http.api 2s and 1 more");
        assert_eq!(line(&[], 80), "0 of 12");
        assert_eq!(line(&["http.api"], 20), "0 of 12 · waiting …");
    }

    #[test]
    fn an_action_says_which_step_it_is_at() {
        let progress = Progress::new(0, 80, true);
        let extent = Arc::new(Extent::default());
        progress.started("logs-clean.shop", &extent);
        extent.doing("3 of 20: delete app.log.3.gz, 5 KiB, 41d old");
        let state = progress.state.lock().unwrap();
        let line = progress.line(&state, Instant::now() + Duration::from_secs(2));
        assert_eq!(line, "logs-clean.shop: 3 of 20: delete app.log.3.gz, 5 KiB, 41d old · 2s");
    }

    #[test]
    fn who_reads_much_says_how_far_it_is() {
        let progress = Progress::new(1, 80, true);
        let extent = Arc::new(Extent::default());
        progress.started("backup-archive.shop", &extent);
        extent.expect(4 << 30);
        extent.did(1 << 30);
        let state = progress.state.lock().unwrap();
        let line = progress.line(&state, Instant::now() + Duration::from_secs(2));
        assert_eq!(line, "0 of 1 · waiting for backup-archive.shop 2s, 25% of 4 GiB");
    }
}
