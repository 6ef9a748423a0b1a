//! Queues and a topic that events and a schedule come to, and what is found there: each accepted event once in each queue,
//! each occurrence once.
//!
//! The client that made them also receives and deletes what is in them, while the process dies under it: what it was told
//! that it has deleted must not come again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use api::AwsError;
use serde_json::{Value, json};
use types::Timestamp;

use crate::client::ROLE;
use crate::door::{ACCOUNT, Door, REGION};
use crate::trace::Trace;

/// How long a message that was received is hidden from others.
const HIDDEN: Duration = Duration::from_secs(30);

/// How often the schedules are due.
const EVERY: Duration = Duration::from_secs(60);

/// Where each event comes: to a queue, to a FIFO queue, by a topic, and where its queue is not there.
const OF_EVENTS: [&str; 4] = ["", ".fifo", "-topic", "-dead"];

/// Where the occurrences of the schedule come, and those whose queue is not there.
const OF_SCHEDULES: [&str; 2] = ["-times", "-late"];

/// What was received, and what was deleted, by its queue and its id.
#[derive(Clone, Debug, Default)]
pub struct Received {
    bodies: BTreeMap<(String, String), String>,
    deleted: BTreeSet<(String, String)>,
}

fn url(queue: &str) -> String {
    format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{queue}")
}

fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")
}

/// Makes the queues and the topic.
///
/// # Errors
/// What the services answer.
pub async fn arrange(door: &Door, name: &str) -> Result<(), AwsError> {
    for suffix in OF_EVENTS.iter().chain(&OF_SCHEDULES) {
        // What is sealed looks different each time.
        let mut attributes = json!({"SqsManagedSseEnabled": "false"});
        if suffix.ends_with(".fifo") {
            attributes["FifoQueue"] = "true".into();
            attributes["ContentBasedDeduplication"] = "true".into();
        }
        let input = json!({"QueueName": format!("{name}{suffix}"), "Attributes": attributes});
        door.call("sqs", "CreateQueue", input).await?;
    }
    door.call("sns", "CreateTopic", json!({ "Name": name })).await?;
    let subscription = json!({
        "TopicArn": arn("sns", name), "Protocol": "sqs", "Endpoint": arn("sqs", &format!("{name}-topic")),
        "Attributes": {"RawMessageDelivery": "true"},
    });
    door.call("sns", "Subscribe", subscription).await?;
    Ok(())
}

/// Makes a rule on events of the source `sim.NAME` with all of them as targets.
///
/// # Errors
/// What EventBridge answers.
pub async fn rule(door: &Door, name: &str) -> Result<(), AwsError> {
    let pattern = json!({"source": [format!("sim.{name}")]}).to_string();
    door.call("events", "PutRule", json!({"Name": name, "EventPattern": pattern})).await?;
    let group = json!({"MessageGroupId": "g"});
    let targets = json!([
        {"Id": "queue", "Arn": arn("sqs", name)},
        {"Id": "fifo", "Arn": arn("sqs", &format!("{name}.fifo")), "SqsParameters": group},
        {"Id": "topic", "Arn": arn("sns", name)},
        {"Id": "none", "Arn": arn("sqs", "none"), "DeadLetterConfig": {"Arn": arn("sqs", &format!("{name}-dead"))}},
    ]);
    let answer = door.call("events", "PutTargets", json!({"Rule": name, "Targets": targets})).await?;
    match answer["FailedEntryCount"].as_u64() {
        Some(0) => Ok(()),
        _ => Err(AwsError::new("NotTargets", answer.to_string())),
    }
}

/// Makes two schedules that send a message every minute, NAME to a queue and NAME-late to none.
///
/// # Errors
/// What EventBridge Scheduler answers, but for one that is there.
pub async fn schedule(door: &Door, name: &str) -> Result<(), AwsError> {
    for (schedule, queue) in
        [(name.to_owned(), format!("{name}-times")), (format!("{name}-late"), "none".to_owned())]
    {
        let dead = json!({"Arn": arn("sqs", &format!("{name}-late"))});
        let input = json!({
            "Name": schedule, "ScheduleExpression": "rate(1 minute)", "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": arn("sqs", &queue), "RoleArn": ROLE, "Input": "<aws.scheduler.scheduled-time>", "DeadLetterConfig": dead,
            },
        });
        match door.call("scheduler", "CreateSchedule", input).await {
            Err(error) if error.code != "ConflictException" => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Deletes them.
///
/// # Errors
/// What EventBridge Scheduler answers, but for one that is gone.
pub async fn unschedule(door: &Door, name: &str) -> Result<(), AwsError> {
    for schedule in [name.to_owned(), format!("{name}-late")] {
        match door.call("scheduler", "DeleteSchedule", json!({ "Name": schedule })).await {
            Err(error) if error.code != "ResourceNotFoundException" => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Receives and deletes until the queues are empty.
///
/// # Errors
/// What SQS answers.
pub async fn collect(
    door: &Door,
    trace: &Trace,
    name: &str,
    note: impl Fn(&mut dyn FnMut(&mut Received)),
) -> Result<(), AwsError> {
    for suffix in OF_EVENTS.iter().chain(&OF_SCHEDULES) {
        let queue = format!("{name}{suffix}");
        while !is_empty(door, &queue).await? {
            let input = json!({
                "QueueUrl": url(&queue), "MaxNumberOfMessages": 10, "VisibilityTimeout": HIDDEN.as_secs(),
            });
            let answer = door.call("sqs", "ReceiveMessage", input).await?;
            let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
            if messages.is_empty() {
                // Somebody had received them, and died.
                door.sleep(HIDDEN).await;
            }
            for message in messages {
                let text = |member: &str| message[member].as_str().unwrap_or_default().to_owned();
                let key = (queue.clone(), text("MessageId"));
                note(&mut |received| received.came(trace, &key, text("Body")));
                let input = json!({"QueueUrl": url(&queue), "ReceiptHandle": text("ReceiptHandle")});
                door.call("sqs", "DeleteMessage", input).await?;
                note(&mut |received| received.is_deleted(&key));
            }
        }
    }
    Ok(())
}

async fn is_empty(door: &Door, queue: &str) -> Result<bool, AwsError> {
    let input = json!({"QueueUrl": url(queue), "AttributeNames": ["All"]});
    let answer = door.call("sqs", "GetQueueAttributes", input).await?;
    let counts = ["", "NotVisible", "Delayed"];
    let mut counts =
        counts.iter().map(|kind| &answer["Attributes"][format!("ApproximateNumberOfMessages{kind}")]);
    Ok(counts.all(|count| count == "0"))
}

impl Received {
    fn came(&mut self, trace: &Trace, key: &(String, String), body: String) {
        let (queue, id) = key;
        trace.note(&format!("received {id} of {queue}"));
        if self.deleted.contains(key) {
            trace.violation(format!("{queue}: the message {id} was deleted, and came again: {body}"));
        }
        self.bodies.insert(key.clone(), body);
    }

    fn is_deleted(&mut self, key: &(String, String)) {
        self.deleted.insert(key.clone());
    }

    /// Occurrences of the schedules that have not come, although later ones have.
    pub fn gaps(&self, name: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        for queue in OF_SCHEDULES.map(|suffix| format!("{name}{suffix}")) {
            let times: Vec<String> = self.of(&queue, str::to_owned).into_keys().collect();
            let at = |text: &String| Timestamp::parse_rfc3339(text).unwrap_or_default();
            let gap = times.windows(2).find(|pair| match pair {
                [one, next] => at(next).since(at(one)) != EVERY,
                _ => false,
            });
            wrong.extend(gap.map(|pair| format!("{queue}: between {} nothing came", pair.join(" and "))));
        }
        wrong
    }

    /// What came to a queue: how often each.
    fn of(&self, queue: &str, identity: fn(&str) -> String) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for (_, body) in self.bodies.iter().filter(|((of, _), _)| of == queue) {
            *counts.entry(identity(body)).or_default() += 1;
        }
        counts
    }

    /// What is wrong with what came, `acknowledged` being the ids of events that were.
    pub fn problems(&self, name: &str, acknowledged: &[String]) -> Vec<String> {
        let event_id = |body: &str| {
            let event: Value = serde_json::from_str(body).unwrap_or_default();
            event["id"].as_str().unwrap_or(body).to_owned()
        };
        let events = OF_EVENTS
            .map(|suffix| (format!("{name}{suffix}"), self.of(&format!("{name}{suffix}"), event_id)));
        let times = OF_SCHEDULES
            .map(|suffix| (format!("{name}{suffix}"), self.of(&format!("{name}{suffix}"), str::to_owned)));
        let mut accepted: BTreeSet<String> = acknowledged.iter().cloned().collect();
        // Of an event whose answer was lost: nowhere, or everywhere.
        accepted.extend(events.iter().flat_map(|(_, counts)| counts.keys().cloned()));
        let mut wrong = Vec::new();
        for (queue, counts) in events.iter().chain(&times) {
            let doubled = counts.iter().filter(|(_, count)| **count != 1);
            wrong.extend(doubled.map(|(what, count)| format!("{queue}: {what} came {count} times")));
        }
        for (queue, counts) in &events {
            let missing = accepted.iter().filter(|event| !counts.contains_key(*event));
            wrong.extend(
                missing.map(|event| format!("{queue}: the event {event} was accepted and did not come")),
            );
        }
        wrong
    }
}
