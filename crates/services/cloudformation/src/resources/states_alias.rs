//! `AWS::StepFunctions::StateMachineAlias`: an alias of a state machine's versions.
//!
//! A `DeploymentPreference` moves the alias to its version at once; gradual deployments are not served.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::schema::to_api;
use super::{Deletion, Failure, Kind, Made, Naming, Property, ResourceType, attributes, input, text};
use crate::door::Door;
use crate::stack::{Request, Resource, Sighting};

pub(super) struct StateMachineAlias;

const STATES: Client = Client::old("states", "AWSStepFunctions");

const PROPERTIES: &[Property] = &[
    Property::new(
        "DeploymentPreference",
        Kind::Object(&[
            Property::new("Alarms", Kind::Json),
            Property::new("Interval", Kind::Integer),
            Property::new("Percentage", Kind::Integer),
            Property::new("StateMachineVersionArn", Kind::Text).required(),
            Property::new("Type", Kind::Text).required(),
        ]),
    ),
    Property::new("Description", Kind::Text),
    Property::new("Name", Kind::Text).replaces(),
    Property::new(
        "RoutingConfiguration",
        Kind::List(&Kind::Object(&[
            Property::new("StateMachineVersionArn", Kind::Text).required(),
            Property::new("Weight", Kind::Integer).required(),
        ])),
    ),
];

impl ResourceType for StateMachineAlias {
    fn type_name(&self) -> &'static str {
        "AWS::StepFunctions::StateMachineAlias"
    }

    fn properties(&self) -> &'static [Property] {
        PROPERTIES
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["Arn"]
    }

    fn naming(&self) -> Naming {
        Naming { property: Some("Name"), length_max: 80, with_stack: true, is_unique: true }
    }

    fn takes_tags(&self) -> bool {
        false
    }

    fn look<'a>(&'a self, door: &'a Door, request: &'a Request) -> BoxFuture<'a, Result<Sighting, Failure>> {
        Box::pin(async {
            // The alias has its versions' state machine, which only they name.
            let routes = routes(&request.properties)?;
            let version = routes.get(0).map_or("", |route| text(route, &["stateMachineVersionArn"]));
            let machine = version.rsplit_once(':').map_or(version, |(machine, _)| machine);
            let alias = json!({"stateMachineAliasArn": format!("{machine}:{}", request.name)});
            match STATES.ask(door, "DescribeStateMachineAlias", alias).await {
                Ok(answer) => {
                    Err(Failure::exists(self.type_name(), text(&answer, &["stateMachineAliasArn"])))
                }
                Err(error) if error.is_not_found() => Ok(Sighting::default()),
                Err(error) => Err(STATES.failure(&error)),
            }
        })
    }

    /// Creating the same alias again finds the one that is there.
    fn create<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        _: &'a Sighting,
        _: bool,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async {
            let alias = input([
                ("name", Some(request.name.clone().into())),
                ("description", request.properties.get("Description").cloned()),
                ("routingConfiguration", Some(routes(&request.properties)?)),
            ]);
            let answer = STATES.call(door, "CreateStateMachineAlias", alias).await?;
            Ok(made(text(&answer, &["stateMachineAliasArn"])))
        })
    }

    fn update<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        current: &'a Resource,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async {
            let arn = current.physical_id.as_deref().unwrap_or_default();
            let description = request.properties.get("Description").cloned();
            let alias = input([
                ("stateMachineAliasArn", Some(arn.into())),
                ("description", Some(description.unwrap_or_else(|| "".into()))),
                ("routingConfiguration", Some(routes(&request.properties)?)),
            ]);
            STATES.call(door, "UpdateStateMachineAlias", alias).await?;
            Ok(made(arn))
        })
    }

    fn delete<'a>(
        &'a self,
        door: &'a Door,
        resource: &'a Resource,
    ) -> BoxFuture<'a, Result<Deletion, Failure>> {
        Box::pin(async {
            let alias = json!({"stateMachineAliasArn": resource.physical_id});
            STATES.delete(door, "DeleteStateMachineAlias", alias).await
        })
    }
}

/// `routingConfiguration` of the API.
fn routes(properties: &Map<String, Value>) -> Result<Value, Failure> {
    let invalid = |text: &str| Err(Failure::plain(text));
    let Some(preference) = properties.get("DeploymentPreference") else {
        return match to_api(PROPERTIES, properties).get("routingConfiguration") {
            Some(routes) => Ok(routes.clone()),
            None => invalid("One of RoutingConfiguration and DeploymentPreference must be specified."),
        };
    };
    if properties.contains_key("RoutingConfiguration") {
        return invalid("Only one of RoutingConfiguration and DeploymentPreference can be specified.");
    }
    match text(preference, &["Type"]) {
        "ALL_AT_ONCE" => {
            let version = text(preference, &["StateMachineVersionArn"]);
            Ok(json!([{"stateMachineVersionArn": version, "weight": 100}]))
        }
        other => Err(Failure::plain(format!(
            "Runwright does not serve DeploymentPreference Type {other} of AWS::StepFunctions::StateMachineAlias."
        ))),
    }
}

fn made(arn: &str) -> Made {
    Made { physical_id: arn.to_owned(), attributes: attributes([("Arn", arn)]) }
}
