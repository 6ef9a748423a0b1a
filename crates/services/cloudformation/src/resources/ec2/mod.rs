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

use std::future::{Future, ready};

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::client::{Client, TagOperations};
use super::{Deletion, Failure, Made, Naming, Property, ResourceType, Tagging, input, tags, text};
use crate::door::Door;
use crate::stack::{Request, Resource, Sighting, Tag};

pub(super) use address::Eip;
pub(super) use gateway::{InternetGateway, NatGateway, VpcGatewayAttachment};
pub(super) use route::{Route, RouteTable, SubnetRouteTableAssociation};
pub(super) use security_group::SecurityGroup;
pub(super) use security_group_rule::{SecurityGroupEgress, SecurityGroupIngress};
pub(super) use subnet::Subnet;
pub(super) use vpc::Vpc;

const EC2: Client = Client::new("ec2", "Ec2");

const UNNAMED: Naming = Naming { property: None, length_max: 255, with_stack: true, is_unique: false };

/// A type of EC2's resources: what is its own about it.
pub(super) trait Ec2Type: Send + Sync {
    const TYPE_NAME: &'static str;
    const PROPERTIES: &'static [Property];
    const ATTRIBUTES: &'static [&'static str];
    const NAMING: Naming = UNNAMED;
    /// How `TagSpecifications` name the type; `None` where its resources have no tags.
    const TAGGED_AS: Option<&'static str> = None;

    /// Makes a resource. `resumed`: an earlier try may have made it.
    fn make(
        door: &Door,
        request: &Request,
        resumed: bool,
    ) -> impl Future<Output = Result<Made, Failure>> + Send;

    /// Gives a resource what creation does not. `before`: the properties that it had, if it was there.
    fn configure(
        _: &Door,
        _: &Made,
        _before: Option<&Map<String, Value>>,
        _: &Request,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        ready(Ok(()))
    }

    /// Deletes a resource. What is not there is deleted.
    fn remove(door: &Door, resource: &Made) -> impl Future<Output = Result<Deletion, Failure>> + Send;

    /// The id by which tags are set.
    fn tagged_id(made: &Made) -> &str {
        &made.physical_id
    }
}

impl<T: Ec2Type> ResourceType for T {
    fn type_name(&self) -> &'static str {
        T::TYPE_NAME
    }

    fn properties(&self) -> &'static [Property] {
        T::PROPERTIES
    }

    fn attributes(&self) -> &'static [&'static str] {
        T::ATTRIBUTES
    }

    fn naming(&self) -> Naming {
        T::NAMING
    }

    fn takes_tags(&self) -> bool {
        T::TAGGED_AS.is_some()
    }

    fn look<'a>(&'a self, _: &'a Door, _: &'a Request) -> BoxFuture<'a, Result<Sighting, Failure>> {
        Box::pin(async { Ok(Sighting::default()) })
    }

    fn create<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        _: &'a Sighting,
        resumed: bool,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async move {
            let made = T::make(door, request, resumed).await?;
            let configured = T::configure(door, &made, None, request).await;
            configured.map_err(|failure| failure.leaving(&made.physical_id))?;
            Ok(made)
        })
    }

    fn tagging(&self, _: &Door, made: &Made, tags: &[Tag]) -> Option<Tagging> {
        T::TAGGED_AS?;
        let tags = tags::listed(tags, "Key", "Value");
        let input = json!({"Resources": [T::tagged_id(made)], "Tags": tags});
        Some(Tagging { service: "ec2", operation: "CreateTags", input })
    }

    fn update<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        current: &'a Resource,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async move {
            let made = made_of(current);
            T::configure(door, &made, Some(&current.properties), request).await?;
            if T::TAGGED_AS.is_some() {
                let before = tags::of(&current.properties, &current.tags);
                retag(door, T::tagged_id(&made), &before, &tags::merged(request)).await?;
            }
            Ok(made)
        })
    }

    fn delete<'a>(
        &'a self,
        door: &'a Door,
        resource: &'a Resource,
    ) -> BoxFuture<'a, Result<Deletion, Failure>> {
        Box::pin(async { T::remove(door, &made_of(resource)).await })
    }
}

fn made_of(resource: &Resource) -> Made {
    let physical_id = resource.physical_id.clone().unwrap_or_default();
    Made { physical_id, attributes: resource.attributes.clone() }
}

async fn retag(door: &Door, id: &str, before: &[Tag], after: &[Tag]) -> Result<(), Failure> {
    const SET: TagOperations =
        TagOperations { set: ("CreateTags", "Tags", ["Key", "Value"]), remove: ("DeleteTags", "Tags") };
    let resource = json!({"Resources": [id]});
    let (set, gone) = tags::difference(before, after);
    EC2.retag(door, SET, &resource, &[], &set).await?;
    // EC2 takes tags away by tags, not by their keys.
    let keys: Vec<Value> = gone.into_iter().map(|key| json!({"Key": key})).collect();
    if keys.is_empty() {
        return Ok(());
    }
    EC2.call(door, "DeleteTags", json!({"Resources": [id], "Tags": keys})).await.map(drop)
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
