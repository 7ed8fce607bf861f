//! Real workers of two versions of Celery on a Redis of the test's own, and checks that look at them.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use selx_core::report::Entry;
use selx_core::{Check, Instance, Limit, Registry, Runner, Selection, Settings};
use serde_json::{Value, json};

/// How long a worker may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A version of Celery.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Celery {
    New,
    Old,
}

/// Returns the interpreter of a virtual environment with that version, made now if it is not there.
fn python(celery: Celery) -> &'static Path {
    static NEW: OnceLock<PathBuf> = OnceLock::new();
    static OLD: OnceLock<PathBuf> = OnceLock::new();
    let (cell, variable, name, wanted) = match celery {
        Celery::New => (&NEW, "SELX_TEST_CELERY_NEW", "celery-new", include_str!("requirements-new.txt")),
        Celery::Old => (&OLD, "SELX_TEST_CELERY_OLD", "celery-old", include_str!("requirements-old.txt")),
    };
    cell.get_or_init(|| {
        if let Some(folder) = std::env::var_os(variable) {
            return PathBuf::from(folder).join("bin/python");
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // Two runs at once make one environment.
        let lock = std::fs::File::create(folder.with_extension("lock")).unwrap();
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
        let mark = folder.join("requirements");
        if std::fs::read_to_string(&mark).is_ok_and(|made| made == wanted) {
            return folder.join("bin/python");
        }
        let _ = std::fs::remove_dir_all(&folder);
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
        let list = folder.join("wanted");
        std::fs::write(&list, wanted).unwrap();
        run(Command::new(folder.join("bin/pip"))
            .args(["install", "--quiet", "--no-compile", "--disable-pip-version-check", "--retries", "10", "-r"])
            .arg(&list));
        std::fs::write(mark, wanted).unwrap();
        folder.join("bin/python")
    })
}

fn run(command: &mut Command) {
    let done = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A Redis that ends with its test.
pub(crate) struct Broker {
    child: Child,
    pub(crate) port: u16,
    _folder: tempfile::TempDir,
}

impl Broker {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        for _ in 0..20 {
            let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let folder = tempfile::tempdir().unwrap();
            let child = tied("redis-server")
                .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--databases", "64"])
                .args(arguments)
                .current_dir(folder.path())
                .stdout(Stdio::null())
                .spawn()
                .expect("redis-server starts");
            let mut broker = Self { child, port, _folder: folder };
            let until = Instant::now() + PATIENCE;
            while broker.child.try_wait().unwrap().is_none() && Instant::now() < until {
                if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return broker;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            // Somebody else took the port in between.
        }
        panic!("redis-server does not start");
    }

    pub(crate) fn url(&self, database: u32) -> String {
        format!("redis://127.0.0.1:{}/{database}", self.port)
    }

    pub(crate) fn database(&self, database: u32) -> Database {
        self.database_as(database, "")
    }

    /// Waits until no more subscriptions come: a worker says that it is ready a moment before it listens to questions.
    pub(crate) fn settled(&self) {
        let mut database = self.database(0);
        let (until, mut since, mut before) = (Instant::now() + PATIENCE, Instant::now(), String::new());
        while since.elapsed() < Duration::from_millis(500) {
            assert!(Instant::now() < until, "subscriptions come and go: {before}");
            let clients: String = database.ask(redis::cmd("CLIENT").arg("LIST").arg("TYPE").arg("pubsub"));
            let of_each = |line: &str| -> Vec<String> {
                let fields =
                    line.split(' ').filter(|field| ["id=", "sub=", "psub="].iter().any(|name| field.starts_with(name)));
                fields.map(str::to_owned).collect()
            };
            let mut each: Vec<_> = clients.lines().map(of_each).collect();
            // The order in which the server tells them is no news.
            each.sort();
            let now = format!("{each:?}");
            if now != before {
                (since, before) = (Instant::now(), now);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn database_as(&self, database: u32, login: &str) -> Database {
        let client = redis::Client::open(format!("redis://{login}127.0.0.1:{}/{database}", self.port)).unwrap();
        Database(client.get_connection().unwrap())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that is killed with the thread that starts it, whatever ends that.
fn tied(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program).stdin(Stdio::null()).process_group(0);
    command
}

/// A database, asked and filled by the test itself.
pub(crate) struct Database(redis::Connection);

impl Database {
    pub(crate) fn ask<T: redis::FromRedisValue>(&mut self, command: &mut redis::Cmd) -> T {
        command.query(&mut self.0).unwrap()
    }

    /// Every key with what is in it, without those that change by themselves.
    pub(crate) fn keys(&mut self) -> Vec<String> {
        let mut keys: Vec<Vec<u8>> = self.ask(redis::cmd("KEYS").arg("*"));
        keys.sort();
        keys.iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect()
    }

    /// The keys of selx: the list of its answers, and what is bound to it.
    pub(crate) fn traces(&mut self) -> (Vec<(String, i64)>, Vec<String>) {
        let lists: Vec<String> = self.keys().into_iter().filter(|key| key.contains("selx-")).collect();
        let lists = lists
            .into_iter()
            .map(|key| {
                let ttl = self.ask(redis::cmd("TTL").arg(&key));
                (key, ttl)
            })
            .collect();
        let bound: Vec<String> = self.ask(redis::cmd("SMEMBERS").arg("_kombu.binding.reply.celery.pidbox"));
        (lists, bound.into_iter().filter(|member| member.contains("selx-")).collect())
    }

    /// Puts a task into a queue as a producer does.
    pub(crate) fn send(&mut self, key: impl redis::ToRedisArgs, task: &str, arguments: Value, more: Value) -> String {
        use std::hash::{BuildHasher as _, Hasher as _};
        let random = || std::hash::RandomState::new().build_hasher().finish();
        let id = format!("{:016x}{:016x}", random(), random());
        let body = json!([arguments, {}, { "callbacks": null, "errbacks": null, "chain": null, "chord": null }]);
        let mut headers = json!({
            "lang": "py", "task": task, "id": id, "root_id": id, "parent_id": null, "group": null, "eta": null,
            "expires": null, "retries": 0, "timelimit": [null, null], "argsrepr": "(the-argument-is-secret,)",
            "kwargsrepr": "{}", "origin": "test",
        });
        for (name, value) in more.as_object().unwrap() {
            headers[name] = value.clone();
        }
        use base64::Engine as _;
        let message = json!({
            "body": base64::engine::general_purpose::STANDARD.encode(body.to_string()),
            "content-encoding": "utf-8", "content-type": "application/json", "headers": headers,
            "properties": {
                "correlation_id": id, "reply_to": "none", "delivery_mode": 2,
                "delivery_info": { "exchange": "", "routing_key": "q" }, "priority": 0, "body_encoding": "base64",
                "delivery_tag": format!("tag-{id}"),
            },
        });
        let _: i64 = self.ask(redis::cmd("LPUSH").arg(key).arg(message.to_string()));
        id
    }
}

/// A worker that ends with its test.
pub(crate) struct Worker {
    child: Child,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

impl Worker {
    /// Starts one; `ready` waits for it, so that several start at the same time.
    pub(crate) fn start(celery: Celery, broker: &str, name: &str, conf: &Value, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::File::create(folder.path().join("app.py")).unwrap().write_all(include_bytes!("app.py")).unwrap();
        let log = folder.path().join("log");
        let output = std::fs::File::create(&log).unwrap();
        let child = tied(python(celery))
            .args(["-m", "celery", "-A", "app", "worker", "-l", "INFO", "--without-gossip", "--without-mingle"])
            .args(["-n", name])
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .env("C_FORCE_ROOT", "1")
            .env("BROKER", broker)
            .env("CONF", conf.to_string())
            .current_dir(folder.path())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .expect("a worker starts");
        Self { child, log, _folder: folder }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until its log says something.
    #[track_caller]
    pub(crate) fn says(&mut self, words: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.log().contains(words) {
            assert!(Instant::now() < until && self.child.try_wait().unwrap().is_none(), "no `{words}`: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until it hears what is asked, which is a moment after it says that it is ready.
    #[track_caller]
    pub(crate) fn ready(mut self, broker: &Broker) -> Self {
        self.says(" ready.");
        broker.settled();
        self
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Kills it without a farewell.
    pub(crate) fn kill(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < end, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// One kind, looked at again and again with what it saw before.
pub(crate) struct Look {
    check: Instance,
    previous: Option<(Value, selx_core::Moment)>,
}

impl Look {
    pub(crate) fn of<C: Check>(with: Value) -> Self {
        let mut registry = Registry::new();
        registry.check::<C>().unwrap();
        let factory = registry.get(C::META.id.as_str()).unwrap();
        let check = factory.build_json(&with).unwrap_or_else(|error| panic!("{with}: {error}"));
        let mut check = Instance::new(check, "one");
        // How fast a busy machine is must not decide a test.
        check.limits = check.limits.set("answer-time", Limit::default());
        Self { check, previous: None }
    }

    /// Looks, and judges with the last look in mind.
    pub(crate) async fn look(&mut self) -> Entry {
        self.look_within(Duration::from_secs(20)).await
    }

    pub(crate) async fn look_within(&mut self, timeout: Duration) -> Entry {
        let entry = run_all(vec![self.check.clone()], timeout).await.remove(0);
        let Some(facts) = entry.facts.clone() else { return entry };
        let now = selx_core::Moment::of(&selx_core::SystemClock);
        let previous = self.previous.take().map(|(facts, seen)| selx_core::Previous { facts, seen });
        self.previous = Some((facts.clone(), now));
        let judging = selx_core::Judging { now, previous };
        selx_core::judge_facts(&self.check, facts, judging, &Default::default())
    }

    /// Takes the last look as if it had been so long ago.
    pub(crate) fn age(&mut self, length: Duration) {
        if let Some((_, seen)) = &mut self.previous {
            seen.since_boot = seen.since_boot.saturating_sub(length);
            seen.at -= length;
        }
    }
}

/// Runs checks together.
pub(crate) async fn run_all(instances: Vec<Instance>, timeout: Duration) -> Vec<Entry> {
    let settings = Settings {
        concurrency: 8,
        timeout,
        deadline: Duration::from_secs(60),
        retries: 0,
        retry_delay: Duration::ZERO,
        state: None,
        history: false,
        retention: Duration::from_secs(60),
        action_timeout: Duration::from_secs(60),
    };
    Runner::new(settings).run(&Selection { instances, routine: None }).await.entries
}

pub(crate) use selx_core::Status;

/// Says everything that a report would say about a check.
pub(crate) fn words(entry: &Entry) -> String {
    let findings = entry.judgement.findings.iter().map(|finding| {
        let evidence: Vec<String> =
            finding.evidence.iter().map(|pair| format!("{}={}", pair.label, pair.value)).collect();
        format!(
            "{:?} {} {} {} [{}]",
            finding.severity,
            finding.code,
            finding.subject,
            finding.message,
            evidence.join(" ")
        )
    });
    let faults = entry.faults.iter().map(|fault| fault.message.clone());
    let all: Vec<String> = findings.chain(faults).collect();
    format!("{:?}: {} | {} | {}", entry.status(), entry.headline(), entry.judgement.summary, all.join(" | "))
}

/// Asserts the status, the codes above information, and words.
#[track_caller]
pub(crate) fn assert_is(entry: &Entry, status: Status, codes: &[&str], expected: &[&str]) {
    let said = words(entry);
    assert_eq!(entry.status(), status, "{said}");
    let serious = entry.judgement.findings.iter().filter(|finding| finding.severity > selx_core::Severity::Info);
    let found: std::collections::BTreeSet<&str> = serious.map(|finding| finding.code.as_ref()).collect();
    assert_eq!(found, codes.iter().copied().collect(), "{said}");
    for word in expected {
        assert!(said.contains(word), "`{word}` is missing in: {said}");
    }
}

/// The value of a measure.
#[track_caller]
pub(crate) fn measured(entry: &Entry, name: &str, subject: &str) -> f64 {
    let found = entry.measures.iter().find(|one| one.measure.name == name && one.measure.subject == subject);
    found.unwrap_or_else(|| panic!("no {name}@{subject}: {:?}", entry.measures)).measure.value
}

/// Several workers on one broker, started at the same time.
pub(crate) fn fleet(broker: &Broker, workers: &[(Celery, u32, &str, Value, &[&str])]) -> Vec<Worker> {
    let mut started: Vec<Worker> = workers
        .iter()
        .map(|(celery, database, name, conf, arguments)| {
            Worker::start(*celery, &broker.url(*database), name, conf, arguments)
        })
        .collect();
    started.iter_mut().for_each(|worker| worker.says(" ready."));
    broker.settled();
    started
}
