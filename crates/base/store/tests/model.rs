//! The store against a model of ordered maps, through restarts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::BTreeMap;
use std::path::Path;

use clock::{Clock, VirtualClock};
use futures_util::FutureExt as _;
use proptest::prelude::*;
use store::{
    Batch, Entry, Error, LocalStore, Mutation, Options, Order, Precondition, Range, Record, Slice,
    SqliteStore, Store, Timer, TimerQueue,
};
use types::Timestamp;

const TABLES: [&str; 2] = ["roles", "rules"];
const KEYS: [&str; 8] = ["a", "a/1", "a/2", "ab", "b", "é", "\u{d7ff}x", "\u{10ffff}z"];
const LOGS: [&str; 2] = ["one", "two"];
const QUEUES: [&str; 2] = ["waits", "retries"];

/// When a timer is due, its key, its payload.
type Due = (Timestamp, String, Vec<u8>);

/// What a store should hold.
#[derive(Clone, Debug, Default)]
struct Model {
    records: BTreeMap<(String, String), (u64, Vec<u8>)>,
    logs: BTreeMap<String, BTreeMap<u64, (Timestamp, Vec<u8>)>>,
    /// In the order of their setting.
    timers: BTreeMap<&'static str, Vec<Due>>,
}

impl Model {
    /// Applies a batch and says whether it held.
    fn submit(&mut self, batch: &Batch) -> bool {
        let mut next = self.clone();
        let held = batch.preconditions.iter().all(|precondition| self.holds(precondition))
            && batch.mutations.iter().all(|mutation| next.mutate(mutation));
        if held {
            *self = next;
        }
        held
    }

    fn holds(&self, precondition: &Precondition) -> bool {
        let version = |table: &String, key: &String| {
            self.records.get(&(table.clone(), key.clone())).map(|found| found.0)
        };
        match precondition {
            Precondition::Absent { table, key } => version(table, key).is_none(),
            Precondition::Version { table, key, version: seen } => version(table, key) == Some(*seen),
        }
    }

    fn mutate(&mut self, mutation: &Mutation) -> bool {
        match mutation.clone() {
            Mutation::Put { table, key, value } => {
                let record = self.records.entry((table, key)).or_default();
                *record = (record.0 + 1, value);
            }
            Mutation::Delete { table, key } => drop(self.records.remove(&(table, key))),
            Mutation::DeletePrefix { table, prefix } => {
                self.records.retain(|(t, k), _| *t != table || !k.starts_with(&prefix));
            }
            Mutation::Append { log, sequence, time, payload } => {
                return self.logs.entry(log).or_default().insert(sequence, (time, payload)).is_none();
            }
            Mutation::Trim { log, before } => {
                let entries = self.logs.entry(log).or_default();
                entries.retain(|_, (time, _)| before != Timestamp::MAX && *time >= before);
            }
            Mutation::SetTimer { queue, key, due, payload } => {
                let timers = self.timers.entry(queue).or_default();
                timers.retain(|(_, set, _)| *set != key);
                timers.push((due, key, payload));
            }
            Mutation::ClearTimer { queue, key } => {
                self.timers.entry(queue).or_default().retain(|(_, set, _)| *set != key);
            }
        }
        true
    }

    fn list(&self, table: &str, range: Range<'_>) -> Vec<Record> {
        let mut records: Vec<_> = self
            .records
            .iter()
            .filter(|((t, k), _)| t == table && k.starts_with(range.prefix))
            .filter(|((_, k), _)| match range.after {
                Some(after) if range.descending => k.as_str() < after,
                Some(after) => k.as_str() > after,
                None => true,
            })
            .map(|((_, key), (version, value))| Record {
                key: key.clone(),
                version: *version,
                value: value.clone(),
            })
            .collect();
        if range.descending {
            records.reverse();
        }
        records.truncate(range.limit);
        records
    }

    fn read(&self, log: &str, slice: Slice) -> Vec<Entry> {
        let mut entries: Vec<_> = self
            .logs
            .get(log)
            .into_iter()
            .flatten()
            .map(|(sequence, (time, payload))| Entry {
                sequence: *sequence,
                time: *time,
                payload: payload.clone(),
            })
            .filter(|entry| entry.sequence >= slice.from_sequence && entry.sequence < slice.to_sequence)
            .filter(|entry| entry.time >= slice.from_time && entry.time < slice.to_time)
            .collect();
        if slice.order == Order::Time {
            entries.sort_by_key(|entry| (entry.time, entry.sequence));
        }
        if slice.descending {
            entries.reverse();
        }
        entries.truncate(slice.limit);
        entries
    }

    fn due(&self, queue: &str) -> Vec<Due> {
        let mut timers = self.timers.get(queue).cloned().unwrap_or_default();
        timers.sort_by_key(|(due, _, _)| *due);
        timers
    }
}

/// What happens to the store.
#[derive(Clone, Debug)]
enum Step {
    /// Batches that are submitted together, so that they share transactions.
    Submit(Vec<Batch>),
    /// All reads are compared.
    Compare { prefix: String, after: Option<&'static str>, limit: usize, from: u64, to: u64 },
    /// The store is closed and opened again.
    Reopen,
}

fn text(of: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(of)
}

fn time() -> impl Strategy<Value = Timestamp> {
    (0..6i64).prop_map(Timestamp::from_millis)
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(any::<u8>(), 0..8), (0..20_000usize).prop_map(|length| vec![7; length])]
}

fn precondition() -> impl Strategy<Value = Precondition> {
    (text(&TABLES), text(&KEYS), 0..4u64).prop_map(|(table, key, version)| {
        let (table, key) = (table.to_owned(), key.to_owned());
        match version {
            0 => Precondition::Absent { table, key },
            version => Precondition::Version { table, key, version },
        }
    })
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let record = || (text(&TABLES), text(&KEYS)).prop_map(|(table, key)| (table.to_owned(), key.to_owned()));
    let log = || text(&LOGS).prop_map(str::to_owned);
    prop_oneof![
        4 => (record(), payload()).prop_map(|((table, key), value)| Mutation::Put { table, key, value }),
        1 => record().prop_map(|(table, key)| Mutation::Delete { table, key }),
        1 => record().prop_map(|(table, prefix)| Mutation::DeletePrefix { table, prefix }),
        4 => (log(), 0..24u64, time(), payload())
            .prop_map(|(log, sequence, time, payload)| Mutation::Append { log, sequence, time, payload }),
        1 => (log(), prop_oneof![4 => time(), 1 => Just(Timestamp::MAX)])
            .prop_map(|(log, before)| Mutation::Trim { log, before }),
        2 => (text(&QUEUES), text(&KEYS), time(), payload())
            .prop_map(|(queue, key, due, payload)| Mutation::SetTimer { queue, key: key.into(), due, payload }),
        1 => (text(&QUEUES), text(&KEYS)).prop_map(|(queue, key)| Mutation::ClearTimer { queue, key: key.into() }),
    ]
}

fn batch() -> impl Strategy<Value = Batch> {
    (prop::collection::vec(precondition(), 0..2), prop::collection::vec(mutation(), 0..4))
        .prop_map(|(preconditions, mutations)| Batch { preconditions, mutations })
}

fn step() -> impl Strategy<Value = Step> {
    let after = prop::option::of(text(&KEYS));
    let prefix = prop_oneof![Just(String::new()), text(&KEYS).prop_map(str::to_owned)];
    prop_oneof![
        6 => prop::collection::vec(batch(), 1..5).prop_map(Step::Submit),
        3 => (prefix, after, 0..9usize, 0..24u64, 0..26u64)
            .prop_map(|(prefix, after, limit, from, to)| Step::Compare { prefix, after, limit, from, to }),
        1 => Just(Step::Reopen),
    ]
}

/// Opens the store that is compared.
type Open = fn(&Path) -> Box<dyn Store>;

const SMALL: Options =
    Options { layer_bytes: 20_000, segment_bytes: 60_000, first_segment_bytes: 3_000, group_bytes: 10_000 };

/// A store with the consumers of all queues.
struct Subject {
    store: Box<dyn Store>,
    queues: BTreeMap<&'static str, TimerQueue>,
}

impl Subject {
    async fn open(dir: &Path, open: Open) -> Self {
        let store = open(dir);
        let mut queues = BTreeMap::new();
        for queue in QUEUES {
            queues.insert(queue, store.timers(queue).await.unwrap());
        }
        Self { store, queues }
    }

    async fn submit(&self, batches: &[Batch]) -> Vec<bool> {
        let tickets: Vec<_> = batches.iter().map(|batch| self.store.submit(batch.clone())).collect();
        let mut held = Vec::new();
        for ticket in tickets {
            held.push(match ticket.durable().await {
                Ok(_) => true,
                Err(Error::Conflict { .. }) => false,
                Err(error) => panic!("{error}"),
            });
        }
        held
    }

    /// Everything the queues hold, which is taken out of them.
    fn drain(&mut self, queue: &str) -> Vec<Due> {
        let clock = Clock::Virtual(VirtualClock::new(Timestamp::MAX));
        let queue = self.queues.get_mut(queue).unwrap();
        let mut timers = Vec::new();
        while let Some(Some(Timer { key, due, payload })) = queue.next(&clock).now_or_never() {
            timers.push((due, key, payload));
        }
        timers
    }
}

async fn compare(subject: &dyn Store, model: &Model, range: Range<'_>, from: u64, to: u64) {
    for table in TABLES {
        for descending in [false, true] {
            let range = Range { descending, ..range };
            assert_eq!(subject.list(table, range).await.unwrap(), model.list(table, range), "{range:?}");
        }
        for key in KEYS {
            let kept = model.list(table, Range::prefix(key)).into_iter().find(|record| record.key == key);
            assert_eq!(subject.get(table, key).await.unwrap(), kept);
        }
    }
    let by_sequence = Slice { from_sequence: from, to_sequence: to, ..Slice::default() };
    let by_time = Slice {
        from_time: Timestamp::from_millis((from % 6).cast_signed()),
        to_time: Timestamp::from_millis((to % 6).cast_signed()),
        limit: range.limit,
        ..Slice::default()
    };
    for log in LOGS {
        for slice in [Slice::default(), by_sequence, by_time, Slice { limit: range.limit, ..by_sequence }] {
            for order in [Order::Sequence, Order::Time] {
                for descending in [false, true] {
                    let slice = Slice { order, descending, ..slice };
                    assert_eq!(subject.read(log, slice).await.unwrap(), model.read(log, slice), "{slice:?}");
                }
            }
        }
    }
}

async fn run(steps: Vec<Step>, open: Open) {
    let dir = tempfile::tempdir().unwrap();
    let mut subject = Subject::open(dir.path(), open).await;
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Submit(batches) => {
                let expected: Vec<bool> = batches.iter().map(|batch| model.submit(batch)).collect();
                assert_eq!(subject.submit(&batches).await, expected);
            }
            Step::Compare { prefix, after, limit, from, to } => {
                let range = Range { prefix: &prefix, after, limit, descending: false };
                compare(&*subject.store, &model, range, from, to).await;
            }
            Step::Reopen => {
                for queue in QUEUES {
                    assert_eq!(subject.drain(queue), model.due(queue), "told of {queue}");
                }
                drop(subject);
                subject = Subject::open(dir.path(), open).await;
            }
        }
    }
    let range = Range::prefix("");
    compare(&*subject.store, &model, range, 0, u64::MAX).await;
    for queue in QUEUES {
        assert_eq!(subject.drain(queue), model.due(queue), "kept or told of {queue}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_behaves_as_its_model(steps in prop::collection::vec(step(), 1..30)) {
        block_on(run(steps, |dir| Box::new(SqliteStore::open(dir).unwrap())));
    }

    #[test]
    fn a_journal_in_front_behaves_as_its_model(steps in prop::collection::vec(step(), 1..30)) {
        block_on(run(steps, |dir| Box::new(LocalStore::open(dir).unwrap())));
    }

    /// Whatever is submitted is soon in another layer, in another segment, in the database.
    #[test]
    fn small_layers_behave_as_their_model(steps in prop::collection::vec(step(), 1..60)) {
        block_on(run(steps, |dir| Box::new(LocalStore::open_with(dir, SMALL).unwrap())));
    }
}

fn block_on(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future);
}
