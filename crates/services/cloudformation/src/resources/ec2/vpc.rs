//! `AWS::EC2::VPC`.

use serde_json::{Map, Value, json};

use super::{EC2, Handler, by_id, filters, tagged, text};
use crate::door::Door;
use crate::resources::client::{Client, TagOperations};
use crate::resources::schema::TAGS;
use crate::resources::{Deletion, Failure, Kind, Made, Property, attributes};
use crate::stack::{Request, Resource};

pub(in crate::resources) struct Vpc;

/// Attributes of a VPC that creation does not set, with what they are at first.
const SWITCHES: [(&str, bool); 2] = [("EnableDnsSupport", true), ("EnableDnsHostnames", false)];

impl Handler for Vpc {
    const TYPE_NAME: &'static str = "AWS::EC2::VPC";
    const PROPERTIES: &'static [Property] = &[
        Property::new("CidrBlock", Kind::Text).replaces(),
        Property::new("EnableDnsHostnames", Kind::Boolean),
        Property::new("EnableDnsSupport", Kind::Boolean),
        Property::new("InstanceTenancy", Kind::Text).replaces(),
        Property::refused("Ipv4IpamPoolId"),
        Property::refused("Ipv4NetmaskLength"),
        Property::new("Tags", TAGS),
        Property::refused("VpcEncryptionControl"),
    ];
    const ATTRIBUTES: &'static [&'static str] =
        &["CidrBlock", "CidrBlockAssociations", "DefaultSecurityGroup", "Ipv6CidrBlocks", "VpcId"];
    const CLIENT: Client = EC2;
    const TAGS: Option<TagOperations> = Some(super::TAGS);

    async fn make(door: &Door, request: &Request, _: bool) -> Result<Made, Failure> {
        let vpc = tagged(request, ["CidrBlock", "InstanceTenancy"], "vpc");
        let answer = EC2.call_once(door, &request.token, "CreateVpc", vpc).await?;
        let id = text(&answer, &["Vpc", "VpcId"]);
        let attributes = attributes_of(door, id, &answer).await;
        let attributes = attributes.map_err(|failure| failure.leaving(id))?;
        Ok(Made { physical_id: id.to_owned(), attributes })
    }

    async fn configure(
        door: &Door,
        made: &Made,
        before: Option<&Map<String, Value>>,
        request: &Request,
    ) -> Result<(), Failure> {
        for (switch, default) in SWITCHES {
            let is_on = |properties: &Map<String, Value>| {
                properties.get(switch).and_then(Value::as_bool).unwrap_or(default)
            };
            let wanted = is_on(&request.properties);
            if before.map_or(default, is_on) != wanted {
                let mut change = json!({"VpcId": made.physical_id});
                if let Value::Object(members) = &mut change {
                    members.insert(switch.to_owned(), json!({"Value": wanted}));
                }
                EC2.call(door, "ModifyVpcAttribute", change).await?;
            }
        }
        Ok(())
    }

    async fn remove(door: &Door, vpc: &Resource) -> Result<Deletion, Failure> {
        EC2.delete(door, "DeleteVpc", json!({"VpcId": vpc.physical_id})).await
    }

    fn tagged(made: &Made) -> Value {
        by_id(&made.physical_id)
    }
}

async fn attributes_of(door: &Door, id: &str, created: &Value) -> Result<Map<String, Value>, Failure> {
    let default = json!({"Filters": filters([("vpc-id", id), ("group-name", "default")])});
    let groups = EC2.call(door, "DescribeSecurityGroups", default).await?;
    let group = groups.get("SecurityGroups").and_then(|groups| groups.get(0));
    let group = group.map(|group| text(group, &["GroupId"])).unwrap_or_default();
    let cidr_block = text(created, &["Vpc", "CidrBlock"]);
    let mut attributes =
        attributes([("CidrBlock", cidr_block), ("DefaultSecurityGroup", group), ("VpcId", id)]);
    let blocks = created.pointer("/Vpc/CidrBlockAssociationSet").and_then(Value::as_array);
    let blocks: Value =
        blocks.into_iter().flatten().map(|block| text(block, &["AssociationId"]).to_owned()).collect();
    attributes.insert("CidrBlockAssociations".to_owned(), blocks);
    attributes.insert("Ipv6CidrBlocks".to_owned(), json!([]));
    Ok(attributes)
}
