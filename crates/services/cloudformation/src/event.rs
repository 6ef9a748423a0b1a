//! What happened to a stack and its resources, in AWS's words.

use serde::{Deserialize, Serialize};
use types::Timestamp;

use crate::stack::{Resource, Stack};

/// One line of `DescribeStackEvents`. Its sequence in the stack's log is its order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// `EventId`.
    pub id: String,
    /// `LogicalResourceId`; the stack's name for the stack itself.
    pub logical_id: String,
    /// `PhysicalResourceId`; empty before there is one.
    pub physical_id: String,
    /// `ResourceType`.
    pub type_name: String,
    /// `Timestamp`.
    pub time: Timestamp,
    /// `ResourceStatus`.
    pub status: String,
    /// `ResourceStatusReason`.
    pub reason: Option<String>,
    /// `ResourceProperties`, as JSON.
    pub properties: Option<String>,
    /// `ClientRequestToken`.
    pub token: Option<String>,
}

impl Event {
    /// The stack's status has changed.
    pub fn of_stack(stack: &Stack, now: Timestamp) -> Self {
        Self {
            id: api::ids::uuid(),
            logical_id: stack.name.clone(),
            physical_id: stack.arn(),
            type_name: "AWS::CloudFormation::Stack".to_owned(),
            time: now,
            status: stack.status.name().to_owned(),
            reason: stack.status_reason.clone(),
            properties: None,
            token: stack.operation.as_ref().and_then(|operation| operation.token.clone()),
        }
    }

    /// A resource's status has changed.
    pub fn of_resource(stack: &Stack, resource: &Resource, now: Timestamp) -> Self {
        let properties = match &resource.work {
            Some(work) => &work.request.properties,
            None => &resource.properties,
        };
        let status = resource.status.name();
        Self {
            id: format!("{}-{status}-{}", resource.logical_id, now.to_iso_millis()),
            logical_id: resource.logical_id.clone(),
            physical_id: resource.physical_id.clone().unwrap_or_default(),
            type_name: resource.type_name.clone(),
            time: now,
            status: status.to_owned(),
            reason: resource.status_reason.clone(),
            properties: serde_json::to_string(properties).ok(),
            token: stack.operation.as_ref().and_then(|operation| operation.token.clone()),
        }
    }
}
