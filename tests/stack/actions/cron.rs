//! What cron gives: hardly a path, no terminal, no locale, a strict mask, and the root as the folder.

use std::process::Command;

use crate::actions::backups::{archives, desk};
use crate::actions::{Desk, names};
use crate::process::{Ran, binary};
use crate::stack::Stack;

/// The sample of the example's own policy for backups.
const SAMPLE: &str = "# permit = { risk = \"safe\", window = \"01:00-05:00\" }";

/// Runs the program as a line of a crontab does.
fn cron(desk: &Desk<'_>, action: &str) -> Ran {
    let mut command = Command::new("/usr/bin/setsid");
    command.args(["--wait", "/usr/bin/env", "-i", "HOME=/root", "LOGNAME=root", "SHELL=/bin/sh", "PATH=/usr/bin:/bin"]);
    command.args(["/bin/sh", "-c", "umask 077; exec \"$@\"", "sh"]).arg(binary());
    command.args(["act", action, "--permitted", "--config"]).arg(desk.path("selx.toml"));
    Ran::of(command.env_clear().current_dir("/"))
}

/// Writes into the file what a crontab has no other way to say: which engine it is, and where the state lies.
fn for_cron(desk: &Desk<'_>) {
    let service = "service = \"postgres\"";
    desk.set(service, &format!("{service}, engine = \"{}\"", desk.stack.engine()));
    let history = format!("[history]\npath = \"{}\"\n\n[check.compose-services.product]", desk.path("state").display());
    desk.set("[check.compose-services.product]", &history);
}

#[test]
fn from_cron_nothing_is_done_that_the_file_does_not_permit() {
    let stack = Stack::alone();
    let desk = Desk::of(&stack);
    for_cron(&desk);
    let ran = cron(&desk, "backup-create.product").code(13);
    let ran = ran.says(&["permits `backup-create.product` nothing by itself", "permit = {"]);
    assert!(ran.out.is_ascii() && ran.err.is_empty(), "{ran:#?}");
    // Nor outside of its hours.
    let now = jiff::tz::TimeZone::system().to_datetime(jiff::Timestamp::now());
    let window = format!("{:02}:00-{:02}:00", (now.hour() + 11) % 24, (now.hour() + 12) % 24);
    desk.set(SAMPLE, &format!("permit = {{ risk = \"safe\", window = \"{window}\" }}"));
    cron(&desk, "backup-create.product").code(13).says(&["the window", "is closed"]);
    assert_eq!(names(&desk.path("backups")), [""; 0]);
    assert!(!desk.path("state").join("journal").exists(), "no run was begun");
}

#[test]
fn from_cron_a_backup_is_made_and_tried_where_the_file_permits_it() {
    let stack = Stack::alone();
    let (desk, _) = desk(&stack);
    for_cron(&desk);
    desk.set(SAMPLE, "permit = { risk = \"safe\" }");
    let ran = cron(&desk, "backup-create.product").code(0).says(&["read back whole", "1 step done", "free before"]);
    assert!(ran.out.is_ascii() && ran.err.is_empty(), "{ran:#?}");
    let made = archives(&desk);
    assert_eq!(made.len(), 1);
    // What cron makes is for root alone, and the server of a drill still finds its way as somebody else.
    desk.set("# permit = { risk = \"safe\", window = \"03:00-06:00\" }", "permit = { risk = \"safe\" }");
    cron(&desk, "backup-drill.product").code(0).says(&["3 assertions held", "1 step done"]);
    assert_eq!(names(&desk.path("backups")), [made[0].clone(), format!("{}.proof.json", made[0])]);
    assert_eq!(names(&desk.path("drill")), [""; 0]);
}
