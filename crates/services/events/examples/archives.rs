//! Measures what an archive costs: putting events, memory, describing it, replaying it.
//!
//! `cargo run --release -p events --example archives -- [events] [callers]`

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use api::{Call, Dispatcher, Principal, Service};
use clock::Clock;
use events::Events;
use serde_json::{Value, json};
use store::LocalStore;
use types::{AccountId, Region};

const BUS: &str = "arn:aws:events:us-east-1:000000000000:event-bus/default";
const ARCHIVE: &str = "arn:aws:events:us-east-1:000000000000:archive/all";

#[tokio::main]
async fn main() {
    let argument =
        |at: usize, default: usize| std::env::args().nth(at).map_or(default, |text| text.parse().unwrap());
    let (events, callers) = (argument(1, 200_000), argument(2, 16));
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(LocalStore::open(dir.path()).unwrap());
    let door = Dispatcher::new(Clock::Wall);
    let service = Events::new(store, door.clone());
    door.install([Arc::new(service.clone()) as Arc<dyn Service>]);
    service.load().await.unwrap();
    service.start().await.unwrap();

    put(&door, events, callers, "matched by nothing").await;
    call(&door, "CreateArchive", json!({"ArchiveName": "all", "EventSourceArn": BUS})).await;
    let before = resident();
    put(&door, events, callers, "archived").await;
    println!("memory: {} MiB more", resident().saturating_sub(before) >> 20);
    for which in ["first", "second"] {
        let began = Instant::now();
        let archive = call(&door, "DescribeArchive", json!({"ArchiveName": "all"})).await;
        let (count, bytes) = (&archive["EventCount"], &archive["SizeBytes"]);
        println!("{which} DescribeArchive: {count} events, {bytes} bytes in {:?}", began.elapsed());
    }
    replay(&door, events).await;
}

/// Puts so many events, ten at a time.
async fn put(door: &Dispatcher, events: usize, callers: usize, what: &str) {
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let callers: Vec<_> = (0..callers)
        .map(|_| {
            let (door, next) = (door.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                let detail = json!({"order": "o-1", "items": vec!["an item"; 20]}).to_string();
                let entry = json!({"Source": "shop", "DetailType": "Order", "Detail": detail});
                let entries = json!({"Entries": vec![entry; 10]});
                while next.fetch_add(10, Ordering::Relaxed) < events {
                    call(&door, "PutEvents", entries.clone()).await;
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    println!("{what}: {:.0} events/s", events as f64 / began.elapsed().as_secs_f64());
}

async fn replay(door: &Dispatcher, events: usize) {
    let window = (0, Clock::Wall.now().as_seconds() + 1);
    let input = json!({
        "ReplayName": "again", "EventSourceArn": ARCHIVE, "Destination": {"Arn": BUS},
        "EventStartTime": window.0, "EventEndTime": window.1,
    });
    let began = Instant::now();
    call(door, "StartReplay", input).await;
    while call(door, "DescribeReplay", json!({"ReplayName": "again"})).await["State"] != "COMPLETED" {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("replay: {:.0} events/s", events as f64 / began.elapsed().as_secs_f64());
}

/// Bytes of memory that the process has.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096
}

async fn call(door: &Dispatcher, operation: &str, input: Value) -> Value {
    let account = AccountId::new("000000000000");
    let principal = Principal::Root { account: account.clone() };
    let call = Call::new(principal, &account, &Region::new("us-east-1"), "events", operation, input);
    door.call(call).await.unwrap()
}
