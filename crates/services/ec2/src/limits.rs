//! AWS's quotas, under their names, as they are for accounts that asked for more where the default is small.

/// VPCs per Region: 5 unless one asks for more.
pub const VPCS: usize = 100;
/// Subnets per VPC.
pub const SUBNETS_PER_VPC: usize = 200;
/// VPC security groups per Region.
pub const SECURITY_GROUPS: usize = 2500;
/// Inbound or outbound rules per security group.
pub const RULES_PER_SECURITY_GROUP: usize = 60;
/// Internet gateways per Region: as many as VPCs.
pub const INTERNET_GATEWAYS: usize = VPCS;
/// Route tables per VPC.
pub const ROUTE_TABLES_PER_VPC: usize = 200;
/// Routes per route table.
pub const ROUTES_PER_ROUTE_TABLE: usize = 50;
/// Elastic IP addresses per Region: 5 unless one asks for more.
pub const ADDRESSES: usize = 100;
/// NAT gateways per Availability Zone: 5 unless one asks for more. Counted per Region.
pub const NAT_GATEWAYS: usize = 100;
/// Tags per resource.
pub const TAGS_PER_RESOURCE: usize = 50;
/// Greatest length of a group's name and description, in characters.
pub const GROUP_CHARACTERS: usize = 255;
/// Results of a page that says nothing.
pub const PAGE: usize = 1000;
