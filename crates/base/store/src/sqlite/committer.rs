//! Group commit: one thread, one transaction and one sync for whatever waits.
//!
//! There is no lingering: while one transaction is on its way to the disk the next one gathers. A batch whose
//! preconditions fail changes nothing, so no savepoint is paid for it. The rare batch that fails midway (a sequence
//! that is taken) undoes the whole transaction, which is then applied once more with a savepoint around each batch.

use std::collections::HashMap;
use std::sync::mpsc;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc as channel, oneshot};

use super::apply::{Failure, LogIds, apply};
use super::{readers, vacuum};
use crate::{Batch, Error, Lsn, Mutation, Timer, TimerChange, TimerQueue};

/// At most so many batches share a transaction, so that the first does not wait for an endless last one.
const BATCHES_MAX: usize = 4096;
/// A transaction takes no further batch once it has this many payload bytes.
const BYTES_MAX: usize = 16 << 20;
/// Nobody has written for so long before free space is given back, a step at a time.
const IDLE: Duration = Duration::from_millis(10);

/// What the committer is asked for.
pub(crate) enum Command {
    /// Commit a batch.
    Commit { batch: Batch, settle: oneshot::Sender<Result<Lsn, Error>> },
    /// Give a queue's kept timers, and tell of its changes from now on.
    Subscribe { queue: &'static str, reply: oneshot::Sender<Result<TimerQueue, Error>> },
}

/// The one writer of a store.
pub(super) struct Committer {
    connection: Connection,
    logs: LogIds,
    queues: HashMap<&'static str, channel::UnboundedSender<TimerChange>>,
    lsn: Lsn,
    /// Set once the disk has failed in a way after which nothing more can be promised.
    failed: Option<Error>,
}

pub(crate) type Waiting = (Batch, oneshot::Sender<Result<Lsn, Error>>);

impl Committer {
    pub(super) fn new(connection: Connection) -> Self {
        let (logs, queues) = (LogIds::default(), HashMap::new());
        Self { connection, logs, queues, lsn: Lsn::default(), failed: None }
    }

    /// Serves commands until all senders are gone.
    pub(super) fn run(mut self, commands: &mpsc::Receiver<Command>) {
        while let Some(first) = self.wait(commands) {
            let (group, subscription) = gather(first, commands, BYTES_MAX);
            if !group.is_empty() {
                self.commit(group);
            }
            // After the commit: the kept timers then hold the changes of this group, and the channel all later ones.
            if let Some((queue, reply)) = subscription {
                let _ = reply.send(self.subscribe(queue));
            }
        }
        self.close();
    }

    /// Waits for the next command, and gives free space back meanwhile; none when all senders are gone.
    fn wait(&mut self, commands: &mpsc::Receiver<Command>) -> Option<Command> {
        if let Ok(command) = commands.try_recv() {
            return Some(command);
        }
        while self.failed.is_none() && vacuum::is_due(&self.connection).unwrap_or(false) {
            match commands.recv_timeout(IDLE) {
                Ok(command) => return Some(command),
                Err(mpsc::RecvTimeoutError::Disconnected) => return None,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
            if let Err(cause) = vacuum::step(&self.connection) {
                tracing::warn!(%cause, "free space could not be given back");
                break;
            }
        }
        commands.recv().ok()
    }

    fn commit(&mut self, group: Vec<Waiting>) {
        let (batches, tickets): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        let outcomes = self.write(&batches);
        // Queues before tickets: whoever saw a batch become durable finds its timers told.
        for (batch, outcome) in batches.into_iter().zip(&outcomes) {
            if outcome.is_ok() {
                self.tell(batch);
            }
        }
        for (ticket, outcome) in tickets.into_iter().zip(outcomes) {
            let _ = ticket.send(outcome);
        }
    }

    /// Writes the batches in one transaction; each gets its own outcome.
    fn write(&mut self, batches: &[Batch]) -> Vec<Result<Lsn, Error>> {
        if let Some(error) = &self.failed {
            return vec![Err(error.clone()); batches.len()];
        }
        match self.transact(batches) {
            Ok(outcomes) => {
                self.lsn.0 += 1;
                let lsn = self.lsn;
                outcomes.into_iter().map(|outcome| outcome.map(|()| lsn)).collect()
            }
            Err(cause) => vec![Err(self.fail(cause)); batches.len()],
        }
    }

    fn transact(&mut self, batches: &[Batch]) -> Result<Vec<Result<(), Error>>, rusqlite::Error> {
        self.execute("BEGIN IMMEDIATE")?;
        let outcomes = match self.apply_all(batches)? {
            Some(outcomes) => outcomes,
            None => {
                self.undo("ROLLBACK")?;
                self.execute("BEGIN IMMEDIATE")?;
                batches.iter().map(|batch| self.apply_alone(batch)).collect::<Result<_, _>>()?
            }
        };
        self.execute("COMMIT")?;
        Ok(outcomes)
    }

    /// Applies batches without savepoints; `None` where one failed midway and everything must be undone.
    fn apply_all(&mut self, batches: &[Batch]) -> Result<Option<Vec<Result<(), Error>>>, rusqlite::Error> {
        let mut outcomes = Vec::with_capacity(batches.len());
        for batch in batches {
            match apply(&self.connection, &mut self.logs, batch) {
                Ok(()) => outcomes.push(Ok(())),
                Err(Failure::Precondition(error)) => outcomes.push(Err(error)),
                Err(Failure::Midway(_)) => return Ok(None),
                Err(Failure::Database(cause)) if is_of_one_batch(&cause) => return Ok(None),
                Err(Failure::Database(cause)) => return Err(cause),
            }
        }
        Ok(Some(outcomes))
    }

    fn apply_alone(&mut self, batch: &Batch) -> Result<Result<(), Error>, rusqlite::Error> {
        self.execute("SAVEPOINT batch")?;
        let outcome = match apply(&self.connection, &mut self.logs, batch) {
            Ok(()) => Ok(()),
            Err(Failure::Precondition(error) | Failure::Midway(error)) => Err(error),
            Err(Failure::Database(cause)) if is_of_one_batch(&cause) => Err(Error::unavailable(cause)),
            Err(Failure::Database(cause)) => return Err(cause),
        };
        if outcome.is_err() {
            self.undo("ROLLBACK TO batch")?;
        }
        self.execute("RELEASE batch")?;
        Ok(outcome)
    }

    fn execute(&self, sql: &str) -> Result<(), rusqlite::Error> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn undo(&mut self, sql: &str) -> Result<(), rusqlite::Error> {
        self.logs.forget();
        self.execute(sql)
    }

    /// A transaction failed: undoes it, and gives up where the disk can no longer be trusted.
    fn fail(&mut self, cause: rusqlite::Error) -> Error {
        let passing = is_passing(&cause);
        tracing::error!(%cause, passing, "the store could not commit");
        let error = Error::unavailable(cause);
        self.logs.forget();
        let undone = self.connection.is_autocommit() || self.execute("ROLLBACK").is_ok();
        if !passing || !undone {
            self.failed = Some(error.clone());
        }
        error
    }

    fn tell(&mut self, batch: Batch) {
        for mutation in batch.mutations {
            let (queue, change) = match mutation {
                Mutation::SetTimer { queue, key, due, payload } => {
                    (queue, TimerChange::Set(Timer { key, due, payload }))
                }
                Mutation::ClearTimer { queue, key } => (queue, TimerChange::Cleared(key)),
                Mutation::Put { .. }
                | Mutation::Delete { .. }
                | Mutation::DeletePrefix { .. }
                | Mutation::Append { .. }
                | Mutation::Trim { .. } => continue,
            };
            if let Some(consumer) = self.queues.get(queue)
                && consumer.send(change).is_err()
            {
                self.queues.remove(queue);
            }
        }
    }

    fn subscribe(&mut self, queue: &'static str) -> Result<TimerQueue, Error> {
        let kept = readers::timers(&self.connection, queue).map_err(Error::unavailable)?;
        let (consumer, changes) = channel::unbounded_channel();
        self.queues.insert(queue, consumer);
        Ok(TimerQueue::new(kept, changes))
    }

    fn close(self) {
        // Readers keep the log from being brought in by the closing itself.
        let checkpoint = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(cause) = checkpoint {
            tracing::warn!(%cause, "the log was not brought into the database");
        }
        if let Err((_, cause)) = self.connection.close() {
            tracing::warn!(%cause, "the store was not closed cleanly");
        }
    }
}

pub(crate) type Subscription = (&'static str, oneshot::Sender<Result<TimerQueue, Error>>);

/// Takes what waits, up to a subscription or a transaction's limits.
pub(crate) fn gather(
    first: Command,
    commands: &mpsc::Receiver<Command>,
    bytes_max: usize,
) -> (Vec<Waiting>, Option<Subscription>) {
    let (mut group, mut bytes) = (Vec::new(), 0);
    let mut next = Some(first);
    while let Some(command) = next {
        match command {
            Command::Subscribe { queue, reply } => return (group, Some((queue, reply))),
            Command::Commit { batch, settle } => {
                bytes += size(&batch);
                group.push((batch, settle));
            }
        }
        let full = group.len() >= BATCHES_MAX || bytes >= bytes_max;
        next = if full { None } else { commands.try_recv().ok() };
    }
    (group, None)
}

fn size(batch: &Batch) -> usize {
    let payloads = batch.mutations.iter().map(|mutation| match mutation {
        Mutation::Put { value: payload, .. }
        | Mutation::Append { payload, .. }
        | Mutation::SetTimer { payload, .. } => payload.len(),
        Mutation::Delete { .. }
        | Mutation::DeletePrefix { .. }
        | Mutation::Trim { .. }
        | Mutation::ClearTimer { .. } => 0,
    });
    payloads.sum()
}

/// Whether a failure is a batch's own: a value that SQLite finds too big.
fn is_of_one_batch(cause: &rusqlite::Error) -> bool {
    cause.sqlite_error_code() == Some(ErrorCode::TooBig)
}

/// Whether the next transaction may succeed: a full disk may be freed. After an error of input or output nobody knows
/// what the disk holds, so only opening the store anew can tell.
pub(crate) fn is_passing(cause: &rusqlite::Error) -> bool {
    matches!(cause.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy))
}

#[cfg(test)]
mod tests {
    use types::Timestamp;

    use super::*;
    use crate::sqlite::format;

    fn batch(bytes: usize) -> Batch {
        let mut batch = Batch::new();
        batch.put("records", bytes.to_string(), vec![7; bytes]);
        batch.set_timer("waits", "key", Timestamp::default(), Vec::new());
        batch
    }

    #[test]
    fn a_full_disk_acknowledges_nothing_and_may_be_freed() {
        let dir = tempfile::tempdir().unwrap();
        let mut committer =
            Committer::new(format::open_for_writing(dir.path(), format::Usage::Alone).unwrap());
        let (consumer, mut told) = channel::unbounded_channel();
        committer.queues.insert("waits", consumer);
        let mut commit = |committer: &mut Committer, batches: Vec<Batch>| {
            let (settle, tickets): (Vec<_>, Vec<_>) = batches.iter().map(|_| oneshot::channel()).unzip();
            committer.commit(batches.into_iter().zip(settle).collect());
            let outcomes = tickets.into_iter().map(|mut ticket| ticket.try_recv().unwrap());
            (outcomes.collect::<Vec<_>>(), told.try_recv().is_ok())
        };

        committer.connection.pragma_update(None, "max_page_count", 20).unwrap();
        let (outcomes, told) = commit(&mut committer, vec![batch(10), batch(1_000_000)]);
        for outcome in outcomes {
            assert!(outcome.unwrap_err().to_string().contains("full"));
        }
        assert!(!told);
        let kept: i64 =
            committer.connection.query_row("SELECT count(*) FROM records", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 0);

        committer.connection.pragma_update(None, "max_page_count", 1000).unwrap();
        let (outcomes, told) = commit(&mut committer, vec![batch(10), batch(1_000_000)]);
        assert!(outcomes.iter().all(Result::is_ok));
        assert!(told);
    }

    #[test]
    fn after_a_failure_of_the_disk_nothing_more_is_acknowledged() {
        let dir = tempfile::tempdir().unwrap();
        let mut committer =
            Committer::new(format::open_for_writing(dir.path(), format::Usage::Alone).unwrap());
        let io = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
        committer.fail(rusqlite::Error::SqliteFailure(io, None));
        assert!(committer.write(&[batch(10)])[0].is_err());
    }
}
