//! The disk of the simulation against the store that it stands for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::sync::Arc;

use clock::{Clock, VirtualClock};
use futures_util::FutureExt as _;
use sim::Faults;
use sim::faulty_store::FaultyStore;
use sim::random::Random;
use store::{Batch, Error, Order, Range, Slice, SqliteStore, Store, TimerQueue};
use types::Timestamp;

const TABLES: [&str; 2] = ["roles", "rules"];
const KEYS: [&str; 6] = ["a", "a/1", "a/2", "ab", "b", "é"];
const QUEUE: &str = "waits";

fn one_of<'a>(random: &mut Random, of: &[&'a str]) -> &'a str {
    of[random.below(of.len() as u64) as usize]
}

fn batch(random: &mut Random) -> Batch {
    let mut batch = Batch::new();
    if random.percent(30) {
        let (table, key) = (one_of(random, &TABLES), one_of(random, &KEYS));
        match random.below(4) {
            0 => batch.require_absent(table, key),
            version => batch.require_version(table, key, version),
        };
    }
    for _ in 0..random.below(4) {
        let (table, key) = (one_of(random, &TABLES), one_of(random, &KEYS));
        let time = Timestamp::from_millis(random.below(6).cast_signed());
        let value = random.number().to_le_bytes().to_vec();
        match random.below(10) {
            0..3 => batch.put(table, key, value),
            3 => batch.delete(table, key),
            4 => batch.delete_prefix(table, key),
            5..7 => batch.append(table, random.below(20), time, value),
            7 => batch.trim(table, if random.percent(20) { Timestamp::MAX } else { time }),
            8 => batch.set_timer(QUEUE, key, time, value),
            _ => batch.clear_timer(QUEUE, key),
        };
    }
    batch
}

async fn same(real: &SqliteStore, faulty: &FaultyStore, random: &mut Random) {
    let (limit, from) = (random.below(6) as usize, random.below(20));
    let (prefix, after) = (one_of(random, &["", "a", "a/"]), one_of(random, &KEYS));
    for table in TABLES {
        for descending in [false, true] {
            for after in [None, Some(after)] {
                let range = Range { prefix, after, limit, descending };
                assert_eq!(real.list(table, range).await.unwrap(), faulty.list(table, range).await.unwrap());
            }
            for order in [Order::Sequence, Order::Time] {
                let time = Timestamp::from_millis(3);
                let slice = Slice { order, descending, from_sequence: from, limit, ..Slice::default() };
                let by_time = Slice { from_time: time, ..slice };
                for slice in [slice, by_time, Slice::default()] {
                    let (real, faulty) = (real.read(table, slice).await, faulty.read(table, slice).await);
                    assert_eq!(real.unwrap(), faulty.unwrap());
                }
            }
        }
    }
}

/// Everything that is due, which is taken out.
fn drain(queue: &mut TimerQueue) -> Vec<(Timestamp, String, Vec<u8>)> {
    let clock = Clock::Virtual(VirtualClock::new(Timestamp::MAX));
    let mut found = Vec::new();
    while let Some(Some(timer)) = queue.next(&clock).now_or_never() {
        found.push((timer.due, timer.key, timer.payload));
    }
    found.sort();
    found
}

#[tokio::test]
async fn behaves_as_the_store_on_sqlite() {
    for seed in 0..8 {
        let dir = tempfile::tempdir().unwrap();
        let mut random = Random::new(seed, "batches");
        let clock = VirtualClock::new(Timestamp::from_seconds(0));
        let real = SqliteStore::open(dir.path()).unwrap();
        let faulty = FaultyStore::new(Arc::default(), &clock, random.clone(), &Faults::none());
        let mut queues = [real.timers(QUEUE).await.unwrap(), faulty.timers(QUEUE).await.unwrap()];
        for _ in 0..60 {
            let group: Vec<Batch> = (0..random.between(1, 4)).map(|_| batch(&mut random)).collect();
            let tickets: Vec<_> = group
                .iter()
                .map(|batch| (real.submit(batch.clone()), faulty.submit(batch.clone())))
                .collect();
            faulty.sync(tickets.len());
            for (real, faulty) in tickets {
                let outcome = |settled: Result<_, Error>| match settled {
                    Ok(_) => None,
                    Err(Error::Conflict { table, key }) => Some((table, key)),
                    Err(error) => panic!("{error}"),
                };
                assert_eq!(outcome(real.durable().await), outcome(faulty.durable().await));
            }
            same(&real, &faulty, &mut random).await;
        }
        let [real, faulty] = &mut queues;
        assert_eq!(drain(real), drain(faulty));
    }
}
