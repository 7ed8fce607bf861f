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
        // Without it a text of more than 4 KiB is printed as nothing. It is not told to be quiet: then it would not say
        // either that this user sees a part of the journal only.
        .arg("--all")
        .arg("--no-pager")
        .arg(format!("--since=@{}", from.as_second()))
        .arg(format!("--until=@{}", to.as_second().saturating_add(1)));
    if let Some(folder) = &journal.folder {
        child = child.arg(format!("--directory={}", folder.display()));
    }
    for unit in &journal.units {
        child = child.arg(format!("--unit={unit}"));
    }
    let ended = child.run(cx).await?;
    match ended.exit {
        Exit::Code(0) => {}
        Exit::OutOfTime => return Err(Error::new(ErrorKind::TimedOut, "journalctl did not end in time")),
        exit => {
            let said = ended.stderr.text.lines().next().unwrap_or_default();
            return Err(Error::new(ErrorKind::Local, format!("journalctl failed ({exit:?})")).with("saying", said));
        }
    }
    // The rest is judged, and what is missing is told.
    if let Some(error) = missing(&ended.stderr.text) {
        cx.fault(error);
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

/// Tells what of the journal was not seen, by what the program says beside it.
fn missing(said: &str) -> Option<Error> {
    let said = said.trim();
    let first = said.lines().next()?;
    let is_refused = ["not seeing messages", "insufficient permissions", "Permission denied"]
        .iter()
        .any(|words| said.contains(words));
    Some(if is_refused {
        Error::new(ErrorKind::Denied, "this user may read a part of the journal only")
            .advice("run selx as root or in the group `systemd-journal`")
    } else {
        Error::new(ErrorKind::Local, format!("not all of the journal could be read: {first}"))
            .advice("`journalctl --verify` tells which file is damaged")
    })
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
    fn what_the_program_says_beside_it_is_told() {
        assert!(missing("").is_none());
        let hint = "Hint: You are currently not seeing messages from other users and the system.\n      Users in groups 'adm', \
                    'systemd-journal' can see all messages.\n      Pass -q to turn off this notice.\n";
        assert_eq!(missing(hint).map(|error| error.kind()), Some(ErrorKind::Denied));
        let refused = "No journal files were opened due to insufficient permissions.";
        assert_eq!(missing(refused).map(|error| error.kind()), Some(ErrorKind::Denied));
        let damaged = "Journal file /var/log/journal/x/system.journal is truncated, ignoring file.";
        assert_eq!(missing(damaged).map(|error| error.kind()), Some(ErrorKind::Local));
    }

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
