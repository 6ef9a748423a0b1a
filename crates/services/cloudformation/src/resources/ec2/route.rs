//! `AWS::EC2::RouteTable` with its routes, and the subnets that use it.

use serde_json::{Map, Value, json};

use super::{EC2, Handler, by_id, made, members, tagged, text};
use crate::door::Door;
use crate::resources::client::{Client, TagOperations};
use crate::resources::schema::TAGS;
use crate::resources::{Deletion, Failure, Kind, Made, Property, attributes};
use crate::stack::{Request, Resource};

pub(in crate::resources) struct RouteTable;

impl Handler for RouteTable {
    const TYPE_NAME: &'static str = "AWS::EC2::RouteTable";
    const PROPERTIES: &'static [Property] =
        &[Property::new("Tags", TAGS), Property::new("VpcId", Kind::Text).required().replaces()];
    const ATTRIBUTES: &'static [&'static str] = &["RouteTableId"];
    const CLIENT: Client = EC2;
    const TAGS: Option<TagOperations> = Some(super::TAGS);

    async fn make(door: &Door, request: &Request, _: bool) -> Result<Made, Failure> {
        let table = tagged(request, ["VpcId"], "route-table");
        let answer = EC2.call_once(door, &request.token, "CreateRouteTable", table).await?;
        Ok(made(text(&answer, &["RouteTable", "RouteTableId"]), "RouteTableId"))
    }

    async fn remove(door: &Door, table: &Resource) -> Result<Deletion, Failure> {
        EC2.delete(door, "DeleteRouteTable", json!({"RouteTableId": table.physical_id})).await
    }

    fn tagged(made: &Made) -> Value {
        by_id(&made.physical_id)
    }
}

/// `Ref` gives the table and the destination.
pub(in crate::resources) struct Route;

const ROUTE: [&str; 4] = ["DestinationCidrBlock", "GatewayId", "NatGatewayId", "RouteTableId"];

impl Handler for Route {
    const TYPE_NAME: &'static str = "AWS::EC2::Route";
    const PROPERTIES: &'static [Property] = &[
        Property::refused("CarrierGatewayId"),
        Property::refused("CoreNetworkArn"),
        Property::new("DestinationCidrBlock", Kind::Text).replaces(),
        Property::refused("DestinationIpv6CidrBlock"),
        Property::refused("DestinationPrefixListId"),
        Property::refused("EgressOnlyInternetGatewayId"),
        Property::new("GatewayId", Kind::Text),
        Property::refused("InstanceId"),
        Property::refused("LocalGatewayId"),
        Property::new("NatGatewayId", Kind::Text),
        Property::refused("NetworkInterfaceId"),
        Property::refused("OdbNetworkArn"),
        Property::new("RouteTableId", Kind::Text).required().replaces(),
        Property::refused("TransitGatewayId"),
        Property::refused("VpcEndpointId"),
        Property::refused("VpcPeeringConnectionId"),
    ];
    const ATTRIBUTES: &'static [&'static str] = &["CidrBlock"];
    const CLIENT: Client = EC2;

    async fn make(door: &Door, request: &Request, _: bool) -> Result<Made, Failure> {
        EC2.call(door, "CreateRoute", members(request, ROUTE).into()).await?;
        let property = |name: &str| request.properties.get(name).and_then(Value::as_str).unwrap_or_default();
        let destination = property("DestinationCidrBlock");
        Ok(Made {
            physical_id: format!("{}|{destination}", property("RouteTableId")),
            attributes: attributes([("CidrBlock", destination)]),
        })
    }

    async fn configure(
        door: &Door,
        _: &Made,
        before: Option<&Map<String, Value>>,
        request: &Request,
    ) -> Result<(), Failure> {
        match before {
            Some(before) if *before != request.properties => {
                EC2.call(door, "ReplaceRoute", members(request, ROUTE).into()).await.map(drop)
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn remove(door: &Door, route: &Resource) -> Result<Deletion, Failure> {
        let route = route.physical_id.as_deref().unwrap_or_default();
        let (table, destination) = route.split_once('|').unwrap_or_default();
        let route = json!({"RouteTableId": table, "DestinationCidrBlock": destination});
        EC2.delete(door, "DeleteRoute", route).await
    }
}

pub(in crate::resources) struct SubnetRouteTableAssociation;

impl Handler for SubnetRouteTableAssociation {
    const TYPE_NAME: &'static str = "AWS::EC2::SubnetRouteTableAssociation";
    const PROPERTIES: &'static [Property] = &[
        Property::new("RouteTableId", Kind::Text).required().replaces(),
        Property::new("SubnetId", Kind::Text).required().replaces(),
    ];
    const ATTRIBUTES: &'static [&'static str] = &["Id"];
    const CLIENT: Client = EC2;

    async fn make(door: &Door, request: &Request, _: bool) -> Result<Made, Failure> {
        let association = members(request, ["RouteTableId", "SubnetId"]).into();
        let answer = EC2.call_once(door, &request.token, "AssociateRouteTable", association).await?;
        Ok(made(text(&answer, &["AssociationId"]), "Id"))
    }

    async fn remove(door: &Door, association: &Resource) -> Result<Deletion, Failure> {
        let association = json!({"AssociationId": association.physical_id});
        EC2.delete(door, "DisassociateRouteTable", association).await
    }
}
