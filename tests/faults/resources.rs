//! What the real program costs, whatever it is shown: memory, computing time, descriptors, threads; and what it says
//! when the host gives it little.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use selx_cli::{Console, Program};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::http_peer::REPLY;
use crate::http_wire::{certified, encrypted};
use crate::peer::{Peer, Step, answer};
use crate::process::{Place, Ran, is_root};

/// What a process had used when it was last looked at.
#[derive(Debug, Default)]
struct Used {
    /// The most memory that was ever resident, in KiB.
    memory: u64,
    /// The time that it computed.
    computed: Duration,
    wall: Duration,
}

/// Runs the program and watches it.
fn watched(place: &Place, arguments: &[&str]) -> (Option<i32>, String, Used) {
    // Building it is not part of its time.
    let mut command = place.command(arguments);
    let began = Instant::now();
    // A file takes everything at once; a pipe would have to be read meanwhile.
    let path = place.path().join("stdout");
    let out = std::fs::File::create(&path).unwrap();
    let mut child = command.stdin(Stdio::null()).stdout(out).stderr(Stdio::null()).spawn().unwrap();
    let mut used = Used::default();
    let ended = loop {
        look_at(&child, &mut used);
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{arguments:?} does not end: {used:?}");
        std::thread::sleep(Duration::from_millis(1));
    };
    used.wall = began.elapsed();
    (ended.code(), std::fs::read_to_string(path).unwrap(), used)
}

/// Takes down what the kernel has counted; the peak of memory and the time only grow, so the last look is the sum.
fn look_at(child: &Child, used: &mut Used) {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", child.id())).unwrap_or_default();
    let peak =
        read("status").lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
    used.memory = used.memory.max(peak.unwrap_or(0));
    // The fields after the name, which stands in brackets: the 12th and 13th are user and system time in hundredths.
    let stat = read("stat");
    let times: Vec<u64> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse().ok())
        .collect();
    used.computed = used.computed.max(Duration::from_millis(times.iter().sum::<u64>() * 10));
}

/// The memory that any input may cost.
const BUDGET: u64 = 64 * 1024;

/// A5, R3: what is endless is not kept, and all of it at once stays within the budget.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r3_endless_and_hostile_input_stays_within_64_mib() {
    let flood = |begin: &[u8], piece: &[u8]| {
        vec![Step::Await(b"\r\n\r\n"), Step::Send(begin.into()), Step::Flood(piece.into(), 1 << 30)]
    };
    let many = b"x".repeat(64 * 1024);
    let inside = certified(&["127.0.0.1"]);
    let (ok, chunked) = (b"HTTP/1.1 200 OK\r\n".as_slice(), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    let json: Vec<u8> = [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &b"[".repeat(1_000_000)].concat();
    let peers = [
        Peer::tcp(flood(b"HTTP/1.1 200 OK\r\n\r\n", &many)).await,
        Peer::tcp(flood(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", &many)).await,
        Peer::tcp(flood(chunked, &b"1\r\na\r\n".repeat(4096))).await,
        Peer::tcp(flood(chunked, &many)).await,
        Peer::tcp(flood(ok, b"X-Header: value\r\n")).await,
        Peer::tcp(flood(ok, &many)).await,
        Peer::tcp(flood(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n")).await,
        Peer::tcp(flood(&many, &many)).await,
        Peer::tcp(vec![Step::Await(b"\r\n\r\n"), Step::Send(json)]).await,
    ];
    let hidden = Peer::tcp(encrypted(&inside.server, flood(b"HTTP/1.1 200 OK\r\n\r\n", &many))).await;
    // Records of the handshake that announce much, and go on for ever.
    let hello = [&[22, 3, 3, 0x40, 0, 11, 0xff, 0xff, 0xff][..], &b"\0".repeat(0x4000 - 4)].concat();
    let shaking = Peer::tcp(vec![Step::Take(1), Step::Flood(hello, 1 << 30)]).await;
    let mut suite = "[runner]\nretries = 0\ntimeout = \"8s\"\nconcurrency = 16\n".to_owned();
    for (number, peer) in peers.iter().enumerate() {
        // The whole body is asked for, searched and parsed.
        suite.push_str(&format!(
            "[check.http.n{number}]\nwith = {{ url = \"{}\", expect = {{ text = [\"never\"], json = [{{ path = \"$..a\", equals = 1 }}] }} }}\n",
            peer.url("/")
        ));
    }
    suite.push_str(&format!(
        "[check.http.hidden]\nwith = {{ url = \"https://{}/\", ca-file = \"{}\" }}\n",
        hidden.address,
        inside.root.display()
    ));
    suite.push_str(&format!("[check.tls-certificate.shaking]\nwith = {{ endpoints = [\"{}\"] }}\n", shaking.address));
    for (name, script) in [("zeros", "exec cat /dev/zero"), ("lines", "exec yes 'x=1 y=2|a=1;2;3'")] {
        for format in ["nagios", "json", "exit-code"] {
            suite.push_str(&format!(
                "[check.command.{name}-{format}]\ntimeout = \"1s\"\nwith = {{ program = \"/bin/sh\", args = [\"-c\", \"{script}\"], format = \"{format}\" }}\n"
            ));
        }
    }
    let place = Place::with(&suite);
    let (code, out, used) = watched(&place, &["run", "daily", "--format", "json"]);
    assert_eq!(code, Some(2), "{out}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    for entry in report["entries"].as_array().unwrap() {
        assert!(["critical", "unknown"].contains(&entry["status"].as_str().unwrap()), "{entry}");
    }
    assert_eq!(report["entries"].as_array().unwrap().len(), peers.len() + 2 + 6);
    assert!(used.memory > 1024, "nothing was measured: {used:?}");
    assert!(used.memory < BUDGET, "{used:?}");
}

/// A5: one endless body costs little more than its cap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a5_an_endless_body_costs_no_memory() {
    let endless = || {
        vec![
            Step::Await(b"\r\n\r\n"),
            Step::Send(b"HTTP/1.1 200 OK\r\n\r\n".into()),
            Step::Flood(vec![b'x'; 65536], 1 << 30),
        ]
    };
    let fine = Peer::tcp(answer(REPLY)).await;
    let flood = Peer::tcp(endless()).await;
    let place = Place::empty();
    let of = |peer: &Peer| watched(&place, &["check", "http", "--url", &peer.url("/"), "--no-history"]);
    // What is over before it was looked at was not measured.
    let usual = (0..50).find_map(|_| {
        let (code, out, usual) = of(&fine);
        assert_eq!(code, Some(0), "{out}");
        (usual.memory > 0).then_some(usual)
    });
    let usual = usual.expect("one of many is measured");
    let (code, out, used) = of(&flood);
    assert_eq!(code, Some(2), "{out}");
    assert!(out.contains("longer than the 1 MiB"), "{out}");
    // The cap is 1 MiB; buffers may be doubled as they grow.
    assert!(used.memory < usual.memory + 12 * 1024, "{used:?}, usually {usual:?}");
}

/// A12: urgent bytes, single bytes and windows of next to nothing make no work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a12_peers_that_dawdle_cost_no_computing_time() {
    let mut urgent = vec![Step::Await(b"\r\n\r\n"), Step::Send(b"HTTP/1.1 200 OK\r\n\r\n".into())];
    for _ in 0..400 {
        urgent.extend([Step::Urgent(b'!'), Step::Send(b"x".into()), Step::Wait(Duration::from_millis(5))]);
    }
    let urgent = Peer::tcp(urgent).await;
    // A window of the smallest size the kernel makes, read byte by byte: the request does not get through.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(1).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(8).unwrap();
    let tiny = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut byte = [0];
            while stream.read(&mut byte).await.is_ok_and(|count| count > 0) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            let _ = stream.write_all(REPLY).await;
        }
    });
    let body = "x".repeat(900_000);
    let place = Place::with(&format!(
        "[runner]\nretries = 0\ntimeout = \"2s\"\n\
         [check.http.urgent]\nwith = {{ url = \"{}\" }}\n\
         [check.http.tiny]\nwith = {{ url = \"http://{tiny}/\", method = \"POST\", body = \"{body}\" }}\n",
        urgent.url("/")
    ));
    // A neighbour on the machine makes the same work cost more, never less: the cheapest of three looks is what it costs.
    let mut looks: Vec<Used> = (0..3)
        .map(|_| {
            let (code, out, used) = watched(&place, &["run", "daily", "--format", "json", "--no-history"]);
            assert_eq!(code, Some(2), "{out}");
            assert!(used.wall > Duration::from_millis(1900), "{used:?}: {out}");
            used
        })
        .collect();
    looks.sort_by_key(|used| used.computed);
    let used = looks.swap_remove(0);
    // What it takes to start and to read the file of a megabyte is no part of the waiting.
    let (code, out, reading) = watched(&place, &["validate"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(used.computed.saturating_sub(reading.computed) < used.wall / 10, "{used:?} {reading:?}");
}

/// R4: a process that gets no time says so beside what it did not hear, and hears it on the second attempt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_a_starved_process_says_so() {
    let report = starved(0).await;
    let findings = report["entries"][0]["findings"].as_array().unwrap();
    let late =
        findings.iter().find(|finding| finding["code"] == "over-time").expect("it does not say that it was late");
    assert!(late["message"].as_str().unwrap().contains("starved"), "{late}");
    let report = starved(1).await;
    assert_eq!(report["status"], "ok", "{report}");
}

/// Stops the program for a while when it has asked, and returns its report.
async fn starved(retries: u32) -> serde_json::Value {
    let script = vec![Step::Await(b"\r\n\r\n"), Step::Wait(Duration::from_millis(600)), Step::Send(REPLY.into())];
    let peer = Peer::tcp(script).await;
    let place = Place::with(&format!(
        "[check.http.it]\nretries = {retries}\ntimeout = \"1s\"\nlimits = {{ total = {{ warning = \"1h\", critical = \"2h\" }} }}\nwith = {{ url = \"{}\" }}\n",
        peer.url("/")
    ));
    let mut command = place.command(&["run", "it", "--format", "json", "--no-history"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let pid = Pid::from_child(&child);
    let until = Instant::now() + Duration::from_secs(10);
    while !peer.log.received().first().is_some_and(|came| came.ends_with(b"\r\n\r\n")) {
        assert!(Instant::now() < until, "it does not ask");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // It has asked, and gets no time to hear the answer, which comes in time.
    kill_process(pid, Signal::STOP).unwrap();
    tokio::time::sleep(Duration::from_millis(3500)).await;
    kill_process(pid, Signal::CONT).unwrap();
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// R6: without /proc and /sys what depends on them is unknown, and the rest goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r6_without_proc_and_sys_nothing_of_the_host_is_fine() {
    let peer = Peer::tcp(answer(REPLY)).await;
    let place = Place::with(&format!(
        "[runner]\nretries = 0\n[check.host-disk.a]\n[check.host-memory.a]\n[check.host-cpu.a]\n[check.http.a]\nwith = {{ url = \"{}\" }}\n",
        peer.url("/")
    ));
    // A new name space for mounts, which only root may make, or one that maps this user to root inside.
    let space = if is_root() { "unshare --mount" } else { "unshare --user --map-root-user --mount" };
    let line = format!(
        "exec {space} /bin/sh -c 'mount -t tmpfs none /proc && mount -t tmpfs none /sys && exec \"$@\"' sh \"$@\""
    );
    for history in [&["--no-history"][..], &[]] {
        let arguments = [&["run", "daily", "--format", "json"], history].concat();
        let ran = Ran::of(&mut place.shell(&line, &arguments)).code(3);
        let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:#?}"));
        let statuses: Vec<(&str, &str)> = report["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| (entry["kind"].as_str().unwrap(), entry["status"].as_str().unwrap()))
            .collect();
        assert_eq!(statuses[..3], [("host-disk", "unknown"), ("host-memory", "unknown"), ("host-cpu", "unknown")]);
        assert_eq!(statuses[3], ("http", "ok"));
    }
}

/// R8: a thousand runs inside one process.
#[test]
fn r8_a_thousand_runs_cost_what_one_does() {
    // In a process of its own, which no other test shares.
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "resources::a_thousand_runs", "--ignored", "--nocapture", "--test-threads=1"])
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "is run by `r8_a_thousand_runs_cost_what_one_does` in a process of its own"]
fn a_thousand_runs() {
    let server = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let peer = server.block_on(Peer::tcp(answer(REPLY)));
    let place = Place::with(&format!(
        "[check.command.a]\nwith = {{ program = \"/usr/bin/true\", format = \"exit-code\" }}\n\
         [check.host-disk.a]\nwith = {{ paths = [\"/\"] }}\n[check.http.a]\nwith = {{ url = \"{}\" }}\n",
        peer.url("/")
    ));
    let (file, state) = (place.path().join("selx.toml"), place.path().join("state"));
    let program = Program::new().with(selx_checks::register);
    let run = |number: usize| {
        let mut arguments =
            vec!["selx", "run", "daily", "--config", file.to_str().unwrap(), "--state-dir", state.to_str().unwrap()];
        // Writing the history to disk is most of the time of a run; every twentieth one does.
        if !number.is_multiple_of(20) {
            arguments.push("--no-history");
        }
        assert!(program.run(arguments, &mut Console::to(std::io::sink(), std::io::sink())) <= 2);
    };
    let of = |name: &str| {
        let text = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    };
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let files = || std::fs::read_dir(&state).unwrap().count();
    // What is kept for good, such as the roots and the buffers of the allocator, is there after some.
    (0..200).for_each(run);
    let before = (descriptors(), of("Threads:"), files(), of("VmRSS:"));
    (200..1_000).for_each(run);
    // Threads that were told to end may take a moment.
    let until = Instant::now() + Duration::from_secs(5);
    while (of("Threads:") > before.1 || descriptors() > before.0) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    let after = (descriptors(), of("Threads:"), files(), of("VmRSS:"));
    assert!(after.0 <= before.0 && after.1 <= before.1 && after.2 <= before.2, "{before:?}, then {after:?}");
    // 800 runs: a leak of ten KiB in each would be eight MiB. The allocator may keep a little more.
    assert!(after.3 < before.3 + 6 * 1024, "{before:?}, then {after:?}");
}
