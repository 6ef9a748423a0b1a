//! `AWS::StepFunctions::StateMachineVersion`: a published version of a state machine.

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::{Deletion, Failure, Kind, Made, Naming, Property, ResourceType, attributes, input, text};
use crate::door::{CallError, Door};
use crate::stack::{Request, Resource, Sighting};

pub(super) struct StateMachineVersion;

const PROPERTIES: &[Property] = &[
    Property::new("Description", Kind::Text).replaces(),
    Property::new("StateMachineArn", Kind::Text).required().replaces(),
    Property::new("StateMachineRevisionId", Kind::Text).replaces(),
];

impl ResourceType for StateMachineVersion {
    fn type_name(&self) -> &'static str {
        "AWS::StepFunctions::StateMachineVersion"
    }

    fn properties(&self) -> &'static [Property] {
        PROPERTIES
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["Arn"]
    }

    fn naming(&self) -> Naming {
        Naming { property: None, length_max: 64, with_stack: true, is_unique: false }
    }

    fn takes_tags(&self) -> bool {
        false
    }

    fn look<'a>(&'a self, _: &'a Door, _: &'a Request) -> BoxFuture<'a, Result<Sighting, Failure>> {
        Box::pin(async { Ok(Sighting::default()) })
    }

    /// Publishing the same revision again gives the same version.
    fn create<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        _: &'a Sighting,
        _: bool,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async {
            let property = |name: &str| request.properties.get(name).cloned();
            let version = input([
                ("stateMachineArn", property("StateMachineArn")),
                ("revisionId", property("StateMachineRevisionId")),
                ("description", property("Description")),
            ]);
            let answer = call(door, "PublishStateMachineVersion", version).await?;
            Ok(made(text(&answer, &["stateMachineVersionArn"])))
        })
    }

    /// Nothing of a version can be changed.
    fn update<'a>(
        &'a self,
        _: &'a Door,
        _: &'a Request,
        current: &'a Resource,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async { Ok(made(current.physical_id.as_deref().unwrap_or_default())) })
    }

    fn delete<'a>(
        &'a self,
        door: &'a Door,
        resource: &'a Resource,
    ) -> BoxFuture<'a, Result<Deletion, Failure>> {
        Box::pin(async {
            let version = json!({"stateMachineVersionArn": resource.physical_id});
            call(door, "DeleteStateMachineVersion", version).await?;
            Ok(Deletion::Done)
        })
    }
}

async fn call(door: &Door, operation: &str, input: Value) -> Result<Value, Failure> {
    let failure = |error: CallError| Failure::of_old_call("AWSStepFunctions", &error);
    door.call("states", operation, input).await.map_err(failure)
}

fn made(arn: &str) -> Made {
    Made { physical_id: arn.to_owned(), attributes: attributes([("Arn", arn)]) }
}
