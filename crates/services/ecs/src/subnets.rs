//! The subnets and security groups that a request names: they must be there, and say in which zone a task is.

use std::collections::HashMap;

use api::{AwsError, Context, Principal};
use serde_json::{Value, json};

use crate::error::Error;
use crate::generated::types::{AwsVpcConfiguration, RunTaskInput};
use crate::task::Task;

/// Looks the request's subnets and groups up, and gives each task the zone of its subnet.
///
/// # Errors
/// [`Error::InvalidParameter`] with EC2's words for what is not there.
pub async fn settle(
    cx: &Context,
    input: &RunTaskInput,
    tasks: &mut [Task],
    accepts_placeholders: bool,
) -> Result<(), AwsError> {
    let network = input.network_configuration.as_ref().and_then(|one| one.awsvpc_configuration.as_ref());
    let Some(network) = network else { return Ok(()) };
    let zones = look_up(cx, network, accepts_placeholders).await?;
    for task in tasks {
        let zone = task.network_interface.as_ref().and_then(|interface| zones.get(&interface.subnet_id));
        if let Some(zone) = zone {
            task.availability_zone.clone_from(zone);
        }
    }
    Ok(())
}

/// The zones of the subnets, by their ids. Placeholders have none.
pub async fn look_up(
    cx: &Context,
    network: &AwsVpcConfiguration,
    accepts_placeholders: bool,
) -> Result<HashMap<String, String>, AwsError> {
    let is_meant = |id: &&String, prefix: &str| !(accepts_placeholders && is_placeholder(id, prefix));
    let mut subnets: Vec<&String> = network.subnets.iter().filter(|id| is_meant(id, "subnet-")).collect();
    subnets.sort();
    subnets.dedup();
    let groups = network.security_groups.iter().flatten();
    let groups: Vec<&String> = groups.filter(|id| is_meant(id, "sg-")).collect();
    let named = network.subnets.len() + network.security_groups.as_ref().map_or(0, Vec::len);
    if subnets.len() + groups.len() < named && subnets.is_empty() {
        tracing::warn!(subnets = ?network.subnets, "placeholders stand for the default subnet and security group");
    }
    let mut zones = HashMap::new();
    if !subnets.is_empty() {
        let answer = ask(cx, "DescribeSubnets", json!({"SubnetIds": subnets})).await;
        let answer = answer.map_err(|error| not_there("subnet", &network.subnets, &error))?;
        for subnet in answer.get("Subnets").and_then(Value::as_array).into_iter().flatten() {
            let text = |name: &str| subnet.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            zones.insert(text("SubnetId"), text("AvailabilityZone"));
        }
    }
    if !groups.is_empty() {
        let answer = ask(cx, "DescribeSecurityGroups", json!({"GroupIds": groups})).await;
        let all = network.security_groups.as_deref().unwrap_or_default();
        answer.map_err(|error| not_there("security group", all, &error))?;
    }
    Ok(zones)
}

async fn ask(cx: &Context, operation: &str, input: Value) -> Result<Value, AwsError> {
    cx.call(Principal::service("ecs.amazonaws.com"), "ec2", operation, input).await
}

fn not_there(what: &str, ids: &[String], error: &AwsError) -> AwsError {
    if error.status >= 500 {
        return AwsError::internal("ServerException", error);
    }
    let (listed, AwsError { message, code, .. }) = (ids.join(", "), error);
    Error::invalid(format!("Error retrieving {what} information for [{listed}]: {message} (ErrorCode: {code})"))
        .into()
}

/// Whether an id begins like a real one, but cannot be one: those have 8 or 17 hexadecimal digits.
fn is_placeholder(id: &str, prefix: &str) -> bool {
    id.strip_prefix(prefix).is_some_and(|rest| {
        let is_hex = rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        !(is_hex && matches!(rest.len(), 8 | 17))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_no_ids() {
        for id in ["subnet-1", "subnet-123", "subnet-abcdefgh", "subnet-0123456789abcdef01"] {
            assert!(is_placeholder(id, "subnet-"), "{id}");
        }
        for id in ["subnet-0a1b2c3d", "subnet-0123456789abcdef0", "your-subnet-id", "", "sg-1"] {
            assert!(!is_placeholder(id, "subnet-"), "{id}");
        }
    }
}
