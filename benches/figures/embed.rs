//! One check from a Rust program, which the figures of Python are set beside.

use std::time::Instant;

use selx_core::{Registry, Runner, Selection, config};

use super::{Row, median};

/// What `selx.check("host-memory")` is asked for, as a program in Rust asks for it: from keywords in a text to a report that is
/// written as JSON, with a registry that is there and a runtime that runs.
pub(crate) fn rows() -> Vec<Row> {
    let mut registry = Registry::new();
    selx_checks::register(&mut registry).expect("every name is there once");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let once = |kind: &str, with: &str| {
        let text = format!("[check.{kind}.one]\n[check.{kind}.one.with]\n{with}");
        let mut times: Vec<f64> = (0..2_000)
            .map(|_| {
                let begun = Instant::now();
                let suite = config::parse(&registry, "keywords", &text).expect("the text is right");
                let runner = Runner::new(suite.settings);
                let report = runtime.block_on(runner.run(&Selection::of(suite.instances)));
                let told = serde_json::to_string(&selx_core::report::v1::Report::from(&report)).expect("the report");
                std::hint::black_box(told);
                begun.elapsed().as_secs_f64() * 1e6
            })
            .collect();
        Row {
            what: format!("one `{kind}` from Rust, from a text to JSON"),
            selx: format!("{:.1} µs", median(&mut times)),
            peer: String::new(),
            figure: "what the same costs from Python is measured by `benches/python.py`".to_owned(),
        }
    };
    vec![once("host-memory", ""), once("host-disk", "paths = [\"/\"]")]
}
