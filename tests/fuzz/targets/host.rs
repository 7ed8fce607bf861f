//! What the kernel tells in `/proc`: any text is read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selx_checks::host::{cgroup, cpu, memory, mounts, pressure};

fuzz_target!(|text: &str| {
    let mounts = mounts::parse_mountinfo(text);
    let _ = mounts;
    let _ = cpu::parse_stat(text);
    let _ = cpu::parse_loadavg(text);
    let _ = memory::parse_meminfo(text);
    let _ = memory::parse_oom_kills(text);
    let _ = pressure::parse(text);
    let _ = cgroup::parse_cpu_max(text);
    let _ = cgroup::field(text, "anon");
});
