//! Route tables: routes, and the subnets that use them.
//!
//! Routes are kept and shown; no packet is sent by them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cidr::Cidr;
use crate::error::{Error, Kind};
use crate::filter::{Filterable, Filters, flag, one};
use crate::generated::types as shapes;
use crate::ids;
use crate::limits;
use crate::network::{Network, Place};
use crate::page::Page;
use crate::tag;
use crate::vpc::chosen;

/// A route table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteTable {
    /// The VPC that it belongs to.
    pub vpc: String,
    /// Routes but the VPC's own.
    pub routes: BTreeMap<Destination, Target>,
    /// Who uses it, by the association's id.
    pub associations: BTreeMap<String, Association>,
}

/// Who uses a route table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Association {
    /// The subnet; `None`: all subnets of the VPC that use no other.
    pub subnet: Option<String>,
}

/// Where a route leads to, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Destination(String);

/// Through what a route leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// An internet gateway.
    InternetGateway(String),
    /// A NAT gateway.
    NatGateway(String),
}

impl Destination {
    fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |_| Error::value(text, "destinationCidrBlock", "This is not a valid CIDR block.");
        text.parse::<Cidr>().map(|cidr| Self(cidr.to_string())).map_err(invalid)
    }

    /// `0.0.0.0/0`.
    pub fn everywhere() -> Self {
        Self("0.0.0.0/0".to_owned())
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RouteTable {
    /// The table that a VPC has from its beginning.
    pub fn main_of(vpc: &str) -> Self {
        let association = Association { subnet: None };
        Self { associations: BTreeMap::from([(ids::new("rtbassoc"), association)]), ..Self::new(vpc) }
    }

    fn new(vpc: &str) -> Self {
        Self { vpc: vpc.to_owned(), routes: BTreeMap::new(), associations: BTreeMap::new() }
    }

    /// Whether it serves the subnets that use no other.
    pub fn is_main(&self) -> bool {
        self.associations.values().any(|association| association.subnet.is_none())
    }
}

impl Network {
    /// CreateRouteTable.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::LimitExceeded`].
    pub fn create_route_table(
        &mut self,
        place: Place<'_>,
        input: shapes::CreateRouteTableInput,
    ) -> Result<String, Error> {
        self.vpc(&input.vpc_id)?;
        let tags = tag::specified(place, input.tag_specifications, "route-table")?;
        let of_vpc = self.route_tables.values().filter(|table| table.vpc == input.vpc_id);
        if of_vpc.count() >= limits::ROUTE_TABLES_PER_VPC {
            return Err(Error::LimitExceeded {
                code: "RouteTableLimitExceeded",
                text: "The maximum number of route tables has been reached.",
            });
        }
        let id = ids::new("rtb");
        self.route_tables.insert(id.clone(), RouteTable::new(&input.vpc_id));
        self.tags.insert(id.clone(), tags);
        Ok(id)
    }

    /// What CreateRouteTable answers.
    pub fn created_route_table(
        &self,
        place: Place<'_>,
        id: &str,
        client_token: Option<String>,
    ) -> shapes::CreateRouteTableOutput {
        shapes::CreateRouteTableOutput { route_table: self.shown_route_table(place, id), client_token }
    }

    /// DeleteRouteTable.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InUse`].
    pub fn delete_route_table(&mut self, id: &str) -> Result<(), Error> {
        if !self.route_table(id)?.associations.is_empty() {
            let text = format!("The routeTable '{id}' has dependencies and cannot be deleted.");
            return Err(Error::InUse(text));
        }
        self.route_tables.remove(id);
        self.forget(id);
        Ok(())
    }

    /// AssociateRouteTable, with a subnet.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Missing`], [`Error::AlreadyAssociated`], [`Error::Invalid`].
    pub fn associate_route_table(
        &mut self,
        input: shapes::AssociateRouteTableInput,
    ) -> Result<String, Error> {
        if input.gateway_id.is_some() || input.public_ipv4_pool.is_some() {
            return Err(Error::NotServed("route tables of gateways"));
        }
        let text = "Either 'subnetId' or 'gatewayId' should be provided.";
        let subnet = input.subnet_id.ok_or_else(|| Error::Missing(text.to_owned()))?;
        let id = input.route_table_id;
        if self.subnet(&subnet)?.vpc != self.route_table(&id)?.vpc {
            let text = format!("Route table {id} and subnet {subnet} belong to different networks");
            return Err(Error::Invalid(text));
        }
        let is_associated = |association: &Association| association.subnet.as_ref() == Some(&subnet);
        let mut tables = self.route_tables.iter();
        if let Some((other, _)) = tables.find(|(_, table)| table.associations.values().any(is_associated)) {
            return Err(Error::AlreadyAssociated(other.clone()));
        }
        let association_id = ids::new("rtbassoc");
        if let Some(table) = self.route_tables.get_mut(&id) {
            table.associations.insert(association_id.clone(), Association { subnet: Some(subnet) });
        }
        Ok(association_id)
    }

    /// DisassociateRouteTable.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub fn disassociate_route_table(&mut self, id: &str) -> Result<(), Error> {
        let found = self.route_tables.values_mut().find(|table| table.associations.contains_key(id));
        let Some(table) = found else { return Err(Error::not_found(Kind::Association, id)) };
        if table.associations.get(id).is_some_and(|association| association.subnet.is_none()) {
            let text = format!("cannot disassociate the main route table association {id}");
            return Err(Error::Invalid(text));
        }
        table.associations.remove(id);
        self.forget(id);
        Ok(())
    }

    /// CreateRoute, through an internet gateway or a NAT gateway.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::RouteExists`], [`Error::NotServed`].
    pub fn create_route(&mut self, input: shapes::CreateRouteInput) -> Result<(), Error> {
        refuse_unserved(&input)?;
        let text = input.destination_cidr_block.ok_or_else(missing_destination)?;
        let destination = Destination::parse(&text)?;
        let target = self.target(&input.route_table_id, input.gateway_id, input.nat_gateway_id)?;
        let vpc = self.route_table(&input.route_table_id)?.vpc.clone();
        if self.vpc(&vpc)?.cidr.to_string() == destination.0 {
            return Err(Error::RouteExists(text));
        }
        let missing = || Error::not_found(Kind::RouteTable, &input.route_table_id);
        let table = self.route_tables.get_mut(&input.route_table_id).ok_or_else(missing)?;
        // The same route once more is no error.
        match table.routes.get(&destination) {
            Some(known) if *known != target => return Err(Error::RouteExists(text)),
            None if table.routes.len() >= limits::ROUTES_PER_ROUTE_TABLE => {
                return Err(Error::LimitExceeded {
                    code: "RouteLimitExceeded",
                    text: "The maximum number of routes has been reached.",
                });
            }
            _ => drop(table.routes.insert(destination, target)),
        }
        Ok(())
    }

    /// ReplaceRoute: a route that is there leads elsewhere.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RouteNotFound`], [`Error::Invalid`], [`Error::NotServed`].
    pub fn replace_route(&mut self, input: shapes::ReplaceRouteInput) -> Result<(), Error> {
        if input.local_target == Some(true) {
            return Err(Error::NotServed("LocalTarget of ReplaceRoute"));
        }
        let shapes::ReplaceRouteInput { destination_cidr_block, gateway_id, nat_gateway_id, .. } =
            input.clone();
        let id = input.route_table_id.clone();
        refuse_unserved(&of_replacement(input))?;
        let text = destination_cidr_block.ok_or_else(missing_destination)?;
        let destination = Destination::parse(&text)?;
        let target = self.target(&id, gateway_id, nat_gateway_id)?;
        let missing = || Error::not_found(Kind::RouteTable, &id);
        let table = self.route_tables.get_mut(&id).ok_or_else(missing)?;
        match table.routes.get_mut(&destination) {
            Some(known) => *known = target,
            None => return Err(Error::RouteNotFound { destination: text, table: id }),
        }
        Ok(())
    }

    /// Through what a route of that table is to lead.
    fn target(
        &self,
        table: &str,
        gateway: Option<String>,
        nat_gateway: Option<String>,
    ) -> Result<Target, Error> {
        let vpc = &self.route_table(table)?.vpc;
        match (gateway, nat_gateway) {
            (Some(id), None) if id.starts_with("igw-") => {
                if self.internet_gateway(&id)?.vpc.as_ref() != Some(vpc) {
                    let text =
                        format!("route table {table} and network gateway {id} belong to different networks");
                    return Err(Error::Invalid(text));
                }
                Ok(Target::InternetGateway(id))
            }
            (Some(_), None) => Err(Error::NotServed("routes through gateways but internet gateways")),
            (None, Some(id)) => match self.nat_gateways.contains_key(&id) {
                true => Ok(Target::NatGateway(id)),
                false => Err(Error::not_found(Kind::NatGateway, &id)),
            },
            _ => {
                let text = "The request must contain exactly one of gatewayId, natGatewayId";
                Err(Error::Combination(text.to_owned()))
            }
        }
    }

    /// DeleteRoute.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RouteNotFound`], [`Error::Invalid`].
    pub fn delete_route(&mut self, input: shapes::DeleteRouteInput) -> Result<(), Error> {
        let text = input.destination_cidr_block.unwrap_or_default();
        let destination = Destination::parse(&text)?;
        let id = input.route_table_id;
        let missing = || Error::not_found(Kind::RouteTable, &id);
        let table = self.route_tables.get_mut(&id).ok_or_else(missing)?;
        match table.routes.remove(&destination) {
            Some(_) => Ok(()),
            None => Err(Error::RouteNotFound { destination: text, table: id }),
        }
    }

    fn route_table(&self, id: &str) -> Result<&RouteTable, Error> {
        self.route_tables.get(id).ok_or_else(|| Error::not_found(Kind::RouteTable, id))
    }

    /// DescribeRouteTables.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidFilter`], [`Error::InvalidNextToken`].
    pub fn describe_route_tables(
        &self,
        place: Place<'_>,
        input: shapes::DescribeRouteTablesInput,
    ) -> Result<shapes::DescribeRouteTablesOutput, Error> {
        let wanted = input.route_table_ids.unwrap_or_default();
        let page =
            Page::parse(input.next_token, input.max_results, Some(("routeTableIds", !wanted.is_empty())))?;
        let filters = Filters::parse(input.filters)?;
        let ids = chosen(Kind::RouteTable, wanted, &self.route_tables)?;
        let tables = filters.select(ids.iter().filter_map(|id| self.shown_route_table(place, id)));
        let (tables, next_token) =
            page.cut(tables, |table| table.route_table_id.as_deref().unwrap_or_default())?;
        Ok(shapes::DescribeRouteTablesOutput { route_tables: Some(tables), next_token })
    }

    fn shown_route_table(&self, place: Place<'_>, id: &str) -> Option<shapes::RouteTable> {
        let table = self.route_tables.get(id)?;
        let associations =
            table.associations.iter().map(|(association_id, association)| shapes::RouteTableAssociation {
                main: Some(association.subnet.is_none()),
                route_table_association_id: Some(association_id.clone()),
                route_table_id: Some(id.to_owned()),
                subnet_id: association.subnet.clone(),
                association_state: Some(associated()),
                ..shapes::RouteTableAssociation::default()
            });
        let local = shapes::Route {
            destination_cidr_block: self.vpcs.get(&table.vpc).map(|vpc| vpc.cidr.to_string()),
            gateway_id: Some("local".to_owned()),
            origin: Some("CreateRouteTable".to_owned()),
            state: Some("active".to_owned()),
            ..shapes::Route::default()
        };
        let routes = table.routes.iter().map(|(destination, target)| self.shown_route(destination, target));
        Some(shapes::RouteTable {
            associations: Some(associations.collect()),
            propagating_vgws: Some(Vec::new()),
            route_table_id: Some(id.to_owned()),
            routes: Some(std::iter::once(local).chain(routes).collect()),
            tags: self.tags_of(id),
            vpc_id: Some(table.vpc.clone()),
            owner_id: place.owner(),
        })
    }

    /// A route whose gateway is gone or detached is a black hole.
    fn shown_route(&self, destination: &Destination, target: &Target) -> shapes::Route {
        let (gateway_id, nat_gateway_id, is_active) = match target {
            Target::InternetGateway(id) => {
                let is_attached = self.internet_gateways.get(id).is_some_and(|gateway| gateway.vpc.is_some());
                (Some(id.clone()), None, is_attached)
            }
            Target::NatGateway(id) => (None, Some(id.clone()), self.nat_gateways.contains_key(id)),
        };
        shapes::Route {
            destination_cidr_block: Some(destination.to_string()),
            gateway_id,
            nat_gateway_id,
            origin: Some("CreateRoute".to_owned()),
            state: Some(if is_active { "active" } else { "blackhole" }.to_owned()),
            ..shapes::Route::default()
        }
    }
}

/// What AssociateRouteTable answers.
pub fn associated_as(id: &str) -> shapes::AssociateRouteTableOutput {
    let association_state = Some(associated());
    shapes::AssociateRouteTableOutput { association_id: Some(id.to_owned()), association_state }
}

fn missing_destination() -> Error {
    Error::Missing("The request must contain the parameter destinationCidrBlock".to_owned())
}

/// The route that takes the place of another.
fn of_replacement(input: shapes::ReplaceRouteInput) -> shapes::CreateRouteInput {
    shapes::CreateRouteInput {
        destination_prefix_list_id: input.destination_prefix_list_id,
        vpc_endpoint_id: input.vpc_endpoint_id,
        transit_gateway_id: input.transit_gateway_id,
        local_gateway_id: input.local_gateway_id,
        carrier_gateway_id: input.carrier_gateway_id,
        core_network_arn: input.core_network_arn,
        odb_network_arn: input.odb_network_arn,
        destination_ipv6_cidr_block: input.destination_ipv6_cidr_block,
        egress_only_internet_gateway_id: input.egress_only_internet_gateway_id,
        instance_id: input.instance_id,
        network_interface_id: input.network_interface_id,
        vpc_peering_connection_id: input.vpc_peering_connection_id,
        ..shapes::CreateRouteInput::default()
    }
}

fn associated() -> shapes::RouteTableAssociationState {
    shapes::RouteTableAssociationState { state: Some("associated".to_owned()), status_message: None }
}

fn refuse_unserved(input: &shapes::CreateRouteInput) -> Result<(), Error> {
    let others = [
        &input.destination_prefix_list_id,
        &input.vpc_endpoint_id,
        &input.transit_gateway_id,
        &input.local_gateway_id,
        &input.carrier_gateway_id,
        &input.core_network_arn,
        &input.odb_network_arn,
        &input.destination_ipv6_cidr_block,
        &input.egress_only_internet_gateway_id,
        &input.instance_id,
        &input.network_interface_id,
        &input.vpc_peering_connection_id,
    ];
    match others.into_iter().any(Option::is_some) {
        true => Err(Error::NotServed("routes but from IPv4 blocks through internet and NAT gateways")),
        false => Ok(()),
    }
}

impl Filterable for shapes::RouteTable {
    const HAS_TAGS: bool = true;

    fn tags(&self) -> &[shapes::Tag] {
        self.tags.as_deref().unwrap_or_default()
    }

    fn values(&self, filter: &str) -> Option<Vec<String>> {
        let associations = self.associations.iter().flatten();
        let routes = self.routes.iter().flatten();
        Some(match filter {
            "association.main" => associations.flat_map(|one| flag(one.main)).collect(),
            "association.route-table-association-id" => {
                associations.filter_map(|one| one.route_table_association_id.clone()).collect()
            }
            "association.route-table-id" | "route-table-id" => one(&self.route_table_id),
            "association.subnet-id" => associations.filter_map(|one| one.subnet_id.clone()).collect(),
            "owner-id" => one(&self.owner_id),
            "route.destination-cidr-block" => {
                routes.filter_map(|one| one.destination_cidr_block.clone()).collect()
            }
            "route.gateway-id" => routes.filter_map(|one| one.gateway_id.clone()).collect(),
            "route.nat-gateway-id" => routes.filter_map(|one| one.nat_gateway_id.clone()).collect(),
            "route.state" => routes.filter_map(|one| one.state.clone()).collect(),
            "vpc-id" => one(&self.vpc_id),
            _ => return None,
        })
    }
}
