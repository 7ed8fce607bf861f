//! The questions of a look, for the version of the server. Names are looked up in the catalogue alone.

/// How many questions there are; the answers come in this order.
pub(super) const COUNT: usize = 8;

const SERVER: &str = r#"SELECT pg_is_in_recovery() AS standby, pg_backend_pid() AS process,
current_setting('server_version') AS version, current_setting('max_connections')::int8 AS "max-connections",
current_setting('superuser_reserved_connections')::int8
 + coalesce(nullif(current_setting('reserved_connections', true), '')::int8, 0) AS reserved,
pg_has_role('pg_read_all_stats', 'USAGE') AS "sees-all", current_setting('track_activities')::bool AS tracks,
current_setting('autovacuum_freeze_max_age')::float8 AS "freeze-max-age""#;

/// How many sessions are in which state, and those that matter: one look at the sessions, which the server has to plan only
/// once.
const ACTIVITY: &str = r#"WITH a AS (
 SELECT pid, datid, usename AS "user", datname AS database, application_name AS application, host(client_addr) AS client,
  backend_type AS kind, state, wait_event_type || ':' || wait_event AS wait,
  date_part('epoch', clock_timestamp() - query_start) AS "query-age",
  date_part('epoch', clock_timestamp() - xact_start) AS "transaction-age",
  date_part('epoch', clock_timestamp() - state_change) AS "state-age",
  age(backend_xmin) AS "xmin-age", QUERY AS query
 FROM pg_catalog.pg_stat_activity
), o AS (
 SELECT * FROM a WHERE pid <> pg_backend_pid()
), w AS (
 SELECT pid, WAITS AS waits, pg_blocking_pids(pid) AS blockers FROM o AS a
 WHERE wait LIKE 'Lock:%' ORDER BY "state-age" DESC LIMIT 50
), named AS (
 (SELECT pid FROM o WHERE kind = 'client backend' AND state = 'active' ORDER BY "query-age" DESC LIMIT 3)
 UNION (SELECT pid FROM o WHERE kind = 'client backend' AND "transaction-age" IS NOT NULL
  ORDER BY "transaction-age" DESC LIMIT 3)
 UNION (SELECT pid FROM o WHERE state LIKE 'idle in transaction%' ORDER BY "state-age" DESC LIMIT 3)
 UNION (SELECT pid FROM o WHERE "xmin-age" IS NOT NULL AND kind <> 'walsender' ORDER BY "xmin-age" DESC LIMIT 1)
 UNION SELECT pid FROM w UNION SELECT unnest(blockers) FROM w
)
SELECT coalesce((SELECT json_agg(g) FROM (
 SELECT coalesce(state, '') AS state, coalesce(kind, '') AS kind, datid IS NOT NULL AS database, count(*) AS count
 FROM a GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 100
) g), '[]') AS groups, coalesce((SELECT json_agg(s) FROM (
 SELECT o.*, w.waits, w.blockers FROM named JOIN o USING (pid) LEFT JOIN w USING (pid) LIMIT 200
) s), '[]') AS sessions"#;

/// The beginning of a query, by its bytes: in a database without an encoding a query is any bytes, and one that ends in
/// the middle of a letter makes `left` fail, and the whole look with it.
const QUERY: &str = "CASE WHEN octet_length(query) <= 2000 THEN query \
 ELSE replace(encode(substr(textsend(query), 1, 1000), 'escape'), repeat(chr(92), 2), chr(92)) END";

const PREPARED: &str = r#"SELECT gid, coalesce(database, '') AS database, coalesce(owner, '') AS owner, date_part('epoch', now() - prepared) AS age,
age(transaction) AS "xmin-age" FROM pg_catalog.pg_prepared_xacts ORDER BY prepared LIMIT 20"#;

const SLOTS: &str = r#"SELECT slot_name AS name, slot_type AS kind, active, WAL_STATUS AS "wal-status",
pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn)
 ::float8 AS kept, greatest(age(xmin), age(catalog_xmin)) AS "xmin-age", SYNCED AS synced
FROM pg_catalog.pg_replication_slots WHERE NOT temporary
ORDER BY coalesce(WAL_STATUS IN ('lost', 'unreserved'), false) DESC, 5 DESC NULLS LAST LIMIT 200"#;

const STANDBYS: &str = r#"SELECT coalesce(application_name, '') AS name, host(client_addr) AS client, state,
date_part('epoch', replay_lag) AS lag,
pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, replay_lsn)
 ::float8 AS behind, age(backend_xmin) AS "xmin-age"
FROM pg_catalog.pg_stat_replication ORDER BY 4 DESC NULLS LAST LIMIT 50"#;

const REPLAY: &str = r#"SELECT CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
 ELSE date_part('epoch', clock_timestamp() - pg_last_xact_replay_timestamp()) END AS lag,
EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver) AS receives WHERE pg_is_in_recovery()"#;

const DATABASES: &str = r#"SELECT d.datname AS name, age(d.datfrozenxid) AS age, mxid_age(d.datminmxid) AS "multixact-age",
coalesce(s.deadlocks, 0) AS deadlocks, coalesce(s.temp_bytes, 0) AS "temp-bytes", s.stats_reset::text AS reset
FROM pg_catalog.pg_database d LEFT JOIN pg_catalog.pg_stat_database s ON s.datid = d.oid
ORDER BY 2 DESC LIMIT 200"#;
/// The most databases that are told.
pub(super) const MOST_DATABASES: usize = 200;

const TABLES: &str = r#"SELECT c.oid::regclass::text AS name, age(c.relfrozenxid) AS age FROM pg_catalog.pg_class c
WHERE c.relkind IN ('r', 'm', 't') AND c.relfrozenxid::text <> '0' ORDER BY 2 DESC LIMIT 3"#;

/// Returns the questions for a server of a major version. Each row of an answer is one JSON object.
pub(super) fn questions(major: u32) -> [String; COUNT] {
    // 13 says whether the log of a slot is still there, 14 since when a lock is waited for, 17 which slots are copies.
    let synced = if major >= 17 { "synced" } else { "false" };
    let wal_status = if major >= 13 { "wal_status" } else { "NULL::text" };
    let waits = if major >= 14 {
        "(SELECT date_part('epoch', clock_timestamp() - min(l.waitstart)) FROM pg_catalog.pg_locks l \
         WHERE l.pid = a.pid AND NOT l.granted)"
    } else {
        "\"query-age\""
    };
    [SERVER, ACTIVITY, PREPARED, SLOTS, STANDBYS, REPLAY, DATABASES, TABLES].map(|question| {
        let question = question.replace("WAL_STATUS", wal_status).replace("WAITS", waits);
        let question = question.replace("QUERY", QUERY).replace("SYNCED", synced);
        format!("SELECT row_to_json(x) FROM ({question}) x")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_of_the_version() {
        for major in 11..=18 {
            let all = questions(major).join(";");
            assert_eq!(all.contains("wal_status"), major >= 13);
            assert_eq!(all.contains("waitstart"), major >= 14);
            assert_eq!(all.contains("synced AS synced"), major >= 17);
            assert!(!["WAITS", "WAL_STATUS", "QUERY", "SYNCED"].iter().any(|name| all.contains(name)));
        }
    }
}
