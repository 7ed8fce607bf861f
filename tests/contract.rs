//! Every registered kind passes the contract, and the documents that derive from the registry are up to date.
//!
//! `SELX_UPDATE=1 cargo test --test contract` rewrites the derived documents.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use selx_core::{Meta, Registry, contract, report};

fn registry() -> Registry {
    let mut registry = Registry::new();
    selx_checks::register(&mut registry).expect("no kind is registered twice");
    registry
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Finds the folders of kinds: those whose page begins with an id.
fn folders(below: &Path, found: &mut BTreeMap<String, PathBuf>) {
    for entry in std::fs::read_dir(below).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            folders(&path, found);
        } else if path.file_name().is_some_and(|name| name == "README.md") {
            let text = std::fs::read_to_string(&path).expect("a page");
            let title = text.lines().next().unwrap_or_default().trim_start_matches('#').trim().replace('`', "");
            assert!(found.insert(title.clone(), below.to_owned()).is_none(), "two pages are about `{title}`");
        }
    }
}

#[test]
fn every_kind_keeps_to_the_contract() {
    let registry = registry();
    let mut pages = BTreeMap::new();
    folders(&root().join("selx-checks/src"), &mut pages);
    let mut broken = Vec::new();
    let mut look = |id: String, violations: &dyn Fn(&Path) -> Vec<String>| match pages.remove(&id) {
        Some(folder) => broken.extend(violations(&folder).into_iter().map(|violation| format!("{id}: {violation}"))),
        None => broken.push(format!("{id}: has no page")),
    };
    for factory in registry.kinds() {
        look(factory.meta().id.to_string(), &|folder| contract::of_factory(factory, &registry, folder));
    }
    for factory in registry.actions() {
        look(factory.meta().id.to_string(), &|folder| contract::of_action(factory, &registry, folder));
    }
    broken.extend(pages.keys().map(|title| format!("{title}: has a page and is not registered")));
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_kinds_of_the_daily_report_are_there() {
    let names: Vec<_> = registry().names().collect();
    let expected = [
        "backup-archive",
        "celery-progress",
        "celery-queues",
        "celery-workers",
        "command",
        "compose-services",
        "host-cpu",
        "host-disk",
        "host-memory",
        "http",
        "logs-patterns",
        "logs-sizes",
        "postgres-activity",
        "postgres-ready",
        "prometheus-query",
        "redis-ping",
        "redis-stats",
        "sql-query",
        "tls-certificate",
    ];
    assert_eq!(names, expected);
    let actions: Vec<_> = registry().action_names().collect();
    let expected = [
        "backup-create",
        "backup-drill",
        "backup-prune",
        "backup-restore",
        "docker-prune",
        "journal-vacuum",
        "logs-clean",
        "logs-rotate",
        "postgres-analyze",
        "postgres-reindex",
        "postgres-vacuum",
    ];
    assert_eq!(actions, expected);
}

/// Compares a derived document with the one that is kept, or rewrites it.
fn derived(path: &str, text: &str) {
    let path = root().join(path);
    if std::env::var_os("SELX_UPDATE").is_some() {
        std::fs::write(&path, text).expect("the document");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "{} is not up to date; run `SELX_UPDATE=1 cargo test --test contract`", path.display());
}

#[test]
fn the_schemas_are_up_to_date() {
    let schema = selx_core::config::schema(&registry());
    derived("docs/selx.schema.json", &format!("{:#}\n", schema));
    derived("docs/report-v1.schema.json", &format!("{:#}\n", report::v1::schema().as_value()));
}

#[test]
fn the_index_of_kinds_is_up_to_date() {
    let mut text = String::from(
        "# The kinds\n\nThis page derives from the registry. `selx explain KIND` prints the page of a kind with its \
         settings, limits and codes.\n\n| kind | area | what it tells | routines |\n|---|---|---|---|\n",
    );
    let mut pages = BTreeMap::new();
    folders(&root().join("selx-checks/src"), &mut pages);
    let row = |meta: &Meta| {
        let folder = pages.get(meta.id.as_str()).expect("a page").strip_prefix(root()).expect("inside");
        format!("| [`{}`](../{}/README.md) | {} | {} |", meta.id, folder.display(), meta.area, meta.summary)
    };
    for factory in registry().kinds() {
        text.push_str(&format!("{} {} |\n", row(factory.meta()), factory.meta().routines.join(", ")));
    }
    text.push_str(
        "\n## Actions\n\nThey change something, and only what was shown and confirmed: [ACTIONS.md](ACTIONS.md).\n\n\
         | kind | area | what it does |\n|---|---|---|\n",
    );
    for factory in registry().actions() {
        text.push_str(&format!("{}\n", row(factory.meta())));
    }
    derived("docs/KINDS.md", &text);
}
