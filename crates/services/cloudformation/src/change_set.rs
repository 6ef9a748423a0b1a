//! A change set: what a template would change, and whether that was done.

use serde::{Deserialize, Serialize};
use types::{AccountId, Arn, Region, Timestamp};

use crate::generated::types as model;
use crate::stack::{Definition, OnFailure};

/// A change set as the store keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// Whose it is.
    pub account: AccountId,
    /// Where it is.
    pub region: Region,
    /// Its name, unique in its stack.
    pub name: String,
    /// The last part of its ARN: a UUID.
    pub uuid: String,
    /// The stack's UUID.
    pub stack_uuid: String,
    /// `Description`.
    pub description: Option<String>,
    /// Whether it makes the stack, rather than changing it.
    pub creates: bool,
    /// `StatusReason` of one that failed; `None` where it can be executed.
    pub failure: Option<String>,
    /// `ExecutionStatus`.
    pub execution_status: ExecutionStatus,
    /// When it was created.
    pub created: Timestamp,
    /// What the stack would become.
    pub definition: Definition,
    /// The template's description.
    pub template_description: Option<String>,
    /// `RoleARN`.
    pub role_arn: Option<String>,
    /// `OnStackFailure`.
    pub on_failure: Option<OnFailure>,
    /// `IncludeNestedStacks`.
    pub include_nested_stacks: bool,
    /// The changes, with property values.
    pub changes: Vec<model::Change>,
}

/// `ExecutionStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExecutionStatus {
    Unavailable,
    Available,
    ExecuteInProgress,
    ExecuteComplete,
    ExecuteFailed,
}

impl ExecutionStatus {
    /// AWS's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unavailable => "UNAVAILABLE",
            Self::Available => "AVAILABLE",
            Self::ExecuteInProgress => "EXECUTE_IN_PROGRESS",
            Self::ExecuteComplete => "EXECUTE_COMPLETE",
            Self::ExecuteFailed => "EXECUTE_FAILED",
        }
    }
}

impl ChangeSet {
    /// Its ARN.
    pub fn arn(&self) -> String {
        let resource = format!("changeSet/{}/{}", self.name, self.uuid);
        Arn::new("cloudformation", &self.region, &self.account, resource).to_string()
    }

    /// The key of its record.
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.account, self.region, self.uuid)
    }

    /// `Status`: the changes are worked out while the request waits, so there is none in progress.
    pub fn status(&self) -> &'static str {
        if self.failure.is_some() { "FAILED" } else { "CREATE_COMPLETE" }
    }
}
