//! What EC2 answers when it cannot serve a request.

use api::AwsError;

/// One variant per reason.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Such resources are not there.
    #[error("{}", not_found(kind, ids))]
    NotFound {
        /// What they should be.
        kind: Kind,
        /// Their ids.
        ids: Vec<String>,
    },
    /// An id that cannot be one.
    #[error("Invalid id: \"{id}\" (expecting \"{expected}-...\")")]
    MalformedGroupId {
        /// The id.
        id: String,
        /// How it should begin.
        expected: &'static str,
    },
    /// No such group in the default VPC.
    #[error("The security group '{name}' does not exist in default VPC '{vpc}'")]
    GroupNameNotFound {
        /// The group's name.
        name: String,
        /// The default VPC.
        vpc: String,
    },
    /// The region has no default VPC any more.
    #[error("No default VPC for this user")]
    NoDefaultVpc,
    /// There is one.
    #[error("A Default VPC already exists for this account in this region.")]
    DefaultVpcExists,
    /// The name is taken.
    #[error("The security group '{name}' already exists for VPC '{vpc}'")]
    DuplicateGroup {
        /// The group's name.
        name: String,
        /// The VPC.
        vpc: String,
    },
    /// Nobody deletes a VPC's default group.
    #[error("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user")]
    DefaultGroup {
        /// The group.
        id: String,
    },
    /// Something else needs it; the whole text.
    #[error("{0}")]
    InUse(String),
    /// Addresses that another subnet has.
    #[error("The CIDR '{0}' conflicts with another subnet")]
    SubnetConflict(String),
    /// Addresses that the VPC does not have, or too many or few.
    #[error("The CIDR '{0}' is invalid.")]
    SubnetRange(String),
    /// Too many or few addresses for a VPC.
    #[error("The CIDR '{0}' is invalid.")]
    VpcRange(String),
    /// The rule is there already.
    #[error("the specified rule \"{0}\" already exists")]
    DuplicateRule(String),
    /// The rule is not there.
    #[error("The specified rule does not exist in this security group.")]
    RuleNotFound,
    /// Two rules of one request are the same.
    #[error("The same permission must not appear multiple times")]
    RuleTwice,
    /// No such zone.
    #[error("Invalid availability zone: [{0}]")]
    InvalidZone(String),
    /// No such region.
    #[error("Invalid region: [{0}]")]
    InvalidRegion(String),
    /// No such filter.
    #[error("The filter '{0}' is invalid")]
    InvalidFilter(String),
    /// A filter that lets nothing through.
    #[error("The filter must have at least one value.")]
    FilterWithoutValues,
    /// A token that was not given out.
    #[error("The token '{0}' is invalid")]
    InvalidNextToken(String),
    /// Parameters that exclude each other.
    #[error("The parameter {one} cannot be used with the parameter {other}")]
    InvalidCombination {
        /// One of them.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
    /// Parameters that do not go together; the whole text.
    #[error("{0}")]
    Combination(String),
    /// A parameter that is needed.
    #[error("{0}")]
    Missing(String),
    /// Whatever else is wrong with a parameter; the whole text.
    #[error("{0}")]
    Invalid(String),
    /// A gateway that is attached.
    #[error("resource {gateway} is already attached to network {vpc}")]
    AlreadyAttached {
        /// The gateway.
        gateway: String,
        /// The VPC.
        vpc: String,
    },
    /// A gateway that is not attached there.
    #[error("resource {gateway} is not attached to network {vpc}")]
    NotAttached {
        /// The gateway.
        gateway: String,
        /// The VPC.
        vpc: String,
    },
    /// A subnet that has a route table.
    #[error("the specified association for route table {0} conflicts with an existing association")]
    AlreadyAssociated(String),
    /// A destination that has a route.
    #[error("The route identified by {0} already exists.")]
    RouteExists(String),
    /// A destination without a route.
    #[error("no route with destination-cidr-block {destination} in route table {table}")]
    RouteNotFound {
        /// The destination.
        destination: String,
        /// The table.
        table: String,
    },
    /// The address belongs to a gateway.
    #[error("Elastic IP address [{0}] is already associated")]
    AddressInUse(String),
    /// The address belongs to a gateway, and cannot be given back.
    #[error("Address {0} is in use.")]
    AddressNotReleasable(String),
    /// A quota is exhausted.
    #[error("{text}")]
    LimitExceeded {
        /// AWS's code.
        code: &'static str,
        /// AWS's words.
        text: &'static str,
    },
    /// What AWS has and Runwright refuses.
    #[error("Runwright does not serve {0} of EC2.")]
    NotServed(&'static str),
    /// The request would have been served.
    #[error("Request would have succeeded, but DryRun flag is set.")]
    DryRun,
    /// Others were faster again and again.
    #[error("Another request is modifying the networks of this region.")]
    Concurrent,
    /// The store failed.
    #[error(transparent)]
    Store(store::Error),
}

/// Kinds of resources, as errors name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A VPC.
    Vpc,
    /// A subnet.
    Subnet,
    /// A security group.
    SecurityGroup,
    /// A rule of a security group.
    SecurityGroupRule,
    /// An internet gateway.
    InternetGateway,
    /// A route table.
    RouteTable,
    /// The association of a route table.
    Association,
    /// The allocation of an address.
    Allocation,
    /// A public address.
    Address,
    /// A NAT gateway.
    NatGateway,
    /// Anything that can have tags.
    Any,
}

impl Kind {
    fn code(self) -> &'static str {
        match self {
            Self::Vpc => "InvalidVpcID.NotFound",
            Self::Subnet => "InvalidSubnetID.NotFound",
            Self::SecurityGroup => "InvalidGroup.NotFound",
            Self::SecurityGroupRule => "InvalidSecurityGroupRuleId.NotFound",
            Self::InternetGateway => "InvalidInternetGatewayID.NotFound",
            Self::RouteTable => "InvalidRouteTableID.NotFound",
            Self::Association => "InvalidAssociationID.NotFound",
            Self::Allocation => "InvalidAllocationID.NotFound",
            Self::Address => "InvalidAddress.NotFound",
            Self::NatGateway => "NatGatewayNotFound",
            Self::Any => "InvalidID",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Vpc => "vpc ID",
            Self::Subnet => "subnet ID",
            Self::SecurityGroup => "security group",
            Self::SecurityGroupRule => "security group rule ID",
            Self::InternetGateway => "internetGateway ID",
            Self::RouteTable => "routeTable ID",
            Self::Association => "association ID",
            Self::Allocation => "allocation ID",
            Self::Address | Self::NatGateway | Self::Any => "",
        }
    }
}

fn not_found(kind: &Kind, ids: &[String]) -> String {
    let listed = ids.join(", ");
    match kind {
        Kind::Any => format!("The ID '{listed}' is not valid"),
        Kind::Address => format!("Address '{listed}' not found."),
        Kind::NatGateway => format!("NatGateway {listed} was not found"),
        kind if ids.len() > 1 => format!("The {}s '{listed}' do not exist", kind.words()),
        kind => format!("The {} '{listed}' does not exist", kind.words()),
    }
}

impl Error {
    /// What is not there, under that id.
    pub fn not_found(kind: Kind, id: &str) -> Self {
        Self::NotFound { kind, ids: vec![id.to_owned()] }
    }

    /// A parameter's value that cannot be, in EC2's usual sentence.
    pub fn value(value: &str, parameter: &str, reason: &str) -> Self {
        let blank = if reason.is_empty() { "" } else { " " };
        Self::Invalid(format!("Value ({value}) for parameter {parameter} is invalid.{blank}{reason}"))
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound { kind, .. } => kind.code(),
            Self::MalformedGroupId { .. } => "InvalidGroupId.Malformed",
            Self::GroupNameNotFound { .. } => "InvalidGroup.NotFound",
            Self::NoDefaultVpc => "VPCIdNotSpecified",
            Self::DefaultVpcExists => "DefaultVpcAlreadyExists",
            Self::DuplicateGroup { .. } => "InvalidGroup.Duplicate",
            Self::DefaultGroup { .. } => "CannotDelete",
            Self::InUse(_) => "DependencyViolation",
            Self::SubnetConflict(_) => "InvalidSubnet.Conflict",
            Self::SubnetRange(_) => "InvalidSubnet.Range",
            Self::VpcRange(_) => "InvalidVpc.Range",
            Self::DuplicateRule(_) => "InvalidPermission.Duplicate",
            Self::RuleNotFound => "InvalidPermission.NotFound",
            Self::InvalidNextToken(_) => "InvalidNextToken",
            Self::InvalidCombination { .. } | Self::Combination(_) => "InvalidParameterCombination",
            Self::Missing(_) => "MissingParameter",
            Self::InvalidZone(_)
            | Self::InvalidRegion(_)
            | Self::InvalidFilter(_)
            | Self::FilterWithoutValues
            | Self::RuleTwice
            | Self::Invalid(_) => "InvalidParameterValue",
            Self::AlreadyAttached { .. } | Self::AlreadyAssociated(_) => "Resource.AlreadyAssociated",
            Self::NotAttached { .. } => "Gateway.NotAttached",
            Self::RouteExists(_) => "RouteAlreadyExists",
            Self::RouteNotFound { .. } => "InvalidRoute.NotFound",
            Self::AddressInUse(_) => "Resource.AlreadyAssociated",
            Self::AddressNotReleasable(_) => "InvalidIPAddress.InUse",
            Self::LimitExceeded { code, .. } => code,
            Self::NotServed(_) => "UnsupportedOperation",
            Self::DryRun => "DryRunOperation",
            Self::Concurrent => "RequestLimitExceeded",
            Self::Store(_) => "InternalError",
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Conflict { .. } => Self::Concurrent,
            other => Self::Store(other),
        }
    }
}

impl From<Error> for AwsError {
    fn from(error: Error) -> Self {
        let answer = Self::new(error.code(), error.to_string());
        match &error {
            Error::DryRun => answer.with_status(412),
            Error::Concurrent => answer.with_status(503),
            Error::Store(cause) => Self::internal("InternalError", cause),
            _ => answer,
        }
    }
}
