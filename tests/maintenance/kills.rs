//! `SIGKILL` at any time while an action works, and what `recover` makes of it.
//!
//! `SELX_ROUNDS=200 cargo test -p selx --test maintenance -- kills` kills two hundred times.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use selx_checks::postgres::analyze::PostgresAnalyze;
use selx_checks::postgres::reindex::PostgresReindex;
use selx_checks::postgres::vacuum::PostgresVacuum;
use selx_core::action::{Action, Ground as _, Outcome, recover};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::{Desk, at_work, psql};

/// Where the child finds its state, its server, and what it has to do.
const STATE: &str = "SELX_TEST_STATE";
const SOCKET: &str = "SELX_TEST_SOCKET";
const KIND: &str = "SELX_TEST_KIND";
const KINDS: [&str; 3] = ["analyze", "vacuum", "reindex"];

/// A table that takes a while to be analysed, vacuumed and indexed.
const TABLE: &str = "CREATE FUNCTION public.slow(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN \
     IF pg_catalog.current_setting('application_name') = 'selx' THEN PERFORM pg_catalog.pg_sleep(0.01); END IF; \
     RETURN n; END $$; CREATE TABLE t (n int, filler text); \
     INSERT INTO t SELECT n, repeat('x', 400) FROM generate_series(1, 30) n; CREATE INDEX t_slow ON t (public.slow(n)); \
     CREATE TABLE u (n int, filler text); INSERT INTO u SELECT n, repeat('x', 400) FROM generate_series(1, 4000) n; \
     ALTER ROLE postgres SET vacuum_cost_delay = '4ms'; ALTER ROLE postgres SET vacuum_cost_limit = 20";

async fn act<A: Action>(desk: &Desk) -> Outcome {
    desk.carry_out::<A>(&with(desk)).await.outcome
}

fn with(desk: &Desk) -> Value {
    desk.with(json!({ "lock-timeout": "5s" }))
}

async fn act_as(kind: &str, desk: &Desk) -> Outcome {
    match kind {
        "analyze" => act::<PostgresAnalyze>(desk).await,
        "vacuum" => act::<PostgresVacuum>(desk).await,
        _ => act::<PostgresReindex>(desk).await,
    }
}

/// The child: it plans and applies, and is killed somewhere in between. Without the test's word it does nothing.
#[tokio::test]
async fn the_child_of_a_kill() {
    let (Some(state), Some(socket)) = (std::env::var_os(STATE), std::env::var(SOCKET).ok()) else { return };
    let desk = Desk::at(&PathBuf::from(state), &socket);
    assert_eq!(act_as(&std::env::var(KIND).unwrap(), &desk).await, Outcome::Done);
}

/// Gives the action something to do: rows that changed, rows that are dead, an index that is invalid.
fn make_due(cluster: &Cluster, kind: &str) {
    match kind {
        "analyze" => psql(cluster, "SELECT pg_stat_reset()"),
        "vacuum" => psql(cluster, "UPDATE u SET n = n + 1"),
        _ => psql(cluster, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_slow'::regclass"),
    };
}

/// Runs the child and kills it after a while. Returns how long it took if it had ended by itself.
async fn killed_after(desk: &Desk, kind: &str, pause: Duration) -> Option<Duration> {
    let began = Instant::now();
    #[expect(clippy::disallowed_methods, reason = "a process that is killed")]
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kills::the_child_of_a_kill", "--test-threads=1"])
        .env(STATE, &desk.state)
        .env(SOCKET, desk.target["target"].as_str().unwrap())
        .env(KIND, kind)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while began.elapsed() < pause {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{kind}: {status}");
            return Some(began.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap().success().then(|| began.elapsed())
}

async fn recover_as(kind: &str, desk: &Desk) -> Vec<(Outcome, String)> {
    let mut outcomes = Vec::new();
    for open in desk.ground().open().unwrap() {
        let (ground, cx, with) = (desk.ground(), desk.context(), with(desk));
        let report = match kind {
            "analyze" => recover(&open, &desk.action::<PostgresAnalyze>(&with), false, &ground, &cx).await,
            "vacuum" => recover(&open, &desk.action::<PostgresVacuum>(&with), false, &ground, &cx).await,
            _ => recover(&open, &desk.action::<PostgresReindex>(&with), false, &ground, &cx).await,
        };
        outcomes.push((report.outcome, format!("{report:?}")));
    }
    outcomes
}

#[tokio::test]
async fn d10_l01_killed_at_any_time_a_run_is_recovered_and_no_index_is_lost() {
    let rounds: usize = std::env::var("SELX_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    let cluster = Cluster::start(&["autovacuum=off"]).await;
    psql(&cluster, TABLE);
    let (mut kills, mut open, mut longest) = (0, 0, Duration::ZERO);
    // How long each takes here that nobody kills: within that the kills fall.
    let mut wholes = Vec::new();
    for kind in KINDS {
        make_due(&cluster, kind);
        wholes.push(killed_after(&Desk::of(&cluster), kind, Duration::from_secs(60)).await.expect("it ends by itself"));
    }
    for (round, (kind, whole)) in KINDS.iter().zip(&wholes).cycle().enumerate() {
        if kills >= rounds && open > 0 {
            break;
        }
        assert!(round < 10 * rounds, "{kills} kills in {round} rounds, {open} of them in the middle");
        let desk = Desk::of(&cluster);
        make_due(&cluster, kind);
        let pause = whole.mul_f64(f64::from(random()) / f64::from(u32::MAX));
        kills += usize::from(killed_after(&desk, kind, pause).await.is_none());
        let what = format!("round {round}, {kind}, after {pause:?}");
        // The server ends what the dead client had begun.
        let began = Instant::now();
        open += desk.ground().open().unwrap().len();
        for (outcome, report) in recover_as(kind, &desk).await {
            let fine = matches!(outcome, Outcome::Done | Outcome::Skips | Outcome::Failed | Outcome::Undone);
            assert!(fine, "{what}: {report}\n{}", cluster.said());
        }
        assert!(desk.ground().open().unwrap().is_empty(), "{what}: a run is still open");
        crate::until(&cluster, &at_work("").replace("EXISTS", "NOT EXISTS")).await;
        longest = longest.max(began.elapsed());
        let names = psql(
            &cluster,
            "SELECT string_agg(indexrelid::regclass::text, ',') FROM pg_index WHERE indrelid = 't'::regclass",
        );
        assert_eq!(names, "t_slow", "{what}");
        // Whatever happened, the next run does the rest.
        let outcome = act_as(kind, &desk).await;
        assert_eq!(outcome, Outcome::Done, "{what}\n{}", cluster.said());
        crate::assert_whole(&cluster, "t", 1);
        assert_eq!(psql(&cluster, "SELECT count(*), count(DISTINCT n) FROM t"), "30|30", "{what}");
    }
    println!("{kills} kills, {open} in the middle of a run; the longest recovery took {longest:?}");
}

fn random() -> u32 {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::hash::RandomState::new().build_hasher().finish() as u32
}
