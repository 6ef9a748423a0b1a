//! `AWS::Events::Connection`.

use serde_json::{Map, Value, json};

use super::{EVENTS, Kind, Made, Property, attributes, text};
use crate::door::Door;
use crate::resources::client::Client;
use crate::resources::handler::Handler;
use crate::resources::{Deletion, Failure, Naming};
use crate::stack::{Request, Resource};

pub(in crate::resources) struct Connection;

impl Handler for Connection {
    const TYPE_NAME: &'static str = "AWS::Events::Connection";
    const PROPERTIES: &'static [Property] = &[
        Property::new("AuthParameters", Kind::Json),
        Property::new("AuthorizationType", Kind::Text),
        Property::new("Description", Kind::Text),
        Property::new("InvocationConnectivityParameters", Kind::Json),
        Property::new("KmsKeyIdentifier", Kind::Text),
        Property::new("Name", Kind::Text).replaces(),
    ];
    const ATTRIBUTES: &'static [&'static str] = &["Arn", "ArnForPolicy", "SecretArn"];
    const NAMING: Naming =
        Naming { property: Some("Name"), length_max: 64, with_stack: true, is_unique: true };
    const CLIENT: Client = EVENTS;

    async fn look(door: &Door, request: &Request) -> Result<(), Failure> {
        match EVENTS.has(door, "DescribeConnection", json!({"Name": request.name})).await? {
            true => Err(Failure::exists(Self::TYPE_NAME, &request.name)),
            false => Ok(()),
        }
    }

    async fn make(door: &Door, request: &Request, resumed: bool) -> Result<Made, Failure> {
        match EVENTS.ask(door, "CreateConnection", connection(&request.name, &request.properties)).await {
            Ok(_) => {}
            // The name was free when it was looked at: an earlier try of ours has taken it.
            Err(error) if resumed && error.error.code.contains("AlreadyExists") => {}
            Err(error) => return Err(EVENTS.failure(&error)),
        }
        let answer = EVENTS.call(door, "DescribeConnection", json!({"Name": request.name})).await;
        let answer = answer.map_err(|failure| failure.leaving(&request.name))?;
        let arn = text(&answer, &["ConnectionArn"]);
        // A policy that names a connection leaves out the id that ends its ARN.
        let for_policy = arn.rsplit_once('/').map_or(arn, |(name, _)| name);
        let secret = text(&answer, &["SecretArn"]);
        let attributes = attributes([("Arn", arn), ("ArnForPolicy", for_policy), ("SecretArn", secret)]);
        Ok(Made { physical_id: request.name.clone(), attributes })
    }

    async fn configure(
        door: &Door,
        made: &Made,
        before: Option<&Map<String, Value>>,
        request: &Request,
    ) -> Result<(), Failure> {
        match before {
            Some(before) if *before != request.properties => {
                let change = connection(&made.physical_id, &request.properties);
                EVENTS.call(door, "UpdateConnection", change).await.map(drop)
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn remove(door: &Door, connection: &Resource) -> Result<Deletion, Failure> {
        EVENTS.delete(door, "DeleteConnection", json!({"Name": connection.physical_id})).await
    }
}

/// A connection has the same names in templates and in the API.
fn connection(name: &str, properties: &Map<String, Value>) -> Value {
    let mut connection = properties.clone();
    connection.insert("Name".to_owned(), name.into());
    connection.into()
}
