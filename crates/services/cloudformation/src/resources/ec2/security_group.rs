//! `AWS::EC2::SecurityGroup` with the rules that are written in it.

use serde_json::{Map, Value, json};

use super::security_group_rule::{Direction, EGRESS, EGRESS_RULE, INGRESS, INGRESS_RULE, permission};
use super::{EC2, Handler, by_id, input, specified, text};
use crate::door::Door;
use crate::resources::client::{Client, TagOperations};
use crate::resources::schema::TAGS;
use crate::resources::{Deletion, Failure, Kind, Made, Naming, Property, attributes};
use crate::stack::{Request, Resource};

pub(in crate::resources) struct SecurityGroup;

impl Handler for SecurityGroup {
    const TYPE_NAME: &'static str = "AWS::EC2::SecurityGroup";
    const PROPERTIES: &'static [Property] = &[
        Property::new("GroupDescription", Kind::Text).required().replaces(),
        Property::new("GroupName", Kind::Text).replaces(),
        Property::new("SecurityGroupEgress", Kind::List(&Kind::Object(EGRESS_RULE))),
        Property::new("SecurityGroupIngress", Kind::List(&Kind::Object(INGRESS_RULE))),
        Property::new("Tags", TAGS),
        Property::new("VpcId", Kind::Text).replaces(),
    ];
    const ATTRIBUTES: &'static [&'static str] = &["GroupId", "Id", "VpcId"];
    const NAMING: Naming =
        Naming { property: Some("GroupName"), length_max: 255, with_stack: true, is_unique: true };
    const CLIENT: Client = EC2;
    const TAGS: Option<TagOperations> = Some(super::TAGS);

    async fn make(door: &Door, request: &Request, _: bool) -> Result<Made, Failure> {
        let group = input([
            ("Description", request.properties.get("GroupDescription").cloned()),
            ("GroupName", Some(request.name.clone().into())),
            ("TagSpecifications", specified(request, "security-group")),
            ("VpcId", request.properties.get("VpcId").cloned()),
        ]);
        let answer = EC2.call_once(door, &request.token, "CreateSecurityGroup", group).await?;
        let id = text(&answer, &["GroupId"]);
        let group = EC2.call(door, "DescribeSecurityGroups", json!({"GroupIds": [id]})).await;
        let group = group.map_err(|failure| failure.leaving(id))?;
        let vpc = group.pointer("/SecurityGroups/0/VpcId").and_then(Value::as_str).unwrap_or_default();
        let attributes = attributes([("GroupId", id), ("Id", id), ("VpcId", vpc)]);
        Ok(Made { physical_id: id.to_owned(), attributes })
    }

    async fn configure(
        door: &Door,
        made: &Made,
        before: Option<&Map<String, Value>>,
        request: &Request,
    ) -> Result<(), Failure> {
        for direction in [&INGRESS, &EGRESS] {
            let had = match before {
                Some(before) => rules(direction, before),
                None => direction.rules_at_first(),
            };
            change_rules(door, direction, &made.physical_id, &had, &rules(direction, &request.properties))
                .await?;
        }
        Ok(())
    }

    async fn remove(door: &Door, group: &Resource) -> Result<Deletion, Failure> {
        EC2.delete(door, "DeleteSecurityGroup", json!({"GroupId": group.physical_id})).await
    }

    fn tagged(made: &Made) -> Value {
        by_id(&made.physical_id)
    }
}

/// The rules that a template gives a group; without any, those that a group has at first.
fn rules(direction: &Direction, properties: &Map<String, Value>) -> Vec<Map<String, Value>> {
    match properties.get(direction.property).and_then(Value::as_array) {
        Some(rules) => rules.iter().filter_map(Value::as_object).cloned().collect(),
        None => direction.rules_at_first(),
    }
}

/// Takes away what is no longer wanted, then adds what is new: a description is a part of a rule, but two rules that
/// differ in nothing else cannot be there at once.
async fn change_rules(
    door: &Door,
    direction: &Direction,
    group: &str,
    had: &[Map<String, Value>],
    wanted: &[Map<String, Value>],
) -> Result<(), Failure> {
    let input = |rule| json!({"GroupId": group, "IpPermissions": [permission(direction, rule)]});
    for rule in had.iter().filter(|rule| !wanted.contains(rule)) {
        EC2.delete(door, direction.revoke, input(rule)).await?;
    }
    for rule in wanted.iter().filter(|rule| !had.contains(rule)) {
        match EC2.ask(door, direction.authorize, input(rule)).await {
            Ok(_) => {}
            // An earlier try has made it, or the template has it twice.
            Err(error) if error.error.code == "InvalidPermission.Duplicate" => {}
            Err(error) => return Err(EC2.failure(&error)),
        }
    }
    Ok(())
}
