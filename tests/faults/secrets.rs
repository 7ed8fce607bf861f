//! Secrets that come back from everywhere, looked for in everything that leaves the program (cases O1 to O5).

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use selx_cli::{Console, Program};
use selx_core::{
    Area, Check, Context, Duplicate, Error, ErrorKind, Finding, Judgement, Judging, Meta, Registry, Result, SecretRef,
};
use serde::{Deserialize, Serialize};

use crate::peer::{Peer, answer};
use crate::process::{Place, Ran};

/// In a variable, and in a file; with characters that every form writes in another way.
const OF_ENV: &str = "canary-ENV/7d3f+\"9 1";
const OF_FILE: &str = "canary-FILE/5b\\2e=&8";

/// The forms in which a secret is looked for. They are made here and not by the code that takes them out.
fn forms(secret: &str) -> Vec<String> {
    let hex: String = secret.bytes().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let percent = |upper: bool| {
        secret.bytes().fold(String::new(), |mut text, byte| {
            let _ = match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => write!(text, "{}", byte as char),
                _ if upper => write!(text, "%{byte:02X}"),
                _ => write!(text, "%{byte:02x}"),
            };
            text
        })
    };
    let json = serde_json::to_string(secret).unwrap().trim_matches('"').to_owned();
    let basic = STANDARD.encode(format!("ann:{secret}"));
    vec![secret.into(), json, percent(false), percent(true), hex.to_uppercase(), hex, STANDARD.encode(secret), basic]
}

/// What no form of a secret is free of, whatever was torn off or taken out around it.
fn traces() -> Vec<String> {
    let mut all = vec!["canary-".to_owned(), "63616e6172792d".to_owned(), "7d3f".to_owned(), "5b\\2e".to_owned()];
    for secret in [OF_ENV, OF_FILE] {
        all.extend(forms(secret));
        // Base64 without its ends, which depend on what stands beside.
        for before in 0..3 {
            let text = STANDARD.encode([&b"xxx"[..before], secret.as_bytes()].concat());
            all.push(text[4..text.len() - 4].to_owned());
        }
    }
    all
}

#[track_caller]
fn assert_clean(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for trace in traces() {
        if let Some(at) = text.find(&trace) {
            let from = text.floor_char_boundary(at.saturating_sub(100));
            let to = text.ceil_char_boundary((at + 100).min(text.len()));
            panic!("`{trace}` is in {what}: …{}…", &text[from..to]);
        }
    }
}

/// Looks through every file that a run left.
fn assert_files_clean(folder: &Path) -> usize {
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            seen += assert_files_clean(&path);
        } else if path.file_name().is_some_and(|name| name != "password") {
            assert_clean(&path.display().to_string(), &std::fs::read(&path).unwrap());
            seen += 1;
        }
    }
    seen
}

fn password(place: &Place) -> String {
    let path = place.put("password", &format!("{OF_FILE}\n"));
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    path.display().to_string()
}

/// A report in every form, with everything that can be asked for beside it.
const SINKS: &[&[&str]] = &[
    &["-vv", "--log", "trace"],
    &["--format", "human", "-v", "--output", "report.txt"],
    &["--format", "json", "--log", "debug", "--record", "recording.json"],
    &["--format", "nagios"],
    &["--format", "openmetrics", "--output", "metrics.prom"],
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o3_no_sink_of_the_program_holds_a_secret() {
    let place = Place::empty();
    let file = password(&place);
    // A server that sends back what it was sent, in every form and everywhere.
    let all = [forms(OF_ENV), forms(OF_FILE)].concat();
    let body = format!("{{\"echo\": {}}}", serde_json::to_string(&all).unwrap());
    let field = |name: &str| all.iter().map(|form| format!("{name}: {form}\r\n")).collect::<String>();
    let echo = format!(
        "HTTP/1.1 500 {OF_ENV}\r\nContent-Type: {OF_FILE}\r\n{}Location: /{}\r\nContent-Length: {}\r\n\r\n{body}",
        field("X-Echo"),
        forms(OF_ENV)[3],
        body.len()
    );
    let peer = Peer::tcp(answer(echo)).await;
    // What is no answer at all is told in the words of the peer.
    let garbage = Peer::tcp(answer(format!("HTTP/1.1 {OF_ENV} {OF_FILE}\r\n\r\n"))).await;
    let expect = r#"{ status = [500], headers = { x-echo = "never", content-type = "never" }, text = ["never"], json = [{ path = "$.echo[*]", equals = "never" }] }"#;
    // A program may say anything; its own words are those of the peer above. One that was given no secret sees none.
    let says: String = all.iter().map(|form| format!(" {form}")).collect();
    place.put("words", &format!("CRITICAL -{says}\n{says}\n"));
    let words = place.path().join("words");
    place.put(
        "selx.toml",
        &format!(
            r#"
[runner]
retries = 1

[check.http.bearer]
with = {{ url = "{0}", authorization = {{ bearer = "env:SELX_TEST_TOKEN" }}, redirects = 1, expect = {expect} }}

[check.http.basic]
with = {{ url = "{0}", authorization = {{ basic = {{ user = "ann", password = "file:{file}" }} }}, expect = {expect} }}

[check.http.garbage]
with = {{ url = "{1}", authorization = {{ bearer = "env:SELX_TEST_TOKEN" }} }}

[check.command.given]
with = {{ program = "/bin/sh", args = ["-c", "cat {2} >&2; printf '%s %s\\n' \"$TOKEN\" \"$WORD\"; env; cat {2}; exit 2"], format = "nagios", secret-env = {{ TOKEN = "env:SELX_TEST_TOKEN", WORD = "file:{file}" }} }}

[check.command.not-given]
with = {{ program = "/bin/sh", args = ["-c", "echo begin; env; tr '\\0' ' ' </proc/self/cmdline; tr '\\0' ' ' </proc/$PPID/cmdline; echo end"], format = "exit-code" }}
"#,
            peer.url("/"),
            garbage.url("/"),
            words.display()
        ),
    );
    let selx = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        Ran::of(command.env("SELX_TEST_TOKEN", OF_ENV))
    };
    let sent = |number: usize| peer.log.text(number);
    for sink in SINKS {
        let before = peer.log.connections();
        let ran = selx(&[&["run", "daily"], *sink].concat()).code(2);
        assert!((before..peer.log.connections()).any(|at| sent(at).contains("canary-ENV")), "it was not sent at all");
        assert_clean(&format!("standard output of {sink:?}"), ran.out.as_bytes());
        assert_clean(&format!("standard error of {sink:?}"), ran.err.as_bytes());
    }
    let ran = selx(&["run", "daily", "--replay", "recording.json", "-vv"]).code(2);
    assert_clean("a replay", ran.out.as_bytes());
    let ran = selx(&["doctor"]);
    assert_clean("doctor", format!("{}{}", ran.out, ran.err).as_bytes());
    // The file with the words is what the peer and the program said; it is not ours.
    std::fs::remove_file(&words).unwrap();
    assert!(assert_files_clean(place.path()) >= 5, "the report, the metrics, the recording, the history, the settings");
    let recording = std::fs::read_to_string(place.path().join("recording.json")).unwrap();
    assert!(recording.contains("[secret]"), "nothing came back: the test proves nothing");
    // The program that was given none had none: what it printed was not mended.
    let recording: serde_json::Value = serde_json::from_str(&recording).unwrap();
    let entry = recording["entries"].as_array().unwrap().iter().find(|entry| entry["name"] == "not-given").unwrap();
    let text = entry["facts"]["ended"]["stdout"]["text"].as_str().unwrap();
    assert!(text.starts_with("begin\n") && text.ends_with("end\n") && !text.contains("[secret]"), "{text}");
    assert!(!text.contains("SELX_TEST_TOKEN"), "{text}");
}

/// O3: what one check sends comes back to another that was there first, and is cut where it is shown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o3_a_secret_is_known_to_checks_that_ran_before_its_own() {
    let place = Place::empty();
    let file = password(&place);
    // However long what stands before it, an excerpt ends inside of it somewhere.
    let mut checks = String::new();
    let mut peers = Vec::new();
    for before in (100..200).step_by(9) {
        let body = format!("{}{}", ".".repeat(before), forms(OF_FILE)[2].repeat(9));
        let echo = format!("HTTP/1.1 500 No\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let peer = Peer::tcp(answer(echo)).await;
        let url = peer.url("/");
        let _ = write!(checks, "[check.http.first-{before}]\nwith = {{ url = \"{url}\" }}\n");
        peers.push(peer);
    }
    let _ = write!(
        checks,
        "[check.http.last]\nwith = {{ url = \"{}\", authorization = {{ bearer = \"file:{file}\" }} }}\n",
        peers[0].url("/")
    );
    place.put("selx.toml", &format!("[runner]\nconcurrency = 1\nretries = 0\n{checks}"));
    let ran = Ran::of(&mut place.command(&["run", "daily", "-vv", "--record", "recording.json"])).code(2);
    assert!(ran.out.contains("[secret]"), "{ran:#?}");
    assert_clean("standard output", ran.out.as_bytes());
    assert!(assert_files_clean(place.path()) >= 2);
}

/// A kind of somebody else that is careless with what it was given.
struct Careless(Config);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// Where the secret is.
    secret: SecretRef,
    /// Whether to fail, and how.
    ends: String,
}

#[derive(Serialize, Deserialize)]
struct Facts {
    said: Vec<String>,
    named: std::collections::BTreeMap<String, String>,
}

impl Check for Careless {
    type Config = Config;
    type Facts = Facts;
    const META: Meta = Meta::new("careless", Area::Host, "tells its secrets").remembers();

    fn new(config: Config) -> Self {
        Self(config)
    }

    async fn probe(&self, cx: &Context) -> Result<Facts> {
        let secret = cx.secrets().get(&self.0.secret)?;
        let said = forms(secret.expose());
        tracing::error!(?said, "said {}", said.join(" "));
        cx.fault(Error::new(ErrorKind::Denied, said.join(" ")));
        match &*self.0.ends {
            "panics" => panic!("with {}", said.join(" ")),
            "fails" => {
                Err(Error::new(ErrorKind::Missing, said.join(" ")).advice(said.join("\n")).with("also", &said[0]))
            }
            _ => Ok(Facts { named: said.iter().map(|form| (form.clone(), form.clone())).collect(), said }),
        }
    }

    fn judge(&self, facts: &Facts, cx: &Judging<Facts>) -> Judgement {
        let before = cx.previous.as_ref().map(|previous| previous.facts.said.join(" ")).unwrap_or_default();
        let finding =
            Finding::critical("told", facts.said[0].clone(), facts.said.join("\n")).advice(facts.said.join(" "));
        let mut judgement = Judgement::new(format!("{before} {}", facts.said.join(" ")));
        judgement.findings.push(finding.evidence("said", facts.said.join(" ")));
        judgement
    }
}

fn register(registry: &mut Registry) -> Result<(), Duplicate> {
    registry.check::<Careless>()?;
    Ok(())
}

#[test]
fn o3_not_even_a_careless_kind_tells_a_secret() {
    let place = Place::empty();
    let file = password(&place);
    let mut suite = "[runner]\nretries = 1\nretry-delay = \"1ms\"\n".to_owned();
    for (name, secret) in [("env", "env:SELX_TEST_TOKEN".to_owned()), ("file", format!("file:{file}"))] {
        for ends in ["well", "fails", "panics"] {
            suite.push_str(&format!(
                "[check.careless.{name}-{ends}]\nwith = {{ secret = \"{secret}\", ends = \"{ends}\" }}\n"
            ));
        }
    }
    place.put("selx.toml", &suite);
    for sink in SINKS {
        let arguments = [&["selx", "run", "daily", "--state-dir", "state"], *sink].concat();
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child
            .args(["--exact", "secrets::the_careless_program", "--ignored", "--nocapture", "--test-threads=1"])
            .current_dir(place.path())
            .env("SELX_TEST_TOKEN", OF_ENV)
            .env("SELX_TEST_ARGUMENTS", arguments.join("\n"));
        let ran = Ran::of(&mut child);
        assert!(ran.out.contains("1 passed"), "{ran:#?}");
        // Its panics leave through the hook of this test program, which is not that of selx.
        let err: String = ran.err.lines().filter(|line| !line.starts_with("with ")).collect();
        assert_clean(&format!("standard output of {sink:?}"), ran.out.as_bytes());
        assert_clean(&format!("standard error of {sink:?}"), err.as_bytes());
        assert!(!sink.contains(&"--log") || err.contains("[secret]"), "{err}");
    }
    assert!(assert_files_clean(place.path()) >= 5);
    assert!(std::fs::read_to_string(place.path().join("recording.json")).unwrap().contains("[secret]"));
}

#[test]
#[ignore = "is run by `o3_not_even_a_careless_kind_tells_a_secret` in a process of its own"]
fn the_careless_program() {
    let arguments = std::env::var("SELX_TEST_ARGUMENTS").unwrap();
    let program = Program::new().with(selx_checks::register).with(register);
    let mut console = Console::to(std::io::stdout(), std::io::stderr());
    assert_eq!(program.run(arguments.lines(), &mut console), 2);
}

/// O5: taking a short secret out would tell it by its gaps; so it stays, and that is told.
#[test]
fn o5_a_secret_that_is_too_short_is_told() {
    let place = Place::with(
        "[check.command.it]\nwith = { program = \"/bin/sh\", args = [\"-c\", \"echo OK - a common word\"], format = \"nagios\", secret-env = { TOKEN = \"env:SELX_TEST_TOKEN\" } }\n",
    );
    let run = |secret: &str| {
        let mut command = place.command(&["run", "daily", "--no-history", "-v"]);
        Ran::of(command.env("SELX_TEST_TOKEN", secret)).code(0)
    };
    for short in ["o", "com", "word"] {
        let ran = run(short).says(&["a common word", "env:SELX_TEST_TOKEN", "shorter than six characters"]);
        assert!(!ran.out.contains("[secret]"), "{ran:#?}");
    }
    let long = run("common").says(&["a [secret] word"]);
    assert!(!long.out.contains("shorter than six"), "{long:#?}");
}
