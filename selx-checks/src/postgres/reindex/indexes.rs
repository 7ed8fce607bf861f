//! Indexes as the catalogue shows them, and how much of one is air.

use serde::Deserialize;

use crate::postgres::maintenance::catalogue::{HERE, closed};
use crate::postgres::maintenance::{Facts, Plain, Relation};

/// How many indexes of a database are looked at; of more, nothing is planned.
pub(super) const MOST: usize = 50_000;

/// An index.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct Index {
    pub(super) oid: u32,
    pub(super) file: u32,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) table_oid: u32,
    pub(super) table_file: u32,
    pub(super) table: String,
    /// Whether queries use it.
    pub(super) valid: bool,
    /// How it finds things, such as `btree`.
    pub(super) method: String,
    /// Whether it keeps rows apart by other means than being equal: such a one cannot be rebuilt beside its use.
    pub(super) exclusion: bool,
    /// Whether it belongs to one in a larger whole, or to a constraint, and is not to be dropped by itself.
    pub(super) owned: bool,
    /// What it is, whatever it is called.
    pub(super) form: String,
    /// Bytes; nothing if somebody holds the table so that it cannot be asked.
    pub(super) bytes: Option<u64>,
    /// Rows in it when they were last counted; negative if they never were.
    pub(super) rows: f64,
    /// Rows of the table, and how many have changed since they were counted.
    pub(super) live: f64,
    pub(super) changed: f64,
    /// How full its pages are made, in percent.
    pub(super) fill: f64,
    /// How many columns it has, of how many of them the width is known, and how wide they are together on average.
    pub(super) columns: u32,
    pub(super) known: u32,
    pub(super) width: f64,
    /// Whether some of what it holds is NULL.
    pub(super) nulls: bool,
    /// Where it lies, if not with the other data.
    pub(super) tablespace: Option<String>,
    /// Whether a session is at work on the table that keeps ours out.
    pub(super) busy: bool,
    /// Whether the role may rebuild and drop it.
    pub(super) may: bool,
}

impl Index {
    pub(super) fn relation(&self) -> Relation {
        Relation { oid: self.table_oid, file: self.table_file, schema: self.schema.clone(), name: self.table.clone() }
    }

    pub(super) fn shown(&self) -> String {
        Plain::shown(&self.schema, &self.name)
    }

    /// Returns what share of it is air, by the estimate.
    ///
    /// # Errors
    ///
    /// Why there is no estimate.
    pub(super) fn air(&self, block: u64) -> Result<f64, &'static str> {
        let Some(bytes) = self.bytes else { return Err("somebody has or wants its table for himself alone") };
        if self.method != "btree" {
            return Err("no estimate for this sort of index");
        }
        if self.rows <= 0.0 || self.known < self.columns {
            return Err("no statistics of its columns, or no right to see them: analyse the table first");
        }
        if self.changed > 0.1 * self.live + 1000.0 {
            return Err("its statistics are old: analyse the table first");
        }
        let dense = dense(self.rows, self.width, self.nulls, self.fill, block as f64);
        Ok((1.0 - dense / (bytes as f64).max(1.0)).max(0.0))
    }
}

/// Returns how many bytes a B-tree of so many rows would take if it were made anew.
///
/// An entry is a head of 8 bytes (16 if it has to say what is NULL), the values, padded to 8, and 4 bytes that point to it.
/// A page has 40 bytes of its own and is filled as far as `fill` percent. One page in a hundred leads to others, and one is
/// the first. Equal values share an entry since version 13, so that the index may be smaller: the air is never told larger
/// than it is for that.
pub(super) fn dense(rows: f64, width: f64, nulls: bool, fill: f64, block: f64) -> f64 {
    let head = if nulls { 16.0 } else { 8.0 };
    let entry = head + (width / 8.0).ceil() * 8.0 + 4.0;
    let page = ((block - 40.0) * fill / 100.0).max(entry);
    let leaves = (rows / (page / entry).floor().max(1.0)).ceil();
    (leaves * 1.01 + 1.0).ceil() * block
}

/// The question about indexes; `only` is the number of one table, if one is meant.
pub(super) fn indexes(facts: &Facts, only: Option<u32>) -> String {
    let closed = closed();
    let (major, most) = (facts.major(), MOST + 1);
    // The owner may, and since 17 whoever may maintain the table; the owner of the database may not.
    let maintain = if major >= 17 { " OR has_table_privilege(c.oid, 'MAINTAIN')" } else { "" };
    // Whether NULLs are equal in it is known since 15.
    let nulls_distinct = if major >= 15 { "i.indnullsnotdistinct" } else { "false" };
    let only = only.map_or(String::new(), |oid| format!("AND c.oid = {oid}"));
    format!(
        "WITH {closed}, widths AS MATERIALIZED (SELECT schemaname, tablename, attname, avg_width, null_frac \
          FROM pg_stats WHERE NOT inherited) \
         SELECT x.oid::int8 AS oid, coalesce(pg_relation_filenode(x.oid), 0)::int8 AS file, n.nspname AS schema, \
         x.relname AS name, c.oid::int8 AS \"table-oid\", coalesce(pg_relation_filenode(c.oid), 0)::int8 AS \"table-file\", \
         c.relname AS table, i.indisvalid AND i.indisready AND i.indislive AS valid, m.amname AS method, \
         i.indisexclusion AS exclusion, x.relispartition OR EXISTS (SELECT FROM pg_constraint WHERE conindid = x.oid \
          AND contype IN ('p', 'u', 'x', 'f')) AS owned, \
         CASE WHEN c.oid IN (SELECT relation FROM closed) THEN '' ELSE ROW(x.relam, i.indkey::text, i.indclass::text, \
          i.indcollation::text, i.indoption::text, i.indisunique, i.indnkeyatts, {nulls_distinct}, \
          pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid), x.reltablespace, x.reloptions, \
          x.relpersistence)::text END AS form, \
         CASE WHEN c.oid NOT IN (SELECT relation FROM closed) AND x.oid NOT IN (SELECT relation FROM closed) \
          THEN coalesce(pg_relation_size(x.oid), 0) END AS bytes, \
         x.reltuples::float8 AS rows, greatest(pg_stat_get_live_tuples(c.oid), 0)::float8 AS live, \
         greatest(pg_stat_get_mod_since_analyze(c.oid), 0)::float8 AS changed, \
         coalesce((SELECT option_value::float8 FROM pg_options_to_table(x.reloptions) \
          WHERE option_name = 'fillfactor'), 90) AS fill, \
         (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = x.oid AND a.attnum > 0) AS columns, \
         w.known, w.width, w.nulls, nullif(pg_tablespace_location(nullif(x.reltablespace, 0)), '') AS tablespace, \
         c.oid IN (SELECT relation FROM busy) AS busy, \
         coalesce((pg_has_role(x.relowner, 'USAGE'){maintain}) AND has_table_privilege(c.oid, 'SELECT'), false) AS may \
         FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am m ON m.oid = x.relam \
         CROSS JOIN LATERAL (SELECT count(s.avg_width) AS known, \
          coalesce(sum(s.avg_width * (1 - s.null_frac)), 0)::float8 AS width, coalesce(bool_or(s.null_frac > 0), false) AS nulls \
          FROM pg_attribute a LEFT JOIN pg_attribute o ON o.attrelid = c.oid AND o.attnum = i.indkey[a.attnum - 1] \
          AND o.attnum <> 0 LEFT JOIN widths s ON s.schemaname = n.nspname \
          AND s.tablename = CASE WHEN o.attnum IS NULL THEN x.relname ELSE c.relname END \
          AND s.attname = coalesce(o.attname, a.attname) WHERE a.attrelid = x.oid AND a.attnum > 0) w \
         WHERE c.relkind = 'r' AND x.relkind = 'i' AND c.relpersistence <> 't' \
         AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)' {only} \
         ORDER BY n.nspname, x.relname LIMIT {most}"
    )
}

/// What a rebuild would wait for: transactions of this database that are older than an age in seconds and have seen or
/// changed anything; with a table, those that hold it.
pub(super) fn transactions(older: f64, table: Option<u32>) -> String {
    let columns = crate::postgres::maintenance::Blocker::COLUMNS;
    let lock = "SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'relation'";
    let matters = match table {
        Some(oid) => format!("EXISTS ({lock} AND l.relation = {oid} AND l.database = {HERE})"),
        None => format!("(a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL OR EXISTS ({lock}))"),
    };
    format!(
        "SELECT a.pid, {columns} FROM pg_stat_activity a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() \
         AND a.backend_type <> 'autovacuum worker' AND a.xact_start < clock_timestamp() - make_interval(secs => {older}) \
         AND {matters} \
         UNION ALL SELECT NULL, p.gid, p.owner, NULL, date_part('epoch', clock_timestamp() - p.prepared) \
         FROM pg_prepared_xacts p WHERE p.database = current_database() \
         AND p.prepared < clock_timestamp() - make_interval(secs => {older}) ORDER BY 5 DESC LIMIT 3"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dense_index_has_the_size_that_servers_give_it() {
        // A million `bigint`, as version 15 writes them without sharing: 2745 pages.
        let pages = dense(1e6, 8.0, false, 90.0, 8192.0) / 8192.0;
        assert!((2700.0..2800.0).contains(&pages), "{pages}");
    }

    #[test]
    fn what_is_not_known_is_no_air() {
        let index = Index {
            bytes: Some(100 << 20),
            method: "btree".to_owned(),
            rows: 1e6,
            live: 1e6,
            fill: 90.0,
            columns: 1,
            known: 1,
            width: 8.0,
            ..Index::default()
        };
        let air = index.air(8192).unwrap();
        assert!((0.7..0.9).contains(&air), "{air}");
        assert_eq!(Index { bytes: Some(8192), ..index.clone() }.air(8192), Ok(0.0));
        for unknown in [
            Index { bytes: None, ..index.clone() },
            Index { method: "gin".to_owned(), ..index.clone() },
            Index { rows: -1.0, ..index.clone() },
            Index { rows: 0.0, ..index.clone() },
            Index { known: 0, ..index.clone() },
            Index { changed: 2e5, ..index.clone() },
        ] {
            assert!(unknown.air(8192).is_err(), "{unknown:?}");
        }
    }
}
