//! The targets: what becomes of a batch's events at each kind.
//!
//! Source: EventBridge User Guide, "Amazon EventBridge Pipes targets", "Amazon EventBridge Pipes batching and concurrency".

use api::{AwsError, camel_case};
use serde_json::{Value, json};
use types::Arn;

use crate::call::Caller;
use crate::generated::types as model;
use crate::source::queue_url;
use crate::template::parameter;

/// An event on its way: what it was, what the target is to get, and what it is known by.
pub(crate) struct Outgoing {
    pub(crate) event: Value,
    pub(crate) text: String,
    pub(crate) key: String,
}

/// The kinds of targets that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TargetKind {
    Queue,
    Topic,
    StateMachine,
    EventBus,
    LogGroup,
    Cluster,
}

impl TargetKind {
    /// The kind of the target with that ARN; `None` where it is not served.
    pub(crate) fn of(arn: &str) -> Option<Self> {
        let arn: Arn = arn.parse().ok()?;
        match arn.service.as_str() {
            "sqs" => Some(Self::Queue),
            "sns" => Some(Self::Topic),
            "states" if arn.resource.starts_with("stateMachine:") => Some(Self::StateMachine),
            "events" if arn.resource.starts_with("event-bus/") => Some(Self::EventBus),
            "logs" if arn.resource.starts_with("log-group:") => Some(Self::LogGroup),
            "ecs" if arn.resource.starts_with("cluster/") => Some(Self::Cluster),
            _ => None,
        }
    }
}

/// Hands events to the target, and says of each whether it took it.
///
/// # Errors
/// What the target's service answers, of all of them.
pub(crate) async fn deliver(
    caller: &Caller,
    definition: &model::CreatePipeInput,
    events: &[Outgoing],
) -> Result<Vec<bool>, AwsError> {
    let parameters = definition.target_parameters.clone().unwrap_or_default();
    let arn = definition.target.as_str();
    match TargetKind::of(arn) {
        Some(TargetKind::Queue) => queue(caller, arn, &parameters, events).await,
        Some(TargetKind::Topic) => topic(caller, arn, events).await,
        Some(TargetKind::StateMachine) => state_machine(caller, arn, &parameters, events).await,
        Some(TargetKind::EventBus) => event_bus(caller, definition, &parameters, events).await,
        Some(TargetKind::LogGroup) => log_group(caller, arn, &parameters, events).await,
        Some(TargetKind::Cluster) => cluster(caller, arn, &parameters, events).await,
        None => {
            Err(AwsError::new("ValidationException", format!("Runwright does not serve the target {arn}.")))
        }
    }
}

/// One after the other, so that the order of a FIFO queue stays: what is behind one that failed waits for it.
async fn queue(
    caller: &Caller,
    arn: &str,
    parameters: &model::PipeTargetParameters,
    events: &[Outgoing],
) -> Result<Vec<bool>, AwsError> {
    let given = parameters.sqs_queue_parameters.clone().unwrap_or_default();
    let mut taken = vec![false; events.len()];
    for (event, taken) in events.iter().zip(&mut taken) {
        let mut input = json!({"QueueUrl": queue_url(arn), "MessageBody": event.text});
        let of_event =
            |given: &Option<String>| given.as_deref().and_then(|given| parameter(given, &event.event));
        for (name, value) in [
            ("MessageGroupId", of_event(&given.message_group_id)),
            ("MessageDeduplicationId", of_event(&given.message_deduplication_id)),
        ] {
            if let Some(value) = value {
                input[name] = value.into();
            }
        }
        if let Err(error) = caller.call("sqs", "SendMessage", input, Some(&event.key)).await {
            tracing::warn!(%error, target = arn, "a pipe's event was not taken");
            break;
        }
        *taken = true;
    }
    Ok(taken)
}

async fn topic(caller: &Caller, arn: &str, events: &[Outgoing]) -> Result<Vec<bool>, AwsError> {
    let mut taken = vec![false; events.len()];
    for (event, taken) in events.iter().zip(&mut taken) {
        let input = json!({"TopicArn": arn, "Message": event.text});
        match caller.call("sns", "Publish", input, Some(&event.key)).await {
            Ok(_) => *taken = true,
            Err(error) => tracing::warn!(%error, target = arn, "a pipe's event was not taken"),
        }
    }
    Ok(taken)
}

/// A state machine gets the whole batch.
async fn state_machine(
    caller: &Caller,
    arn: &str,
    parameters: &model::PipeTargetParameters,
    events: &[Outgoing],
) -> Result<Vec<bool>, AwsError> {
    let invocation = parameters.step_function_state_machine_parameters.as_ref();
    let waits = invocation.and_then(|given| given.invocation_type.as_deref()) == Some("REQUEST_RESPONSE");
    let input = json!({"stateMachineArn": arn, "input": batch(events)});
    let operation = if waits { "StartSyncExecution" } else { "StartExecution" };
    let answer = caller.call("states", operation, input, None).await?;
    match answer.get("status").and_then(Value::as_str) {
        Some(status @ ("FAILED" | "TIMED_OUT" | "ABORTED")) => {
            let text = format!("The execution of {arn} is {status}.");
            Err(AwsError::new("InternalException", text))
        }
        _ => Ok(vec![true; events.len()]),
    }
}

/// The texts of a batch as a JSON array: what is JSON as it is, what is not as a string.
pub(crate) fn batch(events: &[Outgoing]) -> String {
    let one = |event: &Outgoing| {
        serde_json::from_str::<Value>(&event.text).unwrap_or_else(|_| Value::from(event.text.as_str()))
    };
    Value::Array(events.iter().map(one).collect()).to_string()
}

async fn event_bus(
    caller: &Caller,
    definition: &model::CreatePipeInput,
    parameters: &model::PipeTargetParameters,
    events: &[Outgoing],
) -> Result<Vec<bool>, AwsError> {
    let given = parameters.event_bridge_event_bus_parameters.clone().unwrap_or_default();
    let of_event = |given: &Option<String>, event: &Outgoing, default: &str| {
        let value = given.as_deref().and_then(|given| parameter(given, &event.event));
        value.unwrap_or_else(|| default.to_owned())
    };
    let entry = |event: &Outgoing| {
        json!({
            "EventBusName": definition.target,
            "Source": of_event(&given.source, event, &format!("Pipe {}", definition.name)),
            "DetailType": of_event(&given.detail_type, event, "Event from aws:sqs"),
            "Detail": event.text,
            "Resources": given.resources.clone().unwrap_or_default(),
        })
    };
    let mut taken = Vec::new();
    for some in events.chunks(10) {
        let entries: Vec<Value> = some.iter().map(entry).collect();
        let answer = caller.call("events", "PutEvents", json!({"Entries": entries}), None).await?;
        let answers = answer.get("Entries").and_then(Value::as_array).cloned().unwrap_or_default();
        taken.extend(answers.iter().map(|answer| answer.get("EventId").is_some_and(Value::is_string)));
    }
    taken.resize(events.len(), false);
    Ok(taken)
}

async fn log_group(
    caller: &Caller,
    arn: &str,
    parameters: &model::PipeTargetParameters,
    events: &[Outgoing],
) -> Result<Vec<bool>, AwsError> {
    let given = parameters.cloud_watch_logs_parameters.clone().unwrap_or_default();
    let group = arn.split(":log-group:").nth(1).unwrap_or_default().trim_end_matches(":*");
    let now = caller.clock().now().as_millis();
    for event in events {
        let stream = given.log_stream_name.as_deref().and_then(|name| parameter(name, &event.event));
        let time = given.timestamp.as_deref().and_then(|path| parameter(path, &event.event));
        let time = time.and_then(|time| time.parse().ok()).unwrap_or(now);
        let input = json!({
            "logGroupName": group,
            "logStreamName": stream,
            "logEvents": [{"timestamp": time, "message": event.text}],
        });
        caller.call("logs", "PutLogEvents", input, None).await?;
    }
    Ok(vec![true; events.len()])
}

async fn cluster(
    caller: &Caller,
    arn: &str,
    parameters: &model::PipeTargetParameters,
    events: &[Outgoing],
) -> Result<Vec<bool>, AwsError> {
    let Some(given) = &parameters.ecs_task_parameters else {
        return Err(AwsError::new("ValidationException", "EcsTaskParameters are required."));
    };
    let mut taken = vec![false; events.len()];
    for (event, taken) in events.iter().zip(&mut taken) {
        let mut input = camel_case(serde_json::to_value(given).unwrap_or_default());
        input["cluster"] = arn.into();
        input["count"] = given.task_count.unwrap_or(1).into();
        input["taskDefinition"] = parameter(&given.task_definition_arn, &event.event).into();
        if let Some(members) = input.as_object_mut() {
            members.shift_remove("taskDefinitionArn");
            members.shift_remove("taskCount");
        }
        let answer = caller
            .call("ecs", "RunTask", input, None)
            .await
            .inspect_err(|error| tracing::warn!(%error, target = arn, "a pipe's event was not taken"));
        let Ok(answer) = answer else { continue };
        *taken = answer.get("tasks").and_then(Value::as_array).is_some_and(|tasks| !tasks.is_empty());
    }
    Ok(taken)
}
