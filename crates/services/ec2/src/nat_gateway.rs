//! NAT gateways. They are there at once, and gone at once.

use serde::{Deserialize, Serialize};
use types::Timestamp;

use crate::error::{Error, Kind};
use crate::filter::{Filterable, Filters, one};
use crate::generated::types as shapes;
use crate::ids;
use crate::limits;
use crate::network::{Network, Place};
use crate::page::Page;
use crate::tag;
use crate::vpc::chosen;

/// The first address of a subnet that is not AWS's own.
const FIRST_ADDRESS: u32 = 4;

/// A NAT gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NatGateway {
    /// The VPC that it belongs to.
    pub vpc: String,
    /// The subnet that it lies in.
    pub subnet: String,
    /// The allocation of its public address; `None` where it is private.
    pub allocation: Option<String>,
    /// The id of the address's association.
    pub association: String,
    /// Its network interface.
    pub network_interface: String,
    /// Its address in the subnet.
    pub private_ip: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Network {
    /// CreateNatGateway.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Missing`], [`Error::AddressInUse`], [`Error::LimitExceeded`], [`Error::NotServed`].
    pub fn create_nat_gateway(
        &mut self,
        place: Place<'_>,
        input: shapes::CreateNatGatewayInput,
    ) -> Result<String, Error> {
        refuse_unserved(&input)?;
        let missing = |name: &str| Error::Missing(format!("The request must contain the parameter {name}"));
        let subnet_id = input.subnet_id.ok_or_else(|| missing("subnetId"))?;
        let subnet = self.subnet(&subnet_id)?.clone();
        let allocation = match (input.connectivity_type.as_deref(), input.allocation_id) {
            (Some("private"), None) => None,
            (Some("private"), Some(_)) => {
                let text = "AllocationId is not supported for private NAT gateways";
                return Err(Error::Combination(text.to_owned()));
            }
            (_, Some(id)) => Some(self.free_allocation(id)?),
            (_, None) => return Err(missing("allocationId")),
        };
        let tags = tag::specified(place, input.tag_specifications, "natgateway")?;
        if self.nat_gateways.len() >= limits::NAT_GATEWAYS {
            return Err(Error::LimitExceeded {
                code: "NatGatewayLimitExceeded",
                text: "The maximum number of NAT gateways has been reached.",
            });
        }
        let is_free = |ip: &String| !self.nat_gateways.values().any(|gateway| gateway.private_ip == *ip);
        let addresses = FIRST_ADDRESS..u32::try_from(subnet.cidr.size()).unwrap_or(u32::MAX) - 1;
        let private_ip = addresses.map(|at| subnet.cidr.address(at).to_string()).find(is_free);
        let id = ids::new("nat");
        let gateway = NatGateway {
            vpc: subnet.vpc,
            subnet: subnet_id,
            allocation,
            association: ids::new("eipassoc"),
            network_interface: ids::new("eni"),
            private_ip: private_ip.unwrap_or_default(),
            created_at: place.now,
        };
        self.nat_gateways.insert(id.clone(), gateway);
        self.tags.insert(id.clone(), tags);
        Ok(id)
    }

    /// What CreateNatGateway answers.
    pub fn created_nat_gateway(
        &self,
        id: &str,
        client_token: Option<String>,
    ) -> shapes::CreateNatGatewayOutput {
        shapes::CreateNatGatewayOutput { client_token, nat_gateway: self.shown_nat_gateway(id) }
    }

    fn free_allocation(&self, id: String) -> Result<String, Error> {
        if !self.addresses.contains_key(&id) {
            return Err(Error::not_found(Kind::Allocation, &id));
        }
        match self.nat_gateways.values().any(|gateway| gateway.allocation.as_ref() == Some(&id)) {
            true => Err(Error::AddressInUse(id)),
            false => Ok(id),
        }
    }

    /// DeleteNatGateway.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn delete_nat_gateway(&mut self, id: &str) -> Result<shapes::DeleteNatGatewayOutput, Error> {
        self.nat_gateways.remove(id).ok_or_else(|| Error::not_found(Kind::NatGateway, id))?;
        self.forget(id);
        Ok(shapes::DeleteNatGatewayOutput { nat_gateway_id: Some(id.to_owned()) })
    }

    /// DescribeNatGateways.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidFilter`], [`Error::InvalidNextToken`].
    pub fn describe_nat_gateways(
        &self,
        input: shapes::DescribeNatGatewaysInput,
    ) -> Result<shapes::DescribeNatGatewaysOutput, Error> {
        let wanted = input.nat_gateway_ids.unwrap_or_default();
        let page =
            Page::parse(input.next_token, input.max_results, Some(("natGatewayIds", !wanted.is_empty())))?;
        let filters = Filters::parse(input.filter)?;
        let ids = chosen(Kind::NatGateway, wanted, &self.nat_gateways)?;
        let gateways = filters.select(ids.iter().filter_map(|id| self.shown_nat_gateway(id)));
        let (gateways, next_token) =
            page.cut(gateways, |gateway| gateway.nat_gateway_id.as_deref().unwrap_or_default())?;
        Ok(shapes::DescribeNatGatewaysOutput { nat_gateways: Some(gateways), next_token })
    }

    fn shown_nat_gateway(&self, id: &str) -> Option<shapes::NatGateway> {
        let gateway = self.nat_gateways.get(id)?;
        let address = gateway.allocation.as_ref().and_then(|id| self.addresses.get(id));
        let is_public = gateway.allocation.is_some();
        Some(shapes::NatGateway {
            create_time: Some(gateway.created_at),
            nat_gateway_addresses: Some(vec![shapes::NatGatewayAddress {
                allocation_id: gateway.allocation.clone(),
                network_interface_id: Some(gateway.network_interface.clone()),
                private_ip: Some(gateway.private_ip.clone()),
                public_ip: address.map(|address| address.public_ip.clone()),
                association_id: is_public.then(|| gateway.association.clone()),
                is_primary: Some(true),
                status: Some("succeeded".to_owned()),
                ..shapes::NatGatewayAddress::default()
            }]),
            nat_gateway_id: Some(id.to_owned()),
            state: Some("available".to_owned()),
            subnet_id: Some(gateway.subnet.clone()),
            vpc_id: Some(gateway.vpc.clone()),
            tags: self.tags_of(id),
            connectivity_type: Some(if is_public { "public" } else { "private" }.to_owned()),
            availability_mode: Some("zonal".to_owned()),
            ..shapes::NatGateway::default()
        })
    }
}

fn refuse_unserved(input: &shapes::CreateNatGatewayInput) -> Result<(), Error> {
    if input.availability_mode.as_deref() == Some("regional") || input.availability_zone_addresses.is_some() {
        return Err(Error::NotServed("regional NAT gateways"));
    }
    let secondary = input.secondary_allocation_ids.is_some()
        || input.secondary_private_ip_addresses.is_some()
        || input.secondary_private_ip_address_count.is_some()
        || input.private_ip_address.is_some();
    match secondary {
        true => Err(Error::NotServed("addresses of one's choice for NAT gateways")),
        false => Ok(()),
    }
}

impl Filterable for shapes::NatGateway {
    const HAS_TAGS: bool = true;

    fn tags(&self) -> &[shapes::Tag] {
        self.tags.as_deref().unwrap_or_default()
    }

    fn values(&self, filter: &str) -> Option<Vec<String>> {
        Some(match filter {
            "nat-gateway-id" => one(&self.nat_gateway_id),
            "state" => one(&self.state),
            "subnet-id" => one(&self.subnet_id),
            "vpc-id" => one(&self.vpc_id),
            _ => return None,
        })
    }
}
