//! The tables of a database and their rows, as a dump holds them.

use std::collections::BTreeMap;

use selx_core::{Context, Error, ErrorKind, Result};

use crate::postgres::talk::Talk;

/// How many tables are counted in one question.
const AT_ONCE: usize = 50;
/// How many differences are named.
const NAMED: usize = 5;

/// Tables whose rows a dump holds: none of an extension, for those come with it. Names mean what they mean in `pg_catalog`.
const TABLES: &str = "SELECT format('%I.%I', n.nspname, c.relname), greatest(c.reltuples, 0)::bigint::text, \
    has_table_privilege(c.oid, 'SELECT')::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
    AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid \
    AND d.deptype = 'e') ORDER BY 1";
/// What every statement of ours stands under: names of the catalogue, no limits of the role, every row.
pub(crate) const PINS: &str = "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true), \
    pg_catalog.set_config('statement_timeout', '0', true), pg_catalog.set_config('lock_timeout', '60000', true), \
    pg_catalog.set_config('idle_in_transaction_session_timeout', '0', true), \
    pg_catalog.set_config('row_security', 'off', true)";

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// Its name, as SQL has it.
    pub(crate) name: String,
    /// How many rows the server believes that it has.
    pub(crate) believed: u64,
    /// Whether the role may read it.
    pub(crate) readable: bool,
}

/// Lists them, in a transaction that stands under [`PINS`].
pub(crate) async fn tables(talk: &mut Talk, cx: &Context) -> Result<Vec<Table>> {
    let rows = talk.rows(TABLES, cx).await?;
    let table = |row: Vec<Option<String>>| match <[Option<String>; 3]>::try_from(row) {
        Ok([Some(name), Some(believed), Some(readable)]) => {
            Ok(Table { name, believed: believed.parse().unwrap_or(0), readable: readable == "true" })
        }
        _ => Err(Error::new(ErrorKind::Protocol, "the server lists tables in another way than it was asked")),
    };
    rows.into_iter().map(table).collect()
}

/// Counts the rows of tables, in the snapshot of the transaction.
pub(crate) async fn count(talk: &mut Talk, tables: &[Table], cx: &Context) -> Result<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    for tables in tables.chunks(AT_ONCE) {
        let questions = tables.iter().map(|table| format!("SELECT count(*)::text FROM ONLY {}", table.name));
        let answers = talk.say(&questions.collect::<Vec<_>>().join("; "), cx).await?;
        if answers.len() != tables.len() {
            return Err(Error::new(ErrorKind::Protocol, "the server left counts of rows out"));
        }
        for (table, answer) in tables.iter().zip(&answers) {
            let count = answer.rows.first().and_then(|row| row.first()?.as_deref()?.parse().ok());
            let odd = || Error::new(ErrorKind::Protocol, format!("the rows of {} could not be counted", table.name));
            counts.insert(table.name.clone(), count.ok_or_else(odd)?);
        }
    }
    Ok(counts)
}

/// Says how the rows that there are differ from those that are to be there; nothing if they do not.
pub(crate) fn difference(wanted: &BTreeMap<String, u64>, there: &BTreeMap<String, u64>) -> Option<String> {
    let mut differences = Vec::new();
    for (table, rows) in wanted {
        match there.get(table) {
            None => differences.push(format!("{table} is not there")),
            Some(count) if count != rows => differences.push(format!("{table} has {count} rows and not {rows}")),
            Some(_) => {}
        }
    }
    let more = there.keys().filter(|table| !wanted.contains_key(*table));
    differences.extend(more.map(|table| format!("{table} was not in the backup")));
    let count = differences.len();
    differences.truncate(NAMED);
    match count {
        0 => None,
        count if count > NAMED => Some(format!("{}; and {} more", differences.join(", "), count - NAMED)),
        _ => Some(differences.join(", ")),
    }
}
