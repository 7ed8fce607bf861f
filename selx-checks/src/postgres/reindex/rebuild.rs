//! Rebuilds an index, and takes away what a rebuild leaves behind.

use std::time::Duration;

use selx_core::action::Applied;
use selx_core::{ByteSize, Context, Error, ErrorKind, Result, TimeSpan};

use super::indexes::{Index, indexes, transactions};
use super::state::{Leftover, Rebuild, State, leftover_of, state, whole_of};
use super::{PostgresReindex, Step, Work, plan};
use crate::postgres::maintenance::catalogue::quiet;
use crate::postgres::maintenance::failure::{error, is_without_database};
use crate::postgres::maintenance::{Blocker, Came, Facts, Job, Plain, Progress, Reader, Room, Worker, aside};
use crate::postgres::refusal::Ended;

/// How long a look may take that finds out how far a step is.
const LOOK: Duration = Duration::from_secs(60);
/// How long it may take to drop what was left behind, whatever has become of the run.
const CLEARING: Duration = Duration::from_secs(600);
/// How long it waits at least, each time, for transactions that may still use what it drops: nobody who reads or writes
/// waits behind it, and what stays slows every write down.
const OWN: Duration = Duration::from_secs(10);

/// What was seen of a table.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) indexes: Vec<Index>,
    /// What the server says of itself; nothing if the database is gone.
    facts: Option<Facts>,
    /// Transactions that a rebuild would wait for.
    long: Vec<Blocker>,
    /// Transactions that hold the table and are older than what is waited for.
    holders: Vec<Blocker>,
}

impl Step {
    pub(super) fn shown(&self) -> String {
        Plain::shown(&self.table.schema, &self.name)
    }

    pub(super) fn as_rebuild<'a>(&'a self, before: &'a [u32]) -> Rebuild<'a> {
        Rebuild { oid: self.index, file: self.file, name: &self.name, form: &self.form, before }
    }

    fn before(&self) -> &[u32] {
        match &self.work {
            Work::Rebuild { before } => before,
            Work::Drop => &[],
        }
    }
}

impl PostgresReindex {
    /// Looks at the indexes of a table, whatever has become of the run.
    pub(super) async fn look(&self, step: &Step, keys: &Context) -> Result<Seen> {
        let cx = aside(keys, LOOK);
        let scope = self.config.scope();
        let looked = async {
            let mut reader = Reader::open(&scope.server, Some(&step.database), keys, &cx).await?;
            quiet(&mut reader, step.table.oid, &cx).await?;
            let question = indexes(&reader.facts, Some(step.table.oid));
            let indexes = reader.rows(&question, &cx).await?;
            let age = self.config.max_transaction_age.get().as_secs_f64();
            let long = reader.rows(&transactions(age, None), &cx).await?;
            let wait = scope.lock_timeout.as_secs_f64();
            let holders = reader.rows(&transactions(wait, Some(step.table.oid)), &cx).await?;
            let facts = Some(reader.facts.clone());
            reader.end(&cx).await;
            Ok::<_, Ended>(Seen { indexes, facts, long, holders })
        };
        match looked.await {
            Ok(seen) => Ok(seen),
            Err(ended) if is_without_database(&ended) => Ok(Seen::default()),
            Err(ended) => Err(error(ended, &format!("looking at {} in database `{}`", step.shown(), step.database))),
        }
    }

    pub(super) async fn rebuild(&self, step: &Step, cx: &Context) -> Result<Applied> {
        let scope = self.config.scope();
        let worker = Worker { scope, held: &self.held, keys: cx };
        let statement = format!("REINDEX INDEX CONCURRENTLY {}", Plain::quoted(&step.table.schema, &step.name));
        let (database, progress) = (step.database.as_str(), Progress::Index);
        let index = Some((step.index, step.name.as_str()));
        let job = Job { database, table: &step.table, index, statement: &statement, progress };
        let mut attempt = 0;
        loop {
            let seen = self.look(step, cx).await?;
            let before = match state(step.as_rebuild(step.before()), &seen.indexes) {
                State::Untouched => {
                    seen.indexes.iter().find(|index| index.oid == step.index).and_then(|index| index.bytes)
                }
                State::Rebuilt { .. } => return Ok(Applied::AlreadyDone),
                State::Gone(why) => return Ok(Applied::Skipped(why)),
                // Of an attempt of a run that died, whose end nobody waited for.
                State::Half(_) => {
                    self.drop_copies(step, cx).await?;
                    attempt += 1;
                    if attempt > scope.retries + 1 {
                        return Err(Error::new(ErrorKind::Local, "an unfinished copy comes again and again"));
                    }
                    continue;
                }
            };
            if let Some(why) = self.speaks_against(step, &seen, before.unwrap_or(0), cx).await {
                return Ok(Applied::Skipped(why));
            }
            let came = match self.waits(&seen) {
                Some(who) => Came::Busy(who),
                None => worker.once(&job, cx).await?,
            };
            match came {
                Came::Done(notices) => return self.rebuilt(step, before, &notices, cx).await,
                Came::Not(why) => return Ok(Applied::Skipped(why)),
                Came::TooLong => {
                    self.drop_copies(step, cx).await?;
                    let limit = TimeSpan::from(scope.statement_timeout);
                    let why =
                        format!("it took longer than `statement-timeout`, {limit}, and was ended; it is as it was");
                    return Ok(Applied::Skipped(why));
                }
                Came::Unable(why) => {
                    self.drop_copies(step, cx).await?;
                    return Ok(Applied::Skipped(why));
                }
                Came::Busy(who) => {
                    let after = self.look(step, cx).await?;
                    match state(step.as_rebuild(step.before()), &after.indexes) {
                        // It waited in vain after the copy had taken its place: what is left is the old form.
                        State::Rebuilt { .. } => return self.rebuilt(step, before, &[], cx).await,
                        State::Half(_) => {
                            self.drop_copies(step, cx).await?;
                        }
                        State::Untouched | State::Gone(_) => {}
                    }
                    if attempt >= scope.retries {
                        return Ok(Applied::Skipped(worker.tried(&who)));
                    }
                    worker.rest(attempt, cx).await?;
                }
            }
            attempt += 1;
        }
    }

    /// Returns what speaks against the rebuild and does not pass by itself.
    async fn speaks_against(&self, step: &Step, seen: &Seen, bytes: u64, cx: &Context) -> Option<String> {
        let facts = seen.facts.as_ref()?;
        let index = seen.indexes.iter().find(|index| index.oid == step.index)?;
        let room = Room::find(&self.config.scope().server, facts, &aside(cx, LOOK)).await;
        room.free(index.tablespace.as_deref()).ok().and_then(|free| plan::too_little(free, bytes))
    }

    /// Returns who is waited for, if a rebuild that began now would wait longer than it may.
    fn waits(&self, seen: &Seen) -> Option<String> {
        let blockers = if seen.long.is_empty() { &seen.holders } else { &seen.long };
        (!blockers.is_empty()).then(|| Blocker::all(blockers))
    }

    /// Says what a rebuild came to, and takes the old form away if it is still there.
    async fn rebuilt(&self, step: &Step, before: Option<u64>, notices: &[String], cx: &Context) -> Result<Applied> {
        let seen = self.look(step, cx).await?;
        let (now, old) = match state(step.as_rebuild(step.before()), &seen.indexes) {
            State::Rebuilt { now, old } => (now, old),
            _ => {
                let why = if notices.is_empty() { "it does not say why".to_owned() } else { notices.join("; ") };
                return Err(Error::new(ErrorKind::Rejected, format!("the server did not rebuild it: {why}")));
            }
        };
        if let Some(old) = old {
            // What stands in the way may have gone when all steps are done.
            self.remember(step, old.oid);
        }
        let size = |bytes: Option<u64>| bytes.map_or("unknown".to_owned(), |bytes| ByteSize(bytes).to_string());
        Ok(Applied::Changed(format!("rebuilt: {} before, {} now", size(before), size(now.bytes))))
    }

    /// Drops the unfinished copies of this rebuild, and no others.
    pub(super) async fn drop_copies(&self, step: &Step, cx: &Context) -> Result<Applied> {
        let mut dropped = Vec::new();
        let seen = self.look(step, cx).await?;
        if let State::Half(copies) = state(step.as_rebuild(step.before()), &seen.indexes) {
            for copy in copies {
                match self.drop_index(step, copy, cx).await? {
                    Came::Done(_) => dropped.push(copy.shown()),
                    Came::Not(_) => {}
                    Came::Busy(who) => {
                        let text = format!("its unfinished copy {} could not be dropped: {who}", copy.shown());
                        let advice = "the next plan drops it; until then it slows writes down";
                        return Err(Error::new(ErrorKind::TimedOut, text).advice(advice));
                    }
                    Came::Unable(why) => return Err(Error::new(ErrorKind::Rejected, why)),
                    Came::TooLong => {
                        let text = format!("to drop its unfinished copy {} took too long", copy.shown());
                        return Err(Error::new(ErrorKind::TimedOut, text));
                    }
                }
            }
        }
        if dropped.is_empty() {
            Ok(Applied::AlreadyDone)
        } else {
            Ok(Applied::Changed(format!("dropped {}", dropped.join(", "))))
        }
    }

    /// Drops the old forms that are remembered, if they still are what they were.
    pub(super) async fn drop_remainders(&self, cx: &Context) -> Result<()> {
        let remainders =
            std::mem::take(&mut *self.remainders.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        let mut failed = None;
        for (step, oid) in remainders {
            let seen = self.look(&step, cx).await?;
            let State::Rebuilt { old: Some(old), .. } = state(step.as_rebuild(step.before()), &seen.indexes) else {
                continue;
            };
            if old.oid != oid {
                continue;
            }
            match self.drop_index(&step, old, cx).await {
                Ok(Came::Busy(who)) => failed = Some(format!("{} could not be dropped: {who}", old.shown())),
                Ok(Came::Unable(why)) => failed = Some(why),
                Ok(Came::TooLong) => failed = Some(format!("to drop {} took too long", old.shown())),
                Ok(_) => {}
                Err(error) => failed = Some(error.to_string()),
            }
        }
        failed.map_or(Ok(()), |why| Err(Error::new(ErrorKind::TimedOut, why)))
    }

    /// Drops the leftover of an earlier run.
    pub(super) async fn drop_leftover(&self, step: &Step, cx: &Context) -> Result<Applied> {
        let seen = self.look(step, cx).await?;
        let Some(index) = seen.indexes.iter().find(|index| index.oid == step.index) else {
            return Ok(Applied::AlreadyDone);
        };
        if index.name != step.name || index.file != step.file || index.form != step.form {
            return Ok(Applied::Skipped("it is not what it was".to_owned()));
        }
        let is_leftover = whole_of(index, &seen.indexes)
            .is_some_and(|whole| matches!(leftover_of(&index.name, &whole.name), Some(Leftover::New | Leftover::Old)));
        if !is_leftover {
            return Ok(Applied::Skipped("it is not provably the leftover of a rebuild any more".to_owned()));
        }
        let bytes = index.bytes.unwrap_or(0);
        Ok(match self.drop_index(step, index, cx).await? {
            Came::Done(_) => Applied::Changed(format!("dropped, {} free", ByteSize(bytes))),
            Came::Not(why) | Came::Busy(why) | Came::Unable(why) => Applied::Skipped(why),
            Came::TooLong => Applied::Skipped("it took longer than `statement-timeout` and was ended".to_owned()),
        })
    }

    /// Drops an invalid index beside the use of its table. A run that was cancelled does this all the same: nobody else
    /// would.
    async fn drop_index(&self, step: &Step, index: &Index, keys: &Context) -> Result<Came> {
        let mut scope = self.config.scope();
        scope.lock_timeout = scope.lock_timeout.max(OWN);
        let worker = Worker { scope, held: &self.held, keys };
        let statement = format!("DROP INDEX CONCURRENTLY {}", Plain::quoted(&index.schema, &index.name));
        // The table may have been written anew meanwhile, and its leftover with it.
        let table = index.relation();
        let job = Job {
            database: &step.database,
            table: &table,
            index: Some((index.oid, &index.name)),
            statement: &statement,
            progress: Progress::None,
        };
        worker.patiently(&job, &aside(keys, CLEARING)).await
    }
}
