//! `AWS::EC2::EIP`: `Ref` gives the address.

use serde_json::{Value, json};

use super::{EC2, Handler, by_id, specified, text};
use crate::door::Door;
use crate::resources::client::{Client, TagOperations};
use crate::resources::schema::TAGS;
use crate::resources::{Deletion, Failure, Kind, Made, Property, attributes, input};
use crate::stack::{Request, Resource};

pub(in crate::resources) struct Eip;

impl Handler for Eip {
    const TYPE_NAME: &'static str = "AWS::EC2::EIP";
    const PROPERTIES: &'static [Property] = &[
        Property::refused("Address"),
        Property::new("Domain", Kind::Text),
        Property::refused("InstanceId"),
        Property::refused("IpamPoolId"),
        Property::new("NetworkBorderGroup", Kind::Text).replaces(),
        Property::refused("PublicIpv4Pool"),
        Property::new("Tags", TAGS),
        Property::refused("TransferAddress"),
    ];
    const ATTRIBUTES: &'static [&'static str] = &["AllocationId", "PublicIp"];
    const CLIENT: Client = EC2;
    const TAGS: Option<TagOperations> = Some(super::TAGS);

    async fn make(door: &Door, request: &Request, _: bool) -> Result<Made, Failure> {
        let address = input([
            ("Domain", Some("vpc".into())),
            ("NetworkBorderGroup", request.properties.get("NetworkBorderGroup").cloned()),
            ("TagSpecifications", specified(request, "elastic-ip")),
        ]);
        let answer = EC2.call_once(door, &request.token, "AllocateAddress", address).await?;
        let ip = text(&answer, &["PublicIp"]);
        let attributes = attributes([("AllocationId", text(&answer, &["AllocationId"])), ("PublicIp", ip)]);
        Ok(Made { physical_id: ip.to_owned(), attributes })
    }

    async fn remove(door: &Door, address: &Resource) -> Result<Deletion, Failure> {
        let address = match address.attributes.get("AllocationId") {
            Some(id) => json!({"AllocationId": id}),
            None => json!({"PublicIp": address.physical_id}),
        };
        EC2.delete(door, "ReleaseAddress", address).await
    }

    fn tagged(address: &Made) -> Value {
        by_id(address.attributes.get("AllocationId").and_then(Value::as_str).unwrap_or_default())
    }
}
