//! Group commit: one thread, one record of the journal and one sync for whatever waits.
//!
//! There is no lingering: while one record is on its way to the disk the next one gathers. Whether a batch holds is
//! decided before it is written, against what the batches before it have left: those of its own group (`pending`), the
//! layers in memory, the database. What is written always holds, so that it can be replayed without looking.

use std::collections::HashMap;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use tokio::sync::{mpsc as channel, oneshot};

use super::Options;
use super::layer::Layer;
use super::logs::Bound;
use super::lookup::Lookup;
use super::progress::Progress;
use super::view::{Layers, View};
use crate::journal::changes::{self, Changes};
use crate::journal::record::{self, Kind, RECORD_BYTES};
use crate::journal::{Journal, Shelf};
use crate::sqlite::committer::{Command, Waiting, gather};
use crate::{Batch, Entry, Error, Lsn, Mutation, Precondition, Timer, TimerChange, TimerQueue};

/// The longest key or value that the database takes, about.
const FIELD_BYTES_MAX: usize = 512 << 20;

/// The one writer of the journal.
pub(super) struct Committer {
    pub(super) journal: Journal,
    pub(super) shelf: Arc<Shelf>,
    pub(super) view: Arc<View>,
    pub(super) progress: Arc<Progress>,
    pub(super) options: Options,
    pub(super) group: Group,
    pub(super) queues: HashMap<&'static str, channel::UnboundedSender<TimerChange>>,
}

/// Batches that were accepted and are not durable yet.
pub(super) struct Group {
    lookup: Lookup,
    /// What they change.
    pending: Layer,
    /// The record that they will be.
    record: Vec<u8>,
    /// What consumers will be told.
    told: Vec<(&'static str, TimerChange)>,
}

impl Committer {
    /// Serves commands until all senders are gone; then waits for the follower.
    pub(super) fn run(mut self, commands: &mpsc::Receiver<Command>, follower: JoinHandle<()>) {
        while let Ok(first) = commands.recv() {
            let (group, subscription) = gather(first, commands, self.options.group_bytes);
            if !group.is_empty() {
                self.commit(group);
            }
            // After the commit: the kept timers then hold the changes of this group, and the channel all later ones.
            if let Some((queue, reply)) = subscription {
                let _ = reply.send(self.subscribe(queue));
            }
        }
        self.progress.close();
        if follower.join().is_err() {
            tracing::error!("the store's follower panicked");
        }
        self.close();
    }

    /// Behind this record nothing was written, and everything before it is whole: whatever is not was damaged.
    fn close(&mut self) {
        record::begin(&mut self.group.record);
        if let Err(error) = self.journal.write(&mut self.group.record, Kind::Closed) {
            tracing::warn!(%error, "the journal was not closed cleanly");
        }
    }

    fn commit(&mut self, group: Vec<Waiting>) {
        let (tickets, outcomes): (Vec<_>, Vec<_>) = match self.progress.make_room(self.options) {
            Ok(()) => self.write(group),
            Err(error) => group.into_iter().map(|(_, ticket)| (ticket, Err(error.clone()))).unzip(),
        };
        for (ticket, outcome) in tickets.into_iter().zip(outcomes) {
            let _ = ticket.send(outcome);
        }
    }

    /// Accepts batches, writes them and shows them to readers; each gets its own outcome.
    fn write(&mut self, group: Vec<Waiting>) -> (Vec<oneshot::Sender<Outcome>>, Vec<Outcome>) {
        record::begin(&mut self.group.record);
        let queues = &self.queues;
        let accepted: Vec<_> = {
            let layers = self.view.layers();
            let accept = |(batch, ticket)| (ticket, self.group.accept(&layers, queues, batch));
            group.into_iter().map(accept).collect()
        };
        self.group.lookup.end();
        let (tickets, accepted): (Vec<_>, Vec<_>) = accepted.into_iter().unzip();
        let pending = std::mem::take(&mut self.group.pending);
        let told = std::mem::take(&mut self.group.told);
        if self.group.record.len() == RECORD_BYTES {
            // Nothing was accepted, or only batches that change nothing.
            let lsn = Lsn(self.journal.last());
            return (tickets, accepted.into_iter().map(|outcome| outcome.map(|()| lsn)).collect());
        }
        match self.journal.write(&mut self.group.record, Kind::Changes) {
            Ok(lsn) => {
                self.publish(pending, lsn);
                // Queues before tickets: whoever saw a batch become durable finds its timers told.
                self.tell(told);
                let lsn = Lsn(lsn);
                (tickets, accepted.into_iter().map(|outcome| outcome.map(|()| lsn)).collect())
            }
            Err(cause) => {
                tracing::error!(%cause, "the store could not commit");
                let error = Error::unavailable(cause);
                (tickets, vec![Err(error); accepted.len()])
            }
        }
    }

    fn publish(&mut self, mut pending: Layer, lsn: u64) {
        pending.last = lsn;
        pending.journal_bytes = self.group.record.len();
        let wants_segment = self.shelf.is_wanting();
        let mut layers = self.view.layers_mut();
        layers.active.absorb(pending);
        self.progress.grew(&layers.active, wants_segment, self.options);
        drop(layers);
        // A buffer that had to hold something big is not kept.
        self.group.record.clear();
        self.group.record.shrink_to(2 * self.options.group_bytes);
    }

    fn tell(&mut self, told: Vec<(&'static str, TimerChange)>) {
        for (queue, change) in told {
            if let Some(consumer) = self.queues.get(queue)
                && consumer.send(change).is_err()
            {
                self.queues.remove(queue);
            }
        }
    }

    fn subscribe(&mut self, queue: &'static str) -> Result<TimerQueue, Error> {
        let kept = self.group.lookup.timers(&self.view.layers(), queue);
        self.group.lookup.end();
        let (consumer, changes) = channel::unbounded_channel();
        let kept = kept.map_err(Error::unavailable)?;
        self.queues.insert(queue, consumer);
        Ok(TimerQueue::new(kept, changes))
    }
}

type Outcome = Result<Lsn, Error>;
type Queues = HashMap<&'static str, channel::UnboundedSender<TimerChange>>;

impl Group {
    pub(super) fn new(lookup: Lookup) -> Self {
        Self { lookup, pending: Layer::default(), record: Vec::new(), told: Vec::new() }
    }

    /// Adds a batch to the group, or says why it does not hold; then the group is as it was.
    fn accept(&mut self, layers: &Layers, queues: &Queues, batch: Batch) -> Result<(), Error> {
        let known = batch
            .preconditions
            .into_iter()
            .map(|precondition| self.check(layers, precondition))
            .collect::<Result<Vec<_>, _>>()?;
        let (written, told) = (self.record.len(), self.told.len());
        for mutation in batch.mutations {
            changes::write(&mutation, &mut self.record);
            if let Err(error) = self.mutate(layers, queues, &known, mutation) {
                self.record.truncate(written);
                self.told.truncate(told);
                self.rebuild();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Makes `pending` again of what the record holds. Rare: somebody appends under a sequence that is taken.
    fn rebuild(&mut self) {
        self.pending = Layer::default();
        let accepted = self.record.get(RECORD_BYTES..).unwrap_or_default();
        for change in Changes::of(accepted).flatten() {
            self.pending.replay(change);
        }
    }

    /// Checks a precondition, and answers what it says: a record and its version, 0 where it must not be there.
    fn check(&mut self, layers: &Layers, precondition: Precondition) -> Result<(String, String, u64), Error> {
        let (table, key, expected) = match precondition {
            Precondition::Absent { table, key } => (table, key, None),
            Precondition::Version { table, key, version } => (table, key, Some(version)),
        };
        let found = self.lookup.version(&self.pending, layers, &table, &key).map_err(Error::unavailable)?;
        if expected != (found > 0).then_some(found) {
            return Err(Error::Conflict { table, key });
        }
        Ok((table, key, found))
    }

    fn mutate(
        &mut self,
        layers: &Layers,
        queues: &Queues,
        known: &[(String, String, u64)],
        mutation: Mutation,
    ) -> Result<(), Error> {
        check_size(&mutation)?;
        match mutation {
            Mutation::Put { table, key, value } => {
                let known = known.iter().find(|(t, k, _)| *k == key && *t == table);
                self.pending.put(&table, key, value, known.map(|(_, _, version)| *version));
            }
            Mutation::Delete { table, key } => self.pending.delete(&table, key),
            Mutation::DeletePrefix { prefix, .. } if prefix.is_empty() => {
                // More likely a mistake than a wish: a whole table is never deleted.
                return Err(Error::unavailable("the prefix of what is to be deleted is empty"));
            }
            Mutation::DeletePrefix { table, prefix } => self.pending.delete_prefix(&table, prefix),
            Mutation::Append { log, sequence, time, payload } => {
                return self.append(layers, log, Entry { sequence, time, payload });
            }
            Mutation::Trim { log, before } => self.pending.trim(&log, before),
            Mutation::SetTimer { queue, key, due, payload } => {
                if queues.contains_key(queue) {
                    let timer = Timer { key: key.clone(), due, payload: payload.clone() };
                    self.told.push((queue, TimerChange::Set(timer)));
                }
                self.pending.time(queue, key, Some((due, payload)));
            }
            Mutation::ClearTimer { queue, key } => {
                if queues.contains_key(queue) {
                    self.told.push((queue, TimerChange::Cleared(key.clone())));
                }
                self.pending.time(queue, key, None);
            }
        }
        Ok(())
    }

    fn append(&mut self, layers: &Layers, log: String, entry: Entry) -> Result<(), Error> {
        let sequence = entry.sequence;
        if i64::try_from(sequence).is_err() {
            return Err(Error::unavailable("a sequence is above 2^63 - 1"));
        }
        let mut appender = self.pending.log(&log);
        if appender.bound() == Bound::Unknown {
            let below = self.lookup.bound(layers, &log).map_err(Error::unavailable)?;
            appender.learn(below);
        }
        let may_be_taken = match appender.bound() {
            Bound::Empty => false,
            Bound::Unknown => true,
            Bound::Last(last) => sequence <= last,
        };
        let is_taken = may_be_taken
            && self.lookup.is_taken(&self.pending, layers, &log, sequence).map_err(Error::unavailable)?;
        if is_taken || !self.pending.log(&log).append(entry) {
            return Err(Error::Conflict { table: log, key: sequence.to_string() });
        }
        Ok(())
    }
}

/// Refuses what the database would refuse later.
fn check_size(mutation: &Mutation) -> Result<(), Error> {
    let longest = match mutation {
        Mutation::Put { table, key, value } => table.len().max(key.len()).max(value.len()),
        Mutation::Delete { table, key } => table.len().max(key.len()),
        Mutation::DeletePrefix { table, prefix } => table.len().max(prefix.len()),
        Mutation::Append { log, payload, .. } => log.len().max(payload.len()),
        Mutation::Trim { log, .. } => log.len(),
        Mutation::SetTimer { key, payload, .. } => key.len().max(payload.len()),
        Mutation::ClearTimer { key, .. } => key.len(),
    };
    if longest > FIELD_BYTES_MAX {
        return Err(Error::unavailable("a key or a value is too big"));
    }
    Ok(())
}
