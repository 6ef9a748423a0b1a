//! The rules of security groups: what may come in, what may go out.
//!
//! Rules are kept and shown; nothing filters packets by them.

use serde::{Deserialize, Serialize};

use crate::cidr::{Cidr, canonical_ipv6};
use crate::error::{Error, Kind};
use crate::filter::{Filterable, Filters, flag, one};
use crate::generated::types as shapes;
use crate::ids;
use crate::limits;
use crate::network::{Network, Place};
use crate::page::Page;
use crate::tag;

/// A rule: one protocol, one range of ports, one peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Which way.
    pub direction: Direction,
    /// A name such as `tcp`, a number, or `-1` for all.
    pub protocol: String,
    /// The first port, or the type of ICMP.
    pub from_port: Option<i64>,
    /// The last port, or the code of ICMP.
    pub to_port: Option<i64>,
    /// From where or to where.
    pub peer: Peer,
    /// What it is for.
    pub description: Option<String>,
}

/// Which way a rule permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// In.
    Ingress,
    /// Out.
    Egress,
}

/// The other end of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Peer {
    /// A block of addresses.
    Ipv4(String),
    /// A block of addresses.
    Ipv6(String),
    /// The members of a group.
    Group(String),
    /// A prefix list.
    PrefixList(String),
}

/// What Authorize and Revoke are given, in either of two forms.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The long form.
    pub permissions: Option<Vec<shapes::IpPermission>>,
    /// The short form: a protocol.
    pub protocol: Option<String>,
    /// The short form: the first port.
    pub from_port: Option<i64>,
    /// The short form: the last port.
    pub to_port: Option<i64>,
    /// The short form: a block of IPv4 addresses.
    pub cidr: Option<String>,
    /// The short form: a group by its name.
    pub group_name: Option<String>,
}

/// What a request revokes.
#[derive(Clone, Debug)]
pub enum Revocation {
    /// Rules by their ids.
    Ids(Vec<String>),
    /// Rules by what they say.
    Rules(Given),
}

/// What became of a revocation.
#[derive(Clone, Debug, Default)]
pub struct Revoked {
    /// The rules that are gone.
    pub rules: Vec<shapes::RevokedSecurityGroupRule>,
    /// What was no rule.
    pub unknown: Vec<shapes::IpPermission>,
}

impl Rule {
    /// All protocols.
    pub fn everything(direction: Direction, peer: Peer) -> Self {
        let (from_port, to_port) = (None, None);
        Self { direction, protocol: "-1".to_owned(), from_port, to_port, peer, description: None }
    }

    fn is_same(&self, other: &Self) -> bool {
        Self { description: None, ..self.clone() } == Self { description: None, ..other.clone() }
    }

    /// As AWS's message about a duplicate writes it.
    fn words(&self) -> String {
        let protocol = match self.protocol.as_str() {
            "-1" => "ALL".to_owned(),
            protocol => protocol.to_ascii_uppercase(),
        };
        let ports = match (self.from_port, self.to_port) {
            (Some(from), Some(to)) => format!(", from port: {from}, to port: {to}"),
            _ => String::new(),
        };
        format!("peer: {}, {protocol}{ports}, ALLOW", self.peer.text())
    }
}

impl Peer {
    fn text(&self) -> &str {
        match self {
            Self::Ipv4(text) | Self::Ipv6(text) | Self::Group(text) | Self::PrefixList(text) => text,
        }
    }

    fn ipv4(&self) -> Option<String> {
        if let Self::Ipv4(block) = self { Some(block.clone()) } else { None }
    }

    fn ipv6(&self) -> Option<String> {
        if let Self::Ipv6(block) = self { Some(block.clone()) } else { None }
    }

    fn group(&self) -> Option<String> {
        if let Self::Group(id) = self { Some(id.clone()) } else { None }
    }

    fn prefix_list(&self) -> Option<String> {
        if let Self::PrefixList(id) = self { Some(id.clone()) } else { None }
    }
}

impl Network {
    /// The rule of that id, with its group's.
    pub fn rule(&self, id: &str) -> Option<(&str, &Rule)> {
        self.groups.iter().find_map(|(group, content)| Some((group.as_str(), content.rules.get(id)?)))
    }

    /// AuthorizeSecurityGroupIngress and AuthorizeSecurityGroupEgress: all rules, or none.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::DuplicateRule`], [`Error::LimitExceeded`].
    pub fn authorize(
        &mut self,
        place: Place<'_>,
        group_id: &str,
        direction: Direction,
        given: Given,
        tags: Option<Vec<shapes::TagSpecification>>,
    ) -> Result<Vec<shapes::SecurityGroupRule>, Error> {
        let rules = self.parse_rules(place, direction, given)?;
        let tags = tag::specified(place, tags, "security-group-rule")?;
        let missing = || Error::not_found(Kind::SecurityGroup, group_id);
        let group = self.groups.get_mut(group_id).ok_or_else(missing)?;
        let known = group.rules.values().filter(|rule| rule.direction == direction).count();
        if known + rules.len() > limits::RULES_PER_SECURITY_GROUP {
            return Err(Error::LimitExceeded {
                code: "RulesPerSecurityGroupLimitExceeded",
                text: "The maximum number of rules per security group has been reached.",
            });
        }
        let mut added = Vec::new();
        for rule in rules {
            if group.rules.iter().any(|(id, known)| !added.contains(id) && known.is_same(&rule)) {
                return Err(Error::DuplicateRule(rule.words()));
            }
            if group.rules.values().any(|known| known.is_same(&rule)) {
                return Err(Error::RuleTwice);
            }
            let id = ids::new("sgr");
            group.rules.insert(id.clone(), rule);
            added.push(id);
        }
        for id in &added {
            self.tags.insert(id.clone(), tags.clone());
        }
        Ok(added.iter().filter_map(|id| self.shown_rule(place, id)).collect())
    }

    /// RevokeSecurityGroupIngress and RevokeSecurityGroupEgress: all rules, or none. What is no rule is answered in the
    /// default VPC, and an error in others.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::RuleNotFound`], [`Error::NotFound`].
    pub fn revoke(
        &mut self,
        place: Place<'_>,
        group_id: &str,
        direction: Direction,
        revocation: Revocation,
    ) -> Result<Revoked, Error> {
        let wanted = match revocation {
            Revocation::Ids(ids) => return self.revoke_by_id(group_id, direction, ids),
            Revocation::Rules(given) => self.parse_rules(place, direction, given)?,
        };
        let in_default_vpc = |vpc: &str| self.default_vpc().is_ok_and(|default| default == vpc);
        let missing = || Error::not_found(Kind::SecurityGroup, group_id);
        let group = self.groups.get(group_id).ok_or_else(missing)?;
        let (mut ids, mut unknown) = (Vec::new(), Vec::new());
        for rule in &wanted {
            match group.rules.iter().find(|(_, known)| known.is_same(rule)) {
                Some((id, _)) => ids.push(id.clone()),
                None if in_default_vpc(&group.vpc) => unknown.push(rule),
                None => return Err(Error::RuleNotFound),
            }
        }
        let unknown = permissions(place, unknown.into_iter());
        let Revoked { rules, .. } = self.revoke_by_id(group_id, direction, ids)?;
        Ok(Revoked { rules, unknown })
    }

    /// UpdateSecurityGroupRuleDescriptionsIngress and ..Egress: of rules by what they say, or by their ids.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Missing`], [`Error::RuleNotFound`], [`Error::NotFound`].
    pub fn describe_rules(
        &mut self,
        place: Place<'_>,
        group_id: &str,
        direction: Direction,
        permissions: Option<Vec<shapes::IpPermission>>,
        by_id: Option<Vec<shapes::SecurityGroupRuleDescription>>,
    ) -> Result<(), Error> {
        let by_id = by_id.filter(|descriptions| !descriptions.is_empty());
        let given = Given { permissions, ..Given::default() };
        let wanted = if by_id.is_some() { Vec::new() } else { self.parse_rules(place, direction, given)? };
        let missing = || Error::not_found(Kind::SecurityGroup, group_id);
        let group = self.groups.get_mut(group_id).ok_or_else(missing)?;
        for rule in wanted {
            let known = group.rules.values_mut().find(|known| known.is_same(&rule));
            known.ok_or(Error::RuleNotFound)?.description = rule.description;
        }
        for described in by_id.unwrap_or_default() {
            let id = described.security_group_rule_id.unwrap_or_default();
            let known = group.rules.get_mut(&id).filter(|rule| rule.direction == direction);
            let missing = || Error::not_found(Kind::SecurityGroupRule, &id);
            known.ok_or_else(missing)?.description = described.description;
        }
        Ok(())
    }

    fn revoke_by_id(
        &mut self,
        group_id: &str,
        direction: Direction,
        ids: Vec<String>,
    ) -> Result<Revoked, Error> {
        let missing = || Error::not_found(Kind::SecurityGroup, group_id);
        let group = self.groups.get_mut(group_id).ok_or_else(missing)?;
        let is_there = |id: &String| group.rules.get(id).is_some_and(|rule| rule.direction == direction);
        if let Some(id) = ids.iter().find(|id| !is_there(id)) {
            return Err(Error::not_found(Kind::SecurityGroupRule, id));
        }
        let mut revoked = Revoked::default();
        for id in ids {
            if let Some(rule) = group.rules.remove(&id) {
                self.tags.remove(&id);
                revoked.rules.push(shown_revoked(group_id, id, &rule));
            }
        }
        Ok(revoked)
    }

    fn parse_rules(&self, place: Place<'_>, direction: Direction, given: Given) -> Result<Vec<Rule>, Error> {
        let mut rules = Vec::new();
        for permission in self.long_form(given)? {
            let (protocol, from_port, to_port) = protocol_and_ports(&permission)?;
            let rule = |peer: Peer, description: Option<String>| Rule {
                direction,
                protocol: protocol.clone(),
                from_port,
                to_port,
                peer,
                description,
            };
            let before = rules.len();
            for range in permission.ip_ranges.unwrap_or_default() {
                let block = range.cidr_ip.unwrap_or_default();
                let cidr: Cidr = block.parse().map_err(|_| malformed(&block))?;
                rules.push(rule(Peer::Ipv4(cidr.to_string()), range.description));
            }
            for range in permission.ipv6_ranges.unwrap_or_default() {
                let block = range.cidr_ipv6.unwrap_or_default();
                let cidr = canonical_ipv6(&block).ok_or_else(|| malformed(&block))?;
                rules.push(rule(Peer::Ipv6(cidr), range.description));
            }
            for list in permission.prefix_list_ids.unwrap_or_default() {
                rules.push(rule(Peer::PrefixList(list.prefix_list_id.unwrap_or_default()), list.description));
            }
            for pair in permission.user_id_group_pairs.unwrap_or_default() {
                if pair.user_id.as_ref().is_some_and(|account| account != place.account.as_str()) {
                    return Err(Error::NotServed("rules for groups of other accounts"));
                }
                let id = self.group_id(pair.group_id.as_deref(), pair.group_name.as_deref())?;
                rules.push(rule(Peer::Group(id), pair.description));
            }
            if rules.len() == before {
                let text = "The request must contain the parameter cidrIp, cidrIpv6, prefixListId or groupId";
                return Err(Error::Missing(text.to_owned()));
            }
        }
        Ok(rules)
    }

    /// What a request gives in the short form, as one permission.
    fn long_form(&self, given: Given) -> Result<Vec<shapes::IpPermission>, Error> {
        let is_short = given.protocol.is_some() || given.cidr.is_some() || given.group_name.is_some();
        let long = given.permissions.filter(|permissions| !permissions.is_empty());
        match (long, is_short) {
            (Some(permissions), false) => Ok(permissions),
            (Some(_), true) => Err(Error::Combination(
                "The parameter ipPermissions cannot be used with the parameter ipProtocol".to_owned(),
            )),
            (None, false) => {
                Err(Error::Missing("The request must contain the parameter ipPermissions".to_owned()))
            }
            (None, true) => {
                let range = |cidr| shapes::IpRange { cidr_ip: Some(cidr), description: None };
                let pair = |name| shapes::UserIdGroupPair { group_name: Some(name), ..Default::default() };
                let everything = given.group_name.as_ref().map(|_| "-1".to_owned());
                Ok(vec![shapes::IpPermission {
                    ip_protocol: given.protocol.or(everything),
                    from_port: given.from_port,
                    to_port: given.to_port,
                    ip_ranges: given.cidr.map(|cidr| vec![range(cidr)]),
                    user_id_group_pairs: given.group_name.map(|name| vec![pair(name)]),
                    ..shapes::IpPermission::default()
                }])
            }
        }
    }

    /// DescribeSecurityGroupRules.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidFilter`], [`Error::InvalidNextToken`].
    pub fn describe_security_group_rules(
        &self,
        place: Place<'_>,
        input: shapes::DescribeSecurityGroupRulesInput,
    ) -> Result<shapes::DescribeSecurityGroupRulesOutput, Error> {
        let wanted = input.security_group_rule_ids.unwrap_or_default();
        let named = Some(("securityGroupRuleIds", !wanted.is_empty()));
        let page = Page::parse(input.next_token, input.max_results, named)?;
        let filters = Filters::<shapes::SecurityGroupRule>::parse(input.filters)?;
        if let Some(id) = wanted.iter().find(|id| self.rule(id).is_none()) {
            return Err(Error::not_found(Kind::SecurityGroupRule, id));
        }
        let mut ids: Vec<&String> = self.groups.values().flat_map(|group| group.rules.keys()).collect();
        ids.sort();
        ids.retain(|id| wanted.is_empty() || wanted.contains(id));
        let rules = filters.select(ids.into_iter().filter_map(|id| self.shown_rule(place, id)));
        let (rules, next_token) =
            page.cut(rules, |rule| rule.security_group_rule_id.as_deref().unwrap_or_default())?;
        Ok(shapes::DescribeSecurityGroupRulesOutput { security_group_rules: Some(rules), next_token })
    }

    fn shown_rule(&self, place: Place<'_>, id: &str) -> Option<shapes::SecurityGroupRule> {
        let (group, rule) = self.rule(id)?;
        let referenced = rule.peer.group().map(|peer| shapes::ReferencedSecurityGroup {
            group_id: Some(peer),
            user_id: place.owner(),
            ..shapes::ReferencedSecurityGroup::default()
        });
        Some(shapes::SecurityGroupRule {
            security_group_rule_id: Some(id.to_owned()),
            group_id: Some(group.to_owned()),
            group_owner_id: place.owner(),
            is_egress: Some(rule.direction == Direction::Egress),
            ip_protocol: Some(rule.protocol.clone()),
            // Here, unlike in permissions, AWS writes -1 where there are no ports.
            from_port: Some(rule.from_port.unwrap_or(-1)),
            to_port: Some(rule.to_port.unwrap_or(-1)),
            cidr_ipv4: rule.peer.ipv4(),
            cidr_ipv6: rule.peer.ipv6(),
            prefix_list_id: rule.peer.prefix_list(),
            referenced_group_info: referenced,
            description: rule.description.clone(),
            tags: self.tags_of(id),
            security_group_rule_arn: Some(place.arn(&format!("security-group-rule/{id}"))),
        })
    }
}

/// Rules as DescribeSecurityGroups lists them: those of one protocol and range of ports together.
pub fn permissions<'a>(place: Place<'_>, rules: impl Iterator<Item = &'a Rule>) -> Vec<shapes::IpPermission> {
    let mut permissions: Vec<shapes::IpPermission> = Vec::new();
    for rule in rules {
        let is_same = |one: &shapes::IpPermission| {
            one.ip_protocol.as_ref() == Some(&rule.protocol)
                && (one.from_port, one.to_port) == (rule.from_port, rule.to_port)
        };
        let at = permissions.iter().position(is_same).unwrap_or(permissions.len());
        if at == permissions.len() {
            permissions.push(shapes::IpPermission {
                ip_protocol: Some(rule.protocol.clone()),
                from_port: rule.from_port,
                to_port: rule.to_port,
                user_id_group_pairs: Some(Vec::new()),
                ip_ranges: Some(Vec::new()),
                ipv6_ranges: Some(Vec::new()),
                prefix_list_ids: Some(Vec::new()),
            });
        }
        if let Some(permission) = permissions.get_mut(at) {
            add(place, permission, rule);
        }
    }
    permissions
}

fn add(place: Place<'_>, permission: &mut shapes::IpPermission, rule: &Rule) {
    let description = rule.description.clone();
    match rule.peer.clone() {
        Peer::Ipv4(block) => permission
            .ip_ranges
            .get_or_insert_default()
            .push(shapes::IpRange { description, cidr_ip: Some(block) }),
        Peer::Ipv6(block) => permission
            .ipv6_ranges
            .get_or_insert_default()
            .push(shapes::Ipv6Range { description, cidr_ipv6: Some(block) }),
        Peer::PrefixList(id) => permission
            .prefix_list_ids
            .get_or_insert_default()
            .push(shapes::PrefixListId { description, prefix_list_id: Some(id) }),
        Peer::Group(id) => {
            permission.user_id_group_pairs.get_or_insert_default().push(shapes::UserIdGroupPair {
                description,
                user_id: place.owner(),
                group_id: Some(id),
                ..shapes::UserIdGroupPair::default()
            })
        }
    }
}

fn shown_revoked(group: &str, id: String, rule: &Rule) -> shapes::RevokedSecurityGroupRule {
    shapes::RevokedSecurityGroupRule {
        security_group_rule_id: Some(id),
        group_id: Some(group.to_owned()),
        is_egress: Some(rule.direction == Direction::Egress),
        ip_protocol: Some(rule.protocol.clone()),
        from_port: Some(rule.from_port.unwrap_or(-1)),
        to_port: Some(rule.to_port.unwrap_or(-1)),
        cidr_ipv4: rule.peer.ipv4(),
        cidr_ipv6: rule.peer.ipv6(),
        prefix_list_id: rule.peer.prefix_list(),
        referenced_group_id: rule.peer.group(),
        description: rule.description.clone(),
    }
}

fn malformed(block: &str) -> Error {
    Error::Invalid(format!("CIDR block {block} is malformed"))
}

/// A protocol by AWS's name for it, and the ports where it has some.
fn protocol_and_ports(
    permission: &shapes::IpPermission,
) -> Result<(String, Option<i64>, Option<i64>), Error> {
    let given = permission.ip_protocol.as_deref().unwrap_or_default().to_ascii_lowercase();
    let protocol = match given.as_str() {
        "" => return Err(Error::Missing("The request must contain the parameter ipProtocol".to_owned())),
        "-1" | "all" => "-1",
        "tcp" | "6" => "tcp",
        "udp" | "17" => "udp",
        "icmp" | "1" => "icmp",
        "icmpv6" | "58" => "icmpv6",
        other if other.parse::<u8>().is_ok() => other,
        other => {
            return Err(Error::Invalid(format!(
                "Invalid value '{other}' for IP protocol. Unknown protocol."
            )));
        }
    };
    let (from_port, to_port) = (permission.from_port, permission.to_port);
    match (protocol, from_port, to_port) {
        ("tcp" | "udp", Some(from), Some(to)) => check_ports(from, to)?,
        ("tcp" | "udp", _, _) => {
            let text = "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.";
            return Err(Error::Invalid(text.to_owned()));
        }
        ("icmp" | "icmpv6", _, _) => {
            return Ok((protocol.to_owned(), Some(from_port.unwrap_or(-1)), Some(to_port.unwrap_or(-1))));
        }
        // Other protocols have no ports; AWS takes and forgets what is given.
        _ => return Ok((protocol.to_owned(), None, None)),
    }
    Ok((protocol.to_owned(), from_port, to_port))
}

fn check_ports(from: i64, to: i64) -> Result<(), Error> {
    let ports = 0..=65535;
    if let Some(port) = [from, to].iter().find(|port| !ports.contains(*port)) {
        return Err(Error::Invalid(format!("TCP/UDP port ({port}) out of range")));
    }
    if from > to {
        return Err(Error::Invalid(format!("Invalid TCP/UDP port range ({from}:{to})")));
    }
    Ok(())
}

impl Filterable for shapes::SecurityGroupRule {
    const HAS_TAGS: bool = true;

    fn tags(&self) -> &[shapes::Tag] {
        self.tags.as_deref().unwrap_or_default()
    }

    fn values(&self, filter: &str) -> Option<Vec<String>> {
        Some(match filter {
            "group-id" => one(&self.group_id),
            "security-group-rule-id" => one(&self.security_group_rule_id),
            "is-egress" => flag(self.is_egress),
            _ => return None,
        })
    }
}
