//! selx inside other programs: nothing global, no runtime of its own, nothing left behind.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "these tests look at the programs that checks start")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use selx_core::{Registry, Report, Runner, Secrets, Selection, config};
use tokio_util::sync::CancellationToken;

fn registry() -> Registry {
    let mut registry = Registry::new();
    selx_checks::register(&mut registry).expect("every name is there once");
    registry
}

fn suite(text: &str) -> selx_core::Suite {
    config::parse(&registry(), "embedded", text).expect("the text is right")
}

async fn run(text: &str) -> Report {
    let suite = suite(text);
    Runner::new(suite.settings).run(&Selection::of(suite.instances)).await
}

/// Returns the processes whose command line has a text.
fn processes(with: &str) -> usize {
    let entries = std::fs::read_dir("/proc").expect("proc").flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(with)).count()
}

#[test]
fn no_provider_of_cryptography_is_installed_behind_the_hosts_back() {
    assert!(rustls::crypto::CryptoProvider::get_default().is_none(), "nobody has, before");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let report = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        // It accepts and hangs up: TLS is begun, and fails.
        tokio::spawn(async move { while listener.accept().await.is_ok() {} });
        run(&format!(
            "[check.tls-certificate.one]\ntimeout = '2s'\nwith = {{ endpoints = ['127.0.0.1:{port}'] }}\n\
             [check.http.two]\ntimeout = '2s'\nwith = {{ url = 'https://127.0.0.1:{port}/' }}\n"
        ))
        .await
    });
    assert_eq!(report.entries.len(), 2);
    assert!(rustls::crypto::CryptoProvider::get_default().is_none(), "the host chooses its own");
}

#[test]
fn two_embedders_do_not_meet() {
    let mut other = Registry::new();
    other.check::<selx_checks::host::disk::HostDisk>().expect("its only kind");
    assert!(registry().get("http").is_some() && other.get("http").is_none());
    let before = other.clone();
    other.check::<selx_checks::host::memory::HostMemory>().expect("another one");
    assert!(before.get("host-memory").is_none(), "a copy knows nothing of what comes later");

    // Each in a runtime of its own, at the same time, with secrets of its own.
    let embedder = |secret: &'static str| {
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let secrets = Arc::new(Secrets::default());
            secrets.learn(secret);
            let suite =
                suite("[check.command.one]\nwith = { program = '/bin/echo', args = ['first-secret second-secret'] }\n");
            let runner = Runner::new(suite.settings).secrets(secrets);
            let report = runtime.block_on(runner.run(&Selection::of(suite.instances)));
            serde_json::to_string(&selx_core::report::v1::Report::from(&report)).expect("the report")
        })
    };
    let (first, second) = (embedder("first-secret"), embedder("second-secret"));
    let (first, second) = (first.join().expect("the first"), second.join().expect("the second"));
    assert!(!first.contains("first-secret") && first.contains("second-secret"), "{first}");
    assert!(second.contains("first-secret") && !second.contains("second-secret"), "{second}");
}

#[test]
fn a_run_that_is_dropped_leaves_nothing_behind() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let text = "[check.command.hangs]\ntimeout = '60s'\nwith = { program = '/bin/sleep', args = ['98765'] }\n";
    runtime.block_on(async {
        let begun = tokio::spawn(run(text));
        let until = Instant::now() + Duration::from_secs(20);
        while processes("sleep\u{0}98765") == 0 && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(processes("sleep\u{0}98765"), 1);
        begun.abort();
        assert!(begun.await.expect_err("it was dropped").is_cancelled());
        while processes("sleep\u{0}98765") > 0 && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert_eq!(processes("sleep\u{0}98765"), 0, "its program went with it");
}

#[test]
fn a_run_that_is_cancelled_still_reports() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let suite = suite(
        "[check.command.hangs]\ntimeout = '60s'\nwith = { program = '/bin/sleep', args = ['98766'] }\n\
         [check.host-memory.memory]\n",
    );
    let cancel = CancellationToken::new();
    let runner = Runner::new(suite.settings).cancelled_by(cancel.clone());
    let begun = Instant::now();
    let report = runtime.block_on(async {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            cancel.cancel();
        });
        runner.run(&Selection::of(suite.instances)).await
    });
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(report.entries.len(), 2);
    assert_ne!(report.status(), selx_core::Status::Ok);
}

#[test]
fn no_thread_and_no_descriptor_stays() {
    let count = |what: &str| std::fs::read_dir(format!("/proc/self/{what}")).expect("proc").count();
    let text = "[check.host-disk.root]\nwith = { paths = ['/'] }\n[check.host-memory.memory]\n\
                [check.command.one]\nwith = { program = '/bin/true', format = 'exit-code' }\n";
    let once = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        assert_eq!(runtime.block_on(run(text)).entries.len(), 3);
        drop(runtime);
    };
    // Other tests of this program have runtimes of their own: this one is alone in a process.
    if std::env::var_os("SELX_TEST_ALONE").is_none() {
        let this = std::env::current_exe().expect("this program");
        let status = std::process::Command::new(this)
            .args(["--exact", "no_thread_and_no_descriptor_stays", "--test-threads=1"])
            .env("SELX_TEST_ALONE", "1")
            .status();
        assert!(status.expect("it starts").success());
        return;
    }
    once();
    let before = (count("task"), count("fd"));
    (0..20).for_each(|_| once());
    let until = Instant::now() + Duration::from_secs(10);
    while (count("task"), count("fd")) != before && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!((count("task"), count("fd")), before);
}
