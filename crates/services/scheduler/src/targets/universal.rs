//! A universal target: any operation that is served, called with the schedule's input.
//!
//! Source: EventBridge Scheduler User Guide, "Using universal targets".

use api::model::{Kind, Operation, ServiceModel, Shape};
use api::{AwsError, Dispatcher};
use serde_json::{Map, Value};

use super::call;
use crate::invocation::Invocation;

/// Calls the operation. Its input is PascalCase JSON, as the SDKs name members, also where the service does not.
///
/// # Errors
/// `UnknownOperationException` for what is not served; `ValidationException` for members that the operation does not
/// have; whatever the operation answers.
pub async fn call_operation(
    dispatcher: &Dispatcher,
    invocation: &Invocation,
    service: &str,
    action: &str,
) -> Result<Value, AwsError> {
    let Some((model, operation)) = find(dispatcher, service, action) else {
        let text = format!("Runwright does not serve {service}:{action}.");
        return Err(AwsError::new("UnknownOperationException", text));
    };
    let input = invocation.input().unwrap_or_else(|| "{}".to_owned());
    let input: Value = serde_json::from_str(&input)
        .map_err(|error| AwsError::new("ValidationException", format!("Input is not JSON: {error}")))?;
    let input = renamed(operation.input, input)?;
    call(dispatcher, invocation, model.signing_name, operation.name, input).await
}

/// The operation that a target ARN names, and its service; `None` where it is not served.
pub fn find(
    dispatcher: &Dispatcher,
    service: &str,
    action: &str,
) -> Option<(&'static ServiceModel, &'static Operation)> {
    let model = dispatcher.models().find(|model| sdk_name(model.service_id) == service)?;
    let operation = model.operations.iter().find(|operation| operation.name.eq_ignore_ascii_case(action))?;
    Some((model, operation))
}

/// How target ARNs name a service: `CloudWatch Logs` is `cloudwatchlogs`.
fn sdk_name(service_id: &str) -> String {
    service_id.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// The input under the names of the service's model, which differ in the case of their first letter at most.
fn renamed(shape: &Shape, value: Value) -> Result<Value, AwsError> {
    match (&shape.kind, value) {
        (Kind::Structure(_), Value::Object(given)) => {
            let mut members = Map::new();
            for (name, value) in given {
                let member = shape.members().iter().find(|member| is_named(member.name, &name));
                let member = member.ok_or_else(|| {
                    AwsError::new("ValidationException", format!("Input has an unknown member {name}."))
                })?;
                members.insert(member.name.to_owned(), renamed(member.shape, value)?);
            }
            Ok(Value::Object(members))
        }
        (Kind::List(list), Value::Array(elements)) => {
            elements.into_iter().map(|element| renamed(list.element, element)).collect()
        }
        (Kind::Map(map), Value::Object(entries)) => {
            let entries = entries.into_iter().map(|(key, value)| Ok((key, renamed(map.value, value)?)));
            Ok(Value::Object(entries.collect::<Result<_, AwsError>>()?))
        }
        (_, value) => Ok(value),
    }
}

fn is_named(member: &str, given: &str) -> bool {
    let (mut member, mut given) = (member.chars(), given.chars());
    match (member.next(), given.next()) {
        (Some(first), Some(other)) => first.eq_ignore_ascii_case(&other) && member.as_str() == given.as_str(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::model::MODEL;
    use serde_json::json;

    #[test]
    fn names_are_those_of_the_model() {
        let shape = MODEL.operation("CreateSchedule").unwrap().input;
        let given = json!({"name": "n", "Target": {"EcsParameters": {"NetworkConfiguration":
            {"AwsvpcConfiguration": {"Subnets": ["s"]}}, "Tags": [{"Key": "k"}]}}});
        let wanted = json!({"Name": "n", "Target": {"EcsParameters": {"NetworkConfiguration":
            {"awsvpcConfiguration": {"Subnets": ["s"]}}, "Tags": [{"Key": "k"}]}}});
        assert_eq!(renamed(shape, given).unwrap(), wanted);
        assert!(renamed(shape, json!({"NAME": "n"})).is_err());
        assert!(renamed(shape, json!({"": "n"})).is_err());
    }

    #[test]
    fn services_are_named_as_in_the_sdks() {
        assert_eq!(sdk_name("CloudWatch Logs"), "cloudwatchlogs");
        assert_eq!(sdk_name("SFN"), "sfn");
    }
}
