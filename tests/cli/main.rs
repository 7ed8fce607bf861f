//! The program as an operator, cron and a monitoring system meet it: the real binary, real files, a real terminal.

#![expect(clippy::disallowed_methods, reason = "the program under test is started as any program is")]

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
