//! The tables of the product's server, looked at by `psql` in its container. Each test has a table of its own, and drops it.

use crate::actions::{Desk, came};
use crate::stack::Stack;

const ANALYZE: &str = "postgres-analyze.main";
const VACUUM: &str = "postgres-vacuum.main";
const REINDEX: &str = "postgres-reindex.main";
/// Where the example says which server is looked after.
const SERVER: &str = "service = \"postgres\" } }";

/// A table of a test in the product's database; it goes with the value.
struct Table<'a> {
    stack: &'a Stack,
    name: String,
}

impl<'a> Table<'a> {
    /// Makes one that autovacuum leaves alone, as rows that it would look after first prove nothing.
    fn new(stack: &'a Stack, name: &str) -> Self {
        stack.sql(&format!("DROP TABLE IF EXISTS {name}"));
        stack.sql(&format!(
            "CREATE TABLE {name} (id bigint PRIMARY KEY, note text) WITH (autovacuum_enabled = off); \
             INSERT INTO {name} SELECT n, 'note ' || n FROM generate_series(1, 40000) n"
        ));
        Self { stack, name: name.to_owned() }
    }

    /// Asks about it; `#` stands for its name.
    fn ask(&self, question: &str) -> String {
        self.stack.sql(&question.replace('#', &self.name)).trim().to_owned()
    }
}

impl Drop for Table<'_> {
    fn drop(&mut self) {
        let name = &self.name;
        let line = format!("psql -qX -U postgres -d selextract -c 'DROP TABLE IF EXISTS {name}'");
        let container = self.stack.container("postgres");
        // A test that failed already is to say why, and not that this failed too.
        let _ = self.stack.docker_command(&["exec", &container, "sh", "-c", &line]).output();
    }
}

/// Looks after a table of the test alone: what others changed in the product's own is not this test's.
fn only(desk: &Desk<'_>, action: &str, table: &Table<'_>, more: &str) {
    let server = format!("service = \"postgres\" }}, include = [\"public.{}*\"]{more} }}", table.name);
    desk.set_in(action, SERVER, &server);
}

#[test]
fn m2_postgres_analyze() {
    let stack = Stack::alone();
    let (desk, table) = (Desk::of(&stack), Table::new(&stack, "of_analyze"));
    only(&desk, ANALYZE, &table, "");
    let counts = "SELECT analyze_count, (SELECT count(*) FROM pg_stats WHERE tablename = '#'), \
                  (SELECT reltuples FROM pg_class WHERE oid = '#'::regclass) FROM pg_stat_user_tables WHERE relname = '#'";
    let before = table.ask(counts);
    assert_eq!(before, "0|0|-1");
    let shown = desk.plan(ANALYZE).says(&["public.of_analyze", "1 step, safe"]);
    assert_eq!(table.ask(counts), before, "a plan changes nothing");
    let report = desk.apply(ANALYZE, &shown);
    assert!(came(&report).contains("public.of_analyze"), "{report:#}");
    assert_eq!(table.ask(counts), "1|2|40000");
    desk.nothing(ANALYZE);
    // What was confirmed is done once.
    desk.act(&[ANALYZE, "--apply", &shown.hash]).code(13);
    // Changed rows make it due again, and only enough of them.
    table.ask("DELETE FROM # WHERE id <= 3000");
    desk.nothing(ANALYZE);
    table.ask("DELETE FROM # WHERE id <= 9000");
    desk.plan(ANALYZE).says(&["public.of_analyze"]);
}

#[test]
fn m3_postgres_vacuum() {
    let stack = Stack::alone();
    let (desk, table) = (Desk::of(&stack), Table::new(&stack, "of_vacuum"));
    only(&desk, VACUUM, &table, "");
    desk.nothing(VACUUM);
    table.ask("DELETE FROM # WHERE id > 30000");
    let state = "SELECT n_dead_tup, vacuum_count, pg_relation_filenode(relid), pg_relation_size(relid) \
                 FROM pg_stat_user_tables WHERE relname = '#'";
    let before = table.ask(state);
    assert!(before.starts_with("10000|0|"), "{before}");
    let shown = desk.plan(VACUUM);
    let shown = shown.says(&["public.of_vacuum", "10 000 dead rows beside 30 000 live ones", "1 step, safe"]);
    assert_eq!(table.ask(state), before, "a plan changes nothing");
    desk.apply(VACUUM, &shown);
    // The file is the one it was, and as long: nobody was locked out to give room back.
    assert_eq!(table.ask(state), before.replace("10000|0|", "0|1|"));
    assert_eq!(table.ask("SELECT count(*) FROM #"), "30000");
    desk.nothing(VACUUM);
}

#[test]
fn m4_postgres_reindex() {
    let stack = Stack::alone();
    let (desk, table) = (Desk::of(&stack), Table::new(&stack, "of_reindex"));
    only(&desk, REINDEX, &table, ", min-size = \"256KiB\"");
    table.ask("CREATE INDEX ON # (note); DELETE FROM # WHERE id % 10 <> 0");
    table.ask("ANALYZE #");
    let files = "SELECT string_agg(relname || ' ' || relfilenode, ',' ORDER BY relname) FROM pg_class \
                 WHERE relname LIKE '#%'";
    let bytes = || table.ask("SELECT pg_indexes_size('#')").parse::<u64>().unwrap();
    let (before, large) = (table.ask(files), bytes());
    let shown = desk.plan(REINDEX);
    let shown = shown.says(&["public.of_reindex_note_idx", "public.of_reindex_pkey", "2 steps, disruptive"]);
    // The data lies on this machine, though in a container, and its disk was looked at.
    assert!(!shown.text.contains("not to be seen from here"), "{}", shown.text);
    assert_eq!((table.ask(files), bytes()), (before.clone(), large), "a plan changes nothing");
    let report = desk.apply(REINDEX, &shown);
    assert!(came(&report).contains("rebuilt"), "{report:#}");
    let after = table.ask(files);
    let is_same = |name: &str| before.split(',').any(|one| one.starts_with(name) && after.contains(one));
    assert!(is_same("of_reindex ") && !is_same("of_reindex_note_idx ") && !is_same("of_reindex_pkey "), "{after}");
    assert!(bytes() * 4 < large, "{large} {}", bytes());
    // Two are there, valid, of no other name, and lead to every row.
    let whole = "SELECT count(*), count(*) FILTER (WHERE indisvalid AND indisready) FROM pg_index \
                 WHERE indrelid = '#'::regclass";
    assert_eq!(table.ask(whole), "2|2");
    let found = "SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT count(*) FROM # WHERE note > ''";
    assert_eq!(table.ask(found), "4000");
    desk.nothing(REINDEX);
}
