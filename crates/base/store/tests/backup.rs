//! Copies of a store that is being written.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use store::{Batch, LocalStore, Range, Slice, SqliteStore, Store};
use types::Timestamp;

/// One batch: a record and an entry of a log, of which a copy has both or neither.
fn batch(number: u64) -> Batch {
    let mut batch = Batch::new();
    batch.put("records", format!("{number:020}"), vec![7; 900]);
    batch.append("log", number, Timestamp::from_seconds(1), vec![8; 300]);
    batch.set_timer("queue", number.to_string(), Timestamp::from_seconds(2), Vec::new());
    batch
}

type Open = fn(&Path) -> Arc<dyn Store>;

const STORES: [Open; 2] =
    [|dir| Arc::new(SqliteStore::open(dir).unwrap()), |dir| Arc::new(LocalStore::open(dir).unwrap())];

/// How many batches a store holds, whole and without a gap.
async fn batches(dir: &Path, open: Open) -> u64 {
    let store = open(dir);
    let records = store.list("records", Range::prefix("")).await.unwrap();
    let entries = store.read("log", Slice::default()).await.unwrap();
    assert_eq!(records.len(), entries.len());
    for (number, record) in (0..).zip(&records) {
        assert_eq!(record.key, format!("{number:020}"));
    }
    records.len() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_has_what_was_durable_and_nothing_by_halves() {
    for open in STORES {
        let (dir, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = open(dir.path());
        let (acknowledged, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let writer = tokio::spawn({
            let (store, acknowledged, stop) =
                (Arc::clone(&store), Arc::clone(&acknowledged), Arc::clone(&stop));
            async move {
                while !stop.load(Ordering::SeqCst) {
                    let number = acknowledged.load(Ordering::SeqCst);
                    store.submit(batch(number)).durable().await.unwrap();
                    acknowledged.store(number + 1, Ordering::SeqCst);
                }
            }
        });
        while acknowledged.load(Ordering::SeqCst) < 2_000 {
            tokio::task::yield_now().await;
        }
        for name in ["first", "second"] {
            let before = acknowledged.load(Ordering::SeqCst);
            let copy = copies.path().join(name);
            store.backup(&copy).await.unwrap();
            let after = acknowledged.load(Ordering::SeqCst);
            assert!(!copy.join("store.sqlite-wal").exists(), "a copy is one file, and the mark beside it");
            let kept = batches(&copy, open).await;
            assert!(before <= kept && kept <= after + 1, "{before} <= {kept} <= {after} + 1");
        }
        stop.store(true, Ordering::SeqCst);
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn a_copy_takes_no_directory_that_holds_something() {
    for open in STORES {
        let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = open(dir.path());
        std::fs::write(copy.path().join("file"), "precious").unwrap();
        let refusal = store.backup(copy.path()).await.unwrap_err().to_string();
        assert!(refusal.contains("exists and is not empty"), "{refusal}");
        assert_eq!(std::fs::read(copy.path().join("file")).unwrap(), b"precious");
    }
}

#[tokio::test]
async fn a_copy_of_a_damaged_store_is_refused() {
    for open in STORES {
        let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = open(dir.path());
        for number in 0..500 {
            store.submit(batch(number)).durable().await.unwrap();
        }
        drop(store);
        let file = dir.path().join("store.sqlite");
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 8192 / 2 * 8192;
        bytes[middle..middle + 8192].fill(0xff);
        std::fs::write(&file, bytes).unwrap();
        let store = open(dir.path());
        let refusal = store.backup(&copy.path().join("copy")).await.unwrap_err().to_string();
        assert!(refusal.contains("the store is damaged") || refusal.contains("malformed"), "{refusal}");
    }
}
