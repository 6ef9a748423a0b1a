//! Measures how long a start takes, and how much memory, with many executions in the data directory that have ended and many
//! that wait.
//!
//! `cargo run --release -p states --example recovery -- [ended] [waiting]`
//!
//! One execution of each kind runs; the others are copies of what it has left under other names.

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss, reason = "a measurement")]

use std::collections::VecDeque;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::{Call, Dispatcher, Principal, Service};
use clock::Clock;
use serde_json::{Value, json};
use states::{Config, States};
use store::{Batch, Entry, LocalStore, Range, Record, Slice, Store, Ticket, Timer};
use types::{AccountId, Region, Timestamp};

/// Tables with rows of executions.
const TABLES: [&str; 5] =
    ["states/execution", "states/execution_by_machine", "states/head", "states/frame", "states/kept"];

/// Executions that are copied in one batch.
const COPIES: usize = 200;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["build", dir, ended, waiting] => {
            return build(Path::new(dir), ended.parse().unwrap(), waiting.parse().unwrap()).await;
        }
        ["measure", dir, waiting, woken] => {
            return measure(Path::new(dir), waiting.parse().unwrap(), woken.parse().unwrap()).await;
        }
        _ => {}
    }
    let count = |at: usize, default: usize| arguments.get(at).map_or(default, |text| text.parse().unwrap());
    let (ended, waiting) = (count(0, 100_000), count(1, 10_000));
    let dir = tempfile::tempdir().unwrap();
    let began = Instant::now();
    // Each in a process of its own: what a server has made is not in its memory when it starts.
    run("build", dir.path(), [ended, waiting]);
    println!("{ended} ended and {waiting} waiting executions made in {:.0} s", began.elapsed().as_secs_f64());
    run("measure", dir.path(), [waiting, waiting.min(1000)]);
}

fn run(what: &str, dir: &Path, counts: [usize; 2]) {
    let mut part = Command::new(std::env::current_exe().unwrap());
    let part = part.arg(what).arg(dir).args(counts.map(|count| count.to_string()));
    assert!(part.status().unwrap().success());
}

/// What is left of an execution.
struct Sample {
    name: String,
    records: Vec<(&'static str, Record)>,
    history: (String, Vec<Entry>),
    timers: Vec<Timer>,
}

fn name(kind: char, number: usize) -> String {
    format!("{kind}0000000-0000-0000-0000-{number:012}")
}

async fn build(dir: &Path, ended: usize, waiting: usize) {
    let store: Arc<dyn Store> = Arc::new(LocalStore::open(dir).unwrap());
    let (door, service) = service(&store).await;
    for (kind, state) in [
        ('e', json!({"Type": "Pass", "End": true})),
        ('f', json!({"Type": "Wait", "Seconds": 8_000_000, "End": true})),
    ] {
        let definition = json!({"StartAt": "S", "States": {"S": state}}).to_string();
        let role = "arn:aws:iam::000000000000:role/r";
        let input = json!({"name": format!("machine-{kind}"), "roleArn": role, "definition": definition});
        let machine = call(&door, "CreateStateMachine", input).await["stateMachineArn"].clone();
        let input = json!({"order": 1, "items": ["a", "b"], "customer": {"name": "n"}}).to_string();
        let start = json!({"stateMachineArn": machine, "name": name(kind, 0), "input": input});
        call(&door, "StartExecution", start).await;
    }
    service.stop();
    for (kind, count) in [('e', ended), ('f', waiting)] {
        let sample = Sample::read(&store, name(kind, 0)).await;
        sample.copy(&store, kind, count).await;
    }
    // The service's tasks hold it too: nobody else would close it.
    tokio::task::spawn_blocking(move || store.close()).await.unwrap();
}

impl Sample {
    async fn read(store: &Arc<dyn Store>, name: String) -> Self {
        let (mut records, mut log) = (Vec::new(), String::new());
        for table in TABLES {
            let rows = store.list(table, Range::prefix("")).await.unwrap();
            for row in rows.into_iter().filter(|row| row.key.contains(&name)) {
                if table == "states/execution" {
                    let record: Value = serde_json::from_slice(&row.value).unwrap();
                    log = format!("states/history/{:020}/{name}", record["order"].as_u64().unwrap());
                }
                records.push((table, row));
            }
        }
        let history = store.read(&log, Slice::default()).await.unwrap();
        let mut queue = store.timers("states/wake").await.unwrap();
        let timers = std::iter::from_fn(|| queue.next_due(Timestamp::MAX));
        let timers = timers.filter(|timer| timer.key.contains(&name)).collect();
        Self { name, records, history: (log, history), timers }
    }

    async fn copy(&self, store: &Arc<dyn Store>, kind: char, count: usize) {
        let numbers: Vec<usize> = (1..count).collect();
        let mut tickets: VecDeque<Ticket> = VecDeque::new();
        for numbers in numbers.chunks(COPIES) {
            let mut batch = Batch::new();
            for number in numbers {
                self.add(&mut batch, &name(kind, *number));
            }
            tickets.push_back(store.submit(batch));
            if tickets.len() > 4 {
                tickets.pop_front().unwrap().durable().await.unwrap();
            }
        }
        for ticket in tickets {
            ticket.durable().await.unwrap();
        }
    }

    fn add(&self, batch: &mut Batch, name: &str) {
        let text = |text: &str| text.replace(&self.name, name);
        let bytes = |bytes: &[u8]| renamed(bytes, self.name.as_bytes(), name.as_bytes());
        for (table, record) in &self.records {
            batch.put(table, text(&record.key), bytes(&record.value));
        }
        for entry in &self.history.1 {
            batch.append(text(&self.history.0), entry.sequence, entry.time, bytes(&entry.payload));
        }
        for timer in &self.timers {
            batch.set_timer("states/wake", text(&timer.key), timer.due, timer.payload.clone());
        }
    }
}

/// The bytes with one name in the place of another of the same length.
fn renamed(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut renamed = bytes.to_vec();
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(from.len()).position(|part| part == from) {
        renamed[at + found..at + found + to.len()].copy_from_slice(to);
        at += found + from.len();
    }
    renamed
}

async fn service(store: &Arc<dyn Store>) -> (Dispatcher, Arc<States>) {
    let door = Dispatcher::new(Clock::Wall);
    let service = Arc::new(States::new(Arc::clone(store), door.clone(), Config::default()));
    door.install([Arc::clone(&service) as Arc<dyn Service>]);
    service.start().await.unwrap();
    (door, service)
}

async fn measure(dir: &Path, waiting: usize, woken: usize) {
    let began = (Instant::now(), cpu());
    let store: Arc<dyn Store> = Arc::new(LocalStore::open(dir).unwrap());
    let opened = (began.0.elapsed(), resident_bytes());
    let (door, service) = service(&store).await;
    let started = (began.0.elapsed(), cpu() - began.1, resident_bytes());
    let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    println!("store open        {:>8.2} s {:>8.0} MiB", opened.0.as_secs_f64(), mib(opened.1));
    println!(
        "started           {:>8.2} s {:>8.0} MiB, {:.2} s of CPU",
        started.0.as_secs_f64(),
        mib(started.2),
        started.1.as_secs_f64()
    );
    println!("each that waits   {:>8.0} bytes", (started.2 - opened.1) as f64 / waiting as f64);
    let used = cpu();
    for number in 0..woken {
        let arn = format!("arn:aws:states:us-east-1:000000000000:execution:machine-f:{}", name('f', number));
        call(&door, "StopExecution", json!({"executionArn": arn})).await;
    }
    println!("read and stopped  {:>8.0} us of CPU each", (cpu() - used).as_secs_f64() * 1e6 / woken as f64);
    service.stop();
}

/// CPU that this process has used.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

async fn call(door: &Dispatcher, operation: &str, input: Value) -> Value {
    let account = AccountId::new("000000000000");
    let call = Call {
        principal: Principal::Root { account: account.clone() },
        account,
        region: Region::new("us-east-1"),
        service: "states".to_owned(),
        operation: operation.to_owned(),
        input,
        request_id: api::ids::uuid(),
        idempotency_key: None,
    };
    door.call(call).await.unwrap()
}
