//! Messages a second through the door, durable: sent in batches of ten, then received and deleted.
//!
//! `cargo run --release -p sqs --example messages_throughput [MESSAGES] [WORKERS]`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement prints what it finds, or ends")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use api::{Call, Dispatcher, Principal, Service};
use clock::Clock;
use sealed::SecretKey;
use serde_json::{Value, json};
use store::{LocalStore, Store};
use types::{AccountId, Region};

const URL: &str = "https://sqs.us-east-1.amazonaws.com/000000000000/q";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse().unwrap());
    let (messages, workers): (usize, usize) =
        (arguments.next().unwrap_or(100_000), arguments.next().unwrap_or(32));
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(LocalStore::open(dir.path()).unwrap());
    let door = Dispatcher::new(Clock::Wall);
    let sqs = sqs::Sqs::new(Arc::clone(&store), door.clone(), SecretKey::ephemeral().unwrap());
    sqs.start().await.unwrap();
    door.install([Arc::new(sqs) as Arc<dyn Service>]);
    call(&door, "CreateQueue", json!({"QueueName": "q"})).await;
    let batches = messages / 10;
    measure(
        "sent",
        messages,
        workers,
        batches,
        |door| async move {
            let body = "x".repeat(512);
            let entries: Vec<Value> =
                (0..10).map(|id| json!({"Id": id.to_string(), "MessageBody": body})).collect();
            call(&door, "SendMessageBatch", json!({"QueueUrl": URL, "Entries": entries})).await;
        },
        &door,
    )
    .await;
    measure("received and deleted", messages, workers, batches, |door| async move {
        let answer = call(&door, "ReceiveMessage", json!({"QueueUrl": URL, "MaxNumberOfMessages": 10})).await;
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        let entry = |(id, message): (usize, &Value)| json!({"Id": id.to_string(), "ReceiptHandle": message["ReceiptHandle"]});
        let entries: Vec<Value> = messages.iter().enumerate().map(entry).collect();
        assert_eq!(entries.len(), 10);
        call(&door, "DeleteMessageBatch", json!({"QueueUrl": URL, "Entries": entries})).await;
    }, &door)
    .await;
}

async fn measure<F, W>(
    what: &str,
    messages: usize,
    workers: usize,
    batches: usize,
    work: W,
    door: &Dispatcher,
) where
    W: Fn(Dispatcher) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let (next, started) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let tasks: Vec<_> = (0..workers)
        .map(|_| {
            let (next, door, work) = (Arc::clone(&next), door.clone(), work.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                while next.fetch_add(1, Ordering::Relaxed) < batches {
                    let begun = Instant::now();
                    work(door.clone()).await;
                    times.push(begun.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times: Vec<Duration> = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    let seconds = started.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    println!(
        "{what}: {:.0} messages/s, p50 {:?}, p99 {:?} a batch",
        messages as f64 / seconds,
        at(50),
        at(99)
    );
}

async fn call(door: &Dispatcher, operation: &str, input: Value) -> Value {
    let account = AccountId::new("000000000000");
    let principal = Principal::Root { account: account.clone() };
    door.call(Call::new(principal, &account, &Region::new("us-east-1"), "sqs", operation, input))
        .await
        .unwrap()
}
