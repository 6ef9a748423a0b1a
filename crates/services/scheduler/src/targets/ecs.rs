//! An ECS cluster: each invocation runs tasks.

use api::{AwsError, Dispatcher, camel_case};
use serde_json::{Map, Value};

use super::call;
use crate::invocation::Invocation;

/// Runs the tasks, with the invocation's id as client token: a second attempt finds the first one's tasks.
pub async fn run_task(dispatcher: &Dispatcher, invocation: &Invocation) -> Result<Value, AwsError> {
    let answer = call(dispatcher, invocation, "ecs", "RunTask", request(invocation)?).await?;
    let list = |member: &str| answer.get(member).and_then(Value::as_array).filter(|list| !list.is_empty());
    match (list("tasks"), list("failures").and_then(|failures| failures.first())) {
        // A task that found no place is tried again, as on AWS.
        (None, Some(failure)) => {
            let reason = failure.get("reason").and_then(Value::as_str).unwrap_or("unknown");
            let text = format!("Task failed to start: {reason}");
            Err(AwsError::new("InternalFailure", text).with_status(500))
        }
        // Where only some found a place, another attempt with the same token would not start the others.
        _ => Ok(answer),
    }
}

/// `EcsParameters` and the input, as RunTask's input.
fn request(invocation: &Invocation) -> Result<Value, AwsError> {
    let parameters = serde_json::to_value(invocation.target.ecs_parameters.clone().unwrap_or_default())
        .map_err(|error| AwsError::internal("InternalException", &error))?;
    let Value::Object(parameters) = camel_case(parameters) else { return Ok(Value::Null) };
    let mut request = Map::new();
    for (name, value) in parameters {
        let name = match name.as_str() {
            "taskDefinitionArn" => "taskDefinition",
            "taskCount" => "count",
            name => name,
        };
        request.insert(name.to_owned(), value);
    }
    request.entry("count").or_insert(1.into());
    request.insert("cluster".to_owned(), invocation.target.arn.as_str().into());
    request.insert("startedBy".to_owned(), format!("chronos-schedule/{}", invocation.schedule.name).into());
    request.insert("clientToken".to_owned(), invocation.id.as_str().into());
    if let Some(overrides) = invocation.input().and_then(|input| overrides(&input)) {
        request.insert("overrides".to_owned(), overrides);
    }
    Ok(Value::Object(request))
}

/// What of the input RunTask takes as overrides; anything else is ignored.
fn overrides(input: &str) -> Option<Value> {
    const MEMBERS: [&str; 7] = [
        "containerOverrides",
        "cpu",
        "memory",
        "taskRoleArn",
        "executionRoleArn",
        "ephemeralStorage",
        "inferenceAcceleratorOverrides",
    ];
    let Ok(Value::Object(input)) = serde_json::from_str(input) else { return None };
    let taken: Map<String, Value> =
        input.into_iter().filter(|(name, _)| MEMBERS.contains(&name.as_str())).collect();
    (!taken.is_empty()).then_some(Value::Object(taken))
}
