//! `AWS::EC2::Subnet`.

use serde_json::{Map, Value, json};

use super::{EC2, Handler, by_id, tagged, text};
use crate::door::Door;
use crate::resources::client::{Client, TagOperations};
use crate::resources::schema::TAGS;
use crate::resources::{Deletion, Failure, Kind, Made, Property, attributes};
use crate::stack::{Request, Resource};

pub(in crate::resources) struct Subnet;

impl Handler for Subnet {
    const TYPE_NAME: &'static str = "AWS::EC2::Subnet";
    const PROPERTIES: &'static [Property] = &[
        Property::refused("AssignIpv6AddressOnCreation"),
        Property::new("AvailabilityZone", Kind::Text).replaces(),
        Property::new("AvailabilityZoneId", Kind::Text).replaces(),
        Property::new("CidrBlock", Kind::Text).replaces(),
        Property::refused("EnableDns64"),
        Property::refused("EnableLniAtDeviceIndex"),
        Property::refused("Ipv4IpamPoolId"),
        Property::refused("Ipv4NetmaskLength"),
        Property::refused("Ipv6CidrBlock"),
        Property::refused("Ipv6IpamPoolId"),
        Property::refused("Ipv6Native"),
        Property::refused("Ipv6NetmaskLength"),
        Property::new("MapPublicIpOnLaunch", Kind::Boolean),
        Property::refused("OutpostArn"),
        Property::refused("PrivateDnsNameOptionsOnLaunch"),
        Property::new("Tags", TAGS),
        Property::new("VpcId", Kind::Text).required().replaces(),
    ];
    const ATTRIBUTES: &'static [&'static str] =
        &["AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "Ipv6CidrBlocks", "SubnetId", "VpcId"];
    const CLIENT: Client = EC2;
    const TAGS: Option<TagOperations> = Some(super::TAGS);

    async fn make(door: &Door, request: &Request, _: bool) -> Result<Made, Failure> {
        let names = ["VpcId", "CidrBlock", "AvailabilityZone", "AvailabilityZoneId"];
        let subnet = tagged(request, names, "subnet");
        let answer = EC2.call_once(door, &request.token, "CreateSubnet", subnet).await?;
        let member = |name: &str| text(&answer, &["Subnet", name]);
        let names = ["AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "SubnetId", "VpcId"];
        let mut attributes = attributes(names.map(|name| (name, member(name))));
        attributes.insert("Ipv6CidrBlocks".to_owned(), json!([]));
        Ok(Made { physical_id: member("SubnetId").to_owned(), attributes })
    }

    async fn configure(
        door: &Door,
        made: &Made,
        before: Option<&Map<String, Value>>,
        request: &Request,
    ) -> Result<(), Failure> {
        let is_public = |properties: &Map<String, Value>| {
            properties.get("MapPublicIpOnLaunch").and_then(Value::as_bool).unwrap_or(false)
        };
        let wanted = is_public(&request.properties);
        if before.is_some_and(is_public) == wanted {
            return Ok(());
        }
        let change = json!({"SubnetId": made.physical_id, "MapPublicIpOnLaunch": {"Value": wanted}});
        EC2.call(door, "ModifySubnetAttribute", change).await.map(drop)
    }

    async fn remove(door: &Door, subnet: &Resource) -> Result<Deletion, Failure> {
        EC2.delete(door, "DeleteSubnet", json!({"SubnetId": subnet.physical_id})).await
    }

    fn tagged(made: &Made) -> Value {
        by_id(&made.physical_id)
    }
}
