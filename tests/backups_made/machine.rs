//! A machine of a test: a server, a folder for archives, one for the state; and what other programs say of an archive.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use selx_checks::ground::HostGround;
use selx_core::action::{
    Action, ActionReport, DynAction as _, Ground as _, Permission, Plan, Request, SavedPlan, TypedAction, apply,
};
use selx_core::{Clock as _, Context, Host, ManualClock, Result, SystemClock};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::cluster::{Cluster, PASSWORD};

/// Folders and a clock.
pub(crate) struct Machine {
    pub(crate) whole: tempfile::TempDir,
    pub(crate) folder: PathBuf,
    pub(crate) state: PathBuf,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) cancel: CancellationToken,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let whole = tempfile::tempdir().unwrap();
        let path = whole.path().canonicalize().unwrap();
        let (folder, state) = (path.join("backups"), path.join("state"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(path.join("password"), format!("{PASSWORD}\n")).unwrap();
        std::fs::set_permissions(path.join("password"), PermissionsExt::from_mode(0o600)).unwrap();
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        Self { whole, folder, state, clock, cancel: CancellationToken::new() }
    }

    /// One whose folders are there already.
    pub(crate) fn at(path: &Path) -> Self {
        Self { folder: path.join("backups"), state: path.join("state"), ..Self::new() }
    }

    pub(crate) fn ground(&self) -> HostGround {
        HostGround::new(&self.state, Host::default())
    }

    pub(crate) fn context(&self) -> Context {
        let limit = Duration::from_secs(120);
        Context::with(Arc::clone(&self.clock) as Arc<_>, Arc::default(), Arc::default(), limit)
            .cancelled_by(self.cancel.clone())
    }

    /// The settings of a backup of the database `shop` of a server.
    pub(crate) fn settings(&self, cluster: &Cluster) -> Value {
        json!({
            "target": format!("127.0.0.1:{}", cluster.port),
            "user": "selx",
            "password": format!("file:{}", self.password().display()),
            "database": "shop",
            "folder": self.folder,
            "name": "shop",
            "min-free": "1MiB",
        })
    }

    pub(crate) fn password(&self) -> PathBuf {
        self.whole.path().canonicalize().unwrap().join("password")
    }

    pub(crate) async fn try_plan<A: Action>(&self, with: &Value) -> Result<SavedPlan> {
        let plan: Plan<Value> = action::<A>(with).plan(&self.context()).await?;
        let name = format!("{}.test", A::META.id);
        Ok(SavedPlan::new(name, with.clone(), self.ground().machine(), &*self.clock, plan))
    }

    pub(crate) async fn plan<A: Action>(&self, with: &Value) -> SavedPlan {
        self.try_plan::<A>(with).await.unwrap()
    }

    /// Applies a plan as somebody does who typed its hash.
    pub(crate) async fn apply<A: Action>(&self, plan: &SavedPlan) -> ActionReport {
        let action = action::<A>(&plan.with);
        let permission = Permission::Typed(plan.hash().to_string().parse().unwrap());
        let (name, with) = (plan.action.as_str(), &plan.with);
        let request = Request { action: &action, name, with, plan, permission: &permission, zone: &TimeZone::UTC };
        apply(&request, &self.ground(), &self.context()).await
    }

    /// Plans and applies.
    pub(crate) async fn run<A: Action>(&self, with: &Value) -> ActionReport {
        let plan = self.plan::<A>(with).await;
        self.apply::<A>(&plan).await
    }

    /// Returns the names in the folder of the archives, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        names(&self.folder)
    }
}

pub(crate) fn action<A: Action>(with: &Value) -> TypedAction<A> {
    TypedAction::new(A::new(serde_json::from_value(with.clone()).unwrap()))
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Runs a program of this machine.
#[expect(clippy::disallowed_methods, reason = "other programs look at what ours made")]
pub(crate) fn program(path: &str, args: &[&str]) -> Output {
    let output = Command::new(path).args(args).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{path} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Unpacks an archive with GNU tar and zstd, and returns where.
pub(crate) fn unpacked(archive: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    program("/usr/bin/zstd", &["-t", "-q", archive.to_str().unwrap()]);
    let (archive, to) = (archive.to_str().unwrap(), folder.path().to_str().unwrap());
    program("/usr/bin/tar", &["--zstd", "--same-owner", "-xpf", archive, "-C", to]);
    folder
}

/// Runs `psql` in a database and returns what it printed.
pub(crate) fn psql(cluster: &Cluster, database: &str, text: &str) -> String {
    let mut command = crate::cluster::command("psql");
    command
        .arg("-h")
        .arg(cluster.folder())
        .args(["-p", &cluster.port.to_string(), "-U", "postgres"])
        .env("PGDATABASE", database);
    let output = command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text]).output().unwrap();
    assert!(output.status.success(), "{text}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// The statements by which the database of a test gets its tables; some rows and some names are hard to carry.
const SHOP: &str = "CREATE SCHEMA \"odd name\"; \
    CREATE TABLE customers (id serial PRIMARY KEY, name text, paid numeric, at timestamptz DEFAULT now(), photo bytea); \
    INSERT INTO customers (name, paid, photo) SELECT 'na\\me' || E'\\n\\t' || n, n / 7.0, sha256(n::text::bytea) \
    FROM generate_series(1, 3000) n; \
    CREATE TABLE \"odd name\".\"Table \"\"x\" (id int, note text); \
    INSERT INTO \"odd name\".\"Table \"\"x\" SELECT n, repeat('x', n) FROM generate_series(1, 50) n; \
    CREATE TABLE nothing (id int); CREATE TABLE parts (id int, day date) PARTITION BY RANGE (day); \
    CREATE TABLE parts_old PARTITION OF parts FOR VALUES FROM (MINVALUE) TO ('2026-01-01'); \
    CREATE TABLE parts_new PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO (MAXVALUE); \
    INSERT INTO parts SELECT n, date '2025-12-01' + n FROM generate_series(1, 90) n; \
    CREATE VIEW rich AS SELECT * FROM customers WHERE paid > 100; \
    SELECT lo_from_bytea(0, 'a large object'); \
    GRANT pg_read_all_data TO selx; GRANT SELECT ON ALL TABLES IN SCHEMA public TO selx;";

/// Makes the tables of a test.
pub(crate) fn fill(cluster: &Cluster) {
    psql(cluster, "shop", SHOP);
    // What is not a table is read by right of its owner.
    psql(cluster, "shop", "ALTER ROLE selx SUPERUSER");
}

/// Returns a checksum of every table of a database, with the number of its rows.
pub(crate) fn content(cluster: &Cluster, database: &str) -> Vec<String> {
    let tables = psql(
        cluster,
        database,
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', \
         'information_schema') ORDER BY 1",
    );
    let sum = |table: &str| {
        let text = format!("SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t");
        format!("{table} {}", psql(cluster, database, &text))
    };
    tables.lines().map(sum).collect()
}
