//! An ECS cluster: each event runs tasks.

use api::{AwsError, camel_case};
use serde_json::{Map, Value};

use super::{Outgoing, key, note};
use crate::line::Line;
use crate::shipment::Shipment;
use crate::template::parameter;

/// Runs the tasks of each event; says of each whether they were started.
pub(super) async fn run(line: &Line, shipment: &Shipment, events: &[Outgoing]) -> Vec<bool> {
    let mut taken = Vec::with_capacity(events.len());
    for (at, event) in events.iter().enumerate() {
        let answer = run_task(line, shipment, at, event).await;
        taken.push(answer.inspect_err(|error| note(line, error)).is_ok());
        if line.is_ordered() && taken.contains(&false) {
            break;
        }
    }
    taken.resize(events.len(), false);
    taken
}

async fn run_task(line: &Line, shipment: &Shipment, at: usize, event: &Outgoing) -> Result<(), AwsError> {
    // A second attempt with the same token finds the first one's tasks.
    let input = request(line, &format!("{}-{at}", shipment.id), event)?;
    let answer = line.caller.call_once("ecs", "RunTask", input, &key(shipment, at)).await?;
    let list = |member: &str| answer.get(member).and_then(Value::as_array).filter(|list| !list.is_empty());
    match (list("tasks"), list("failures").and_then(|failures| failures.first())) {
        (None, Some(failure)) => {
            let reason = failure.get("reason").and_then(Value::as_str).unwrap_or("unknown");
            Err(AwsError::new("InternalFailure", format!("Task failed to start: {reason}")))
        }
        // Where only some found a place, another attempt with the same token would not start the others.
        _ => Ok(()),
    }
}

/// `EcsTaskParameters` as RunTask's input, with what the event says in the place of paths.
fn request(line: &Line, token: &str, event: &Outgoing) -> Result<Value, AwsError> {
    let parameters = line.pipe.definition.target_parameters.as_ref();
    let given = parameters.and_then(|given| given.ecs_task_parameters.clone()).unwrap_or_default();
    let given =
        serde_json::to_value(given).map_err(|error| AwsError::internal("InternalException", &error))?;
    let Value::Object(given) = resolved(camel_case(given), &event.event) else { return Ok(Value::Null) };
    let mut request = Map::new();
    for (name, value) in given {
        let name = match name.as_str() {
            "taskDefinitionArn" => "taskDefinition",
            "taskCount" => "count",
            name => name,
        };
        request.insert(name.to_owned(), value);
    }
    request.entry("count").or_insert(1.into());
    request.insert("cluster".to_owned(), line.pipe.definition.target.as_str().into());
    request.insert("startedBy".to_owned(), started_by(line.pipe.name()).into());
    request.insert("clientToken".to_owned(), token.into());
    Ok(Value::Object(request))
}

/// ECS has room for 128 characters.
fn started_by(pipe: &str) -> String {
    format!("pipes/{pipe}")
}

/// Paths replaced by what the event says; what it does not say is left out.
fn resolved(value: Value, event: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| (name, resolved(value, event)));
            Value::Object(members.filter(|(_, value)| !value.is_null()).collect())
        }
        Value::Array(items) => {
            let items = items.into_iter().map(|item| resolved(item, event));
            Value::Array(items.filter(|item| !item.is_null()).collect())
        }
        Value::String(text) => parameter(&text, event).map_or(Value::Null, Value::String),
        other => other,
    }
}
