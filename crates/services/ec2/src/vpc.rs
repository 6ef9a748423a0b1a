//! VPCs: the default one and others.

use serde::{Deserialize, Serialize};

use crate::cidr::Cidr;
use crate::error::{Error, Kind};
use crate::filter::{Filterable, Filters, flag, one};
use crate::generated::types as shapes;
use crate::ids;
use crate::internet_gateway::InternetGateway;
use crate::limits;
use crate::network::{Network, Place};
use crate::page::Page;
use crate::route_table::{Destination, RouteTable, Target};
use crate::security_group::SecurityGroup;
use crate::subnet::Subnet;
use crate::tag;
use crate::zones;

/// The addresses of a default VPC.
const DEFAULT: Cidr = Cidr::new([172, 31, 0, 0], 16);
/// How large a VPC may be, by the length of its prefix.
const PREFIXES: std::ops::RangeInclusive<u8> = 16..=28;

/// A VPC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vpc {
    /// Its addresses.
    pub cidr: Cidr,
    /// The id of the association of these addresses.
    pub cidr_association: String,
    /// Whether requests mean it that name none.
    pub is_default: bool,
    /// `default` or `dedicated`.
    pub tenancy: String,
    /// `enableDnsSupport`.
    pub dns_support: bool,
    /// `enableDnsHostnames`.
    pub dns_hostnames: bool,
    /// `enableNetworkAddressUsageMetrics`.
    pub usage_metrics: bool,
}

impl Network {
    /// Adds the default VPC, with ids made from account and region where these are free.
    pub fn add_default_vpc(&mut self, place: Place<'_>) -> String {
        let id = |prefix: &str, name: &str, is_taken: &dyn Fn(&String) -> bool| {
            let derived = ids::derived(prefix, place.account, place.region, name);
            if is_taken(&derived) { ids::new(prefix) } else { derived }
        };
        let vpc_id = id("vpc", "default", &|id| self.vpcs.contains_key(id));
        let group_id = id("sg", "default", &|id| self.groups.contains_key(id));
        let table_id = id("rtb", "default", &|id| self.route_tables.contains_key(id));
        let gateway_id = id("igw", "default", &|id| self.internet_gateways.contains_key(id));
        let vpc = Vpc { is_default: true, dns_hostnames: true, ..Vpc::new(DEFAULT, "default") };
        for (zone, third) in zones::of(place.region).into_iter().zip([0, 16, 32]) {
            let subnet_id = id("subnet", &zone.name, &|id| self.subnets.contains_key(id));
            let cidr = Cidr::new([172, 31, third, 0], 20);
            let subnet = Subnet { is_default: true, ..Subnet::new(&vpc_id, cidr, &zone.name) };
            self.subnets.insert(subnet_id, Subnet { maps_public_ip: true, ..subnet });
        }
        self.groups.insert(group_id.clone(), SecurityGroup::default_of(&vpc_id, &group_id));
        let mut table = RouteTable::main_of(&vpc_id);
        table.routes.insert(Destination::everywhere(), Target::InternetGateway(gateway_id.clone()));
        self.route_tables.insert(table_id, table);
        self.internet_gateways.insert(gateway_id, InternetGateway { vpc: Some(vpc_id.clone()) });
        self.vpcs.insert(vpc_id.clone(), vpc);
        vpc_id
    }

    /// The default VPC.
    ///
    /// # Errors
    /// [`Error::NoDefaultVpc`] where it has been deleted.
    pub fn default_vpc(&self) -> Result<&str, Error> {
        let found = self.vpcs.iter().find(|(_, vpc)| vpc.is_default);
        found.map(|(id, _)| id.as_str()).ok_or(Error::NoDefaultVpc)
    }

    /// The VPC of that id.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn vpc(&self, id: &str) -> Result<&Vpc, Error> {
        self.vpcs.get(id).ok_or_else(|| Error::not_found(Kind::Vpc, id))
    }

    /// CreateVpc.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::VpcRange`], [`Error::Missing`], [`Error::LimitExceeded`].
    pub fn create_vpc(&mut self, place: Place<'_>, input: shapes::CreateVpcInput) -> Result<String, Error> {
        refuse_unserved(&input)?;
        let text = input.cidr_block.filter(|text| !text.is_empty()).ok_or_else(|| {
            Error::Missing("Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.".to_owned())
        })?;
        let cidr: Cidr =
            text.parse().map_err(|_| Error::value(&text, "cidrBlock", "This is not a valid CIDR block."))?;
        if !PREFIXES.contains(&cidr.prefix()) {
            return Err(Error::VpcRange(text));
        }
        let tenancy = match input.instance_tenancy.as_deref() {
            None | Some("default") => "default",
            Some("dedicated") => "dedicated",
            Some(other) => return Err(Error::value(other, "instanceTenancy", "")),
        };
        let tags = tag::specified(place, input.tag_specifications, "vpc")?;
        if self.vpcs.len() >= limits::VPCS {
            return Err(Error::LimitExceeded {
                code: "VpcLimitExceeded",
                text: "The maximum number of VPCs has been reached.",
            });
        }
        let id = ids::new("vpc");
        self.vpcs.insert(id.clone(), Vpc::new(cidr, tenancy));
        let group_id = ids::new("sg");
        self.groups.insert(group_id.clone(), SecurityGroup::default_of(&id, &group_id));
        self.route_tables.insert(ids::new("rtb"), RouteTable::main_of(&id));
        self.tags.insert(id.clone(), tags);
        Ok(id)
    }

    /// What CreateVpc answers: before the VPC is ready.
    pub fn created_vpc(&self, place: Place<'_>, id: &str) -> shapes::CreateVpcOutput {
        let vpc = self.shown_vpc(place, id);
        let pending = |vpc| shapes::Vpc { state: Some("pending".to_owned()), ..vpc };
        shapes::CreateVpcOutput { vpc: vpc.map(pending) }
    }

    /// CreateDefaultVpc.
    ///
    /// # Errors
    /// [`Error::DefaultVpcExists`].
    pub fn create_default_vpc(&mut self, place: Place<'_>) -> Result<shapes::CreateDefaultVpcOutput, Error> {
        if self.default_vpc().is_ok() {
            return Err(Error::DefaultVpcExists);
        }
        let id = self.add_default_vpc(place);
        Ok(shapes::CreateDefaultVpcOutput { vpc: self.shown_vpc(place, &id) })
    }

    /// DeleteVpc: with its default group and main route table, if nothing else is in it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InUse`].
    pub fn delete_vpc(&mut self, id: &str) -> Result<(), Error> {
        self.vpc(id)?;
        let is_needed = self.subnets.values().any(|subnet| subnet.vpc == id)
            || self.groups.values().any(|group| group.vpc == id && !group.is_default())
            || self.internet_gateways.values().any(|gateway| gateway.vpc.as_deref() == Some(id))
            || self.route_tables.values().any(|table| table.vpc == id && !table.is_main());
        if is_needed {
            return Err(Error::InUse(format!("The vpc '{id}' has dependencies and cannot be deleted.")));
        }
        let gone = self.groups.iter().filter(|(_, group)| group.vpc == id).map(|(id, _)| id.clone());
        let tables = self.route_tables.iter().filter(|(_, table)| table.vpc == id).map(|(id, _)| id.clone());
        for gone in gone.chain(tables).chain([id.to_owned()]).collect::<Vec<_>>() {
            self.groups.remove(&gone);
            self.route_tables.remove(&gone);
            self.vpcs.remove(&gone);
            self.forget(&gone);
        }
        Ok(())
    }

    /// ModifyVpcAttribute.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Combination`], [`Error::Missing`].
    pub fn modify_vpc_attribute(&mut self, input: shapes::ModifyVpcAttributeInput) -> Result<(), Error> {
        let id = input.vpc_id;
        let value = |given: Option<shapes::AttributeBooleanValue>| given.and_then(|given| given.value);
        let changes = [
            value(input.enable_dns_support),
            value(input.enable_dns_hostnames),
            value(input.enable_network_address_usage_metrics),
        ];
        match changes.iter().flatten().count() {
            0 => return Err(Error::Missing("The request must contain an attribute to modify".to_owned())),
            1 => {}
            _ => {
                let text = "Fields for multiple attribute types specified. Please specify only one.";
                return Err(Error::Combination(text.to_owned()));
            }
        }
        let vpc = self.vpcs.get_mut(&id).ok_or_else(|| Error::not_found(Kind::Vpc, &id))?;
        let [support, hostnames, metrics] = changes;
        vpc.dns_support = support.unwrap_or(vpc.dns_support);
        vpc.dns_hostnames = hostnames.unwrap_or(vpc.dns_hostnames);
        vpc.usage_metrics = metrics.unwrap_or(vpc.usage_metrics);
        Ok(())
    }

    /// DescribeVpcAttribute.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn describe_vpc_attribute(
        &self,
        input: shapes::DescribeVpcAttributeInput,
    ) -> Result<shapes::DescribeVpcAttributeOutput, Error> {
        let vpc = self.vpc(&input.vpc_id)?;
        let shown = |name: &str, value: bool| {
            (input.attribute == name).then_some(shapes::AttributeBooleanValue { value: Some(value) })
        };
        Ok(shapes::DescribeVpcAttributeOutput {
            enable_dns_hostnames: shown("enableDnsHostnames", vpc.dns_hostnames),
            enable_dns_support: shown("enableDnsSupport", vpc.dns_support),
            enable_network_address_usage_metrics: shown(
                "enableNetworkAddressUsageMetrics",
                vpc.usage_metrics,
            ),
            vpc_id: Some(input.vpc_id),
        })
    }

    /// DescribeVpcs.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidFilter`], [`Error::InvalidNextToken`].
    pub fn describe_vpcs(
        &self,
        place: Place<'_>,
        input: shapes::DescribeVpcsInput,
    ) -> Result<shapes::DescribeVpcsOutput, Error> {
        let wanted = input.vpc_ids.unwrap_or_default();
        let page = Page::parse(input.next_token, input.max_results, Some(("vpcIds", !wanted.is_empty())))?;
        let filters = Filters::parse(input.filters)?;
        let ids = chosen(Kind::Vpc, wanted, &self.vpcs)?;
        let vpcs = filters.select(ids.iter().filter_map(|id| self.shown_vpc(place, id)));
        let (vpcs, next_token) = page.cut(vpcs, |vpc| vpc.vpc_id.as_deref().unwrap_or_default())?;
        Ok(shapes::DescribeVpcsOutput { next_token, vpcs: Some(vpcs) })
    }

    fn shown_vpc(&self, place: Place<'_>, id: &str) -> Option<shapes::Vpc> {
        let vpc = self.vpcs.get(id)?;
        let state = shapes::VpcCidrBlockState { state: Some("associated".to_owned()), status_message: None };
        Some(shapes::Vpc {
            owner_id: place.owner(),
            instance_tenancy: Some(vpc.tenancy.clone()),
            cidr_block_association_set: Some(vec![shapes::VpcCidrBlockAssociation {
                association_id: Some(vpc.cidr_association.clone()),
                cidr_block: Some(vpc.cidr.to_string()),
                cidr_block_state: Some(state),
            }]),
            is_default: Some(vpc.is_default),
            tags: self.tags_of(id),
            block_public_access_states: Some(shapes::BlockPublicAccessStates {
                internet_gateway_block_mode: Some("off".to_owned()),
            }),
            vpc_id: Some(id.to_owned()),
            state: Some("available".to_owned()),
            cidr_block: Some(vpc.cidr.to_string()),
            dhcp_options_id: Some(ids::derived("dopt", place.account, place.region, "default")),
            ..shapes::Vpc::default()
        })
    }
}

impl Vpc {
    fn new(cidr: Cidr, tenancy: &str) -> Self {
        Self {
            cidr,
            cidr_association: ids::new("vpc-cidr-assoc"),
            is_default: false,
            tenancy: tenancy.to_owned(),
            dns_support: true,
            dns_hostnames: false,
            usage_metrics: false,
        }
    }
}

/// The ids of what a request asks for: all where it names none.
///
/// # Errors
/// [`Error::NotFound`] with those that are not there.
pub fn chosen<T>(
    kind: Kind,
    wanted: Vec<String>,
    all: &std::collections::BTreeMap<String, T>,
) -> Result<Vec<String>, Error> {
    if wanted.is_empty() {
        return Ok(all.keys().cloned().collect());
    }
    let (found, missing): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|id| all.contains_key(id));
    if !missing.is_empty() {
        return Err(Error::NotFound { kind, ids: missing });
    }
    let unique: std::collections::BTreeSet<_> = found.into_iter().collect();
    Ok(unique.into_iter().collect())
}

fn refuse_unserved(input: &shapes::CreateVpcInput) -> Result<(), Error> {
    let ipv6 = input.ipv6_pool.is_some()
        || input.ipv6_cidr_block.is_some()
        || input.ipv6_ipam_pool_id.is_some()
        || input.ipv6_netmask_length.is_some()
        || input.ipv6_cidr_block_network_border_group.is_some()
        || input.amazon_provided_ipv6_cidr_block == Some(true);
    if ipv6 {
        return Err(Error::NotServed("IPv6 addresses of VPCs"));
    }
    if input.ipv4_ipam_pool_id.is_some() || input.ipv4_netmask_length.is_some() {
        return Err(Error::NotServed("IPAM pools"));
    }
    if input.vpc_encryption_control.is_some() {
        return Err(Error::NotServed("VpcEncryptionControl"));
    }
    Ok(())
}

impl Filterable for shapes::Vpc {
    const HAS_TAGS: bool = true;

    fn tags(&self) -> &[shapes::Tag] {
        self.tags.as_deref().unwrap_or_default()
    }

    fn values(&self, filter: &str) -> Option<Vec<String>> {
        let association = self.cidr_block_association_set.iter().flatten();
        Some(match filter {
            "cidr" | "cidr-block" => one(&self.cidr_block),
            "cidr-block-association.cidr-block" => {
                association.flat_map(|set| set.cidr_block.clone()).collect()
            }
            "cidr-block-association.association-id" => {
                association.flat_map(|set| set.association_id.clone()).collect()
            }
            "cidr-block-association.state" => {
                association.flat_map(|set| set.cidr_block_state.clone()?.state).collect()
            }
            "dhcp-options-id" => one(&self.dhcp_options_id),
            "is-default" | "isDefault" => flag(self.is_default),
            "owner-id" => one(&self.owner_id),
            "state" => one(&self.state),
            "vpc-id" => one(&self.vpc_id),
            _ => return None,
        })
    }
}
