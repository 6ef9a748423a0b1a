//! All that one account has in one region: VPCs and what lies in them.
//!
//! It is one value, read and written whole: whatever a request checks is still so when its change is written. What can
//! be done with it is said in a file for each kind of resource, as pure functions of this value.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::{AccountId, Arn, Region, Timestamp};

use crate::address::Address;
use crate::internet_gateway::InternetGateway;
use crate::nat_gateway::NatGateway;
use crate::route_table::RouteTable;
use crate::security_group::SecurityGroup;
use crate::subnet::Subnet;
use crate::tag::Tags;
use crate::vpc::Vpc;

/// The networks of one account in one region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// By id, as everything here.
    pub vpcs: BTreeMap<String, Vpc>,
    /// Subnets.
    pub subnets: BTreeMap<String, Subnet>,
    /// Security groups with their rules.
    pub groups: BTreeMap<String, SecurityGroup>,
    /// Internet gateways.
    pub internet_gateways: BTreeMap<String, InternetGateway>,
    /// Route tables.
    pub route_tables: BTreeMap<String, RouteTable>,
    /// Elastic IP addresses, by allocation.
    pub addresses: BTreeMap<String, Address>,
    /// NAT gateways.
    pub nat_gateways: BTreeMap<String, NatGateway>,
    /// The tags of everything that has some.
    pub tags: BTreeMap<String, Tags>,
    /// What requests with an idempotency key have made, by that key, for as long as it is there.
    #[serde(default)]
    pub requests: BTreeMap<String, String>,
}

/// Whose network it is, and when something is done to it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The account.
    pub account: &'a AccountId,
    /// The region.
    pub region: &'a Region,
    /// The time of the request.
    pub now: Timestamp,
    /// Whether tags that AWS keeps for itself may be set.
    pub may_change_reserved_tags: bool,
}

impl Place<'_> {
    /// The ARN of something in EC2, such as `subnet/subnet-1`.
    pub fn arn(&self, resource: &str) -> String {
        Arn::new("ec2", self.region, self.account, resource).to_string()
    }

    /// The account, as answers name the owner.
    pub fn owner(&self) -> Option<String> {
        Some(self.account.to_string())
    }
}

impl Network {
    /// What a region has from the beginning: a default VPC.
    pub fn new(place: Place<'_>) -> Self {
        let mut network = Self::default();
        network.add_default_vpc(place);
        network
    }

    /// Forgets the tags of a resource that is gone, and the request that made it.
    pub fn forget(&mut self, id: &str) {
        self.tags.remove(id);
        self.requests.retain(|_, made| made != id);
    }
}
