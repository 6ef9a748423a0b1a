//! Log events a second through the door: many containers' streams, each request with some lines, every one durable
//! before it is answered. `cargo bench -p logs`, with a directory on the disk to measure as its argument.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::{Call, Dispatcher, Principal, Service};
use clock::Clock;
use logs::Logs;
use serde_json::{Value, json};
use store::SqliteStore;
use types::{AccountId, Region};

const RUN: Duration = Duration::from_secs(4);
const LINE: &str =
    "2026-11-20T23:52:07.123Z INFO  worker: item 4711 of 10000 was read, checked and written in 12 ms";

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    // Cargo adds `--bench`.
    let parent = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let parent = parent.map_or_else(std::env::temp_dir, PathBuf::from);
    println!("{:>8} {:>6} {:>11} {:>12}", "streams", "lines", "requests/s", "events/s");
    for (streams, lines) in [(1, 100), (16, 1), (16, 100), (64, 100)] {
        let dir = tempfile::tempdir_in(&parent)?;
        let dispatcher = Dispatcher::new(Clock::Wall);
        let logs = Logs::new(Arc::new(SqliteStore::open(dir.path())?), &dispatcher);
        dispatcher.install([Arc::new(logs) as Arc<dyn Service>]);
        let seconds = RUN.as_secs_f64();
        let requests = f64::from(run(&dispatcher, streams, lines).await?);
        println!(
            "{streams:>8} {lines:>6} {:>11.0} {:>12.0}",
            requests / seconds,
            requests * f64::from(lines) / seconds
        );
    }
    Ok(())
}

/// How many requests are answered.
async fn run(dispatcher: &Dispatcher, streams: u32, lines: u32) -> Outcome<u32> {
    call(dispatcher, "CreateLogGroup", json!({"logGroupName": "g"})).await?;
    let begun = Instant::now();
    let mut writers = tokio::task::JoinSet::new();
    for stream in 0..streams {
        let dispatcher = dispatcher.clone();
        writers.spawn(async move {
            let name = stream.to_string();
            call(&dispatcher, "CreateLogStream", json!({"logGroupName": "g", "logStreamName": name})).await?;
            let mut requests = 0;
            while begun.elapsed() < RUN {
                let timestamp = dispatcher.clock().now().as_millis();
                let events: Vec<_> =
                    (0..lines).map(|_| json!({"timestamp": timestamp, "message": LINE})).collect();
                let input = json!({"logGroupName": "g", "logStreamName": name, "logEvents": events});
                call(&dispatcher, "PutLogEvents", input).await?;
                requests += 1;
            }
            Outcome::Ok(requests)
        });
    }
    let mut requests = 0;
    while let Some(writer) = writers.join_next().await {
        requests += writer??;
    }
    Ok(requests)
}

async fn call(dispatcher: &Dispatcher, operation: &str, input: Value) -> Outcome<Value> {
    let account = AccountId::new("000000000000");
    let call = Call {
        principal: Principal::Root { account: account.clone() },
        account,
        region: Region::new("us-east-1"),
        service: "logs".to_owned(),
        operation: operation.to_owned(),
        input,
        request_id: String::new(),
        idempotency_key: None,
    };
    Ok(dispatcher.call(call).await?)
}
