//! The daily health of a whole product: the stack of `examples/selextract-cloud` beside the lines of a guide for it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::process::{in_turn, once, timed};
use crate::scratch::Scratch;
use crate::{Row, median, program, wire};

/// The stack, for as long as it is held.
struct Stack {
    /// What `tests/stack/keep` says: names and values.
    values: Vec<(String, String)>,
    keeper: Child,
}

impl Stack {
    /// Brings it up, or finds that it is.
    #[expect(clippy::zombie_processes, reason = "who holds the stack waits for the child when it is dropped")]
    fn hold() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let this = std::env::current_exe().expect("the path of this program");
        let target = this.ancestors().nth(3).expect("the target folder");
        eprintln!("bringing up the stack; the first time takes minutes");
        let mut keeper = Command::new(root.join("tests/stack/keep"))
            .arg(target.join("stack"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/stack/keep starts");
        let mut values = Vec::new();
        let said = BufReader::new(keeper.stdout.take().expect("a pipe"));
        for line in said.lines().map_while(Result::ok) {
            if line == "ready" {
                return Self { values, keeper };
            }
            values.extend(line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        panic!("there is no stack; what tests/stack/keep said is above");
    }

    fn value(&self, name: &str) -> &str {
        let found = self.values.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("tests/stack/keep does not say {name}"))
    }

    fn example() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/selextract-cloud")
    }

    /// Returns the checks of the example, for where this stack listens and lies.
    fn checks(&self) -> String {
        let text = std::fs::read_to_string(Self::example().join("selx.toml")).expect("the checks of the example");
        let (folder, file) = (self.value("STACK_FOLDER"), Self::example().join("docker-compose.yml"));
        // Compose finds the name of the project in a file that only a stack of the default folder has.
        let here = format!("compose = \"{}\", project = \"{}\"", file.display(), self.value("STACK_PROJECT"));
        text.replace("127.0.0.1:18443", &format!("127.0.0.1:{}", self.value("STACK_HTTPS_PORT")))
            .replace("127.0.0.1:18080", &format!("127.0.0.1:{}", self.value("STACK_HTTP_PORT")))
            .replace("\"generated/", &format!("\"{folder}/"))
            .replace(
                "{ compose = \"docker-compose.yml\" }",
                &format!("{{ {here}, env-file = \"{folder}/environment\" }}"),
            )
            .replace("compose = \"docker-compose.yml\"", &here)
    }

    /// The lines that a guide gives for the daily health of such a product, as a script.
    fn guide(&self) -> String {
        let exports: String = self.values.iter().map(|(name, value)| format!("export {name}='{value}'\n")).collect();
        let port = self.value("STACK_HTTPS_PORT");
        let root = format!("{}/tls/ca.pem", self.value("STACK_FOLDER"));
        let curl = |site: &str, path: &str| {
            let host = format!("{site}.selextract.test");
            format!("curl -sf --cacert {root} --resolve {host}:{port}:127.0.0.1 https://{host}:{port}{path}\n")
        };
        let compose = compose(self.value("STACK_PROJECT"));
        format!(
            "{exports}{compose} ps\n{api}{frontend}\
             {compose} exec -T postgres pg_isready -U postgres\n\
             {compose} exec -T redis redis-cli ping\n\
             {compose} exec -T worker celery -A worker.celery_config inspect ping\n\
             echo | openssl s_client -connect 127.0.0.1:{port} -servername api.selextract.test 2>/dev/null | \
             openssl x509 -noout -dates\n",
            api = curl("api", "/health"),
            frontend = curl("app", "/api/health"),
        )
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // Its standard input closes; it takes down what it brought up.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Returns the words that call Compose for a project, whichever version there is.
fn compose(project: &str) -> String {
    let plugin =
        Command::new("docker").args(["compose", "version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let words = if plugin.is_ok_and(|status| status.success()) {
        "docker compose".to_owned()
    } else {
        program("docker-compose", "docker-compose").display().to_string()
    };
    let folder = Stack::example();
    format!("{words} -p {project} -f {0}/docker-compose.yml --project-directory {0}", folder.display())
}

/// Returns the processor time that all cores have spent on anything so far, in milliseconds.
fn computed() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").expect("/proc/stat");
    let ticks: Vec<f64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|ticks| ticks.parse().ok())
        .collect();
    // user, nice, system, idle, iowait, irq, softirq, in hundredths of a second.
    [0, 1, 2, 5, 6].iter().filter_map(|column| ticks.get(*column)).sum::<f64>() * 10.0
}

pub(crate) fn rows(selx: &Path) -> Vec<Row> {
    for (name, package) in [("curl", "curl"), ("openssl", "openssl"), ("docker", "docker.io")] {
        program(name, package);
    }
    let stack = Stack::hold();
    let scratch = Scratch::new("stack");
    let suite = scratch.write("selx.toml", &stack.checks());
    let state = scratch.path().join("state").display().to_string();
    // What is measured finds the engine as a user's shell does.
    let engine = stack.value("DOCKER_HOST").to_owned();
    let at_engine = |program: &Path, arguments: &[&str], expected| {
        timed(Command::new(program).args(arguments).env("DOCKER_HOST", &engine), expected)
    };
    // How busy and how full this machine is does not spoil a measurement; that nothing could be seen does.
    let ours = |arguments: &[&str]| at_engine(selx, arguments, 0..=2);
    let daily: &[&str] = &["run", "daily", "--config", &suite, "--state-dir", &state];
    let mut rows = Vec::new();

    // The guide's script ends with 0 whatever it found.
    let script = scratch.write("guide.sh", &stack.guide());
    let bash = program("bash", "bash");
    let (whole, guide) = in_turn(10, || ours(daily), || once(&bash, &[&script], 0..=0));
    rows.push(Row {
        what: "`selx run daily` of the stack, all its checks, whole process".to_owned(),
        selx: format!("{whole:.1} ms"),
        peer: format!("{guide:.0} ms (the lines of a guide: compose, curl, openssl)"),
        figure: format!("{:.0} × faster; aim 100 ×", guide / whole),
    });

    let before = computed();
    let mut times: Vec<f64> = (0..40).map(|_| ours(daily)).collect();
    let each = (computed() - before) / 40.0;
    let whole = median(&mut times);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (name, slowest) = slowest(&engine, selx, &suite, &state);
    let bound = slowest.max(each / cores as f64);
    rows.push(Row {
        what: "the same beside the slowest of its checks alone, and the processor time of this machine on all cores"
            .to_owned(),
        selx: format!("{whole:.1} ms"),
        peer: format!(
            "{slowest:.1} ms ({name}); {each:.1} ms on {cores} cores, selx and the servers that it asks together"
        ),
        figure: format!("{:.2} × of the larger; aim 1.2 × at most", whole / bound),
    });

    rows.extend(workers(&stack, &scratch, &ours, &suite));
    let docker = program("docker", "docker.io");
    let services: &[&str] = &["run", "compose-services", "--config", &suite, "--no-history"];
    // What a script needs to know as much: states, health, restarts, ends for memory, images.
    let project = stack.value("STACK_PROJECT");
    let told = "{{.Name}} {{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.RestartCount}} {{.Image}}";
    let line = format!(
        "export DOCKER_HOST={engine}\n{0} inspect --format '{told}' \
         $({0} ps --all --quiet --filter label=com.docker.compose.project={project})\n",
        docker.display()
    );
    let script = scratch.write("services.sh", &line);
    let (ours_took, theirs) = in_turn(40, || ours(services), || once(&bash, &[&script], 0..=0));
    let (again, list) = in_turn(40, || ours(services), || at_engine(&docker, &["ps", "--all"], 0..=0));
    let exports: String = stack.values.iter().map(|(name, value)| format!("export {name}='{value}'\n")).collect();
    let line = format!("{exports}{} ps\n", compose(project));
    let script = scratch.write("ps.sh", &line);
    let (once_more, guide) = in_turn(8, || ours(services), || once(&bash, &[&script], 0..=0));
    rows.push(Row {
        what: "`compose-services`, whole process".to_owned(),
        selx: format!("{ours_took:.1} ms"),
        peer: format!(
            "{guide:.0} ms (compose ps, the line of a guide); {theirs:.1} ms (docker ps and docker inspect); \
             {list:.1} ms (docker ps alone)"
        ),
        figure: format!(
            "{:.0} ×, {:.1} × and {:.1} × faster; aim 10 ×",
            guide / once_more,
            theirs / ours_took,
            list / again
        ),
    });
    rows
}

/// Celery's workers: beside `inspect ping` in the container, and beside the bare exchange on the wire.
fn workers(stack: &Stack, scratch: &Scratch, ours: &impl Fn(&[&str]) -> f64, suite: &str) -> Vec<Row> {
    let asks: &[&str] = &["run", "celery-workers", "--config", suite, "--no-history"];
    let exports: String = stack.values.iter().map(|(name, value)| format!("export {name}='{value}'\n")).collect();
    let compose = compose(stack.value("STACK_PROJECT"));
    let line = format!("{exports}{compose} exec -T worker celery -A worker.celery_config inspect ping\n");
    let script = scratch.write("inspect.sh", &line);
    let bash = program("bash", "bash");
    let (ours_took, inspect) = in_turn(8, || ours(asks), || once(&bash, &[&script], 0..=0));
    let this = std::env::current_exe().expect("the path of this program");
    let address = stack.address("redis");
    let password = format!("{}/redis.password", stack.value("STACK_FOLDER"));
    // The exchange knows where Redis is; so does this one.
    let at = format!(
        "[check.celery-workers.at]\nwith = {{ target = \"{address}:6379\", password = \"file:{password}\" }}\n"
    );
    let at = scratch.write("at.toml", &at);
    let there: &[&str] = &["run", "celery-workers", "--config", &at, "--no-history"];
    let (at_took, bare) = in_turn(100, || ours(there), || once(&this, &[wire::WORD, &address, &password], 0..=0));
    vec![
        Row {
            what: "`celery-workers` of a Compose service, whole process".to_owned(),
            selx: format!("{ours_took:.1} ms"),
            peer: format!("{inspect:.0} ms (celery inspect ping through compose)"),
            figure: format!("{:.0} × faster; aim 300 ×", inspect / ours_took),
        },
        Row {
            what: "`celery-workers` of an address, whole process".to_owned(),
            selx: format!("{at_took:.1} ms"),
            peer: format!("{bare:.1} ms (the bare exchange on the wire, which judges nothing)"),
            figure: format!("{:.2} × of it; aim 2 × at most", at_took / bare),
        },
    ]
}

impl Stack {
    /// Returns the address of a service's container on its bridge.
    fn address(&self, service: &str) -> String {
        let docker = |arguments: &[&str]| {
            let output = Command::new("docker").args(arguments).env("DOCKER_HOST", self.value("DOCKER_HOST")).output();
            String::from_utf8(output.expect("docker starts").stdout).expect("text").trim().to_owned()
        };
        let project = format!("label=com.docker.compose.project={}", self.value("STACK_PROJECT"));
        let label = format!("label=com.docker.compose.service={service}");
        let id = docker(&["ps", "--quiet", "--filter", &project, "--filter", &label]);
        docker(&["inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", &id])
    }
}

/// Finds the check that takes longest by itself, and how long.
fn slowest(engine: &str, selx: &Path, suite: &str, state: &str) -> (String, f64) {
    let output = Command::new(selx)
        .args(["run", "daily", "--config", suite, "--state-dir", state, "--format", "json"])
        .env("DOCKER_HOST", engine)
        .output()
        .expect("selx starts");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report");
    let entries = report.get("entries").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
    let word = |entry: &serde_json::Value, key: &str| Some(entry.get(key)?.as_str()?.to_owned());
    let names = entries.iter().filter_map(|entry| Some(format!("{}.{}", word(entry, "kind")?, word(entry, "name")?)));
    let mut all: Vec<(String, f64)> = names
        .map(|name| {
            let mut command = Command::new(selx);
            command.args(["run", &*name, "--config", suite, "--state-dir", state]).env("DOCKER_HOST", engine);
            let mut times: Vec<f64> = (0..15).map(|_| timed(&mut command, 0..=3)).collect();
            (name, median(&mut times))
        })
        .collect();
    all.sort_by(|(_, left), (_, right)| left.total_cmp(right));
    all.pop().expect("the example has checks")
}
