//! An ECS cluster: each event runs tasks, with what the input says as overrides.

use api::{AwsError, Dispatcher, camel_case};
use serde_json::{Map, Value, json};

use super::{call, role};
use crate::delivery::Delivery;

/// Runs the tasks. The delivery's id is the `clientToken`: a second attempt finds the first one's tasks.
pub async fn run_task(dispatcher: &Dispatcher, delivery: &Delivery) -> Result<Value, AwsError> {
    let input = request(delivery)?;
    let answer = call(dispatcher, delivery, role(delivery), "ecs", "RunTask", input).await?;
    let is_empty = |member: &str| answer[member].as_array().is_none_or(Vec::is_empty);
    if is_empty("tasks") && !is_empty("failures") {
        // A task that found no place is tried again, as on AWS.
        let reason = answer["failures"][0]["reason"].as_str().unwrap_or("unknown");
        return Err(
            AwsError::new("InternalFailure", format!("Task failed to start: {reason}")).with_status(500)
        );
    }
    // Where only some found a place, another attempt with the same token would not start the others.
    Ok(answer)
}

/// `EcsParameters` and the input, as RunTask's input.
fn request(delivery: &Delivery) -> Result<Value, AwsError> {
    let parameters = delivery.target.ecs_parameters.clone().unwrap_or_default();
    let written = |value: Result<Value, serde_json::Error>| {
        value.map_err(|error| AwsError::internal("InternalException", &error))
    };
    let mut request = json!({
        "cluster": delivery.target.arn,
        "taskDefinition": parameters.task_definition_arn,
        "count": parameters.task_count.unwrap_or(1),
        "startedBy": format!("events-rule/{}", delivery.rule_name),
        "clientToken": delivery.id,
    });
    let mut set = |name: &str, value: Value| {
        if !value.is_null() {
            request[name] = value;
        }
    };
    set("launchType", json!(parameters.launch_type));
    set("platformVersion", json!(parameters.platform_version));
    set("group", json!(parameters.group));
    set("enableECSManagedTags", json!(parameters.enable_ecs_managed_tags));
    set("enableExecuteCommand", json!(parameters.enable_execute_command));
    set("propagateTags", json!(parameters.propagate_tags));
    set("referenceId", json!(parameters.reference_id));
    set(
        "capacityProviderStrategy",
        camel_case(written(serde_json::to_value(parameters.capacity_provider_strategy))?),
    );
    set("placementConstraints", camel_case(written(serde_json::to_value(parameters.placement_constraints))?));
    set("placementStrategy", camel_case(written(serde_json::to_value(parameters.placement_strategy))?));
    set("tags", camel_case(written(serde_json::to_value(parameters.tags))?));
    set("networkConfiguration", camel_case(written(serde_json::to_value(parameters.network_configuration))?));
    set("overrides", overrides(&delivery.input));
    Ok(request)
}

/// What of the input RunTask takes as overrides; an input that is something else, such as the event, is ignored.
fn overrides(input: &str) -> Value {
    const MEMBERS: [&str; 7] = [
        "containerOverrides",
        "cpu",
        "memory",
        "taskRoleArn",
        "executionRoleArn",
        "ephemeralStorage",
        "inferenceAcceleratorOverrides",
    ];
    let Ok(Value::Object(input)) = serde_json::from_str(input) else { return Value::Null };
    let taken: Map<String, Value> =
        input.into_iter().filter(|(name, _)| MEMBERS.contains(&name.as_str())).collect();
    if taken.is_empty() { Value::Null } else { Value::Object(taken) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_overrides_are_taken_from_the_input() {
        let input =
            r#"{"containerOverrides": [{"name": "c", "command": ["a b", "\"", "", "ü"]}], "cpu": "512"}"#;
        assert_eq!(overrides(input), serde_json::from_str::<Value>(input).unwrap());
        assert_eq!(overrides(r#"{"version": "0", "detail": {"containerOverrides": 1}}"#), Value::Null);
        assert_eq!(overrides("not JSON"), Value::Null);
        assert_eq!(overrides("[]"), Value::Null);
    }
}
