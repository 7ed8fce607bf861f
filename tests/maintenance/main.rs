//! The actions on PostgreSQL against real servers: planned, confirmed, applied, disturbed, and the world looked at by
//! other clients.
//!
//! They need the programs of PostgreSQL, and fail without them. `SELX_TEST_POSTGRES=/FOLDER/bin` takes those of another
//! version.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod analyze;
#[path = "../postgres/cluster.rs"]
#[expect(dead_code, reason = "what other tests need of it")]
mod cluster;
mod delay;
mod disturbed;
mod kills;
mod leftovers;
mod locks;
mod reindex;
mod rights;
mod room;
mod vacuum;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use selx_checks::ground::HostGround;
use selx_core::action::{
    Action, ActionReport, DynAction as _, Ground as _, Permission, Request, SavedPlan, StepState, TypedAction, apply,
};
use selx_core::{Context, Host, Result, SystemClock};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use cluster::Cluster;

/// A host from which a server is looked after: a folder for its state, and where the server is.
struct Desk {
    state: PathBuf,
    target: Value,
    cancel: CancellationToken,
    _whole: Option<tempfile::TempDir>,
}

impl Desk {
    /// Makes one for the owner of everything in the database `shop`.
    fn of(cluster: &Cluster) -> Self {
        let whole = tempfile::tempdir().unwrap();
        let desk = Self::at(&whole.path().join("state"), &cluster.socket());
        Self { _whole: Some(whole), ..desk }
    }

    /// Makes one in a folder, for a socket file.
    fn at(state: &Path, socket: &str) -> Self {
        let target = json!({ "target": socket, "user": "postgres", "database": "shop" });
        Self { state: state.to_owned(), target, cancel: CancellationToken::new(), _whole: None }
    }

    /// Returns the settings, with more of them or others.
    fn with(&self, more: Value) -> Value {
        let mut with = self.target.clone();
        with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        with
    }

    fn ground(&self) -> HostGround {
        HostGround::new(&self.state, Host::default())
    }

    fn context(&self) -> Context {
        Context::new(Duration::from_secs(120)).cancelled_by(self.cancel.clone())
    }

    fn action<A: Action>(&self, with: &Value) -> TypedAction<A> {
        TypedAction::new(A::new(serde_json::from_value(with.clone()).unwrap()))
    }

    async fn try_plan<A: Action>(&self, with: &Value) -> Result<SavedPlan> {
        let plan = self.action::<A>(with).plan(&self.context()).await?;
        let name = format!("{}.test", A::META.id);
        Ok(SavedPlan::new(name, with.clone(), self.ground().machine(), &SystemClock, plan))
    }

    async fn plan<A: Action>(&self, with: &Value) -> SavedPlan {
        self.try_plan::<A>(with).await.unwrap()
    }

    /// Applies a plan as somebody does who typed its hash.
    async fn apply<A: Action>(&self, plan: &SavedPlan) -> ActionReport {
        self.apply_in::<A>(plan, &self.context()).await
    }

    async fn apply_in<A: Action>(&self, plan: &SavedPlan, cx: &Context) -> ActionReport {
        let action = self.action::<A>(&plan.with);
        let permission = Permission::Typed(plan.hash().to_string().parse().unwrap());
        let (name, with) = (plan.action.as_str(), &plan.with);
        let request = Request { action: &action, name, with, plan, permission: &permission, zone: &TimeZone::UTC };
        apply(&request, &self.ground(), cx).await
    }

    /// Plans and applies.
    async fn carry_out<A: Action>(&self, with: &Value) -> ActionReport {
        let plan = self.plan::<A>(with).await;
        let report = self.apply::<A>(&plan).await;
        // What was done says how much room is where the data lie, before and after; who may not know where they lie cannot.
        let may_know = with["user"] == "postgres";
        assert!(report.run.is_none() || !may_know || report.space.len() == 1, "{report:?}");
        report
    }
}

fn targets(plan: &SavedPlan) -> Vec<&str> {
    plan.plan.steps.iter().map(|step| step.target.as_str()).collect()
}

/// Returns what is kept by a rule whose words begin so.
fn kept<'a>(plan: &'a SavedPlan, why: &str) -> Vec<&'a str> {
    let rules = plan.plan.kept.iter().filter(|kept| kept.why.starts_with(why));
    rules.flat_map(|kept| kept.examples.iter().map(String::as_str)).collect()
}

/// Returns why a plan may not be carried out, in one text.
fn refusals(plan: &SavedPlan) -> String {
    let each = plan.plan.refused.iter().map(|refused| format!("{} -> {}", refused.why, refused.advice));
    each.collect::<Vec<_>>().join("\n")
}

/// Returns the words of a step that was skipped.
#[track_caller]
fn skipped(report: &ActionReport, target: &str) -> String {
    let step = report.steps.iter().find(|step| step.target == target).unwrap_or_else(|| panic!("{report:?}"));
    match &step.state {
        StepState::Applied(selx_core::action::Applied::Skipped(why)) => why.clone(),
        other => panic!("{target}: {other:?}"),
    }
}

/// Makes a command of a client that is not ours, for the database `shop` if no other one is named.
#[expect(clippy::disallowed_methods, reason = "another client than the one under test")]
fn client(cluster: &Cluster) -> Command {
    // That of the machine, whichever server is under test; Debian's own in front of it takes its time.
    let programs =
        ["/usr/lib/postgresql/15/bin/psql", "/usr/lib/postgresql/16/bin/psql", "/usr/lib/postgresql/17/bin/psql"];
    let program = programs.iter().find(|program| Path::new(program).exists()).unwrap_or(&"/usr/bin/psql");
    let mut psql = Command::new(program);
    psql.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).current_dir("/");
    psql.args(["-XAtq", "-U", "postgres", "-d", "shop", "-p", &cluster.port.to_string(), "-h"]).arg(cluster.folder());
    psql
}

/// Asks by a client that is not ours, in a database of the cluster. Values of a row stand between bars.
fn psql_in(cluster: &Cluster, database: &str, text: &str) -> String {
    let mut psql = client(cluster);
    psql.args(["-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-"]);
    // Statement by statement, each in a transaction of its own.
    let mut psql = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut psql.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let output = psql.wait_with_output().unwrap();
    assert!(output.status.success(), "{text}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn psql(cluster: &Cluster, text: &str) -> String {
    psql_in(cluster, "shop", text)
}

/// Waits until a question to the database `shop` is answered with `t`.
async fn until(cluster: &Cluster, question: &str) {
    let began = Instant::now();
    while psql(cluster, question) != "t" {
        assert!(began.elapsed() < Duration::from_secs(30), "{question}\n{}", cluster.said());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Does two things at the same time: an action, and what disturbs it.
async fn disturbed<T>(action: impl Future<Output = T>, disturb: impl Future<Output = ()>) -> T {
    let (came, ()) = tokio::join!(action, disturb);
    came
}

/// A table whose index takes as many seconds to be analysed or built as it has rows, where selx does it.
const SLOW: &str = "CREATE FUNCTION public.slow(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN \
     IF pg_catalog.current_setting('application_name') = 'selx' THEN PERFORM pg_catalog.pg_sleep(1); END IF; \
     RETURN n; END $$; CREATE TABLE public.aa (n int); INSERT INTO aa SELECT generate_series(1, 3); \
     CREATE INDEX aa_slow ON aa (public.slow(n));";

/// Tells whether selx is at a statement that begins so.
fn at_work(statement: &str) -> String {
    format!(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'selx' AND state = 'active' \
         AND query LIKE '%*/ {statement}%')"
    )
}

/// Makes two indexes mostly air: of many rows most are deleted, here and there in them.
fn make_air(cluster: &Cluster) {
    psql(
        cluster,
        "CREATE TABLE public.orders (id bigint PRIMARY KEY, note text);
         INSERT INTO orders SELECT n, 'note ' || n FROM generate_series(1, 100000) n;
         CREATE INDEX orders_note ON orders (note); DELETE FROM orders WHERE id % 10 <> 0",
    );
    // A session counts what it changed when it ends: whoever analyses in the same one counts it once more afterwards.
    psql(cluster, "ANALYZE orders");
}

/// Marks an index as one that was not built to its end.
fn invalidate(cluster: &Cluster, index: &str) {
    psql(cluster, &format!("UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{index}'::regclass"));
}

/// Asserts that no index is invalid, and that as many are there as should be.
#[track_caller]
fn assert_whole(cluster: &Cluster, table: &str, indexes: usize) {
    let question = format!(
        "SELECT count(*), count(*) FILTER (WHERE NOT indisvalid OR NOT indisready) FROM pg_index \
         WHERE indrelid = '{table}'::regclass"
    );
    assert_eq!(psql(cluster, &question), format!("{indexes}|0"), "{}", cluster.said());
}
