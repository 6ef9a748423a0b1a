//! `AWS::Events::ApiDestination`.

use serde_json::{Map, Value, json};

use super::{EVENTS, Kind, Made, Property, attributes, text};
use crate::door::Door;
use crate::resources::client::Client;
use crate::resources::handler::Handler;
use crate::resources::{Deletion, Failure, Naming};
use crate::stack::{Request, Resource};

pub(in crate::resources) struct ApiDestination;

impl Handler for ApiDestination {
    const TYPE_NAME: &'static str = "AWS::Events::ApiDestination";
    const PROPERTIES: &'static [Property] = &[
        Property::new("ConnectionArn", Kind::Text).required(),
        Property::new("Description", Kind::Text),
        Property::new("HttpMethod", Kind::Text).required(),
        Property::new("InvocationEndpoint", Kind::Text).required(),
        Property::new("InvocationRateLimitPerSecond", Kind::Integer),
        Property::new("Name", Kind::Text).replaces(),
    ];
    const ATTRIBUTES: &'static [&'static str] = &["Arn", "ArnForPolicy"];
    const NAMING: Naming =
        Naming { property: Some("Name"), length_max: 64, with_stack: true, is_unique: true };
    const CLIENT: Client = EVENTS;

    async fn look(door: &Door, request: &Request) -> Result<(), Failure> {
        match EVENTS.has(door, "DescribeApiDestination", json!({"Name": request.name})).await? {
            true => Err(Failure::exists(Self::TYPE_NAME, &request.name)),
            false => Ok(()),
        }
    }

    async fn make(door: &Door, request: &Request, resumed: bool) -> Result<Made, Failure> {
        let destination = destination(&request.name, &request.properties);
        match EVENTS.ask(door, "CreateApiDestination", destination).await {
            Ok(_) => {}
            // The name was free when it was looked at: an earlier try of ours has taken it.
            Err(error) if resumed && error.error.code.contains("AlreadyExists") => {}
            Err(error) => return Err(EVENTS.failure(&error)),
        }
        let answer = EVENTS.call(door, "DescribeApiDestination", json!({"Name": request.name})).await;
        let answer = answer.map_err(|failure| failure.leaving(&request.name))?;
        let arn = text(&answer, &["ApiDestinationArn"]);
        // A policy that names a destination leaves out the id that ends its ARN.
        let for_policy = arn.rsplit_once('/').map_or(arn, |(name, _)| name);
        let attributes = attributes([("Arn", arn), ("ArnForPolicy", for_policy)]);
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
                let change = destination(&made.physical_id, &request.properties);
                EVENTS.call(door, "UpdateApiDestination", change).await.map(drop)
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn remove(door: &Door, destination: &Resource) -> Result<Deletion, Failure> {
        EVENTS.delete(door, "DeleteApiDestination", json!({"Name": destination.physical_id})).await
    }
}

/// A destination has the same names in templates and in the API.
fn destination(name: &str, properties: &Map<String, Value>) -> Value {
    let mut destination = properties.clone();
    destination.insert("Name".to_owned(), name.into());
    destination.into()
}
