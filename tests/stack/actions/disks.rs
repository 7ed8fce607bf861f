//! Logs of the product's jobs on a disk of their own, some of which are old by every time that a file has. A running system
//! cannot set when a file was made or changed, so these times are set in the image of the disk.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::actions::{Desk, program, room};
use crate::stack::Stack;

const CLEAN: &str = "logs-clean.jobs";
/// Those that go: no program has them open, and two of their log are younger.
const GONE: [&str; 2] = ["selx.log-20260101T020000Z", "selx.log-20260102T020000Z"];
/// Those that stay, of which the first three are young.
const STAYS: [&str; 6] =
    ["notes.txt", "report.log", "selx.log", "report.log.2", "report.log.1", "selx.log-20260103T020000Z"];
/// How long each of those is that go.
const LENGTH: usize = 6 << 20;

/// The folder of the logs on a disk of its own, mounted where nobody else sees it.
struct Disk<'a> {
    desk: Desk<'a>,
    /// Holds the table of mounts, and has one of the logs open.
    holder: Child,
}

impl<'a> Disk<'a> {
    fn new(stack: &'a Stack) -> Self {
        let mut desk = Desk::of(stack);
        let (source, image) = (desk.path("source"), desk.path("logs.img"));
        std::fs::create_dir(&source).unwrap();
        for name in STAYS {
            std::fs::write(source.join(name), "a line\n").unwrap();
        }
        for name in GONE {
            std::fs::write(source.join(name), vec![b'x'; LENGTH]).unwrap();
        }
        std::fs::File::create(&image).unwrap().set_len(32 << 20).unwrap();
        program(Command::new("/sbin/mke2fs").args(["-q", "-t", "ext4", "-I", "256", "-d"]).arg(&source).arg(&image));
        // Each is a day younger than the one before.
        let old = GONE.iter().chain(&STAYS[3..]).enumerate();
        let set = |(day, name): (usize, &&str)| {
            let times = ["atime", "mtime", "ctime", "crtime"].iter();
            times.map(|time| format!("set_inode_field /{name} {time} 2026010{}\n", day + 1)).collect::<String>()
        };
        let commands = desk.place.put("times", &old.map(set).collect::<String>());
        program(Command::new("/sbin/debugfs").args(["-w", "-f"]).arg(commands).arg(&image));
        let line = "mount -o loop logs.img logs && exec 9<logs/report.log.2 && echo mounted && exec sleep 3600";
        let mut holder = Command::new("/usr/bin/unshare")
            .args(["-m", "--propagation", "private", "/bin/bash", "-c", line])
            .current_dir(desk.path(""))
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare is there");
        let mut said = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "mounted\n", "this test needs the right to mount (root)");
        desk.mounts = Some(holder.id());
        Self { desk, holder }
    }

    /// Runs another program where the disk is seen.
    fn inside(&self, words: &[&str]) -> String {
        program(Command::new("/usr/bin/nsenter").arg("-m").arg(format!("-t{}", self.holder.id())).args(words))
    }

    fn names(&self) -> Vec<String> {
        let listed = self.inside(&["/bin/ls", "-A", self.desk.path("logs").to_str().unwrap()]);
        listed.lines().filter(|name| *name != "lost+found").map(str::to_owned).collect()
    }

    /// Returns how many bytes are free, and how many there are in all, by another program.
    fn room(&self) -> (u64, u64) {
        let logs = self.desk.path("logs");
        let said = self.inside(&["/usr/bin/stat", "-f", "-c", "%a %b %S", logs.to_str().unwrap()]);
        let numbers: Vec<u64> = said.split_whitespace().map(|number| number.parse().unwrap()).collect();
        (numbers[0] * numbers[2], numbers[1] * numbers[2])
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Returns names in the order of their letters.
fn sorted(names: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    names.sort();
    names
}

#[test]
fn w18_logs_clean() {
    let stack = Stack::shared();
    let disk = Disk::new(&stack);
    let all = sorted(&[&GONE[..], &STAYS].concat());
    let shown = disk.desk.plan(CLEAN).says(&["delete ", GONE[0], GONE[1], "2 steps, destructive", "frees 12 MiB"]);
    let shown = shown.says(&["a program has it open", "no log by its name"]);
    assert_eq!(disk.names(), all, "a plan changes nothing");
    let done = disk.desk.act(&[CLEAN, "--apply", &shown.hash]).code(0);
    done.says(&["logs-clean.jobs done: 2 steps done", "free before", "(12 MiB more)"]);
    assert_eq!(disk.names(), sorted(&STAYS));
    disk.desk.nothing(CLEAN);
}

#[test]
fn w20_the_room_on_the_disk_before_and_after_stands_in_the_report() {
    // Those of the other tests have it as well: each report that is read is looked at for it.
    let stack = Stack::shared();
    let disk = Disk::new(&stack);
    let shown = disk.desk.plan(CLEAN);
    let before = disk.room();
    let report = disk.desk.apply(CLEAN, &shown);
    let [told] = room(&report)[..] else { panic!("one disk: {report:#}") };
    assert_eq!(((told.0, told.2), (told.1, told.2)), (before, disk.room()), "as another program sees it");
    assert!(told.1 - told.0 >= 2 * LENGTH as u64, "{told:?}");
}
