//! The account of the runs themselves: what was missed, came late, never ended, or is still going on.

use std::time::Duration;

use jiff::Timestamp;
use selx_core::{Finding, Host, Moment, RunStart, TimeSpan};
use sqlx::{Row as _, SqliteConnection};

use super::schema::run;

/// A run is late when a quarter of the time between two runs has passed since it was due.
const TOLERANCE: f64 = 0.25;

/// An earlier run of the same routine.
#[derive(Debug)]
struct Earlier {
    seq: i64,
    started: Moment,
    pid: i64,
    pid_start: i64,
    ended: bool,
}

/// Notes that a run begins and returns what is to be said of earlier ones, if they are to be accounted for.
pub(super) async fn begin(
    connection: &mut SqliteConnection,
    start: &RunStart,
    host: &Host,
    account: bool,
) -> Result<Vec<Finding>, sqlx::Error> {
    let mut told = Vec::new();
    // Only routines are accounted for. The run of one check is noted when it ends: a second transaction would cost it
    // more than the look.
    let Some(routine) = &start.routine else { return Ok(told) };
    run(connection, "BEGIN IMMEDIATE").await?;
    if account {
        let earlier = earlier(connection, routine).await?;
        if let (Some(last), Some(every)) = (earlier.first(), start.every) {
            told.extend(missed(routine, &last.started, &start.started, every.get()));
        }
        for run in earlier.iter().filter(|run| !run.ended) {
            match fate(run, start, host) {
                Fate::Unknown => {}
                Fate::GoesOn => told.push(goes_on(routine, run, start)),
                Fate::Gone => {
                    told.push(unfinished(routine, run));
                    // It is told once.
                    sqlx::query("UPDATE runs SET status = 'unfinished' WHERE seq = ?")
                        .bind(run.seq)
                        .execute(&mut *connection)
                        .await?;
                }
            }
        }
    }
    sqlx::query(
        "INSERT OR IGNORE INTO runs (id, routine, started, since_boot, boot, pid, pid_start, host, every_s) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&start.run)
    .bind(&start.routine)
    .bind(start.started.at.as_microsecond())
    .bind(nanoseconds(start.started.since_boot))
    .bind(start.started.boot.cast_signed())
    .bind(i64::from(start.pid))
    .bind(pid_start(host, i64::from(start.pid)).unwrap_or(0))
    .bind(host.read_proc("sys/kernel/hostname").unwrap_or_default().trim())
    .bind(start.every.and_then(|every| i64::try_from(every.get().as_secs()).ok()))
    .execute(&mut *connection)
    .await?;
    run(connection, "COMMIT").await?;
    Ok(told)
}

/// Notes that runs of this process are over although they could not be saved.
pub(super) async fn note_unsaved(connection: &mut SqliteConnection, runs: &[String]) -> Result<(), sqlx::Error> {
    for run in runs {
        let statement = "UPDATE runs SET status = 'not-saved' WHERE id = ? AND ended IS NULL";
        sqlx::query(statement).bind(run).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Returns the last runs of a routine, the newest first, in the order in which they were noted: clocks may be set.
async fn earlier(connection: &mut SqliteConnection, routine: &str) -> Result<Vec<Earlier>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT seq, started, since_boot, boot, pid, pid_start, ended IS NOT NULL OR status IS NOT NULL AS ended \
         FROM runs WHERE routine = ? ORDER BY seq DESC LIMIT 20",
    )
    .bind(routine)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Earlier {
                seq: row.try_get(0)?,
                started: moment(row.try_get(1)?, row.try_get(2)?, row.try_get(3)?),
                pid: row.try_get(4)?,
                pid_start: row.try_get(5)?,
                ended: row.try_get(6)?,
            })
        })
        .collect()
}

/// Makes a moment of three numbers. Numbers that are no time, in a damaged file, become the beginning of time.
pub(super) fn moment(at: i64, since_boot: i64, boot: i64) -> Moment {
    Moment {
        at: Timestamp::from_microsecond(at).unwrap_or(Timestamp::UNIX_EPOCH),
        since_boot: Duration::from_nanos(u64::try_from(since_boot).unwrap_or(0)),
        boot: boot.cast_unsigned(),
    }
}

pub(super) fn nanoseconds(length: Duration) -> i64 {
    i64::try_from(length.as_nanos()).unwrap_or(i64::MAX)
}

/// Says that runs were due and did not begin.
fn missed(routine: &str, last: &Moment, now: &Moment, every: Duration) -> Option<Finding> {
    if every.is_zero() {
        return None;
    }
    // Within one boot the wall clock has no say. Across boots there is nothing else, and a clock that went back says nothing.
    let passed = match now.since(last) {
        Some(passed) => passed,
        None => Duration::try_from(now.at.duration_since(last.at)).ok()?,
    };
    let rounds = passed.as_secs_f64() / every.as_secs_f64();
    if rounds <= 1.0 + TOLERANCE {
        return None;
    }
    let ago = TimeSpan::from(Duration::from_secs(passed.as_secs()));
    let every_shown = TimeSpan::from(every);
    let finding = if rounds.round() < 2.0 {
        let message =
            format!("the {routine} run came late: the last one began {ago} ago, and it is due every {every_shown}");
        Finding::info("run-late", routine, message)
    } else {
        let due = last.at.checked_add(every).unwrap_or(now.at);
        let message = match rounds.round() - 1.0 {
            count if count < 2.0 => format!("the {routine} run of {} did not happen", date(due, every)),
            count => format!("{count} {routine} runs since {} did not happen", date(due, every)),
        };
        Finding::warning("run-missed", routine, format!("{message}: the last one began {ago} ago"))
    };
    Some(finding.evidence("last start", last.at.strftime("%Y-%m-%dT%H:%M:%SZ")).evidence("every", every_shown))
}

/// Shows when a run was due, with the time of day where the day alone does not tell it.
fn date(due: Timestamp, every: Duration) -> String {
    let format = if every < Duration::from_secs(86_400) { "%Y-%m-%d %H:%M UTC" } else { "%Y-%m-%d" };
    due.strftime(format).to_string()
}

/// What became of a run that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    GoesOn,
    Gone,
    /// The processes of this machine cannot be seen.
    Unknown,
}

fn fate(run: &Earlier, start: &RunStart, host: &Host) -> Fate {
    if run.started.boot != start.started.boot {
        return Fate::Gone;
    }
    // Where not even our own process is seen, no other one would be.
    if run.pid_start == 0 || pid_start(host, i64::from(start.pid)).is_none() {
        return Fate::Unknown;
    }
    match pid_start(host, run.pid) {
        Some(begun) if begun == run.pid_start => Fate::GoesOn,
        _ => Fate::Gone,
    }
}

fn goes_on(routine: &str, run: &Earlier, start: &RunStart) -> Finding {
    let since = start.started.since(&run.started).unwrap_or_default();
    let since = TimeSpan::from(Duration::from_secs(since.as_secs()));
    Finding::warning(
        "run-overlapping",
        routine,
        format!("was started again while the run that began {since} ago is still going on"),
    )
    .evidence("process", run.pid)
}

fn unfinished(routine: &str, run: &Earlier) -> Finding {
    let began = run.started.at.strftime("%Y-%m-%d %H:%M UTC");
    Finding::warning(
        "run-unfinished",
        routine,
        format!("did not end: the run of {began} never noted its end, and its process is gone"),
    )
    .evidence("process", run.pid)
}

/// Returns when a process began, in ticks since boot: with its number it names one process and no other.
fn pid_start(host: &Host, pid: i64) -> Option<i64> {
    let stat = host.read_proc(&format!("{pid}/stat")).ok()?;
    // The name of the program is in brackets and may hold anything, brackets too.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600;

    fn at(hours: u64, boot: u64) -> Moment {
        Moment {
            at: Timestamp::constant(1_795_401_000, 0) + Duration::from_secs(hours * HOUR),
            since_boot: Duration::from_secs(hours * HOUR),
            boot,
        }
    }

    fn told(last: Moment, now: Moment) -> Option<(String, String)> {
        let finding = missed("daily", &last, &now, Duration::from_secs(24 * HOUR))?;
        Some((finding.code.into_owned(), finding.message))
    }

    #[test]
    fn runs_are_missed_late_or_in_time() {
        for hours in [0, 1, 23, 24, 30] {
            assert_eq!(told(at(0, 1), at(hours, 1)), None, "{hours}");
        }
        assert_eq!(told(at(0, 1), at(31, 1)).unwrap().0, "run-late");
        let (code, message) = told(at(0, 1), at(50, 2)).unwrap();
        assert_eq!(code, "run-missed");
        assert_eq!(message, "the daily run of 2026-11-24 did not happen: the last one began 2d2h ago");
        let (_, message) = told(at(0, 1), at(24 * 10, 1)).unwrap();
        assert!(message.starts_with("9 daily runs since 2026-11-24 did not happen"), "{message}");
    }

    #[test]
    fn a_wall_clock_that_was_set_says_nothing() {
        let mut back = at(24, 1);
        back.at = at(0, 1).at - Duration::from_secs(400 * 24 * HOUR);
        assert_eq!(told(at(0, 1), back), None, "the time since boot is right");
        let mut forth = at(24, 1);
        forth.at = at(0, 1).at + Duration::from_secs(400 * 24 * HOUR);
        assert_eq!(told(at(0, 1), forth), None);
        back.boot = 2;
        assert_eq!(told(at(0, 1), back), None, "across boots a clock that went back says nothing");
    }
}
