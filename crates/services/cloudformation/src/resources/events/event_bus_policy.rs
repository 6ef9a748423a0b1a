//! `AWS::Events::EventBusPolicy`: one statement of a bus's policy.

use serde_json::{Map, Value, json};

use super::{EVENTS, Kind, Made, Property, input, text};
use crate::door::Door;
use crate::resources::client::Client;
use crate::resources::handler::Handler;
use crate::resources::{Deletion, Failure, HandlerErrorCode};
use crate::stack::{Request, Resource};

pub(in crate::resources) struct EventBusPolicy;

impl Handler for EventBusPolicy {
    const TYPE_NAME: &'static str = "AWS::Events::EventBusPolicy";
    const PROPERTIES: &'static [Property] = &[
        Property::new("Action", Kind::Text),
        Property::new(
            "Condition",
            Kind::Object(&[
                Property::new("Key", Kind::Text),
                Property::new("Type", Kind::Text),
                Property::new("Value", Kind::Text),
            ]),
        ),
        Property::new("EventBusName", Kind::Text).replaces(),
        Property::new("Principal", Kind::Text),
        Property::new("Statement", Kind::Json),
        Property::new("StatementId", Kind::Text).required().replaces(),
    ];
    const ATTRIBUTES: &'static [&'static str] = &[];
    const CLIENT: Client = EVENTS;

    async fn make(door: &Door, request: &Request, _: bool) -> Result<Made, Failure> {
        put(door, &request.properties).await?;
        let (bus, statement) = place(&request.properties);
        Ok(Made { physical_id: format!("{bus}|{statement}"), attributes: Map::new() })
    }

    async fn configure(
        door: &Door,
        _: &Made,
        before: Option<&Map<String, Value>>,
        request: &Request,
    ) -> Result<(), Failure> {
        match before {
            Some(before) if *before != request.properties => put(door, &request.properties).await,
            Some(_) | None => Ok(()),
        }
    }

    async fn remove(door: &Door, policy: &Resource) -> Result<Deletion, Failure> {
        let (bus, statement) = place(&policy.properties);
        let statement = json!({"EventBusName": bus, "StatementId": statement});
        EVENTS.delete(door, "RemovePermission", statement).await
    }
}

/// The bus and the statement's id.
fn place(properties: &Map<String, Value>) -> (&str, &str) {
    let property = |name: &str| properties.get(name).and_then(Value::as_str);
    (property("EventBusName").unwrap_or("default"), property("StatementId").unwrap_or_default())
}

async fn put(door: &Door, properties: &Map<String, Value>) -> Result<(), Failure> {
    let (bus, id) = place(properties);
    let short = ["Action", "Principal", "Condition"].iter().any(|name| properties.contains_key(*name));
    let permission = match (properties.get("Statement"), short) {
        (Some(statement), false) => {
            let policy = with_statement(door, bus, id, statement).await?;
            json!({"EventBusName": bus, "Policy": policy.to_string()})
        }
        (None, true) => input([
            ("EventBusName", Some(bus.into())),
            ("StatementId", Some(id.into())),
            ("Action", properties.get("Action").cloned()),
            ("Principal", properties.get("Principal").cloned()),
            ("Condition", properties.get("Condition").cloned()),
        ]),
        (Some(_), true) | (None, false) => {
            let text = "Either Statement or Action and Principal must be provided.";
            return Err(Failure::handler(text, HandlerErrorCode::InvalidRequest));
        }
    };
    EVENTS.call(door, "PutPermission", permission).await.map(drop)
}

/// The bus's policy with that statement in the place of the one with its id.
async fn with_statement(door: &Door, bus: &str, id: &str, statement: &Value) -> Result<Value, Failure> {
    let answer = EVENTS.call(door, "DescribeEventBus", json!({"Name": bus})).await?;
    let policy: Value = serde_json::from_str(text(&answer, &["Policy"])).unwrap_or_default();
    let others = policy.get("Statement").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut statements: Vec<Value> = others.into_iter().filter(|other| text(other, &["Sid"]) != id).collect();
    let mut own = statement.clone();
    if let Value::Object(members) = &mut own {
        members.insert("Sid".to_owned(), id.into());
    }
    statements.push(own);
    Ok(json!({"Version": "2012-10-17", "Statement": statements}))
}
