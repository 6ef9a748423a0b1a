//! Events that come to a queue: what is made for them, how they are put, and how one is followed.
//!
//! Nobody receives from the queue that is measured: how many messages are in it says how many events have come. Each
//! follower has a rule and a queue of its own, whose events are put among the others.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use super::connection::{Connection, Endpoint};
use super::load::FOLLOWERS;
use super::request::{EVENTS, SQS};
use super::target::Target;

/// Events of one PutEvents.
pub const BATCH: u32 = 10;
/// How long one that is followed may take, seconds: the longest poll there is.
const PATIENCE_SECONDS: u32 = 20;

/// What every event says: about 900 bytes, as in benches/events.py.
pub fn detail() -> Value {
    let items: Vec<Value> =
        (0..8).map(|number| json!({"sku": format!("sku-{number}"), "count": number})).collect();
    json!({"order": 4711, "customer": format!("c-{}", "0".repeat(32)), "items": items, "note": "x".repeat(300)})
}

/// What a follower's rule and its queue are called.
fn followed(name: &str, follower: usize) -> String {
    format!("{name}-followed-{follower}")
}

/// Makes a rule with its queue, and returns its name; and one more for each follower.
///
/// # Errors
/// What the endpoint answers.
pub fn create(target: &Target, scenario: &str) -> anyhow::Result<String> {
    let name = format!("bench-{scenario}-{}", api::ids::alphanumeric(8));
    for name in std::iter::once(name.clone()).chain((0..FOLLOWERS).map(|follower| followed(&name, follower)))
    {
        target.call(SQS, "CreateQueue", &json!({ "QueueName": name }))?;
        let wanted = json!({"QueueUrl": url(&name), "AttributeNames": ["QueueArn"]});
        let queue = target.call(SQS, "GetQueueAttributes", &wanted)?;
        let pattern = json!({"source": [name]}).to_string();
        target.call(EVENTS, "PutRule", &json!({"Name": name, "EventPattern": pattern}))?;
        let targets = json!([{"Id": "queue", "Arn": queue["Attributes"]["QueueArn"]}]);
        let put = target.call(EVENTS, "PutTargets", &json!({"Rule": name, "Targets": targets}))?;
        ensure!(put["FailedEntryCount"] == 0, "{put}");
    }
    Ok(name)
}

/// Where a queue is: its path says it.
fn url(name: &str) -> String {
    format!("https://sqs.us-east-1.amazonaws.com/000000000000/{name}")
}

/// The input of a PutEvents of a whole batch.
pub fn batch(name: &str, detail: &str) -> Value {
    let entry = json!({"Source": name, "DetailType": "bench", "Detail": detail});
    json!({"Entries": vec![entry; BATCH as usize]})
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    failed_entry_count: u32,
}

/// Whether all events of an answer were accepted.
///
/// # Errors
/// The answer, where some were not.
pub fn accepted(answer: &[u8]) -> anyhow::Result<()> {
    let put: Put = serde_json::from_slice(answer)?;
    ensure!(put.failed_entry_count == 0, "{}", String::from_utf8_lossy(answer));
    Ok(())
}

/// How many events have come.
///
/// # Errors
/// What the endpoint answers.
pub fn delivered(target: &Target, name: &str) -> anyhow::Result<usize> {
    let wanted = json!({"QueueUrl": url(name), "AttributeNames": ["ApproximateNumberOfMessages"]});
    let answer = target.call(SQS, "GetQueueAttributes", &wanted)?;
    let count = answer["Attributes"]["ApproximateNumberOfMessages"].as_str().unwrap_or_default();
    count.parse().with_context(|| format!("{answer} says no number of messages"))
}

/// Puts one event and receives it, again and again.
pub struct Follower {
    events: Connection,
    queue: Connection,
    put: String,
    receive: String,
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Received {
    #[serde(default)]
    messages: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    receipt_handle: String,
}

impl Follower {
    /// The follower of that number beside the events of `name`.
    pub fn new(endpoint: &Endpoint, name: &str, number: usize, detail: &str) -> Self {
        let followed = followed(name, number);
        let entry = json!({"Source": followed, "DetailType": "bench", "Detail": detail});
        let url = url(&followed);
        let receive = json!({"QueueUrl": url, "MaxNumberOfMessages": 1, "WaitTimeSeconds": PATIENCE_SECONDS});
        Self {
            events: Connection::new(endpoint, EVENTS),
            queue: Connection::new(endpoint, SQS),
            put: json!({ "Entries": [entry] }).to_string(),
            receive: receive.to_string(),
            url,
        }
    }

    /// How long it took from before an event was put until a message was there.
    ///
    /// # Errors
    /// What the endpoint answers; an event that does not come.
    pub async fn follow_one(&mut self) -> anyhow::Result<Duration> {
        let sent = Instant::now();
        accepted(self.events.call("PutEvents", self.put.as_bytes()).await?.body()?)?;
        let answer = self.queue.call("ReceiveMessage", self.receive.as_bytes()).await?;
        let received: Received = serde_json::from_slice(answer.body()?)?;
        let took = sent.elapsed();
        let message = received.messages.first().context("an event has not come")?;
        let delete = json!({"QueueUrl": self.url, "ReceiptHandle": message.receipt_handle}).to_string();
        self.queue.call("DeleteMessage", delete.as_bytes()).await?.body()?;
        Ok(took)
    }
}
