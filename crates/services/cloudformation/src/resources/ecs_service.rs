//! `AWS::ECS::Service`: it is there once its deployment is completed, and gone once its last task has stopped.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::client::{Client, SMALL_TAG_RESOURCE};
use super::schema::{TAGS, to_api};
use super::{
    Deletion, Failure, HandlerErrorCode, Kind, Made, Naming, Property, ResourceType, Tagging, attributes,
    tags, text,
};
use crate::door::Door;
use crate::stack::{Request, Resource, Sighting, Tag};

pub(super) struct Service;

const ECS: Client = Client::new("ecs", "Ecs");

const DEPLOYMENT_CONFIGURATION: Kind = Kind::Object(&[
    Property::refused("Alarms"),
    Property::refused("BakeTimeInMinutes"),
    Property::refused("CanaryConfiguration"),
    Property::new(
        "DeploymentCircuitBreaker",
        Kind::Object(&[
            Property::new("Enable", Kind::Boolean).required(),
            Property::new("Rollback", Kind::Boolean).required(),
        ]),
    ),
    Property::refused("LifecycleHooks"),
    Property::refused("LinearConfiguration"),
    Property::new("MaximumPercent", Kind::Integer),
    Property::new("MinimumHealthyPercent", Kind::Integer),
    Property::new("Strategy", Kind::Text),
]);

const NETWORK_CONFIGURATION: Kind = Kind::Object(&[Property::new(
    "AwsvpcConfiguration",
    Kind::Object(&[
        Property::new("AssignPublicIp", Kind::Text),
        Property::new("SecurityGroups", Kind::List(&Kind::Text)),
        Property::new("Subnets", Kind::List(&Kind::Text)),
    ]),
)]);

const PROPERTIES: &[Property] = &[
    Property::new("AvailabilityZoneRebalancing", Kind::Text),
    Property::new(
        "CapacityProviderStrategy",
        Kind::List(&Kind::Object(&[
            Property::new("Base", Kind::Integer),
            Property::new("CapacityProvider", Kind::Text),
            Property::new("Weight", Kind::Integer),
        ])),
    ),
    Property::new("Cluster", Kind::Text).replaces(),
    Property::new("DeploymentConfiguration", DEPLOYMENT_CONFIGURATION),
    Property::new("DeploymentController", Kind::Object(&[Property::new("Type", Kind::Text)])).replaces(),
    Property::new("DesiredCount", Kind::Integer),
    Property::new("EnableECSManagedTags", Kind::Boolean),
    Property::new("EnableExecuteCommand", Kind::Boolean),
    Property::refused("ForceNewDeployment"),
    Property::new("HealthCheckGracePeriodSeconds", Kind::Integer),
    Property::new("LaunchType", Kind::Text).replaces(),
    Property::refused("LoadBalancers"),
    Property::new("NetworkConfiguration", NETWORK_CONFIGURATION),
    Property::refused("PlacementConstraints"),
    Property::refused("PlacementStrategies"),
    Property::new("PlatformVersion", Kind::Text),
    Property::new("PropagateTags", Kind::Text),
    Property::refused("Role"),
    Property::new("SchedulingStrategy", Kind::Text).replaces(),
    Property::refused("ServiceConnectConfiguration"),
    Property::new("ServiceName", Kind::Text).replaces(),
    Property::refused("ServiceRegistries"),
    Property::new("Tags", TAGS),
    Property::new("TaskDefinition", Kind::Text),
    Property::refused("VolumeConfigurations"),
    Property::refused("VpcLatticeConfigurations"),
];

/// What CreateService takes and UpdateService does not.
const FIXED: [&str; 3] = ["launchType", "schedulingStrategy", "tags"];

impl ResourceType for Service {
    fn type_name(&self) -> &'static str {
        "AWS::ECS::Service"
    }

    fn properties(&self) -> &'static [Property] {
        PROPERTIES
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["Name", "ServiceArn"]
    }

    fn naming(&self) -> Naming {
        Naming { property: Some("ServiceName"), length_max: 255, with_stack: true, is_unique: true }
    }

    fn look<'a>(&'a self, door: &'a Door, request: &'a Request) -> BoxFuture<'a, Result<Sighting, Failure>> {
        Box::pin(async {
            // CreateService answers a service that the same request has made as if it had made it now.
            let found = describe(door, request.properties.get("Cluster"), &request.name).await?;
            match found.is_some_and(|service| text(&service, &["status"]) != "INACTIVE") {
                true => Err(Failure::exists(self.type_name(), &request.name)),
                false => Ok(Sighting::default()),
            }
        })
    }

    fn create<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        _: &'a Sighting,
        _: bool,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async {
            let mut service = to_api(PROPERTIES, &request.properties);
            service.insert("serviceName".to_owned(), request.name.clone().into());
            service.entry("desiredCount").or_insert(json!(1));
            service.shift_remove("tags");
            if let Some(tags) = tags::listed(&tags::merged(request), "key", "value") {
                service.insert("tags".to_owned(), tags);
            }
            let answer = ECS.call(door, "CreateService", service.into()).await?;
            Ok(made(&request.name, text(&answer, &["service", "serviceArn"])))
        })
    }

    fn is_stable<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        made: &'a Made,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        Box::pin(async {
            let found = describe(door, request.properties.get("Cluster"), &made.physical_id).await?;
            let service = found.unwrap_or_default();
            let deployments = service.get("deployments").and_then(Value::as_array);
            let deployments = deployments.map(Vec::as_slice).unwrap_or_default();
            let primary = deployments.first().cloned().unwrap_or_default();
            let wanted = request.properties.get("TaskDefinition").and_then(Value::as_str).unwrap_or_default();
            // The circuit breaker may have brought back another revision by now.
            let is_another = wanted.contains(':') && !text(&primary, &["taskDefinition"]).ends_with(wanted);
            if is_another || text(&primary, &["rolloutState"]) == "FAILED" {
                let words = "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'.";
                let failure = Failure::handler(words, HandlerErrorCode::GeneralServiceException);
                return Err(failure.leaving(&made.physical_id));
            }
            let is_completed = matches!(deployments, [one] if text(one, &["rolloutState"]) == "COMPLETED");
            let wanted = service.get("desiredCount");
            // A deployment relies on its tasks after a while, which does not pass while the clock stands.
            let runs = door.clock_stands() && primary.get("runningCount") == wanted;
            Ok(runs || is_completed && service.get("runningCount") == wanted)
        })
    }

    fn tagging(&self, _: &Door, made: &Made, tags: &[Tag]) -> Option<Tagging> {
        let input = json!({"resourceArn": made.physical_id, "tags": tags::listed(tags, "key", "value")});
        Some(Tagging { service: "ecs", operation: "TagResource", input })
    }

    fn update<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        current: &'a Resource,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async {
            let arn = current.physical_id.as_deref().unwrap_or_default();
            let mut service = to_api(PROPERTIES, &request.properties);
            service.retain(|name, _| !FIXED.contains(&name.as_str()) && name != "serviceName");
            service.insert("service".to_owned(), arn.into());
            ECS.call(door, "UpdateService", service.into()).await?;
            let before = tags::of(&current.properties, &current.tags);
            let resource = json!({"resourceArn": arn});
            ECS.retag(door, SMALL_TAG_RESOURCE, &resource, &before, &tags::merged(request)).await?;
            Ok(made(arn.rsplit('/').next().unwrap_or_default(), arn))
        })
    }

    fn delete<'a>(
        &'a self,
        door: &'a Door,
        resource: &'a Resource,
    ) -> BoxFuture<'a, Result<Deletion, Failure>> {
        Box::pin(async {
            let arn = resource.physical_id.as_deref().unwrap_or_default();
            let cluster = resource.properties.get("Cluster");
            let status = match describe(door, cluster, arn).await? {
                Some(service) => text(&service, &["status"]).to_owned(),
                None => return Ok(Deletion::Done),
            };
            if status == "ACTIVE" {
                let input = named(cluster, json!({"service": arn, "force": true}));
                ECS.call(door, "DeleteService", input).await?;
            }
            Ok(if status == "INACTIVE" { Deletion::Done } else { Deletion::Pending })
        })
    }
}

/// The service of that name or ARN; `None` where it, or its cluster, is not there.
async fn describe(door: &Door, cluster: Option<&Value>, name: &str) -> Result<Option<Value>, Failure> {
    let input = named(cluster, json!({ "services": [name] }));
    match ECS.ask(door, "DescribeServices", input).await {
        Ok(answer) => Ok(answer.get("services").and_then(|services| services.get(0)).cloned()),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(ECS.failure(&error)),
    }
}

/// An input with the cluster in it, where the template names one.
fn named(cluster: Option<&Value>, mut input: Value) -> Value {
    if let (Some(cluster), Value::Object(members)) = (cluster, &mut input) {
        members.insert("cluster".to_owned(), cluster.clone());
    }
    input
}

fn made(name: &str, arn: &str) -> Made {
    let attributes: Map<String, Value> = attributes([("Name", name), ("ServiceArn", arn)]);
    Made { physical_id: arn.to_owned(), attributes }
}
