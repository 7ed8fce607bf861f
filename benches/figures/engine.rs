//! What the library itself costs, without any look: running, judging, rendering, loading.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use selx_core::format::{Format, Style, render};
use selx_core::{
    Area, Check, Context, DynCheck, Entry, Instance, Judgement, Judging, Meta, Moment, Registry, Remembered, Report,
    Result, Runner, SecretRef, Secrets, Selection, SystemClock, Typed, config, judge_facts,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::scratch::Scratch;
use crate::{Row, median};

const NO_OPS: usize = 100_000;
const ENTRIES: usize = 10_000;
const CHECKS: usize = 1_000;
const SECRET: &str = "figures-s3cret/of 1";

/// A check that does nothing.
struct Nothing;

#[derive(Deserialize, JsonSchema)]
struct Config {}

#[derive(Serialize, Deserialize)]
struct Facts {}

impl Check for Nothing {
    type Config = Config;
    type Facts = Facts;
    const META: Meta = Meta::new("nothing", Area::Host, "nothing");

    fn new(_: Config) -> Self {
        Self
    }

    async fn probe(&self, _: &Context) -> Result<Facts> {
        Ok(Facts {})
    }

    fn judge(&self, _: &Facts, _: &Judging<Facts>) -> Judgement {
        Judgement::new("nothing")
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = vec![running()];
    let mut registry = Registry::new();
    selx_checks::register(&mut registry).expect("every kind has its own name");
    let entries = judging(&registry, &mut rows);
    rendering(&entries, &mut rows);
    rows.push(loading(&registry));
    rows
}

/// Returns the median of some runs in milliseconds of processor time: nothing here waits, and other programs that run
/// beside it do not count.
fn times<T>(runs: usize, work: impl Fn() -> T) -> f64 {
    let one = || {
        let begun = processor_time();
        let made = work();
        let took = (processor_time() - begun).as_secs_f64() * 1e3;
        // What was made is dropped outside of the time.
        drop(made);
        took
    };
    one();
    median(&mut (0..runs).map(|_| one()).collect::<Vec<f64>>())
}

fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("a time that a process can take")
}

fn running() -> Row {
    let check: Arc<dyn DynCheck> = Arc::new(Typed::new(Nothing));
    let instances = (0..NO_OPS).map(|index| Instance::new(Arc::clone(&check), format!("n{index}"))).collect();
    let selection = Selection { instances, routine: None };
    let runner = Runner::new(config::defaults());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an event loop");
    let took = times(7, || {
        let report = runtime.block_on(runner.run(&selection));
        assert_eq!(report.entries.len(), NO_OPS, "every check has an entry");
        report
    });
    Row {
        what: format!("running {NO_OPS} checks that do nothing"),
        selx: format!("{took:.0} ms"),
        peer: String::new(),
        figure: format!("{:.1} µs each; aim 5 µs at most", took * 1e3 / NO_OPS as f64),
    }
}

/// Judges recorded facts: those of a testcase of `host-disk`, which have two file systems and four measures.
fn judging(registry: &Registry, rows: &mut Vec<Row>) -> Vec<Entry> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("selx-checks/src/host/disk/testcases/healthy.json");
    let text = std::fs::read_to_string(&path).expect("the testcase of host-disk");
    let testcase: Value = serde_json::from_str(&text).expect("a testcase");
    let facts = testcase.get("facts").expect("facts");
    let factory = registry.get("host-disk").expect("the kind");
    let check = factory.build_json(&Value::Null).expect("it needs no settings");
    let now = Moment::of(&SystemClock);
    let instances: Vec<Instance> =
        (0..ENTRIES).map(|index| Instance::new(Arc::clone(&check), format!("n{index}"))).collect();
    let judge = || -> Vec<Entry> {
        let remembered = Remembered::default();
        instances.iter().map(|one| judge_facts(one, facts.clone(), Judging::at(now), &remembered)).collect()
    };
    let took = times(7, judge);
    rows.push(Row {
        what: format!("judging {ENTRIES} recorded facts of `host-disk`"),
        selx: format!("{took:.0} ms"),
        peer: String::new(),
        figure: format!("{:.1} µs each", took * 1e3 / ENTRIES as f64),
    });
    judge()
}

fn rendering(entries: &[Entry], rows: &mut Vec<Row>) {
    let scratch = Scratch::new("secret");
    scratch.write("secret", SECRET);
    let path = scratch.path().join("secret");
    restrict(&path);
    let secrets = Secrets::default();
    secrets.get(&SecretRef::File(path)).expect("a secret that only we can read");

    let plain = report(entries.to_vec());
    let mut told = entries.to_vec();
    for entry in &mut told {
        entry.judgement.summary.push_str(SECRET);
    }
    let told = report(told);
    let style = Style { verbosity: 1, ..Style::default() };
    for format in Format::ALL {
        let without = times(7, || render(&plain, format, &style, &Secrets::default()));
        let with = times(7, || render(&plain, format, &style, &secrets));
        let everywhere = times(7, || {
            let text = render(&told, format, &style, &secrets);
            assert!(!text.contains(SECRET), "the secret is in the report");
            text
        });
        rows.push(Row {
            what: format!("rendering {ENTRIES} entries as `{format}`"),
            selx: format!("{without:.0} ms"),
            peer: format!("{with:.0} ms with a secret to be searched for; {everywhere:.0} ms if it is in every entry"),
            figure: format!("{:.1} µs each", without * 1e3 / ENTRIES as f64),
        });
    }
}

fn restrict(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("our own file");
}

fn report(entries: Vec<Entry>) -> Report {
    Report {
        run: "20261123T023000Z-00000001".to_owned(),
        routine: Some("daily".to_owned()),
        host: "figures".to_owned(),
        started: Moment::of(&SystemClock),
        took: Duration::from_millis(10),
        entries,
        notices: Vec::new(),
    }
}

fn loading(registry: &Registry) -> Row {
    let mut text = String::new();
    for index in 0..CHECKS / 2 {
        text.push_str(&format!(
            "[check.host-disk.n{index}]\ntimeout = \"5s\"\nroutines = [\"daily\"]\n\
             limits = {{ used = {{ warning = \"75%\", critical = \"85%\", for = \"15m\" }} }}\nwith = {{ paths = [\"/\"] }}\n\
             [check.http.n{index}]\nneeds = [\"host-disk.n{index}\"]\n\
             with = {{ url = \"https://example.org/{index}\", expect = {{ status = [\"2xx\"] }} }}\n"
        ));
    }
    let took = times(7, || {
        let suite = config::parse(registry, "figures.toml", &text).expect("a right configuration");
        assert_eq!(suite.instances.len(), CHECKS, "every check is loaded");
        suite
    });
    Row {
        what: format!("loading a configuration of {CHECKS} checks ({} KiB)", text.len() / 1024),
        selx: format!("{took:.0} ms"),
        peer: String::new(),
        figure: format!("{:.0} µs each", took * 1e3 / CHECKS as f64),
    }
}
