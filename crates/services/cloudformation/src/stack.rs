//! A stack and what it is made of, as the store keeps them.
//!
//! Nothing here decides what happens next: that is `engine::plan`.

use std::collections::BTreeSet;

use api::Principal;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use types::{AccountId, Arn, Region, Timestamp};

/// A stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stack {
    /// Whose it is.
    pub account: AccountId,
    /// Where it is.
    pub region: Region,
    /// Unique among the stacks of account and region that are not deleted.
    pub name: String,
    /// The last part of the ARN: a UUID.
    pub uuid: String,
    /// The template's description.
    pub description: Option<String>,
    /// `StackStatus`.
    pub status: Status,
    /// `StackStatusReason`.
    pub status_reason: Option<String>,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last updated; also when the change set that creates it was executed.
    pub updated: Option<Timestamp>,
    /// When it was deleted.
    pub deleted: Option<Timestamp>,
    /// ARN of the change set that was executed last.
    pub change_set_id: Option<String>,
    /// `RoleARN`: who makes the resources.
    pub role_arn: Option<String>,
    /// `EnableTerminationProtection`.
    pub termination_protection: bool,
    /// `DisableRollback`.
    pub disable_rollback: bool,
    /// `TimeoutInMinutes`.
    pub timeout_minutes: Option<i64>,
    /// What the stack is: of its last complete operation, or of its creation.
    pub definition: Definition,
    /// The outputs of the last complete operation.
    pub outputs: Vec<StackOutput>,
    /// Names of the exports that the stack imports.
    pub imports: BTreeSet<String>,
    /// What is being done.
    pub operation: Option<Operation>,
    /// What earlier operations have replaced and could not delete, because they failed.
    #[serde(default)]
    pub leftover: Vec<Resource>,
    /// The sequence of the next event.
    pub event_sequence: u64,
}

/// A template with the values given to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// Under which the template's text is kept; empty where there is none yet.
    pub template_id: String,
    /// Values of the parameters, in the template's order.
    pub parameters: IndexMap<String, StackParameter>,
    /// What dynamic references to plain parameters have led to, by what stands between their braces.
    #[serde(default)]
    pub references: IndexMap<String, String>,
    /// The stack's tags.
    pub tags: Vec<Tag>,
    /// What the caller acknowledged.
    pub capabilities: Vec<String>,
}

/// A parameter's value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StackParameter {
    /// The text that was given, or the default.
    pub text: String,
    /// What the SSM parameter of that name held.
    pub resolved: Option<String>,
    /// Whether the value is kept out of answers.
    pub no_echo: bool,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// An output's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackOutput {
    /// Its name in the template.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Its description.
    pub description: Option<String>,
    /// Under which name other stacks import it.
    pub export_name: Option<String>,
}

/// `StackStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    ReviewInProgress,
    CreateInProgress,
    CreateComplete,
    CreateFailed,
    RollbackInProgress,
    RollbackComplete,
    RollbackFailed,
    UpdateInProgress,
    UpdateCompleteCleanupInProgress,
    UpdateComplete,
    UpdateFailed,
    UpdateRollbackInProgress,
    UpdateRollbackCompleteCleanupInProgress,
    UpdateRollbackComplete,
    UpdateRollbackFailed,
    DeleteInProgress,
    DeleteComplete,
    DeleteFailed,
}

impl Status {
    /// AWS's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReviewInProgress => "REVIEW_IN_PROGRESS",
            Self::CreateInProgress => "CREATE_IN_PROGRESS",
            Self::CreateComplete => "CREATE_COMPLETE",
            Self::CreateFailed => "CREATE_FAILED",
            Self::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Self::RollbackComplete => "ROLLBACK_COMPLETE",
            Self::RollbackFailed => "ROLLBACK_FAILED",
            Self::UpdateInProgress => "UPDATE_IN_PROGRESS",
            Self::UpdateCompleteCleanupInProgress => "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            Self::UpdateComplete => "UPDATE_COMPLETE",
            Self::UpdateFailed => "UPDATE_FAILED",
            Self::UpdateRollbackInProgress => "UPDATE_ROLLBACK_IN_PROGRESS",
            Self::UpdateRollbackCompleteCleanupInProgress => "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
            Self::UpdateRollbackComplete => "UPDATE_ROLLBACK_COMPLETE",
            Self::UpdateRollbackFailed => "UPDATE_ROLLBACK_FAILED",
            Self::DeleteInProgress => "DELETE_IN_PROGRESS",
            Self::DeleteComplete => "DELETE_COMPLETE",
            Self::DeleteFailed => "DELETE_FAILED",
        }
    }

    /// Whether a template may be applied to a stack in this status.
    pub fn is_updatable(self) -> bool {
        matches!(
            self,
            Self::CreateComplete | Self::UpdateComplete | Self::UpdateRollbackComplete | Self::UpdateFailed
        )
    }
}

/// What is being done with a stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// What.
    pub kind: OperationKind,
    /// How far it is.
    pub phase: Phase,
    /// Who asked; resources are made in that name unless the stack has a role.
    pub principal: Principal,
    /// `ClientRequestToken`.
    pub token: Option<String>,
    /// What the stack is to become.
    pub target: Definition,
    /// Logical ids that are done with in this phase.
    pub done: Vec<String>,
    /// What failed, in the order it did.
    pub failures: Vec<Failed>,
    /// What is to be deleted once the rest is done, in this order.
    pub obsolete: Vec<Resource>,
    /// What a failure leads to.
    pub on_failure: OnFailure,
    /// `RetainExceptOnCreate`: what a rollback deletes even though its policy retains it.
    #[serde(default)]
    pub retain_except_on_create: bool,
    /// `RetainResources` of `DeleteStack`.
    pub retain: Vec<String>,
    /// Exports that the evaluation asked for.
    pub imports: BTreeSet<String>,
    /// When it began.
    pub started: Timestamp,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperationKind {
    /// Makes everything.
    Create,
    /// Changes what differs.
    Update,
    /// Deletes everything.
    Delete,
}

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Resources are made, changed or, by a deletion, deleted.
    Working,
    /// An update has succeeded: what it replaced or dropped is deleted.
    Cleanup,
    /// A creation has failed: everything is deleted; an update has: everything is put back.
    RollingBack,
    /// An update was rolled back: what it had made is deleted.
    RollbackCleanup,
}

/// What a failure leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnFailure {
    /// Everything is put back.
    Rollback,
    /// Everything stays as it is.
    DoNothing,
    /// The stack is deleted.
    Delete,
}

/// A resource that failed, or, without a logical id, the stack itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Its logical id.
    pub logical_id: Option<String>,
    /// What was to be done with it: `create`, `update`, `delete`.
    pub verb: String,
    /// Why.
    pub reason: String,
}

/// A resource of a stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// Its name in the template.
    pub logical_id: String,
    /// Its place among the stack's resources.
    pub order: usize,
    /// Its type.
    pub type_name: String,
    /// `ResourceStatus`, such as `CREATE_COMPLETE`.
    pub status: ResourceStatus,
    /// `ResourceStatusReason`.
    pub status_reason: Option<String>,
    /// When the status changed.
    pub changed: Timestamp,
    /// What `Ref` gives; `None` until there is something.
    pub physical_id: Option<String>,
    /// The properties that it was last given.
    pub properties: Map<String, Value>,
    /// What `Fn::GetAtt` gives.
    pub attributes: Map<String, Value>,
    /// The stack's tags when it was last given any.
    pub tags: Vec<Tag>,
    /// `Metadata`, evaluated.
    pub metadata: Option<Value>,
    /// `DeletionPolicy` as written; `None` deletes.
    pub deletion_policy: Option<Policy>,
    /// `UpdateReplacePolicy`.
    pub update_replace_policy: Option<Policy>,
    /// Logical ids of the resources that it needs.
    pub needs: Vec<String>,
    /// What is in flight.
    pub work: Option<Work>,
    /// What it was before the operation touched it.
    pub before: Option<Before>,
}

/// What becomes of a resource that leaves the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Policy {
    Delete,
    Retain,
    RetainExceptOnCreate,
    Snapshot,
}

impl From<template::DeletionPolicy> for Policy {
    fn from(policy: template::DeletionPolicy) -> Self {
        match policy {
            template::DeletionPolicy::Delete => Self::Delete,
            template::DeletionPolicy::Retain => Self::Retain,
            template::DeletionPolicy::RetainExceptOnCreate => Self::RetainExceptOnCreate,
            template::DeletionPolicy::Snapshot => Self::Snapshot,
        }
    }
}

/// What a resource was before an operation touched it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Before {
    /// It was not there.
    Absent,
    /// It was this.
    Was(Box<Resource>),
}

/// `ResourceStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ResourceStatus {
    CreateInProgress,
    CreateComplete,
    CreateFailed,
    UpdateInProgress,
    UpdateComplete,
    UpdateFailed,
    DeleteInProgress,
    DeleteComplete,
    DeleteFailed,
    DeleteSkipped,
}

impl ResourceStatus {
    /// AWS's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::CreateInProgress => "CREATE_IN_PROGRESS",
            Self::CreateComplete => "CREATE_COMPLETE",
            Self::CreateFailed => "CREATE_FAILED",
            Self::UpdateInProgress => "UPDATE_IN_PROGRESS",
            Self::UpdateComplete => "UPDATE_COMPLETE",
            Self::UpdateFailed => "UPDATE_FAILED",
            Self::DeleteInProgress => "DELETE_IN_PROGRESS",
            Self::DeleteComplete => "DELETE_COMPLETE",
            Self::DeleteFailed => "DELETE_FAILED",
            Self::DeleteSkipped => "DELETE_SKIPPED",
        }
    }

    /// Whether nothing is left of it that the stack would have to delete.
    pub fn is_gone(self) -> bool {
        matches!(self, Self::DeleteComplete | Self::DeleteSkipped)
    }
}

/// An action on a resource that has begun: recorded before it acts, so that it can go on after a crash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// What is done.
    pub kind: WorkKind,
    /// What it is done with.
    pub request: Request,
    /// What a creation saw before it acted; `None` until it looked.
    pub sighting: Option<Sighting>,
    /// How often it was found unfinished.
    pub tries: u32,
}

/// What is done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkKind {
    /// It is made.
    Create,
    /// A new one is made, which takes its place.
    Replace,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
}

/// What was there before a creation acted, in the words of the resource's type: a later creation's traces can be told
/// from it. Empty: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting(pub String);

/// What a resource is to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Its name in the template.
    pub logical_id: String,
    /// Its physical name: given, or made up.
    pub name: String,
    /// Its properties, as the type's schema has them.
    pub properties: Map<String, Value>,
    /// The stack's tags.
    pub tags: Vec<Tag>,
    /// AWS's `RequestToken`: a UUID.
    pub token: String,
}

/// A stack with its resources, as one step sees them.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The stack.
    pub stack: Stack,
    /// Its resources by logical id.
    pub resources: IndexMap<String, Resource>,
}

impl Stack {
    /// The stack's ARN.
    pub fn arn(&self) -> String {
        let resource = format!("stack/{}/{}", self.name, self.uuid);
        Arn::new("cloudformation", &self.region, &self.account, resource).to_string()
    }

    /// The key of the stack's record.
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.account, self.region, self.uuid)
    }

    /// Who makes the stack's resources.
    pub fn principal(&self, operation: &Operation) -> Principal {
        match &self.role_arn {
            Some(role_arn) => Principal::role(role_arn.as_str(), "AWSCloudFormation"),
            None => operation.principal.clone(),
        }
    }
}
