//! An SQS queue: each event becomes a message, and those that are due together go together.
//!
//! A message has the delivery's id as its idempotency key, also among others: a second attempt, in whatever company, is
//! answered as the first was.

use api::{AwsError, Call, Dispatcher, Principal};
use serde_json::{Value, json};
use types::{AccountId, Arn, Region};

use super::{EVENTS, TargetKind, role};
use crate::delivery::Delivery;
use crate::limits::{
    DELIVERIES_CONCURRENT_MAX, MESSAGES_TOGETHER_BYTES_MAX, MESSAGES_TOGETHER_MAX, QUEUE_CALLS_CONCURRENT_MAX,
};

/// What the messages of one call have in their idempotency keys before the entry's id.
const BATCH: &str = "events";

/// The URL of a queue: only its path says which one it is.
pub fn queue_url(arn: &Arn) -> String {
    format!("https://sqs.{}.amazonaws.com/{}/{}", arn.region, arn.account, arn.resource)
}

/// Sends the message of a delivery.
pub async fn send(dispatcher: &Dispatcher, delivery: &Delivery, arn: &Arn) -> Result<Value, AwsError> {
    let mut input = message(delivery);
    input["QueueUrl"] = queue_url(arn).into();
    dispatcher.call(call(arn, role(delivery), "SendMessage", input).with_idempotency_key(key(delivery))).await
}

/// Sends the messages of deliveries that go to one queue.
pub async fn send_batch(dispatcher: &Dispatcher, deliveries: &[Delivery]) -> Vec<Result<Value, AwsError>> {
    let arn = deliveries.first().and_then(|first| first.target.arn.parse::<Arn>().ok());
    let Some(arn) = arn else { return Vec::new() };
    let entries: Vec<Value> = deliveries
        .iter()
        .map(|delivery| {
            let mut entry = message(delivery);
            entry["Id"] = delivery.id.as_str().into();
            entry
        })
        .collect();
    let input = json!({"QueueUrl": queue_url(&arn), "Entries": entries});
    let call = call(&arn, Principal::service(EVENTS), "SendMessageBatch", input).with_idempotency_key(BATCH);
    match dispatcher.call(call).await {
        Ok(answer) => deliveries.iter().map(|delivery| entry_answer(&answer, &delivery.id)).collect(),
        // One of them may be why all were refused.
        Err(error) if !error.may_pass() => {
            let mut answers = Vec::with_capacity(deliveries.len());
            for delivery in deliveries {
                answers.push(send(dispatcher, delivery, &arn).await);
            }
            answers
        }
        Err(error) => deliveries.iter().map(|_| Err(error.clone())).collect(),
    }
}

fn call(arn: &Arn, principal: Principal, operation: &str, input: Value) -> Call {
    let (account, region) = (AccountId::new(arn.account.as_str()), Region::new(arn.region.as_str()));
    Call::new(principal, &account, &region, "sqs", operation, input)
}

/// The same as that of an entry of a call.
fn key(delivery: &Delivery) -> String {
    format!("{BATCH}/{}", delivery.id)
}

fn message(delivery: &Delivery) -> Value {
    let mut message = json!({"MessageBody": delivery.input});
    if let Some(group) =
        delivery.target.sqs_parameters.as_ref().and_then(|given| given.message_group_id.as_ref())
    {
        message["MessageGroupId"] = group.as_str().into();
    }
    message
}

/// What an answer says of one of its entries.
fn entry_answer(answer: &Value, id: &str) -> Result<Value, AwsError> {
    let find = |list: &str| {
        let entries = answer.get(list).and_then(Value::as_array).into_iter().flatten();
        entries.clone().find(|entry| entry.get("Id").and_then(Value::as_str) == Some(id))
    };
    if let Some(sent) = find("Successful") {
        return Ok(sent.clone());
    }
    let failed = find("Failed");
    let text = |member: &str| failed.and_then(|failed| failed.get(member)?.as_str()).unwrap_or_default();
    let is_ours = failed.is_none_or(|failed| failed.get("SenderFault") == Some(&Value::Bool(false)));
    let code = if failed.is_some() { text("Code") } else { "InternalError" };
    Err(AwsError::new(code.to_owned(), text("Message")).with_status(if is_ours { 500 } else { 400 }))
}

/// Which deliveries go in one call: those to one queue, as no role, that fit.
pub struct Together {
    room: usize,
    bytes: usize,
}

impl Together {
    /// Others may go with `first`.
    pub fn begin(first: &Delivery) -> Self {
        let room = if is_alone(first) { 0 } else { MESSAGES_TOGETHER_MAX.saturating_sub(1) };
        Self { room, bytes: MESSAGES_TOGETHER_BYTES_MAX.saturating_sub(first.input.len()) }
    }

    /// Whether `next`, of the same target, goes with those that have been taken.
    pub fn takes(&mut self, next: &Delivery) -> bool {
        if self.room == 0 || next.input.len() > self.bytes {
            return false;
        }
        self.room -= 1;
        self.bytes -= next.input.len();
        true
    }
}

/// How many calls of the delivery's target may be under way at once.
pub fn concurrent_max(delivery: &Delivery) -> usize {
    if is_alone(delivery) { DELIVERIES_CONCURRENT_MAX } else { QUEUE_CALLS_CONCURRENT_MAX }
}

fn is_alone(delivery: &Delivery) -> bool {
    let arn: Option<Arn> = delivery.target.arn.parse().ok();
    let is_queue = arn.is_some_and(|arn| TargetKind::of(&arn) == Some(TargetKind::Queue));
    !is_queue || delivery.target.role_arn.is_some() || delivery.is_dead_letter()
}
