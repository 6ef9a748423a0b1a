//! What was acknowledged survives `kill -9`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]
#![expect(clippy::print_stdout, reason = "the child answers through its standard output")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use clock::{Clock, VirtualClock};
use futures_util::FutureExt as _;
use store::{Batch, LocalStore, Options, Slice, SqliteStore, Store};
use types::Timestamp;

const CHILD: &str = "RUNWRIGHT_TEST_KILL_DIR";
const WRITERS: usize = 64;
const KILLS: u64 = 15;

/// Opens the store that is killed.
type Open = fn(&Path) -> Arc<dyn Store>;

/// These tests are also their own child processes: there they write until they are killed.
#[test]
fn acknowledged_batches_survive_kill_9() {
    survives("acknowledged_batches_survive_kill_9", |dir| Arc::new(SqliteStore::open(dir).unwrap()));
}

#[test]
fn with_a_journal_acknowledged_batches_survive_kill_9() {
    let name = "with_a_journal_acknowledged_batches_survive_kill_9";
    survives(name, |dir| Arc::new(LocalStore::open(dir).unwrap()));
}

/// Layers and segments so small that the process is killed while they change.
#[test]
fn with_small_layers_acknowledged_batches_survive_kill_9() {
    let name = "with_small_layers_acknowledged_batches_survive_kill_9";
    survives(name, |dir| {
        let options = Options {
            layer_bytes: 400_000,
            segment_bytes: 1_000_000,
            first_segment_bytes: 50_000,
            group_bytes: 50_000,
        };
        Arc::new(LocalStore::open_with(dir, options).unwrap())
    });
}

fn survives(test: &str, open: Open) {
    if let Some(dir) = std::env::var_os(CHILD) {
        return write_until_killed(Path::new(&dir), open);
    }
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeMap::new();
    for kill in 0..KILLS {
        run_and_kill(test, dir.path(), random(kill), &mut acknowledged);
        check(dir.path(), open, &acknowledged);
    }
    assert_eq!(acknowledged.len(), WRITERS);
}

/// How many acknowledgements to wait for before the next kill.
fn random(kill: u64) -> u64 {
    let mixed = (kill + 1 + u64::from(std::process::id())).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) % 4000
}

fn run_and_kill(test: &str, dir: &Path, after: u64, acknowledged: &mut BTreeMap<usize, u64>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let (mut seen, mut line) = (0, String::new());
    // After the kill the pipe still holds what was acknowledged before it.
    while lines.read_line(&mut line).unwrap() > 0 {
        if let Some((writer, number)) = acknowledgement(&line) {
            let last = acknowledged.insert(writer, number);
            assert!(last.is_none_or(|last| last < number));
            seen += 1;
            if seen == after {
                child.kill().unwrap();
            }
        } else if after == 0 && line.contains("running") {
            child.kill().unwrap();
        }
        line.clear();
    }
    assert!(!child.wait().unwrap().success());
}

/// `ack WRITER NUMBER`, whole.
fn acknowledgement(line: &str) -> Option<(usize, u64)> {
    let (writer, number) = line.strip_suffix('\n')?.strip_prefix("ack ")?.split_once(' ')?;
    Some((writer.parse().ok()?, number.parse().ok()?))
}

#[tokio::main(flavor = "current_thread")]
async fn check(dir: &Path, open: Open, acknowledged: &BTreeMap<usize, u64>) {
    let database = rusqlite::Connection::open(dir.join("store.sqlite")).unwrap();
    let sound: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    drop(database);

    let store = open(dir);
    let clock = Clock::Virtual(VirtualClock::new(Timestamp::MAX));
    let mut queue = store.timers("numbers").await.unwrap();
    let mut timers = BTreeMap::new();
    while let Some(Some(timer)) = queue.next(&clock).now_or_never() {
        timers.insert(timer.key, timer.payload);
    }
    for writer in 0..WRITERS {
        let number = last_number(&*store, writer).await;
        assert!(number >= acknowledged.get(&writer).copied().unwrap_or(0), "writer {writer} lost {number}");
        // Each batch is there wholly or not at all.
        let entries = store.read(&writer.to_string(), Slice::default()).await.unwrap();
        assert!(entries.iter().map(|entry| entry.sequence).eq(1..=number));
        let timer =
            timers.get(&writer.to_string()).map(|bytes| u64::from_be_bytes(bytes[..].try_into().unwrap()));
        assert_eq!(timer.unwrap_or(0), number);
    }
}

async fn last_number(store: &dyn Store, writer: usize) -> u64 {
    let record = store.get("numbers", &writer.to_string()).await.unwrap();
    record.map_or(0, |record| u64::from_be_bytes(record.value[..8].try_into().unwrap()))
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn write_until_killed(dir: &Path, open: Open) {
    let store = open(dir);
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            for number in last_number(&*store, writer).await + 1.. {
                store.submit(batch(writer, number)).durable().await.unwrap();
                println!("ack {writer} {number}");
            }
        });
    }
    writers.join_all().await;
}

fn batch(writer: usize, number: u64) -> Batch {
    let (writer, bytes) = (writer.to_string(), number.to_be_bytes().to_vec());
    let mut batch = Batch::new();
    batch.put("numbers", writer.as_str(), [bytes.as_slice(), &[7; 250]].concat());
    batch.append(writer.as_str(), number, Timestamp::from_seconds(0), vec![7; 1000]);
    batch.set_timer("numbers", writer, Timestamp::from_seconds(0), bytes);
    batch
}
