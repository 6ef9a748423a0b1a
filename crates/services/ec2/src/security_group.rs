//! Security groups. Their rules are `security_group_rule`'s.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind};
use crate::filter::{Filterable, Filters, one};
use crate::generated::types as shapes;
use crate::ids;
use crate::limits;
use crate::network::{Network, Place};
use crate::page::Page;
use crate::security_group_rule::{Direction, Peer, Rule, permissions};
use crate::tag;
use crate::vpc::chosen;

const DEFAULT_NAME: &str = "default";

/// A security group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// The VPC that it belongs to.
    pub vpc: String,
    /// The name, unique in the VPC.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its rules by their ids.
    pub rules: BTreeMap<String, Rule>,
}

impl SecurityGroup {
    /// The group that every VPC has: its members reach each other, and everything.
    pub fn default_of(vpc: &str, id: &str) -> Self {
        let mut group = Self::new(vpc, DEFAULT_NAME, "default VPC security group");
        let members = Rule::everything(Direction::Ingress, Peer::Group(id.to_owned()));
        group.rules.insert(ids::new("sgr"), members);
        group
    }

    /// A group from which everything can be reached.
    fn new(vpc: &str, name: &str, description: &str) -> Self {
        let everywhere = Rule::everything(Direction::Egress, Peer::Ipv4("0.0.0.0/0".to_owned()));
        Self {
            vpc: vpc.to_owned(),
            name: name.to_owned(),
            description: description.to_owned(),
            rules: BTreeMap::from([(ids::new("sgr"), everywhere)]),
        }
    }

    /// Whether it is its VPC's default group.
    pub fn is_default(&self) -> bool {
        self.name == DEFAULT_NAME
    }
}

impl Network {
    /// The id of the group that a request means, by its id or by its name in the default VPC.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::MalformedGroupId`], [`Error::GroupNameNotFound`], [`Error::Missing`].
    pub fn group_id(&self, id: Option<&str>, name: Option<&str>) -> Result<String, Error> {
        match (id.filter(|id| !id.is_empty()), name.filter(|name| !name.is_empty())) {
            (Some(id), None) => {
                check_group_id(id)?;
                match self.groups.contains_key(id) {
                    true => Ok(id.to_owned()),
                    false => Err(Error::not_found(Kind::SecurityGroup, id)),
                }
            }
            (None, Some(name)) => self.group_named(name),
            (Some(_), Some(_)) => Err(Error::Combination(
                "The parameter groupName cannot be used with the parameter groupId".to_owned(),
            )),
            (None, None) => {
                Err(Error::Missing("The request must contain the parameter groupName or groupId".to_owned()))
            }
        }
    }

    fn group_named(&self, name: &str) -> Result<String, Error> {
        let vpc = self.default_vpc()?;
        let found = self.groups.iter().find(|(_, group)| group.vpc == vpc && group.name == name);
        let missing = || Error::GroupNameNotFound { name: name.to_owned(), vpc: vpc.to_owned() };
        found.map(|(id, _)| id.clone()).ok_or_else(missing)
    }

    /// CreateSecurityGroup.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::DuplicateGroup`], [`Error::NotFound`], [`Error::LimitExceeded`].
    pub fn create_security_group(
        &mut self,
        place: Place<'_>,
        input: shapes::CreateSecurityGroupInput,
    ) -> Result<String, Error> {
        let name = input.group_name;
        check_name(&name)?;
        check_text(&input.description, "GroupDescription")?;
        let vpc = match input.vpc_id.filter(|id| !id.is_empty()) {
            Some(id) => self.vpc(&id).map(|_| id)?,
            None => self.default_vpc()?.to_owned(),
        };
        if self.groups.values().any(|group| group.vpc == vpc && group.name == name) {
            return Err(Error::DuplicateGroup { name, vpc });
        }
        if self.groups.len() >= limits::SECURITY_GROUPS {
            return Err(Error::LimitExceeded {
                code: "SecurityGroupLimitExceeded",
                text: "The maximum number of security groups has been reached.",
            });
        }
        let tags = tag::specified(place, input.tag_specifications, "security-group")?;
        let id = ids::new("sg");
        self.groups.insert(id.clone(), SecurityGroup::new(&vpc, &name, &input.description));
        self.tags.insert(id.clone(), tags);
        Ok(id)
    }

    /// What CreateSecurityGroup answers.
    pub fn created_security_group(&self, place: Place<'_>, id: &str) -> shapes::CreateSecurityGroupOutput {
        shapes::CreateSecurityGroupOutput {
            tags: self.tags_of(id),
            security_group_arn: Some(place.arn(&format!("security-group/{id}"))),
            group_id: Some(id.to_owned()),
        }
    }

    /// DeleteSecurityGroup.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::DefaultGroup`], [`Error::InUse`].
    pub fn delete_security_group(
        &mut self,
        input: shapes::DeleteSecurityGroupInput,
    ) -> Result<shapes::DeleteSecurityGroupOutput, Error> {
        let id = self.group_id(input.group_id.as_deref(), input.group_name.as_deref())?;
        if self.groups.get(&id).is_some_and(SecurityGroup::is_default) {
            return Err(Error::DefaultGroup { id });
        }
        let others = self.groups.iter().filter(|(other, _)| **other != id);
        let peer = Peer::Group(id.clone());
        if others.flat_map(|(_, group)| group.rules.values()).any(|rule| rule.peer == peer) {
            return Err(Error::InUse(format!("resource {id} has a dependent object")));
        }
        if let Some(group) = self.groups.remove(&id) {
            group.rules.keys().for_each(|rule| self.forget(rule));
        }
        self.forget(&id);
        Ok(shapes::DeleteSecurityGroupOutput { r#return: Some(true), group_id: Some(id) })
    }

    /// DescribeSecurityGroups.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::GroupNameNotFound`], [`Error::InvalidFilter`], [`Error::InvalidNextToken`].
    pub fn describe_security_groups(
        &self,
        place: Place<'_>,
        input: shapes::DescribeSecurityGroupsInput,
    ) -> Result<shapes::DescribeSecurityGroupsOutput, Error> {
        let mut wanted = input.group_ids.unwrap_or_default();
        let names = input.group_names.unwrap_or_default();
        let is_named = !wanted.is_empty() || !names.is_empty();
        let page = Page::parse(input.next_token, input.max_results, Some(("groupIds", is_named)))?;
        let filters = Filters::parse(input.filters)?;
        wanted.iter().try_for_each(|id| check_group_id(id))?;
        for name in &names {
            wanted.push(self.group_named(name)?);
        }
        let ids = chosen(Kind::SecurityGroup, wanted, &self.groups)?;
        let groups = filters.select(ids.iter().filter_map(|id| self.shown_group(place, id)));
        let (groups, next_token) = page.cut(groups, |group| group.group_id.as_deref().unwrap_or_default())?;
        Ok(shapes::DescribeSecurityGroupsOutput { next_token, security_groups: Some(groups) })
    }

    fn shown_group(&self, place: Place<'_>, id: &str) -> Option<shapes::SecurityGroup> {
        let group = self.groups.get(id)?;
        let rules = |direction| {
            let rules = group.rules.values().filter(move |rule| rule.direction == direction);
            Some(permissions(place, rules))
        };
        Some(shapes::SecurityGroup {
            group_id: Some(id.to_owned()),
            ip_permissions_egress: rules(Direction::Egress),
            tags: self.tags_of(id),
            vpc_id: Some(group.vpc.clone()),
            security_group_arn: Some(place.arn(&format!("security-group/{id}"))),
            owner_id: place.owner(),
            group_name: Some(group.name.clone()),
            description: Some(group.description.clone()),
            ip_permissions: rules(Direction::Ingress),
        })
    }
}

fn check_group_id(id: &str) -> Result<(), Error> {
    match id.starts_with("sg-") {
        true => Ok(()),
        false => Err(Error::MalformedGroupId { id: id.to_owned(), expected: "sg" }),
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    if name == DEFAULT_NAME {
        return Err(Error::Invalid(format!("Cannot use reserved security group name: {name}")));
    }
    if name.starts_with("sg-") {
        let reason = "Group names may not be in the format sg-*.";
        return Err(Error::value(name, "GroupName", reason));
    }
    check_text(name, "GroupName")
}

/// Names and descriptions have the same characters.
fn check_text(text: &str, parameter: &str) -> Result<(), Error> {
    let is_allowed =
        |letter: char| letter.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(letter);
    if text.is_empty() {
        return Err(Error::Missing(format!("The request must contain the parameter {parameter}")));
    }
    if text.chars().count() > limits::GROUP_CHARACTERS || !text.chars().all(is_allowed) {
        let reason = match parameter {
            "GroupName" => "Character sets beyond ASCII are not supported.",
            _ => {
                "Invalid security group description. Valid descriptions are strings less than 256 characters from the following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
            }
        };
        return Err(Error::value(text, parameter, reason));
    }
    Ok(())
}

impl Filterable for shapes::SecurityGroup {
    const HAS_TAGS: bool = true;

    fn tags(&self) -> &[shapes::Tag] {
        self.tags.as_deref().unwrap_or_default()
    }

    fn values(&self, filter: &str) -> Option<Vec<String>> {
        let (permissions, name) = match filter.strip_prefix("egress.") {
            Some(name) if name.starts_with("ip-permission.") => (&self.ip_permissions_egress, name),
            _ => (&self.ip_permissions, filter),
        };
        let permissions = permissions.iter().flatten();
        let number = |port: Option<i64>| port.map(|port| port.to_string());
        Some(match name {
            "description" => one(&self.description),
            "group-id" => one(&self.group_id),
            "group-name" => one(&self.group_name),
            "owner-id" => one(&self.owner_id),
            "vpc-id" => one(&self.vpc_id),
            "ip-permission.cidr" => permissions
                .flat_map(|one| one.ip_ranges.iter().flatten().filter_map(|range| range.cidr_ip.clone()))
                .collect(),
            "ip-permission.from-port" => permissions.filter_map(|one| number(one.from_port)).collect(),
            "ip-permission.to-port" => permissions.filter_map(|one| number(one.to_port)).collect(),
            "ip-permission.protocol" => permissions.filter_map(|one| one.ip_protocol.clone()).collect(),
            "ip-permission.group-id" => permissions
                .flat_map(|one| {
                    one.user_id_group_pairs.iter().flatten().filter_map(|pair| pair.group_id.clone())
                })
                .collect(),
            _ => return None,
        })
    }
}
