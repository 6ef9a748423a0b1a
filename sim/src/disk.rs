//! What is on the disk: the store as ordered maps. A batch is applied wholly or not at all.

use std::collections::BTreeMap;

use store::{Batch, Entry, Error, Mutation, Order, Precondition, Range, Record, Slice, Timer};
use types::Timestamp;

/// What a process finds when it starts.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    records: BTreeMap<String, BTreeMap<String, Record>>,
    logs: BTreeMap<String, BTreeMap<u64, Entry>>,
    timers: BTreeMap<&'static str, BTreeMap<String, Timer>>,
}

/// How one mutation is taken back.
enum Undo {
    Record(String, String, Option<Record>),
    Entry(String, u64),
    Entries(String, Vec<Entry>),
    Timer(&'static str, String, Option<Timer>),
}

impl Disk {
    /// Applies a batch.
    ///
    /// # Errors
    /// [`Error::Conflict`], [`Error::Unavailable`] for what no store takes; then nothing has changed.
    pub fn apply(&mut self, batch: &Batch) -> Result<(), Error> {
        batch.preconditions.iter().try_for_each(|precondition| self.check(precondition))?;
        let mut undo = Vec::new();
        let applied = batch.mutations.iter().try_for_each(|mutation| self.mutate(mutation, &mut undo));
        if applied.is_err() {
            undo.into_iter().rev().for_each(|step| self.take_back(step));
        }
        applied
    }

    /// The record under a key.
    pub fn get(&self, table: &str, key: &str) -> Option<Record> {
        self.records.get(table)?.get(key).cloned()
    }

    /// Records of a table, as [`store::Store::list`] gives them.
    pub fn list(&self, table: &str, range: Range<'_>) -> Vec<Record> {
        let records = self.records.get(table).into_iter().flatten().map(|(_, record)| record);
        let wanted = records.filter(|record| {
            let key = record.key.as_str();
            key.starts_with(range.prefix)
                && range.after.is_none_or(|after| if range.descending { key < after } else { key > after })
        });
        let mut found: Vec<Record> = wanted.cloned().collect();
        if range.descending {
            found.reverse();
        }
        found.truncate(range.limit);
        found
    }

    /// Entries of a log, as [`store::Store::read`] gives them.
    pub fn read(&self, log: &str, slice: Slice) -> Vec<Entry> {
        let entries = self.logs.get(log).into_iter().flatten().map(|(_, entry)| entry);
        let wanted = entries.filter(|entry| {
            (slice.from_sequence..slice.to_sequence).contains(&entry.sequence)
                && entry.time >= slice.from_time
                && (entry.time < slice.to_time || slice.to_time == Timestamp::MAX)
        });
        let mut found: Vec<Entry> = wanted.cloned().collect();
        if slice.order == Order::Time {
            found.sort_by_key(|entry| (entry.time, entry.sequence));
        }
        if slice.descending {
            found.reverse();
        }
        found.truncate(slice.limit);
        found
    }

    /// Timers of a queue.
    pub fn timers(&self, queue: &str) -> Vec<Timer> {
        self.timers.get(queue).into_iter().flat_map(|timers| timers.values().cloned()).collect()
    }

    /// Queues that have timers.
    pub fn queues(&self) -> Vec<&'static str> {
        self.timers.iter().filter(|(_, timers)| !timers.is_empty()).map(|(queue, _)| *queue).collect()
    }

    /// Names of logs that have entries.
    pub fn logs(&self) -> Vec<String> {
        self.logs.iter().filter(|(_, entries)| !entries.is_empty()).map(|(log, _)| log.clone()).collect()
    }

    /// Tables that have records, with the number of these.
    pub fn tables(&self) -> BTreeMap<String, usize> {
        let filled = self.records.iter().filter(|(_, records)| !records.is_empty());
        filled.map(|(table, records)| (table.clone(), records.len())).collect()
    }

    fn check(&self, precondition: &Precondition) -> Result<(), Error> {
        let (table, key, wanted) = match precondition {
            Precondition::Absent { table, key } => (table, key, None),
            Precondition::Version { table, key, version } => (table, key, Some(*version)),
        };
        let found = self.records.get(table).and_then(|table| table.get(key)).map(|record| record.version);
        if found == wanted {
            return Ok(());
        }
        Err(Error::Conflict { table: table.clone(), key: key.clone() })
    }

    fn mutate(&mut self, mutation: &Mutation, undo: &mut Vec<Undo>) -> Result<(), Error> {
        match mutation {
            Mutation::Put { table, key, value } => self.put(table, key, value, undo),
            Mutation::Delete { table, key } => self.delete(table, key, undo),
            Mutation::DeletePrefix { table, prefix } => {
                if prefix.is_empty() {
                    return Err(Error::unavailable("the prefix of what is to be deleted is empty"));
                }
                let keys = self.records.get(table).into_iter().flat_map(BTreeMap::keys);
                let keys: Vec<String> = keys.filter(|key| key.starts_with(prefix)).cloned().collect();
                keys.iter().for_each(|key| self.delete(table, key, undo));
            }
            Mutation::Append { log, sequence, time, payload } => {
                let entry = Entry { sequence: *sequence, time: *time, payload: payload.clone() };
                return self.append(log, entry, undo);
            }
            Mutation::Trim { log, before } => self.trim(log, *before, undo),
            Mutation::SetTimer { queue, key, due, payload } => {
                let timer = Timer { key: key.clone(), due: *due, payload: payload.clone() };
                let before = self.timers.entry(queue).or_default().insert(key.clone(), timer);
                undo.push(Undo::Timer(queue, key.clone(), before));
            }
            Mutation::ClearTimer { queue, key } => {
                let before = self.timers.entry(queue).or_default().remove(key);
                undo.push(Undo::Timer(queue, key.clone(), before));
            }
        }
        Ok(())
    }

    fn put(&mut self, table: &str, key: &str, value: &[u8], undo: &mut Vec<Undo>) {
        let records = self.records.entry(table.to_owned()).or_default();
        let version = records.get(key).map_or(1, |record| record.version + 1);
        let record = Record { key: key.to_owned(), version, value: value.to_vec() };
        let before = records.insert(key.to_owned(), record);
        undo.push(Undo::Record(table.to_owned(), key.to_owned(), before));
    }

    fn delete(&mut self, table: &str, key: &str, undo: &mut Vec<Undo>) {
        let before = self.records.entry(table.to_owned()).or_default().remove(key);
        undo.push(Undo::Record(table.to_owned(), key.to_owned(), before));
    }

    fn append(&mut self, log: &str, entry: Entry, undo: &mut Vec<Undo>) -> Result<(), Error> {
        let sequence = entry.sequence;
        if i64::try_from(sequence).is_err() {
            return Err(Error::unavailable("a sequence is above 2^63 - 1"));
        }
        let entries = self.logs.entry(log.to_owned()).or_default();
        if entries.contains_key(&sequence) {
            return Err(Error::Conflict { table: log.to_owned(), key: sequence.to_string() });
        }
        entries.insert(sequence, entry);
        undo.push(Undo::Entry(log.to_owned(), sequence));
        Ok(())
    }

    fn trim(&mut self, log: &str, before: Timestamp, undo: &mut Vec<Undo>) {
        let Some(entries) = self.logs.get_mut(log) else { return };
        let stays = |entry: &Entry| before != Timestamp::MAX && entry.time >= before;
        let trimmed = entries.values().filter(|entry| !stays(entry)).cloned().collect();
        entries.retain(|_, entry| stays(entry));
        undo.push(Undo::Entries(log.to_owned(), trimmed));
    }

    fn take_back(&mut self, step: Undo) {
        match step {
            Undo::Record(table, key, before) => {
                let records = self.records.entry(table).or_default();
                match before {
                    Some(record) => drop(records.insert(key, record)),
                    None => drop(records.remove(&key)),
                }
            }
            Undo::Entry(log, sequence) => {
                self.logs.entry(log).or_default().remove(&sequence);
            }
            Undo::Entries(log, trimmed) => {
                let entries = self.logs.entry(log).or_default();
                entries.extend(trimmed.into_iter().map(|entry| (entry.sequence, entry)));
            }
            Undo::Timer(queue, key, before) => {
                let timers = self.timers.entry(queue).or_default();
                match before {
                    Some(timer) => drop(timers.insert(key, timer)),
                    None => drop(timers.remove(&key)),
                }
            }
        }
    }
}
