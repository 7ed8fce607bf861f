//! Questions that are known, in SQL. Names are quoted and texts are literals: nothing of the settings is spliced raw.

use super::config::{Preset, Settings};
use crate::postgres::Name;

/// Returns what is asked.
pub(super) fn statement(settings: &Settings) -> String {
    match (&settings.query, settings.preset) {
        (Some(query), _) => query.0.clone(),
        (None, Some(preset)) => of(settings, preset),
        (None, None) => String::new(),
    }
}

fn of(settings: &Settings, preset: Preset) -> String {
    let or = |name: &Option<Name>, other: &str| match name {
        Some(name) => name.quoted(),
        None => format!("\"{other}\""),
    };
    let users = preset == Preset::UsersByMonth;
    let schema = or(&settings.table_schema, "public");
    let table = format!("{schema}.{}", or(&settings.table, if users { "users" } else { "tasks" }));
    // A time without a zone is one of the zone that is set for the session.
    let time = format!("{}::timestamptz", or(&settings.time_column, "created_at"));
    let failed = match &settings.failed {
        Some(failed) => failed.iter().map(|text| literal(&text.0)).collect::<Vec<_>>().join(", "),
        None => "'FAILED'".to_owned(),
    };
    let failed = format!("count(*) FILTER (WHERE {}::text IN ({failed}))", or(&settings.status_column, "status"));
    match preset {
        Preset::TasksFailureRate => {
            format!(
                "SELECT {failed} AS failed, count(*) AS total FROM {table} WHERE {time} >= now() - interval '24 hours'"
            )
        }
        Preset::TasksByDay => {
            let counts = format!("count(*) AS tasks, {failed} AS failed");
            by("day", 6, "YYYY-MM-DD", &table, &time, &counts, "coalesce(tasks, 0) AS tasks, coalesce(failed, 0) AS failed")
        }
        Preset::TasksByMonth => {
            let mut counts = format!("count(*) AS tasks, {failed} AS failed");
            let mut shown = "coalesce(tasks, 0) AS tasks, coalesce(failed, 0) AS failed".to_owned();
            if !settings.size_columns.is_empty() {
                let sizes = settings.size_columns.iter().map(|name| {
                    format!("coalesce(pg_column_size({}), 0)", name.quoted())
                });
                counts.push_str(&format!(", sum({}) AS bytes", sizes.collect::<Vec<_>>().join(" + ")));
                shown.push_str(", coalesce(bytes, 0) AS bytes");
            }
            by("month", 5, "YYYY-MM", &table, &time, &counts, &format!("{shown}, {}", growth("tasks")))
        }
        Preset::UsersByMonth => {
            let shown = format!("coalesce(users, 0) AS users, {}", growth("users"));
            by("month", 5, "YYYY-MM", &table, &time, "count(*) AS users", &shown)
        }
    }
}

/// The change against the month before, in percent; nothing where there was none.
fn growth(column: &str) -> String {
    format!(
        "round(100.0 * coalesce({column}, 0) / nullif(lag(coalesce({column}, 0)) OVER (ORDER BY first), 0) - 100, 1) \
         AS growth"
    )
}

/// Counts by a span of the calendar; spans without a row are zero.
fn by(span: &str, before: u32, form: &str, table: &str, time: &str, counts: &str, shown: &str) -> String {
    format!(
        "SELECT to_char(first, '{form}') AS {span}, {shown} FROM (SELECT date_trunc('{span}', now()) - n * \
         interval '1 {span}' AS first FROM generate_series(0, {before}) n) AS spans LEFT JOIN (SELECT \
         date_trunc('{span}', {time}) AS first, {counts} FROM {table} WHERE {time} >= date_trunc('{span}', now()) - \
         interval '{before} {span}' GROUP BY 1) AS counted USING (first) ORDER BY first"
    )
}

/// Writes a text as a literal that means the same whatever `standard_conforming_strings` is.
fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if text.contains('\\') { format!(" E'{}'", doubled.replace('\\', "\\\\")) } else { format!("'{doubled}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_names() {
        let settings = |with: serde_json::Value| serde_json::from_value::<Settings>(with).unwrap();
        let hostile = settings(serde_json::json!({
            "target": "db", "preset": "tasks-failure-rate", "table": "a\"; DROP TABLE x; --",
            "failed": ["O'Brien", "back\\slash"],
        }));
        let text = statement(&hostile);
        assert!(text.contains("\"public\".\"a\"\"; DROP TABLE x; --\""), "{text}");
        assert!(text.contains("IN ('O''Brien',  E'back\\\\slash')"), "{text}");
    }

    proptest::proptest! {
        #[test]
        fn no_name_ends_its_quotes(name in "[^\\p{C}]{1,15}") {
            let quoted = Name::new(&name).unwrap().quoted();
            let inner = &quoted[1..quoted.len() - 1];
            proptest::prop_assert_eq!(inner.replace("\"\"", "\""), name);
            proptest::prop_assert_eq!(inner.matches('"').count() % 2, 0);
        }

        #[test]
        fn no_literal_ends_its_quotes(text in "[^\0]{0,20}") {
            let literal = literal(&text);
            let inner = literal.trim_start_matches([' ', 'E']);
            proptest::prop_assert_eq!(inner.matches('\'').count() % 2, 0);
        }
    }
}
