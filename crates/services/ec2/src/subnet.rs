//! Subnets.

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
use crate::zones;

/// How large a subnet may be, by the length of its prefix.
const PREFIXES: std::ops::RangeInclusive<u8> = 16..=28;
/// Addresses of each subnet that AWS keeps.
const RESERVED: u64 = 5;

/// A subnet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subnet {
    /// The VPC that it lies in.
    pub vpc: String,
    /// Its addresses.
    pub cidr: Cidr,
    /// The name of its zone.
    pub zone: String,
    /// `defaultForAz`.
    pub is_default: bool,
    /// `mapPublicIpOnLaunch`.
    pub maps_public_ip: bool,
}

impl Subnet {
    /// A subnet that nobody has said more about.
    pub fn new(vpc: &str, cidr: Cidr, zone: &str) -> Self {
        Self { vpc: vpc.to_owned(), cidr, zone: zone.to_owned(), is_default: false, maps_public_ip: false }
    }
}

impl Network {
    /// The subnet of that id.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn subnet(&self, id: &str) -> Result<&Subnet, Error> {
        self.subnets.get(id).ok_or_else(|| Error::not_found(Kind::Subnet, id))
    }

    /// CreateSubnet.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::SubnetRange`], [`Error::SubnetConflict`], [`Error::Invalid`].
    pub fn create_subnet(
        &mut self,
        place: Place<'_>,
        input: shapes::CreateSubnetInput,
    ) -> Result<String, Error> {
        refuse_unserved(&input)?;
        let text = input.cidr_block.as_deref().filter(|text| !text.is_empty()).ok_or_else(|| {
            Error::Missing("Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.".to_owned())
        })?;
        let cidr: Cidr =
            text.parse().map_err(|_| Error::value(text, "cidrBlock", "This is not a valid CIDR block."))?;
        let vpc = self.vpc(&input.vpc_id)?;
        if !PREFIXES.contains(&cidr.prefix()) || !vpc.cidr.contains(cidr) {
            return Err(Error::SubnetRange(text.to_owned()));
        }
        let mut neighbours = self.subnets.values().filter(|subnet| subnet.vpc == input.vpc_id);
        if neighbours.clone().count() >= limits::SUBNETS_PER_VPC {
            return Err(Error::LimitExceeded {
                code: "SubnetLimitExceeded",
                text: "The maximum number of subnets has been reached.",
            });
        }
        if neighbours.any(|subnet| subnet.cidr.overlaps(cidr)) {
            return Err(Error::SubnetConflict(text.to_owned()));
        }
        let zone = zone(place, input.availability_zone, input.availability_zone_id)?;
        let tags = tag::specified(place, input.tag_specifications, "subnet")?;
        let id = ids::new("subnet");
        self.subnets.insert(id.clone(), Subnet::new(&input.vpc_id, cidr, &zone));
        self.tags.insert(id.clone(), tags);
        Ok(id)
    }

    /// What CreateSubnet answers.
    pub fn created_subnet(&self, place: Place<'_>, id: &str) -> shapes::CreateSubnetOutput {
        shapes::CreateSubnetOutput { subnet: self.shown_subnet(place, id) }
    }

    /// DeleteSubnet.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InUse`].
    pub fn delete_subnet(&mut self, id: &str) -> Result<(), Error> {
        self.subnet(id)?;
        if self.nat_gateways.values().any(|gateway| gateway.subnet == id) {
            return Err(Error::InUse(format!("The subnet '{id}' has dependencies and cannot be deleted.")));
        }
        self.subnets.remove(id);
        for table in self.route_tables.values_mut() {
            table.associations.retain(|_, associated| associated.subnet.as_deref() != Some(id));
        }
        self.forget(id);
        Ok(())
    }

    /// ModifySubnetAttribute, of which `MapPublicIpOnLaunch` is served.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotServed`].
    pub fn modify_subnet_attribute(
        &mut self,
        input: shapes::ModifySubnetAttributeInput,
    ) -> Result<(), Error> {
        let id = input.subnet_id;
        let subnet = self.subnets.get_mut(&id).ok_or_else(|| Error::not_found(Kind::Subnet, &id))?;
        match input.map_public_ip_on_launch.and_then(|given| given.value) {
            Some(value) => subnet.maps_public_ip = value,
            None => return Err(Error::NotServed("attributes of subnets but MapPublicIpOnLaunch")),
        }
        Ok(())
    }

    /// DescribeSubnets.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidFilter`], [`Error::InvalidNextToken`].
    pub fn describe_subnets(
        &self,
        place: Place<'_>,
        input: shapes::DescribeSubnetsInput,
    ) -> Result<shapes::DescribeSubnetsOutput, Error> {
        let wanted = input.subnet_ids.unwrap_or_default();
        let page = Page::parse(input.next_token, input.max_results, Some(("subnetIds", !wanted.is_empty())))?;
        let filters = Filters::parse(input.filters)?;
        let ids = chosen(Kind::Subnet, wanted, &self.subnets)?;
        let subnets = filters.select(ids.iter().filter_map(|id| self.shown_subnet(place, id)));
        let (subnets, next_token) =
            page.cut(subnets, |subnet| subnet.subnet_id.as_deref().unwrap_or_default())?;
        Ok(shapes::DescribeSubnetsOutput { next_token, subnets: Some(subnets) })
    }

    fn shown_subnet(&self, place: Place<'_>, id: &str) -> Option<shapes::Subnet> {
        let subnet = self.subnets.get(id)?;
        let zone = zones::of(place.region).into_iter().find(|zone| zone.name == subnet.zone);
        let taken = self.nat_gateways.values().filter(|gateway| gateway.subnet == id).count() as u64;
        Some(shapes::Subnet {
            availability_zone_id: zone.map(|zone| zone.id),
            map_customer_owned_ip_on_launch: Some(false),
            owner_id: place.owner(),
            assign_ipv6_address_on_creation: Some(false),
            ipv6_cidr_block_association_set: Some(Vec::new()),
            tags: self.tags_of(id),
            subnet_arn: Some(place.arn(&format!("subnet/{id}"))),
            enable_dns64: Some(false),
            ipv6_native: Some(false),
            private_dns_name_options_on_launch: Some(shapes::PrivateDnsNameOptionsOnLaunch {
                hostname_type: Some("ip-name".to_owned()),
                enable_resource_name_dns_a_record: Some(false),
                enable_resource_name_dns_aaaa_record: Some(false),
            }),
            block_public_access_states: Some(shapes::BlockPublicAccessStates {
                internet_gateway_block_mode: Some("off".to_owned()),
            }),
            subnet_id: Some(id.to_owned()),
            state: Some("available".to_owned()),
            vpc_id: Some(subnet.vpc.clone()),
            cidr_block: Some(subnet.cidr.to_string()),
            available_ip_address_count: i64::try_from(subnet.cidr.size() - RESERVED - taken).ok(),
            availability_zone: Some(subnet.zone.clone()),
            default_for_az: Some(subnet.is_default),
            map_public_ip_on_launch: Some(subnet.maps_public_ip),
            ..shapes::Subnet::default()
        })
    }
}

/// The zone that a request names; the first one where it names none.
fn zone(place: Place<'_>, name: Option<String>, id: Option<String>) -> Result<String, Error> {
    let zones = zones::of(place.region);
    let listed = zones.each_ref().map(|zone| zone.name.clone()).join(", ");
    let invalid = |value: &str, parameter: &str| {
        let reason =
            format!("Subnets can currently only be created in the following availability zones: {listed}.");
        Error::value(value, parameter, &reason)
    };
    let [first, _, _] = &zones;
    match (name, id) {
        (Some(name), _) => {
            let found = zones.iter().find(|zone| zone.name == name);
            found.map(|zone| zone.name.clone()).ok_or_else(|| invalid(&name, "availabilityZone"))
        }
        (None, Some(id)) => {
            let found = zones.iter().find(|zone| zone.id == id);
            found.map(|zone| zone.name.clone()).ok_or_else(|| invalid(&id, "availabilityZoneId"))
        }
        (None, None) => Ok(first.name.clone()),
    }
}

fn refuse_unserved(input: &shapes::CreateSubnetInput) -> Result<(), Error> {
    let ipv6 = input.ipv6_cidr_block.is_some()
        || input.ipv6_native == Some(true)
        || input.ipv6_ipam_pool_id.is_some()
        || input.ipv6_netmask_length.is_some();
    if ipv6 {
        return Err(Error::NotServed("IPv6 addresses of subnets"));
    }
    if input.ipv4_ipam_pool_id.is_some() || input.ipv4_netmask_length.is_some() {
        return Err(Error::NotServed("IPAM pools"));
    }
    if input.outpost_arn.is_some() {
        return Err(Error::NotServed("Outposts"));
    }
    Ok(())
}

impl Filterable for shapes::Subnet {
    const HAS_TAGS: bool = true;

    fn tags(&self) -> &[shapes::Tag] {
        self.tags.as_deref().unwrap_or_default()
    }

    fn values(&self, filter: &str) -> Option<Vec<String>> {
        Some(match filter {
            "availability-zone" | "availabilityZone" => one(&self.availability_zone),
            "availability-zone-id" | "availabilityZoneId" => one(&self.availability_zone_id),
            "available-ip-address-count" => {
                self.available_ip_address_count.map(|count| count.to_string()).into_iter().collect()
            }
            "cidr" | "cidr-block" | "cidrBlock" => one(&self.cidr_block),
            "default-for-az" | "defaultForAz" => flag(self.default_for_az),
            "map-public-ip-on-launch" => flag(self.map_public_ip_on_launch),
            "owner-id" => one(&self.owner_id),
            "state" => one(&self.state),
            "subnet-arn" => one(&self.subnet_arn),
            "subnet-id" => one(&self.subnet_id),
            "vpc-id" => one(&self.vpc_id),
            _ => return None,
        })
    }
}
