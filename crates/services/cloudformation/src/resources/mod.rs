//! The types of resources that a stack can have: one file each.
//!
//! A type says which properties it has, and how it is made, changed and deleted through the door. Nothing here knows
//! stacks, events or rollback.

mod attached_policy;
mod cdk_metadata;
mod client;
mod ec2;
mod ecs_cluster;
mod ecs_service;
mod ecs_task_definition;
mod events;
mod failure;
mod handler;
mod iam_role;
mod logs_log_group;
mod pipes_pipe;
mod s3_bucket;
mod scheduler;
mod schema;
mod secretsmanager_secret;
mod sns;
mod sqs_queue;
mod ssm_parameter;
mod states_activity;
mod states_alias;
mod states_state_machine;
mod states_version;
mod tags;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

pub use failure::{Failure, HandlerErrorCode};
pub use schema::{Kind, Property, conform};
pub use tags::of_cloudformation;

use crate::door::Door;
use crate::stack::{Request, Resource, Sighting, Tag};

/// A type of resources.
///
/// Whatever it does is done twice where a crash came between the deed and its record: every method ends as one time
/// would have.
pub trait ResourceType: Send + Sync {
    /// Such as `AWS::IAM::Role`.
    fn type_name(&self) -> &'static str;

    /// The properties that AWS knows of it. Those that are not served are refused by name.
    fn properties(&self) -> &'static [Property];

    /// What `Fn::GetAtt` can be asked for.
    fn attributes(&self) -> &'static [&'static str];

    /// How a resource is called that is not given a name.
    fn naming(&self) -> Naming;

    /// Whether a name that is made up has no capital letters.
    fn is_named_in_lower_case(&self) -> bool {
        false
    }

    /// Whether it carries the stack's tags.
    fn takes_tags(&self) -> bool {
        true
    }

    /// Looks, before anything is made, at what is there under the name.
    ///
    /// # Errors
    /// `AlreadyExists` where the name is taken.
    fn look<'a>(&'a self, door: &'a Door, request: &'a Request) -> BoxFuture<'a, Result<Sighting, Failure>>;

    /// Makes it. `resumed`: an earlier try that saw `sighting` may have made some or all of it.
    ///
    /// # Errors
    /// Why it could not be made, with a physical id where something is left that has to be deleted.
    fn create<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        sighting: &'a Sighting,
        resumed: bool,
    ) -> BoxFuture<'a, Result<Made, Failure>>;

    /// The call that puts CloudFormation's own tags on it; `None` where AWS does not put any.
    fn tagging(&self, _: &Door, _: &Made, _: &[Tag]) -> Option<Tagging> {
        None
    }

    /// Whether what was made or changed has come to rest. Where it has not, it is made or changed again after a while, as
    /// after a crash, and looked at again.
    ///
    /// # Errors
    /// Why it never will, with the physical id.
    fn is_stable<'a>(
        &'a self,
        _: &'a Door,
        _: &'a Request,
        _: &'a Made,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        Box::pin(async { Ok(true) })
    }

    /// Changes it from what `current` says to what `request` says, in place.
    ///
    /// # Errors
    /// Why it could not be changed. Some of it may have been.
    fn update<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        current: &'a Resource,
    ) -> BoxFuture<'a, Result<Made, Failure>>;

    /// Deletes it. What is not there is deleted.
    ///
    /// # Errors
    /// Why it could not be deleted.
    fn delete<'a>(
        &'a self,
        door: &'a Door,
        resource: &'a Resource,
    ) -> BoxFuture<'a, Result<Deletion, Failure>>;
}

/// A resource that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// What `Ref` gives.
    pub physical_id: String,
    /// What `Fn::GetAtt` gives.
    pub attributes: Map<String, Value>,
}

/// A call that sets tags.
#[derive(Clone, Debug, PartialEq)]
pub struct Tagging {
    /// The service, such as `ecs`.
    pub service: &'static str,
    /// The operation, which adds to the tags that are there.
    pub operation: &'static str,
    /// Resource and tags, as the service takes them.
    pub input: Value,
}

/// How far a deletion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// There is nothing left.
    Done,
    /// The service is still at it: look again later.
    Pending,
}

/// How a resource is called.
#[derive(Clone, Copy, Debug)]
pub struct Naming {
    /// The property that gives the name.
    pub property: Option<&'static str>,
    /// Greatest length of a name that is made up.
    pub length_max: usize,
    /// Whether a name that is made up begins with the stack's name.
    pub with_stack: bool,
    /// Whether a name stands for one resource only, so that a replacement needs another one.
    pub is_unique: bool,
}

/// The type of that name.
pub fn of(type_name: &str) -> Option<&'static dyn ResourceType> {
    let types: [&'static dyn ResourceType; 40] = [
        &iam_role::Role,
        &attached_policy::IAM_POLICY,
        &logs_log_group::LogGroup,
        &s3_bucket::Bucket,
        &states_state_machine::StateMachine,
        &states_activity::Activity,
        &states_version::StateMachineVersion,
        &states_alias::StateMachineAlias,
        &events::Rule,
        &events::EventBus,
        &events::EventBusPolicy,
        &events::Archive,
        &events::Connection,
        &scheduler::Schedule,
        &scheduler::ScheduleGroup,
        &pipes_pipe::Pipe,
        &sqs_queue::Queue,
        &attached_policy::QUEUE_POLICY,
        &attached_policy::TOPIC_POLICY,
        &sns::Topic,
        &sns::Subscription,
        &events::ApiDestination,
        &ecs_cluster::Cluster,
        &ecs_service::Service,
        &ecs_task_definition::TaskDefinition,
        &ssm_parameter::Parameter,
        &secretsmanager_secret::Secret,
        &cdk_metadata::Metadata,
        &ec2::Vpc,
        &ec2::Subnet,
        &ec2::InternetGateway,
        &ec2::VpcGatewayAttachment,
        &ec2::NatGateway,
        &ec2::Eip,
        &ec2::RouteTable,
        &ec2::Route,
        &ec2::SubnetRouteTableAssociation,
        &ec2::SecurityGroup,
        &ec2::SecurityGroupIngress,
        &ec2::SecurityGroupEgress,
    ];
    types.into_iter().find(|resource_type| resource_type.type_name() == type_name)
}

/// The members of an answer that are texts, under the names by which `Fn::GetAtt` asks for them.
fn attributes<const N: usize>(values: [(&str, &str); N]) -> Map<String, Value> {
    values.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

/// A text in an answer; empty where it has none.
fn text<'v>(value: &'v Value, path: &[&str]) -> &'v str {
    let found = path.iter().try_fold(value, |value, name| value.get(name));
    found.and_then(Value::as_str).unwrap_or_default()
}

/// An input of those members that are there.
fn input<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect::<Map<_, _>>()
        .into()
}
