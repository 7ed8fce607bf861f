//! Backups of the product: looked at by tar, by `pg_restore` and `psql` of its server's container, and by what is on the disk.

use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::actions::{Desk, came, names, program};
use crate::stack::Stack;

const CREATE: &str = "backup-create.product";
const PRUNE: &str = "backup-prune.product";
const RESTORE: &str = "backup-restore.product";

/// Returns the first two numbers of a version, such as those of `15.20 (Debian 15.20-0+deb12u1)`.
fn version(text: &str) -> (u32, u32) {
    let mut numbers = text.split(|letter: char| !letter.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Returns the version of the product's server.
pub(super) fn server(stack: &Stack) -> String {
    stack.sql("SHOW server_version").split_whitespace().next().unwrap().to_owned()
}

/// Makes a desk whose programs of PostgreSQL are as new as the product's server, and returns where they are. What an older
/// `pg_dump` writes is not always taken by an older server. Where this machine lacks updates that the container has, the
/// container's own are taken.
pub(super) fn desk(stack: &Stack) -> (Desk<'_>, PathBuf) {
    let desk = Desk::of(stack);
    let wanted = server(stack);
    let major = version(&wanted).0;
    let installed = names(Path::new("/usr/lib/postgresql")).into_iter().filter_map(|name| name.parse::<u32>().ok());
    // As the kinds choose: of the server's own version, or the next newer one.
    let nearest = installed.filter(|number| *number >= major).min();
    let nearest =
        nearest.unwrap_or_else(|| panic!("the server is not on this machine: apt-get install postgresql-{major}"));
    let here = PathBuf::from(format!("/usr/lib/postgresql/{nearest}/bin"));
    let said = program(Command::new(here.join("postgres")).arg("--version"));
    let found = version(said.split(") ").nth(1).expect("it says its version"));
    let folder = if found < version(&wanted) { copied(&desk, major) } else { here };
    for action in [CREATE, RESTORE, "backup-drill.product"] {
        desk.add(action, &format!("programs = \"{}\"", folder.display()));
    }
    (desk, folder)
}

/// Copies the programs of the server's container. They find what they need beside themselves.
fn copied(desk: &Desk<'_>, major: u32) -> PathBuf {
    let (stack, packed) = (desk.stack, desk.path("programs.tar"));
    let line = format!(
        "tar -C /usr -c --exclude=bitcode --exclude='llvmjit*' lib/postgresql/{major} share/postgresql/{major}"
    );
    let mut packing = stack.docker_command(&["exec", &stack.container("postgres"), "sh", "-c", &line]);
    assert!(packing.stdout(File::create(&packed).unwrap()).status().unwrap().success());
    let folder = desk.path("programs");
    std::fs::create_dir(&folder).unwrap();
    program(Command::new("tar").arg("-xf").arg(&packed).arg("-C").arg(&folder));
    folder.join(format!("lib/postgresql/{major}/bin"))
}

/// Asks in a database of the product's server.
pub(super) fn ask(stack: &Stack, database: &str, question: &str) -> String {
    let psql = ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-c", question];
    stack.inside("postgres", &psql).trim().to_owned()
}

/// Returns what is in a database: the number of its rows, and a checksum of them.
pub(super) fn content(stack: &Stack, database: &str) -> String {
    let of = |table| format!("SELECT count(*), md5(string_agg(t::text, '|' ORDER BY id)) FROM {table} t");
    format!("{} {}", ask(stack, database, &of("tasks")), ask(stack, database, &of("users")))
}

fn databases(stack: &Stack) -> String {
    ask(stack, "postgres", "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE NOT datistemplate")
}

/// Returns the archives that are there, the oldest first.
pub(super) fn archives(desk: &Desk<'_>) -> Vec<String> {
    names(&desk.path("backups")).into_iter().filter(|name| name.ends_with(".tar.zst")).collect()
}

/// Makes a backup, as an operator does.
pub(super) fn back_up(desk: &Desk<'_>) -> PathBuf {
    let shown = desk.plan(CREATE);
    desk.apply(CREATE, &shown);
    desk.path("backups").join(archives(desk).last().unwrap())
}

/// Unpacks an archive by other programs, and returns where.
fn unpacked(desk: &Desk<'_>, archive: &Path) -> PathBuf {
    let folder = desk.path("unpacked");
    std::fs::create_dir(&folder).unwrap();
    program(Command::new("tar").arg("--zstd").arg("-xf").arg(archive).arg("-C").arg(&folder));
    folder
}

#[test]
fn m1_backup_create() {
    let stack = Stack::alone();
    let (desk, _) = desk(&stack);
    let before = content(&stack, "selextract");
    let shown = desk.plan(CREATE).says(&["dump `selextract`", "2 tables", "1 step, safe", "takes"]);
    assert_eq!(names(&desk.path("backups")), [""; 0], "a plan changes nothing");
    let report = desk.apply(CREATE, &shown);
    assert!(came(&report).contains("read back whole"), "{report:#}");
    let archive = desk.path("backups").join(&archives(&desk)[0]);
    assert_eq!(names(&desk.path("backups")).len(), 1);
    assert_eq!(archive.metadata().unwrap().permissions().mode() & 0o777, 0o600, "it holds secrets");
    // What it takes to start the product elsewhere is in it, byte for byte.
    let folder = unpacked(&desk, &archive);
    let certificates = stack.served();
    for path in [
        stack.compose_file(),
        stack.password_file("postgres"),
        stack.password_file("redis"),
        stack.ca_file(),
        certificates.join("key.pem"),
        certificates.join("fullchain.pem"),
    ] {
        let copy = folder.join("files").join(path.strip_prefix("/").unwrap());
        assert_eq!(std::fs::read(copy).unwrap(), std::fs::read(&path).unwrap(), "{}", path.display());
    }
    // The server's own program reads the dump.
    let dump = File::open(folder.join("database/selextract.dump")).unwrap();
    let mut listing = stack.docker_command(&["exec", "-i", &stack.container("postgres"), "pg_restore", "--list"]);
    let listed = program(listing.stdin(dump));
    for words in ["TABLE DATA public tasks postgres", "TABLE DATA public users postgres", "FK CONSTRAINT public tasks"]
    {
        assert!(listed.contains(words), "{listed}");
    }
    for service in ["postgres", "redis"] {
        let password = std::fs::read_to_string(stack.password_file(service)).unwrap();
        assert!(!format!("{}{report}", shown.text).contains(password.trim()), "a password of {service} is shown");
    }
    assert_eq!(content(&stack, "selextract"), before);
    // The next one comes after it, and leaves it alone.
    let bytes = std::fs::read(&archive).unwrap();
    let shown = desk.plan(CREATE).says(&["archives that are there already"]);
    desk.apply(CREATE, &shown);
    let all = archives(&desk);
    assert!(all.len() == 2 && archive.ends_with(&all[0]), "{all:?}");
    assert_eq!(std::fs::read(&archive).unwrap(), bytes);
}

#[test]
fn m1_backup_prune() {
    let stack = Stack::alone();
    let (desk, _) = desk(&stack);
    for _ in 0..3 {
        back_up(&desk);
    }
    let all = archives(&desk);
    // By what the example keeps, nothing goes.
    desk.nothing(PRUNE);
    desk.set(
        "keep-last = 3\nkeep-within = \"14d\"\nkeep-weekly = 8\nkeep-monthly = 12\n",
        "keep-last = 1\nkeep-within = \"1s\"\n",
    );
    desk.add(PRUNE, "max-share = \"100%\"");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let shown = desk.plan(PRUNE).says(&[&all[0], &all[1], "2 steps, safe"]);
    assert_eq!(archives(&desk), all, "a plan changes nothing");
    desk.apply(PRUNE, &shown);
    assert_eq!(archives(&desk), all[2..]);
    assert_eq!(names(&desk.path("backups/.selx-trash")), all[..2]);
    desk.nothing(PRUNE).says(&["set aside, and kept there for `grace`"]);
    // When the grace is over.
    desk.add(PRUNE, "grace = \"1s\"");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let shown = desk.plan(PRUNE).says(&["2 steps, destructive"]);
    desk.apply(PRUNE, &shown);
    assert!(!desk.path("backups/.selx-trash").exists() || names(&desk.path("backups/.selx-trash")).is_empty());
    program(Command::new("zstd").args(["-t", "-q"]).arg(desk.path("backups").join(&all[2])));
    desk.nothing(PRUNE);
}

#[test]
fn m1_backup_restore() {
    let stack = Stack::alone();
    let (desk, _) = desk(&stack);
    let started = "SELECT pg_postmaster_start_time()";
    let state = || (content(&stack, "selextract"), ask(&stack, "postgres", started));
    back_up(&desk);
    let (before, known) = (state(), databases(&stack));
    let shown = desk.plan(RESTORE).says(&["load `selextract`", "`selextract_restored`", "2 steps, all or none"]);
    assert_eq!(databases(&stack), known, "a plan changes nothing");
    let report = desk.apply(RESTORE, &shown);
    assert!(came(&report).contains("as in the snapshot"), "{report:#}");
    assert_eq!(databases(&stack), format!("{known} selextract_restored"));
    assert_eq!(content(&stack, "selextract_restored"), before.0);
    // What is there is not restored over, and the product's own database was left alone.
    desk.act(&[RESTORE]).code(12).says(&["`selextract_restored` is not empty", "set `replace`"]);
    ask(&stack, "postgres", "DROP DATABASE selextract_restored");
    assert_eq!((state(), databases(&stack)), (before, known));
}
