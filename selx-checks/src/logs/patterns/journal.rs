//! The journal of systemd, as its own program prints it.

use std::path::PathBuf;

use jiff::Timestamp;
use schemars::JsonSchema;
use selx_core::{Context, Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::command::{Child, Exit};

/// The program.
const PROGRAM: &str = "/usr/bin/journalctl";
/// How much it may print.
const MOST: usize = 256 << 20;
/// The words for the numbers of syslog.
const LEVELS: [&str; 8] = ["EMERG", "ALERT", "CRIT", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"];

/// Which part of the journal.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Journal {
    /// The units, such as `docker.service`. Default: all.
    units: Vec<String>,
    /// The folder of the journal. Default: that of this host.
    folder: Option<PathBuf>,
}

/// Prints a part of the journal as a log: one event a record, with its time, its level and who wrote it.
pub(super) async fn text(journal: &Journal, from: Timestamp, to: Timestamp, cx: &Context) -> Result<Vec<u8>> {
    let mut child = Child::new(PROGRAM)
        .output_limit(MOST)
        .arg("--output=json")
        .arg("--output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_COMM,_PID")
        .arg("--no-pager")
        .arg("--quiet")
        .arg(format!("--since=@{}", from.as_second()))
        .arg(format!("--until=@{}", to.as_second().saturating_add(1)));
    if let Some(folder) = &journal.folder {
        child = child.arg(format!("--directory={}", folder.display()));
    }
    for unit in &journal.units {
        child = child.arg(format!("--unit={unit}"));
    }
    let ended = child.run(cx).await?;
    let said = ended.stderr.text.trim().lines().next().unwrap_or_default().to_owned();
    let failed = |kind, message: String| {
        Error::new(kind, message).with("journalctl", if said.is_empty() { "said nothing" } else { &said })
    };
    match ended.exit {
        Exit::Code(0) if !said.is_empty() && ended.stdout.bytes == 0 => {
            return Err(failed(ErrorKind::Denied, "the journal could not be read".to_owned())
                .advice("run selx as root or in the group `systemd-journal`"));
        }
        Exit::Code(0) => {}
        Exit::OutOfTime => return Err(failed(ErrorKind::TimedOut, "journalctl did not end in time".to_owned())),
        exit => return Err(failed(ErrorKind::Local, format!("journalctl failed ({exit:?})"))),
    }
    if ended.stdout.cut {
        let message = format!("the journal has more than {} in the window", selx_core::ByteSize(MOST as u64));
        return Err(Error::new(ErrorKind::Limit, message).advice("name `units`, or make `window` shorter"));
    }
    let mut text = Vec::with_capacity(ended.stdout.text.len());
    for line in ended.stdout.text.lines() {
        write(line, &mut text);
    }
    Ok(text)
}

fn write(record: &str, text: &mut Vec<u8>) {
    let Ok(record) = serde_json::from_str::<Value>(record) else { return };
    let field = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
    let level = field("PRIORITY").parse::<usize>().ok().and_then(|number| LEVELS.get(number)).unwrap_or(&"INFO");
    let who = match field("SYSLOG_IDENTIFIER") {
        "" => field("_COMM"),
        who => who,
    };
    text.extend_from_slice(format!("{} {level} {who}[{}]: ", field("__REALTIME_TIMESTAMP"), field("_PID")).as_bytes());
    match record.get("MESSAGE") {
        Some(Value::String(message)) => text.extend_from_slice(message.as_bytes()),
        // What is not UTF-8 comes as a list of its bytes.
        Some(Value::Array(bytes)) => {
            text.extend(bytes.iter().filter_map(Value::as_u64).filter_map(|byte| u8::try_from(byte).ok()));
        }
        _ => {}
    }
    text.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::level::{Level, level};

    #[test]
    fn a_record_is_one_event_with_its_time_and_level() {
        let mut text = Vec::new();
        write(
            r#"{"__REALTIME_TIMESTAMP":"1795168800000000","PRIORITY":"2","SYSLOG_IDENTIFIER":"kernel","_PID":"1","MESSAGE":"one\n two"}"#,
            &mut text,
        );
        write(r#"{"__REALTIME_TIMESTAMP":"1795168801000000","MESSAGE":[104,105,255],"_COMM":"x"}"#, &mut text);
        write("no record", &mut text);
        assert_eq!(text, b"1795168800000000 CRIT kernel[1]: one\n two\n1795168801000000 INFO x[]: hi\xff\n");
        assert_eq!(level(&text), Some(Level::Critical));
    }
}
