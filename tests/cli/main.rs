//! The program as an operator, cron and a monitoring system meet it: the real binary, real files, a real terminal.

#![expect(clippy::disallowed_methods, reason = "the program under test is started as any program is")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails; functions beside the tests are part of them"
)]

mod actions;
mod configuration;
mod delivery;
mod doctor;
mod environment;
mod init;
mod interrupts;
mod limits;
mod process;
mod terminal;
mod usage;
