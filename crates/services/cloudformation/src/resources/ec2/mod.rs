//! `AWS::EC2::..`: VPCs and what lies in them.
//!
//! EC2 names these resources itself. A creation is called under the request's token, so that a second try after a crash
//! finds what the first one made.

mod address;
mod gateway;
mod route;
mod security_group;
mod security_group_rule;
mod subnet;
mod vpc;

use serde_json::{Map, Value, json};

use super::client::{Client, TagForm, TagOperations};
use super::handler::Handler;
use super::{Made, input, tags, text};
use crate::stack::Request;

pub(super) use address::Eip;
pub(super) use gateway::{InternetGateway, NatGateway, VpcGatewayAttachment};
pub(super) use route::{Route, RouteTable, SubnetRouteTableAssociation};
pub(super) use security_group::SecurityGroup;
pub(super) use security_group_rule::{SecurityGroupEgress, SecurityGroupIngress};
pub(super) use subnet::Subnet;
pub(super) use vpc::Vpc;

const EC2: Client = Client::new("ec2", "Ec2");

const TAGS: TagOperations = TagOperations {
    set: "CreateTags",
    remove: "DeleteTags",
    tags: "Tags",
    keys: "Tags",
    form: TagForm::PairsBothWays("Key", "Value"),
};

/// As operations on tags name a resource.
fn by_id(id: &str) -> Value {
    json!({ "Resources": [id] })
}

/// The tags that a resource of that type is made with.
fn specified(request: &Request, resource_type: &str) -> Option<Value> {
    let tags = tags::listed(&tags::merged(request), "Key", "Value")?;
    Some(json!([{"ResourceType": resource_type, "Tags": tags}]))
}

/// The properties of these names, as members of an input.
fn members<const N: usize>(request: &Request, names: [&str; N]) -> Map<String, Value> {
    let member = |name: &str| Some((name.to_owned(), request.properties.get(name)?.clone()));
    names.into_iter().filter_map(member).collect()
}

/// The same with the tags that the resource is made with.
fn tagged<const N: usize>(request: &Request, names: [&str; N], resource_type: &str) -> Value {
    let mut members = members(request, names);
    members.extend(specified(request, resource_type).map(|tags| ("TagSpecifications".to_owned(), tags)));
    members.into()
}

/// A filter of a Describe operation.
fn filters<const N: usize>(wanted: [(&str, &str); N]) -> Value {
    wanted.into_iter().map(|(name, value)| json!({"Name": name, "Values": [value]})).collect()
}

/// A resource with its id under that name too.
fn made(id: &str, attribute: &str) -> Made {
    Made { physical_id: id.to_owned(), attributes: super::attributes([(attribute, id)]) }
}
