//! Measures Map states: distributed ones over a CSV object, inline ones over an array. Prints seconds and peak memory.
//!
//! `cargo run --release -p states --example map_scale -- distributed STANDARD|EXPRESS ITEMS`
//! `cargo run --release -p states --example map_scale -- inline STANDARD|EXPRESS ITEMS`

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::{Body, Call, Dispatcher, Principal, Service};
use clock::Clock;
use s3::S3;
use serde_json::{Value, json};
use states::{Config, States};
use store::LocalStore;
use types::{AccountId, Region};

const ROLE: &str = "arn:aws:iam::000000000000:role/r";

#[tokio::main]
async fn main() {
    let argument = |at: usize, default: &str| std::env::args().nth(at).unwrap_or_else(|| default.to_owned());
    let (mode, kind) = (argument(1, "distributed"), argument(2, "STANDARD"));
    let items: usize = argument(3, "1000").parse().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(LocalStore::open(&dir.path().join("states")).unwrap());
    let objects = Arc::new(LocalStore::open(&dir.path().join("s3")).unwrap());
    let door = Dispatcher::new(Clock::Wall);
    let service = Arc::new(States::new(store, door.clone(), Config::default()));
    let s3 = S3::new(objects, &dir.path().join("blobs"));
    s3.start().await.unwrap();
    door.install([Arc::clone(&service) as Arc<dyn Service>, Arc::new(s3) as Arc<dyn Service>]);
    service.start().await.unwrap();
    match mode.as_str() {
        "inline" => inline(&door, &kind, items).await,
        _ => distributed(&door, &kind, items).await,
    }
    service.stop();
}

async fn distributed(door: &Dispatcher, kind: &str, items: usize) {
    call(door, "s3", "CreateBucket", json!({"Bucket": "bucket"}), None).await;
    let rows: String = (0..items).map(|number| format!("{number},name-{number},Berlin\n")).collect();
    let csv = Body::from(format!("id,name,town\n{rows}"));
    call(door, "s3", "PutObject", json!({"Bucket": "bucket", "Key": "items.csv"}), Some(csv)).await;
    let map = json!({
        "Type": "Map",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
            "Parameters": {"Bucket": "bucket", "Key": "items.csv"},
        },
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind},
            "StartAt": "Pass",
            "States": {"Pass": {"Type": "Pass", "End": true}},
        },
        "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": "bucket", "Prefix": "results"},
        },
        "End": true,
    });
    let machine = create(door, "STANDARD", &map).await;
    let before = peak();
    let began = Instant::now();
    let input = json!({"stateMachineArn": machine, "name": "e"});
    let execution = call(door, "states", "StartExecution", input, None).await["executionArn"].clone();
    let described = loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let described =
            call(door, "states", "DescribeExecution", json!({"executionArn": execution}), None).await;
        if described["status"] != "RUNNING" {
            break described;
        }
    };
    assert_eq!(described["status"], "SUCCEEDED", "{described}");
    report(&format!("distributed, {kind} children"), items, began.elapsed(), before);
}

async fn inline(door: &Dispatcher, kind: &str, items: usize) {
    let map = json!({
        "Type": "Map",
        "ItemProcessor": {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": true}}},
        "End": true,
    });
    let machine = create(door, kind, &map).await;
    let before = peak();
    let began = Instant::now();
    let input = Value::from((0..items).collect::<Vec<_>>()).to_string();
    let operation = if kind == "EXPRESS" { "StartSyncExecution" } else { "StartExecution" };
    let started =
        call(door, "states", operation, json!({"stateMachineArn": machine, "input": input}), None).await;
    let ended = match kind {
        "EXPRESS" => started,
        _ => {
            let arn = started["executionArn"].clone();
            call(door, "states", "DescribeExecution", json!({"executionArn": arn}), None).await
        }
    };
    report(&format!("inline, {kind}, {}", ended["status"]), items, began.elapsed(), before);
}

async fn create(door: &Dispatcher, kind: &str, map: &Value) -> Value {
    let definition = json!({"StartAt": "Map", "States": {"Map": map}}).to_string();
    let input = json!({"name": "m", "type": kind, "roleArn": ROLE, "definition": definition});
    call(door, "states", "CreateStateMachine", input, None).await["stateMachineArn"].clone()
}

fn report(what: &str, items: usize, took: Duration, before: u64) {
    println!(
        "{what}: {items} items in {:.2} s, peak memory {} MB ({before} MB before)",
        took.as_secs_f64(),
        peak()
    );
}

/// Megabytes of memory at most so far.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or(0) / 1024
}

async fn call(door: &Dispatcher, service: &str, operation: &str, input: Value, body: Option<Body>) -> Value {
    let account = AccountId::new("000000000000");
    let principal = Principal::Root { account: account.clone() };
    let call = Call::new(principal, &account, &Region::new("us-east-1"), service, operation, input);
    door.call_streaming(call, body).await.unwrap().output
}
