//! Measures what it costs to forget: how long commits of others take meanwhile, and what becomes of the file.
//!
//! `cargo run --release -p states --example retention -- [executions] [states] [local|sqlite]`

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use api::{Call, Dispatcher, Principal, Service};
use clock::{Clock, VirtualClock};
use serde_json::{Value, json};
use states::{Config, States};
use store::{Batch, LocalStore, Range, SqliteStore, Store};
use types::{AccountId, Region};

#[tokio::main]
async fn main() {
    let argument =
        |at: usize, default: usize| std::env::args().nth(at).map_or(default, |text| text.parse().unwrap());
    let (executions, states) = (argument(1, 50_000), argument(2, 10));
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = match std::env::args().nth(3).as_deref() {
        Some("sqlite") => Arc::new(SqliteStore::open(dir.path()).unwrap()),
        _ => Arc::new(LocalStore::open(dir.path()).unwrap()),
    };
    fill(&store, executions, states).await;
    println!("{executions} executions of {states} states: {}", sizes(dir.path()));

    let quiet = probe(&store, || async { tokio::time::sleep(Duration::from_secs(5)).await }).await;
    println!("commits of others while nothing is forgotten: {quiet}");
    let hand = VirtualClock::new(Clock::Wall.now() + Duration::from_secs(91 * 86_400));
    let (cpu, began) = (cpu_seconds(), Instant::now());
    let (_door, service) = service(&store, Clock::Virtual(hand.clone())).await;
    println!("started in {:.0} ms, {}", began.elapsed().as_secs_f64() * 1000.0, memory());
    let busy = probe(&store, || async {
        while rows(&store).await > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            hand.advance(Duration::from_millis(5));
        }
    })
    .await;
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    println!("commits of others while all are forgotten:    {busy}");
    println!(
        "forgotten in {seconds:.1} s, {:.0} us of CPU each, with the probe's: {}",
        cpu * 1e6 / executions as f64,
        sizes(dir.path())
    );
    let vacuumed = probe(&store, || async {
        let mut last = u64::MAX;
        while database(dir.path()) < last {
            last = database(dir.path());
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
    })
    .await;
    println!("commits of others while the file shrinks:     {vacuumed}");
    println!("at the end: {}, {}", sizes(dir.path()), memory());
    service.stop();
}

/// Runs so many executions to their ends.
async fn fill(store: &Arc<dyn Store>, executions: usize, states: usize) {
    let (door, service) = service(store, Clock::Wall).await;
    let input = json!({"name": "m", "roleArn": "arn:aws:iam::000000000000:role/r", "definition": machine(states).to_string()});
    let machine = call(&door, "CreateStateMachine", input).await["stateMachineArn"].clone();
    let next = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..64)
        .map(|_| {
            let (door, machine, next) = (door.clone(), machine.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                while next.fetch_add(1, Ordering::Relaxed) < executions {
                    call(&door, "StartExecution", json!({"stateMachineArn": machine, "input": "{\"a\": 1}"}))
                        .await;
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    service.stop();
}

async fn service(store: &Arc<dyn Store>, clock: Clock) -> (Dispatcher, Arc<States>) {
    let door = Dispatcher::new(clock);
    let service = Arc::new(States::new(Arc::clone(store), door.clone(), Config::default()));
    let events = Arc::new(events::Events::new(Arc::clone(store), door.clone()));
    door.install([Arc::clone(&service) as Arc<dyn Service>, Arc::clone(&events) as _]);
    events.load().await.unwrap();
    service.start().await.unwrap();
    (door, service)
}

/// Executions that are still kept.
async fn rows(store: &Arc<dyn Store>) -> usize {
    let range = Range { limit: 1, ..Range::prefix("") };
    store.list("states/execution", range).await.unwrap().len()
}

/// How long small commits take while something else is done.
async fn probe<F: Future<Output = ()>>(store: &Arc<dyn Store>, work: impl FnOnce() -> F) -> String {
    let done = Arc::new(AtomicBool::new(false));
    let (prober, is_done) = (Arc::clone(store), Arc::clone(&done));
    let probing = tokio::spawn(async move {
        let mut latencies = Vec::new();
        while !is_done.load(Ordering::Relaxed) {
            let mut batch = Batch::new();
            batch.put("probe", (latencies.len() % 100).to_string(), vec![7; 300]);
            let began = Instant::now();
            prober.submit(batch).durable().await.unwrap();
            latencies.push(began.elapsed());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        latencies
    });
    work().await;
    done.store(true, Ordering::Relaxed);
    let mut latencies = probing.await.unwrap();
    latencies.sort_unstable();
    let at = |share: f64| {
        let index = (latencies.len() as f64 * share) as usize;
        latencies.get(index.min(latencies.len() - 1)).unwrap().as_secs_f64() * 1000.0
    };
    format!("p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms of {}", at(0.5), at(0.99), at(1.0), latencies.len())
}

fn database(dir: &Path) -> u64 {
    std::fs::metadata(dir.join("store.sqlite")).unwrap().len()
}

fn sizes(dir: &Path) -> String {
    let log = std::fs::metadata(dir.join("store.sqlite-wal")).map_or(0, |metadata| metadata.len());
    format!("{:.1} MiB, log {:.1} MiB", database(dir) as f64 / 1048576.0, log as f64 / 1048576.0)
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    resident.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// User and system time of this process, by the kernel's ticks of 10 ms.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ticks = stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

fn machine(states: usize) -> Value {
    let state = |number: usize| match number + 1 == states {
        true => json!({"Type": "Pass", "End": true}),
        false => json!({"Type": "Pass", "Next": format!("S{}", number + 1)}),
    };
    let states: serde_json::Map<String, Value> =
        (0..states).map(|number| (format!("S{number}"), state(number))).collect();
    json!({"StartAt": "S0", "States": states})
}

async fn call(door: &Dispatcher, operation: &str, input: Value) -> Value {
    let account = AccountId::new("000000000000");
    let principal = Principal::Root { account: account.clone() };
    let call = Call::new(principal, &account, &Region::new("us-east-1"), "states", operation, input);
    door.call(call).await.unwrap()
}
