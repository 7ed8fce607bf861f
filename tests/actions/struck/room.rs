//! What is deleted and frees nothing.

use std::os::fd::AsRawFd as _;

use selx_checks::logs::clean::LogsClean;
use selx_core::action::Outcome;
use serde_json::json;

use super::disk::Disk;
use crate::Machine;

const BYTES: usize = 6 << 20;

/// Memory that a program has of a file: its blocks stay as long as that, whatever becomes of its name.
struct Mapped(*mut libc::c_void);

impl Mapped {
    #[expect(unsafe_code, reason = "no library maps a file and forgets its descriptor")]
    fn of(path: &std::path::Path) -> Self {
        let file = std::fs::File::open(path).unwrap();
        // SAFETY: nobody reads what is mapped.
        let mapped =
            unsafe { libc::mmap(std::ptr::null_mut(), BYTES, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        assert_ne!(mapped, libc::MAP_FAILED);
        Self(mapped)
    }
}

impl Drop for Mapped {
    #[expect(unsafe_code, reason = "no library maps a file and forgets its descriptor")]
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length.
        unsafe { libc::munmap(self.0, BYTES) };
    }
}

#[test]
fn i18_the_report_has_the_room_as_it_is_not_as_it_was_expected() {
    let disk = Disk::new();
    for is_mapped in [true, false] {
        disk.format();
        disk.mount("data=ordered");
        let mut machine = Machine::new();
        machine.folder = disk.point.join("logs");
        std::fs::create_dir(&machine.folder).unwrap();
        let old = machine.file("a.log.1", BYTES);
        machine.file("a.log", 10);
        disk.sync();
        let mapped = is_mapped.then(|| Mapped::of(&old));
        machine.days_pass(31);
        let with = json!({ "path": machine.folder, "older-than": "30d", "max-share": "100%" });
        let plan = machine.plan::<LogsClean>(&with).unwrap();
        assert!(plan.plan.steps[0].bytes >= Some(6 << 20));
        let report = machine.apply::<LogsClean>(&plan);
        assert_eq!((report.outcome, old.exists()), (Outcome::Done, false), "{report:#?}");
        let space = &report.space[0];
        let freed = space.after.free.saturating_sub(space.before.free);
        assert_eq!(freed < 1 << 20, is_mapped, "{report:#?}");
        drop(mapped);
        disk.unmount();
    }
}
