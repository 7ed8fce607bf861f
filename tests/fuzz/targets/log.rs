//! Lines of logs: any bytes have a time or none, a level or none, and a shape that is short; and all cuts of a log give the
//! same counts as the whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selx_checks::logs::fuzz;

fuzz_target!(|bytes: &[u8]| {
    fuzz::line(bytes);
    fuzz::cuts(bytes);
});
