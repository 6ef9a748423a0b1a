//! `AWS::EC2::InternetGateway` with its attachment to a VPC, and `AWS::EC2::NatGateway`.

use serde_json::{Map, Value, json};

use super::{EC2, Handler, by_id, filters, made, tagged, text};
use crate::door::Door;
use crate::resources::client::{Client, TagOperations};
use crate::resources::schema::TAGS;
use crate::resources::{Deletion, Failure, HandlerErrorCode, Kind, Made, Property, attributes};
use crate::stack::{Request, Resource};

pub(in crate::resources) struct InternetGateway;

impl Handler for InternetGateway {
    const TYPE_NAME: &'static str = "AWS::EC2::InternetGateway";
    const PROPERTIES: &'static [Property] = &[Property::new("Tags", TAGS)];
    const ATTRIBUTES: &'static [&'static str] = &["InternetGatewayId"];
    const CLIENT: Client = EC2;
    const TAGS: Option<TagOperations> = Some(super::TAGS);

    async fn make(door: &Door, request: &Request, _: bool) -> Result<Made, Failure> {
        let gateway = tagged(request, [], "internet-gateway");
        let answer = EC2.call_once(door, &request.token, "CreateInternetGateway", gateway).await?;
        Ok(made(text(&answer, &["InternetGateway", "InternetGatewayId"]), "InternetGatewayId"))
    }

    async fn remove(door: &Door, gateway: &Resource) -> Result<Deletion, Failure> {
        let gateway = json!({"InternetGatewayId": gateway.physical_id});
        EC2.delete(door, "DeleteInternetGateway", gateway).await
    }

    fn tagged(made: &Made) -> Value {
        by_id(&made.physical_id)
    }
}

pub(in crate::resources) struct VpcGatewayAttachment;

impl Handler for VpcGatewayAttachment {
    const TYPE_NAME: &'static str = "AWS::EC2::VPCGatewayAttachment";
    const PROPERTIES: &'static [Property] = &[
        Property::new("InternetGatewayId", Kind::Text),
        Property::new("VpcId", Kind::Text).required().replaces(),
        Property::refused("VpnGatewayId"),
    ];
    const ATTRIBUTES: &'static [&'static str] = &["AttachmentType"];
    const CLIENT: Client = EC2;

    async fn make(door: &Door, request: &Request, resumed: bool) -> Result<Made, Failure> {
        let (gateway, vpc) = attachment(&request.properties)?;
        match EC2
            .ask(door, "AttachInternetGateway", json!({"InternetGatewayId": gateway, "VpcId": vpc}))
            .await
        {
            Ok(_) => {}
            Err(_) if resumed && is_attached(door, gateway, vpc).await? => {}
            Err(error) => return Err(EC2.failure(&error)),
        }
        Ok(Made {
            physical_id: format!("IGW|{vpc}"),
            attributes: attributes([("AttachmentType", "IGW"), ("InternetGatewayId", gateway)]),
        })
    }

    async fn configure(
        door: &Door,
        _: &Made,
        before: Option<&Map<String, Value>>,
        request: &Request,
    ) -> Result<(), Failure> {
        let Some(before) = before else { return Ok(()) };
        let ((old, vpc), (new, _)) = (attachment(before)?, attachment(&request.properties)?);
        if old == new {
            return Ok(());
        }
        detach(door, old, vpc).await?;
        let attachment = json!({"InternetGatewayId": new, "VpcId": vpc});
        EC2.call(door, "AttachInternetGateway", attachment).await.map(drop)
    }

    async fn remove(door: &Door, attachment: &Resource) -> Result<Deletion, Failure> {
        let attached = attachment.physical_id.as_deref().unwrap_or_default();
        let vpc = attached.split_once('|').map_or("", |(_, vpc)| vpc);
        let attached = json!({"Filters": filters([("attachment.vpc-id", vpc)])});
        let found = EC2.call(door, "DescribeInternetGateways", attached).await?;
        for gateway in found.get("InternetGateways").and_then(Value::as_array).into_iter().flatten() {
            detach(door, text(gateway, &["InternetGatewayId"]), vpc).await?;
        }
        Ok(Deletion::Done)
    }
}

/// The gateway and the VPC of an attachment.
fn attachment(properties: &Map<String, Value>) -> Result<(&str, &str), Failure> {
    let property = |name: &str| properties.get(name).and_then(Value::as_str);
    match (property("InternetGatewayId"), property("VpcId")) {
        (Some(gateway), Some(vpc)) => Ok((gateway, vpc)),
        _ => {
            let text = "Either 'InternetGatewayId' or 'VpnGatewayId' must be provided.";
            Err(Failure::handler(text, HandlerErrorCode::InvalidRequest))
        }
    }
}

async fn is_attached(door: &Door, gateway: &str, vpc: &str) -> Result<bool, Failure> {
    let wanted = filters([("attachment.vpc-id", vpc), ("internet-gateway-id", gateway)]);
    let found = EC2.call(door, "DescribeInternetGateways", json!({"Filters": wanted})).await?;
    Ok(found.get("InternetGateways").and_then(Value::as_array).is_some_and(|found| !found.is_empty()))
}

/// What is not attached is detached.
async fn detach(door: &Door, gateway: &str, vpc: &str) -> Result<(), Failure> {
    let attachment = json!({"InternetGatewayId": gateway, "VpcId": vpc});
    match EC2.ask(door, "DetachInternetGateway", attachment).await {
        Err(error) if !error.is_not_found() && error.error.code != "Gateway.NotAttached" => {
            Err(EC2.failure(&error))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

pub(in crate::resources) struct NatGateway;

impl Handler for NatGateway {
    const TYPE_NAME: &'static str = "AWS::EC2::NatGateway";
    const PROPERTIES: &'static [Property] = &[
        Property::new("AllocationId", Kind::Text).replaces(),
        Property::refused("AvailabilityMode"),
        Property::refused("AvailabilityZoneAddresses"),
        Property::new("ConnectivityType", Kind::Text).replaces(),
        Property::refused("MaxDrainDurationSeconds"),
        Property::refused("PrivateIpAddress"),
        Property::refused("SecondaryAllocationIds"),
        Property::refused("SecondaryPrivateIpAddressCount"),
        Property::refused("SecondaryPrivateIpAddresses"),
        Property::new("SubnetId", Kind::Text).replaces(),
        Property::new("Tags", TAGS),
        Property::refused("VpcId"),
    ];
    const ATTRIBUTES: &'static [&'static str] = &["EniId", "NatGatewayId"];
    const CLIENT: Client = EC2;
    const TAGS: Option<TagOperations> = Some(super::TAGS);

    async fn make(door: &Door, request: &Request, _: bool) -> Result<Made, Failure> {
        let gateway = tagged(request, ["AllocationId", "ConnectivityType", "SubnetId"], "natgateway");
        let answer = EC2.call_once(door, &request.token, "CreateNatGateway", gateway).await?;
        let id = text(&answer, &["NatGateway", "NatGatewayId"]);
        let interface = answer.pointer("/NatGateway/NatGatewayAddresses/0/NetworkInterfaceId");
        let interface = interface.and_then(Value::as_str).unwrap_or_default();
        let attributes = attributes([("EniId", interface), ("NatGatewayId", id)]);
        Ok(Made { physical_id: id.to_owned(), attributes })
    }

    async fn remove(door: &Door, gateway: &Resource) -> Result<Deletion, Failure> {
        EC2.delete(door, "DeleteNatGateway", json!({"NatGatewayId": gateway.physical_id})).await
    }

    fn tagged(made: &Made) -> Value {
        by_id(&made.physical_id)
    }
}
