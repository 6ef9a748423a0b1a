//! Measures how many executions a second the service starts, runs and keeps on this machine's disk.
//!
//! `cargo run --release -p states --example throughput -- [executions] [callers] [states]`

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use api::{Call, Dispatcher, Principal, Service};
use clock::Clock;
use serde_json::{Value, json};
use states::{Config, States};
use store::LocalStore;
use types::{AccountId, Region};

#[tokio::main]
async fn main() {
    let argument =
        |at: usize, default: usize| std::env::args().nth(at).map_or(default, |text| text.parse().unwrap());
    let (executions, callers, states) = (argument(1, 20_000), argument(2, 64), argument(3, 1));
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(LocalStore::open(dir.path()).unwrap());
    let door = Dispatcher::new(Clock::Wall);
    let service = Arc::new(States::new(store, door.clone(), Config::default()));
    door.install([Arc::clone(&service) as Arc<dyn Service>]);
    service.start().await.unwrap();
    let input = json!({"name": "m", "roleArn": "arn:aws:iam::000000000000:role/r", "definition": machine(states).to_string()});
    let machine = call(&door, "CreateStateMachine", input).await["stateMachineArn"].clone();

    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let callers: Vec<_> = (0..callers)
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
    let seconds = began.elapsed().as_secs_f64();
    println!("{executions} executions of {states} states: {:.0} executions/s", executions as f64 / seconds);
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
