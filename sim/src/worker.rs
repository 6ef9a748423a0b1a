//! Reports delegated work with the tokens of the tasks that wait for it, again and again until it is taken.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use api::{AwsError, Fault};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::door::Door;
use crate::random::Random;
use crate::receiver::{Delegated, Fate, Receiver, fate};
use crate::trace::Trace;

/// How long to wait before a report is made again.
const RETRY: Duration = Duration::from_secs(1);

/// Reports what there is to report, as long as it is polled.
pub async fn work(seed: u64, door: Door, receiver: Arc<Receiver>, trace: Arc<Trace>) {
    let mut known = BTreeSet::new();
    let mut reports = JoinSet::new();
    loop {
        for work in receiver.open_work() {
            if known.insert(work.token.clone()) {
                let (door, receiver, trace) = (door.clone(), Arc::clone(&receiver), Arc::clone(&trace));
                reports.spawn(async move { report(seed, &door, &receiver, &trace, &work).await });
            }
        }
        receiver.delegated.notified().await;
    }
}

async fn report(seed: u64, door: &Door, receiver: &Receiver, trace: &Trace, work: &Delegated) {
    if work.key.contains("/Heartbeat") {
        // Nobody waits for the answer: the next report tells.
        let _ = door.call("states", "SendTaskHeartbeat", json!({"taskToken": work.token})).await;
    }
    door.clock().sleep_until(work.due).await;
    loop {
        let was_tried = receiver.try_report(&work.token);
        match send(seed, door, work).await {
            Ok(_) => trace.note(&format!("reported {}", work.key)),
            Err(error) if error.fault() == Fault::Receiver => {
                door.sleep(RETRY).await;
                continue;
            }
            // The first report was taken and its answer lost, or somebody has stopped the execution, or a branch beside
            // the task's has failed. A report that is lost shows in the history.
            Err(error) if was_tried || work.key.starts_with("stop") || error.code == "TaskTimedOut" => {
                trace.note(&format!("reported {} before: {}", work.key, error.code));
            }
            Err(error) => trace.violation(format!("the report of {} was refused: {error}", work.key)),
        }
        receiver.reported(&work.token);
        return;
    }
}

async fn send(seed: u64, door: &Door, work: &Delegated) -> Result<Value, AwsError> {
    match fate(seed, &work.key) {
        Fate::Done => {
            let output = json!({"answer": Random::new(seed, &work.key).below(1000)}).to_string();
            let input = json!({"taskToken": work.token, "output": output});
            door.call("states", "SendTaskSuccess", input).await
        }
        Fate::Failed | Fate::Silent => {
            let cause = format!("The work {} fails.", work.key);
            let input = json!({"taskToken": work.token, "error": "Refused", "cause": cause});
            door.call("states", "SendTaskFailure", input).await
        }
    }
}
