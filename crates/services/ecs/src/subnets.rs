//! The subnets and security groups that a request names: they must be there, and say in which zone a task is.

use std::collections::HashMap;

use api::{AwsError, Context, Principal};
use serde_json::{Value, json};

use crate::error::Error;
use crate::generated::types::{AwsVpcConfiguration, RunTaskInput};
use crate::task::Task;

/// Ids of subnets and security groups that are not there, and are taken nevertheless for the default ones. What does not
/// begin with `subnet-` or `sg-` never is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StandIns {
    /// None: what is named must be there.
    #[default]
    None,
    /// Those that cannot be ids of AWS, such as `subnet-1`.
    Placeholders,
    /// All: nothing can have been made before.
    All,
}

/// Looks the request's subnets and groups up, and gives each task the zone of its subnet.
///
/// # Errors
/// [`Error::InvalidParameter`] with EC2's words for what is not there.
pub async fn settle(
    cx: &Context,
    input: &RunTaskInput,
    tasks: &mut [Task],
    stand_ins: StandIns,
) -> Result<(), Error> {
    let network = input.network_configuration.as_ref().and_then(|one| one.awsvpc_configuration.as_ref());
    let Some(network) = network else { return Ok(()) };
    let zones = look_up(cx, network, stand_ins).await?;
    for task in tasks {
        let zone = task.network_interface.as_ref().and_then(|interface| zones.get(&interface.subnet_id));
        if let Some(zone) = zone {
            task.availability_zone.clone_from(zone);
        }
    }
    Ok(())
}

/// The zones of the subnets, by their ids. Stand-ins have none.
///
/// # Errors
/// As for [`settle`].
pub async fn look_up(
    cx: &Context,
    network: &AwsVpcConfiguration,
    stand_ins: StandIns,
) -> Result<HashMap<String, String>, Error> {
    let named = |ids: &[String], prefix: &str| -> Vec<String> {
        ids.iter().filter(|id| !stand_ins.include(id, prefix)).cloned().collect()
    };
    let groups = network.security_groups.as_deref().unwrap_or_default();
    let (subnets, known_groups) = (named(&network.subnets, "subnet-"), named(groups, "sg-"));
    if subnets.len() < network.subnets.len() || known_groups.len() < groups.len() {
        tracing::debug!(subnets = ?network.subnets, ?groups, "these stand for the default ones if they are not there");
    }
    let mut zones = HashMap::new();
    if !subnets.is_empty() {
        let answer = ask(cx, "DescribeSubnets", json!({"SubnetIds": subnets})).await;
        note(&mut zones, &answer.map_err(|error| not_there("subnet", &network.subnets, error))?);
    }
    if stand_ins == StandIns::All {
        let filter = json!({"Filters": [{"Name": "subnet-id", "Values": network.subnets}]});
        note(&mut zones, &ask(cx, "DescribeSubnets", filter).await.map_err(Error::Neighbour)?);
    }
    if !known_groups.is_empty() {
        let answer = ask(cx, "DescribeSecurityGroups", json!({"GroupIds": known_groups})).await;
        answer.map_err(|error| not_there("security group", groups, error))?;
    }
    Ok(zones)
}

fn note(zones: &mut HashMap<String, String>, answer: &Value) {
    for subnet in answer.get("Subnets").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| subnet.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        zones.insert(text("SubnetId"), text("AvailabilityZone"));
    }
}

impl StandIns {
    fn include(self, id: &str, prefix: &str) -> bool {
        match self {
            Self::None => false,
            Self::Placeholders => is_placeholder(id, prefix),
            Self::All => id.starts_with(prefix),
        }
    }
}

async fn ask(cx: &Context, operation: &str, input: Value) -> Result<Value, AwsError> {
    cx.call(Principal::service("ecs.amazonaws.com"), "ec2", operation, input).await
}

fn not_there(what: &str, ids: &[String], error: AwsError) -> Error {
    if error.status >= 500 {
        return Error::Neighbour(error);
    }
    let (listed, AwsError { message, code, .. }) = (ids.join(", "), error);
    Error::invalid(format!(
        "Error retrieving {what} information for [{listed}]: {message} (ErrorCode: {code})"
    ))
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
