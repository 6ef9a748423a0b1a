//! What a writer can rely on: conflicts that spare others, order, timers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::path::Path;
use std::sync::Arc;

use clock::{Clock, VirtualClock};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use store::{Batch, Collection, Error, LocalStore, Range, Slice, SqliteStore, Store, Timer};
use types::Timestamp;

type Open = fn(&Path) -> Arc<dyn Store>;

/// Both stores; what is said here holds for either.
const STORES: [Open; 2] =
    [|dir| Arc::new(SqliteStore::open(dir).unwrap()), |dir| Arc::new(LocalStore::open(dir).unwrap())];

fn store(open: Open) -> (tempfile::TempDir, Arc<dyn Store>) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    (dir, store)
}

fn conflicts(outcome: &Result<store::Lsn, Error>) -> bool {
    matches!(outcome, Err(Error::Conflict { .. }))
}

#[tokio::test]
async fn a_taken_sequence_undoes_its_batch_and_no_other() {
    for open in STORES {
        let (_dir, store) = store(open);
        let append = |record: &str, sequence| {
            let mut batch = Batch::new();
            batch.put("records", record, vec![1]);
            batch.append("log", sequence, Timestamp::default(), record.as_bytes().to_vec());
            store.submit(batch).durable()
        };
        // Submitted at once, so that they share transactions wherever the committer is busy.
        let outcomes =
            join_all([append("a", 1), append("b", 1), append("c", 2), append("d", 2), append("e", 3)]).await;
        assert_eq!(outcomes.iter().map(conflicts).collect::<Vec<_>>(), [false, true, false, true, false]);
        let records = store.list("records", Range::prefix("")).await.unwrap();
        assert_eq!(records.iter().map(|record| record.key.as_str()).collect::<Vec<_>>(), ["a", "c", "e"]);
        let entries = store.read("log", Slice::default()).await.unwrap();
        assert_eq!(
            entries.iter().map(|entry| entry.payload.as_slice()).collect::<Vec<_>>(),
            [b"a", b"c", b"e"]
        );
    }
}

#[tokio::test]
async fn of_many_that_create_one_key_one_wins() {
    for open in STORES {
        let (_dir, store) = store(open);
        let outcomes = join_all((0..50u8).map(|number| {
            let mut batch = Batch::new();
            batch.require_absent("roles", "name").put("roles", "name", vec![number]);
            store.submit(batch).durable()
        }))
        .await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert!(outcomes.iter().skip(1).all(conflicts));
        assert_eq!(store.get("roles", "name").await.unwrap().unwrap().value, [0]);
    }
}

#[tokio::test]
async fn a_log_that_was_deleted_begins_anew() {
    for open in STORES {
        let (_dir, store) = store(open);
        for payload in [b"old", b"new"] {
            let mut batch = Batch::new();
            batch.append("log", 1, Timestamp::default(), payload.to_vec());
            if payload == b"old" {
                batch.trim("log", Timestamp::MAX);
            }
            store.submit(batch).durable().await.unwrap();
        }
        let entries = store.read("log", Slice::default()).await.unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].payload, b"new");
    }
}

#[tokio::test]
async fn a_whole_table_is_not_deleted_by_an_empty_prefix() {
    for open in STORES {
        let (_dir, store) = store(open);
        let (mut put, mut delete) = (Batch::new(), Batch::new());
        put.put("roles", "name", vec![1]);
        delete.delete_prefix("roles", "");
        store.submit(put).durable().await.unwrap();
        assert!(store.submit(delete).durable().await.is_err());
        assert!(store.get("roles", "name").await.unwrap().is_some());
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Role {
    path: String,
}

#[tokio::test]
async fn a_collection_refuses_to_overwrite_what_it_has_not_seen() {
    for open in STORES {
        let (_dir, store) = store(open);
        let roles = Collection::<Role>::new(Arc::clone(&store), "roles");
        let role = |path: &str| Role { path: path.to_owned() };
        let mut batch = Batch::new();
        roles.create(&mut batch, "name", &role("/"));
        store.submit(batch).durable().await.unwrap();
        let seen = roles.get("name").await.unwrap().unwrap();
        for (path, expected) in [("/a/", true), ("/b/", false)] {
            let mut batch = Batch::new();
            roles.replace(&mut batch, &seen, &role(path));
            assert_eq!(store.submit(batch).durable().await.is_ok(), expected);
        }
        assert_eq!(roles.get("name").await.unwrap().unwrap().value, role("/a/"));
    }
}

#[tokio::test]
async fn timers_come_when_due_and_stay_until_cleared() {
    for open in STORES {
        let (dir, store) = store(open);
        let hand = VirtualClock::new(Timestamp::from_seconds(0));
        let clock = Clock::Virtual(hand.clone());
        let at = Timestamp::from_seconds;
        let mut batch = Batch::new();
        batch.set_timer("waits", "b", at(20), vec![2]).set_timer("waits", "a", at(10), vec![1]);
        store.submit(batch).durable().await.unwrap();
        let mut queue = store.timers("waits").await.unwrap();
        let mut batch = Batch::new();
        batch.set_timer("waits", "c", at(30), vec![3]).clear_timer("waits", "b");
        store.submit(batch).durable().await.unwrap();

        assert!(queue.next(&clock).now_or_never().is_none());
        hand.advance_to(at(30));
        assert_eq!(
            queue.next(&clock).await.unwrap(),
            Timer { key: "a".into(), due: at(10), payload: vec![1] }
        );
        assert_eq!(queue.next(&clock).await.unwrap().key, "c");
        assert!(queue.next(&clock).now_or_never().is_none());

        let mut batch = Batch::new();
        batch.clear_timer("waits", "a");
        store.submit(batch).durable().await.unwrap();
        drop(store);
        assert!(queue.next(&clock).await.is_none());
        let store = open(dir.path());
        let mut queue = store.timers("waits").await.unwrap();
        assert_eq!(queue.next(&clock).await.unwrap().key, "c");
        assert!(queue.next(&clock).now_or_never().is_none());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_timer_is_lost_or_doubled_between_what_is_kept_and_what_is_told() {
    for open in STORES {
        let (_dir, store) = store(open);
        let clock = Clock::Virtual(VirtualClock::new(Timestamp::MAX));
        let writer = tokio::spawn({
            let store = Arc::clone(&store);
            async move {
                for number in 0..400 {
                    let mut batch = Batch::new();
                    batch.set_timer("waits", number.to_string(), Timestamp::from_seconds(number), Vec::new());
                    let ticket = store.submit(batch);
                    if number % 16 == 0 {
                        ticket.durable().await.unwrap();
                    }
                }
            }
        });
        // The queue may already be taken over while the writer is under way: that is what this is about.
        let mut queue = store.timers("waits").await.unwrap();
        let mut seen = std::collections::BTreeSet::new();
        while seen.len() < 400 {
            let timer = queue.next(&clock).await.unwrap();
            assert!(seen.insert(timer.key), "given twice");
        }
        writer.await.unwrap();
        assert!(queue.next(&clock).now_or_never().is_none());
    }
}
