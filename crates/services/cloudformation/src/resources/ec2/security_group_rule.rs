//! `AWS::EC2::SecurityGroupIngress` and `AWS::EC2::SecurityGroupEgress`: rules apart from their groups.

use serde_json::{Map, Value, json};

use super::{EC2, Handler, filters, input, made, text};
use crate::door::Door;
use crate::resources::client::Client;
use crate::resources::{Deletion, Failure, Kind, Made, Property};
use crate::stack::{Request, Resource};

/// Which way rules permit, and what AWS calls their parts.
pub(super) struct Direction {
    /// The property of a group that lists rules.
    pub property: &'static str,
    pub authorize: &'static str,
    pub revoke: &'static str,
    describe: &'static str,
    group_id: &'static str,
    group_name: &'static str,
    group_owner: &'static str,
    prefix_list: &'static str,
    is_egress: bool,
}

/// The properties of a rule in a group.
pub(super) const INGRESS_RULE: &[Property] = &[
    Property::new("CidrIp", Kind::Text).replaces(),
    Property::new("CidrIpv6", Kind::Text).replaces(),
    Property::new("Description", Kind::Text),
    Property::new("FromPort", Kind::Integer).replaces(),
    Property::new("IpProtocol", Kind::Text).required().replaces(),
    Property::new("SourcePrefixListId", Kind::Text).replaces(),
    Property::new("SourceSecurityGroupId", Kind::Text).replaces(),
    Property::new("SourceSecurityGroupName", Kind::Text).replaces(),
    Property::new("SourceSecurityGroupOwnerId", Kind::Text).replaces(),
    Property::new("ToPort", Kind::Integer).replaces(),
];

pub(super) static INGRESS: Direction = Direction {
    property: "SecurityGroupIngress",
    authorize: "AuthorizeSecurityGroupIngress",
    revoke: "RevokeSecurityGroupIngress",
    describe: "UpdateSecurityGroupRuleDescriptionsIngress",
    group_id: "SourceSecurityGroupId",
    group_name: "SourceSecurityGroupName",
    group_owner: "SourceSecurityGroupOwnerId",
    prefix_list: "SourcePrefixListId",
    is_egress: false,
};

/// The properties of a rule in a group.
pub(super) const EGRESS_RULE: &[Property] = &[
    Property::new("CidrIp", Kind::Text).replaces(),
    Property::new("CidrIpv6", Kind::Text).replaces(),
    Property::new("Description", Kind::Text),
    Property::new("DestinationPrefixListId", Kind::Text).replaces(),
    Property::new("DestinationSecurityGroupId", Kind::Text).replaces(),
    Property::new("FromPort", Kind::Integer).replaces(),
    Property::new("IpProtocol", Kind::Text).required().replaces(),
    Property::new("ToPort", Kind::Integer).replaces(),
];

pub(super) static EGRESS: Direction = Direction {
    property: "SecurityGroupEgress",
    authorize: "AuthorizeSecurityGroupEgress",
    revoke: "RevokeSecurityGroupEgress",
    describe: "UpdateSecurityGroupRuleDescriptionsEgress",
    group_id: "DestinationSecurityGroupId",
    group_name: "",
    group_owner: "",
    prefix_list: "DestinationPrefixListId",
    is_egress: true,
};

impl Direction {
    /// A new group lets nothing in and everything out.
    pub fn rules_at_first(&self) -> Vec<Map<String, Value>> {
        let everywhere = [("CidrIp", "0.0.0.0/0"), ("IpProtocol", "-1")];
        let rule = everywhere.map(|(name, value)| (name.to_owned(), value.into()));
        if self.is_egress { vec![Map::from_iter(rule)] } else { Vec::new() }
    }
}

/// A rule as EC2's operations take it.
pub(super) fn permission(direction: &Direction, rule: &Map<String, Value>) -> Value {
    let description = rule.get("Description").cloned();
    let range = |name: &str, property: &str| {
        let block = rule.get(property)?.clone();
        Some(json!([input([(name, Some(block)), ("Description", description.clone())])]))
    };
    let group = input([
        ("GroupId", rule.get(direction.group_id).cloned()),
        ("GroupName", rule.get(direction.group_name).cloned()),
        ("UserId", rule.get(direction.group_owner).cloned()),
        ("Description", description.clone()),
    ]);
    let is_of_group = group.get("GroupId").is_some() || group.get("GroupName").is_some();
    input([
        ("IpProtocol", rule.get("IpProtocol").cloned()),
        ("FromPort", rule.get("FromPort").cloned()),
        ("ToPort", rule.get("ToPort").cloned()),
        ("IpRanges", range("CidrIp", "CidrIp")),
        ("Ipv6Ranges", range("CidrIpv6", "CidrIpv6")),
        ("PrefixListIds", range("PrefixListId", direction.prefix_list)),
        ("UserIdGroupPairs", is_of_group.then(|| json!([group]))),
    ])
}

pub(in crate::resources) struct SecurityGroupIngress;

impl Handler for SecurityGroupIngress {
    const TYPE_NAME: &'static str = "AWS::EC2::SecurityGroupIngress";
    const PROPERTIES: &'static [Property] = &[
        Property::new("CidrIp", Kind::Text).replaces(),
        Property::new("CidrIpv6", Kind::Text).replaces(),
        Property::new("Description", Kind::Text),
        Property::new("FromPort", Kind::Integer).replaces(),
        Property::new("GroupId", Kind::Text).replaces(),
        Property::new("GroupName", Kind::Text).replaces(),
        Property::new("IpProtocol", Kind::Text).required().replaces(),
        Property::new("SourcePrefixListId", Kind::Text).replaces(),
        Property::new("SourceSecurityGroupId", Kind::Text).replaces(),
        Property::new("SourceSecurityGroupName", Kind::Text).replaces(),
        Property::new("SourceSecurityGroupOwnerId", Kind::Text).replaces(),
        Property::new("ToPort", Kind::Integer).replaces(),
    ];
    const ATTRIBUTES: &'static [&'static str] = &["Id"];
    const CLIENT: Client = EC2;

    async fn make(door: &Door, request: &Request, resumed: bool) -> Result<Made, Failure> {
        authorize(door, &INGRESS, request, resumed).await
    }

    async fn configure(
        door: &Door,
        made: &Made,
        before: Option<&Map<String, Value>>,
        request: &Request,
    ) -> Result<(), Failure> {
        describe(door, &INGRESS, made, before, request).await
    }

    async fn remove(door: &Door, rule: &Resource) -> Result<Deletion, Failure> {
        revoke(door, &INGRESS, rule).await
    }
}

pub(in crate::resources) struct SecurityGroupEgress;

impl Handler for SecurityGroupEgress {
    const TYPE_NAME: &'static str = "AWS::EC2::SecurityGroupEgress";
    const PROPERTIES: &'static [Property] = &[
        Property::new("CidrIp", Kind::Text).replaces(),
        Property::new("CidrIpv6", Kind::Text).replaces(),
        Property::new("Description", Kind::Text),
        Property::new("DestinationPrefixListId", Kind::Text).replaces(),
        Property::new("DestinationSecurityGroupId", Kind::Text).replaces(),
        Property::new("FromPort", Kind::Integer).replaces(),
        Property::new("GroupId", Kind::Text).required().replaces(),
        Property::new("IpProtocol", Kind::Text).required().replaces(),
        Property::new("ToPort", Kind::Integer).replaces(),
    ];
    const ATTRIBUTES: &'static [&'static str] = &["Id"];
    const CLIENT: Client = EC2;

    async fn make(door: &Door, request: &Request, resumed: bool) -> Result<Made, Failure> {
        authorize(door, &EGRESS, request, resumed).await
    }

    async fn configure(
        door: &Door,
        made: &Made,
        before: Option<&Map<String, Value>>,
        request: &Request,
    ) -> Result<(), Failure> {
        describe(door, &EGRESS, made, before, request).await
    }

    async fn remove(door: &Door, rule: &Resource) -> Result<Deletion, Failure> {
        revoke(door, &EGRESS, rule).await
    }
}

async fn authorize(
    door: &Door,
    direction: &Direction,
    request: &Request,
    resumed: bool,
) -> Result<Made, Failure> {
    let wanted = permission(direction, &request.properties);
    let rule = input([
        ("GroupId", request.properties.get("GroupId").cloned()),
        ("GroupName", request.properties.get("GroupName").cloned()),
        ("IpPermissions", Some(json!([wanted]))),
    ]);
    let answer = match EC2.ask(door, direction.authorize, rule).await {
        Err(error) if resumed && error.error.code == "InvalidPermission.Duplicate" => {
            // An earlier try has made it: the rule is taken away, and made again with an id that is known.
            let group = input([
                ("GroupId", request.properties.get("GroupId").cloned()),
                ("GroupName", request.properties.get("GroupName").cloned()),
                ("IpPermissions", Some(json!([wanted]))),
            ]);
            EC2.delete(door, direction.revoke, group.clone()).await?;
            EC2.call(door, direction.authorize, group).await?
        }
        answer => answer.map_err(|error| EC2.failure(&error))?,
    };
    let id = answer.pointer("/SecurityGroupRules/0/SecurityGroupRuleId").and_then(Value::as_str);
    Ok(made(id.unwrap_or_default(), "Id"))
}

/// A description is all that can change of a rule.
async fn describe(
    door: &Door,
    direction: &Direction,
    rule: &Made,
    before: Option<&Map<String, Value>>,
    request: &Request,
) -> Result<(), Failure> {
    let description = request.properties.get("Description");
    if before.is_none_or(|before| before.get("Description") == description) {
        return Ok(());
    }
    let described = input([
        ("SecurityGroupRuleId", Some(rule.physical_id.clone().into())),
        ("Description", description.cloned()),
    ]);
    let change = input([
        ("GroupId", group_of(door, &rule.physical_id).await?.map(Value::from)),
        ("SecurityGroupRuleDescriptions", Some(json!([described]))),
    ]);
    EC2.call(door, direction.describe, change).await.map(drop)
}

async fn revoke(door: &Door, direction: &Direction, rule: &Resource) -> Result<Deletion, Failure> {
    let id = rule.physical_id.as_deref().unwrap_or_default();
    match group_of(door, id).await? {
        Some(group) => {
            let rule = json!({"GroupId": group, "SecurityGroupRuleIds": [id]});
            EC2.delete(door, direction.revoke, rule).await
        }
        None => Ok(Deletion::Done),
    }
}

/// The id of a rule's group; `None` where the rule is not there.
async fn group_of(door: &Door, id: &str) -> Result<Option<String>, Failure> {
    let wanted = json!({"Filters": filters([("security-group-rule-id", id)])});
    let found = EC2.call(door, "DescribeSecurityGroupRules", wanted).await?;
    let rule = found.get("SecurityGroupRules").and_then(|rules| rules.get(0));
    Ok(rule.map(|rule| text(rule, &["GroupId"]).to_owned()))
}
