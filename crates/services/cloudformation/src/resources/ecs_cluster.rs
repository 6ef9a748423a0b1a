//! `AWS::ECS::Cluster`.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::client::{Client, SMALL_TAG_RESOURCE};
use super::schema::{TAGS, to_api};
use super::{
    Deletion, Failure, Kind, Made, Naming, Property, ResourceType, Tagging, attributes, input, tags, text,
};
use crate::door::Door;
use crate::stack::{Request, Resource, Sighting, Tag};

pub(super) struct Cluster;

const ECS: Client = Client::new("ecs", "Ecs");

const PROPERTIES: &[Property] = &[
    Property::new("CapacityProviders", Kind::List(&Kind::Text)),
    Property::new("ClusterName", Kind::Text).replaces(),
    Property::new(
        "ClusterSettings",
        Kind::List(&Kind::Object(&[Property::new("Name", Kind::Text), Property::new("Value", Kind::Text)])),
    )
    .api("settings"),
    Property::refused("Configuration"),
    Property::new(
        "DefaultCapacityProviderStrategy",
        Kind::List(&Kind::Object(&[
            Property::new("Base", Kind::Integer),
            Property::new("CapacityProvider", Kind::Text),
            Property::new("Weight", Kind::Integer),
        ])),
    ),
    Property::refused("ServiceConnectDefaults"),
    Property::new("Tags", TAGS),
];

impl ResourceType for Cluster {
    fn type_name(&self) -> &'static str {
        "AWS::ECS::Cluster"
    }

    fn properties(&self) -> &'static [Property] {
        PROPERTIES
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["Arn"]
    }

    fn naming(&self) -> Naming {
        Naming { property: Some("ClusterName"), length_max: 255, with_stack: true, is_unique: true }
    }

    fn look<'a>(&'a self, door: &'a Door, request: &'a Request) -> BoxFuture<'a, Result<Sighting, Failure>> {
        Box::pin(async {
            // CreateCluster answers an existing cluster as if it had made it.
            let answer = ECS.call(door, "DescribeClusters", json!({"clusters": [request.name]})).await?;
            let clusters = answer.get("clusters").and_then(Value::as_array);
            let active = |cluster: &Value| text(cluster, &["status"]) != "INACTIVE";
            match clusters.is_some_and(|clusters| clusters.iter().any(active)) {
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
            let mut cluster = settings(&request.properties);
            cluster.insert("clusterName".to_owned(), request.name.clone().into());
            if let Some(tags) = tags::listed(&tags::merged(request), "key", "value") {
                cluster.insert("tags".to_owned(), tags);
            }
            let answer = ECS.call(door, "CreateCluster", cluster.into()).await?;
            Ok(made(&request.name, text(&answer, &["cluster", "clusterArn"])))
        })
    }

    fn tagging(&self, _: &Door, made: &Made, tags: &[Tag]) -> Option<Tagging> {
        let arn = made.attributes.get("Arn");
        let input = json!({"resourceArn": arn, "tags": tags::listed(tags, "key", "value")});
        Some(Tagging { service: "ecs", operation: "TagResource", input })
    }

    fn update<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        current: &'a Resource,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async move {
            let name = current.physical_id.as_deref().unwrap_or_default();
            let capacity = ["CapacityProviders", "DefaultCapacityProviderStrategy"];
            if capacity.iter().any(|name| current.properties.get(*name) != request.properties.get(*name)) {
                let text =
                    "Runwright does not serve a change of the capacity providers of AWS::ECS::Cluster.";
                return Err(Failure::plain(text));
            }
            if current.properties.get("ClusterSettings") != request.properties.get("ClusterSettings") {
                let settings = settings(&request.properties).shift_remove("settings");
                let settings =
                    settings.unwrap_or_else(|| json!([{"name": "containerInsights", "value": "disabled"}]));
                let cluster = input([("cluster", Some(name.into())), ("settings", Some(settings))]);
                ECS.call(door, "UpdateCluster", cluster).await?;
            }
            let arn = current.attributes.get("Arn").and_then(Value::as_str).unwrap_or_default();
            let before = tags::of(&current.properties, &current.tags);
            let resource = json!({"resourceArn": arn});
            ECS.retag(door, SMALL_TAG_RESOURCE, &resource, &before, &tags::merged(request)).await?;
            Ok(made(name, arn))
        })
    }

    fn delete<'a>(
        &'a self,
        door: &'a Door,
        resource: &'a Resource,
    ) -> BoxFuture<'a, Result<Deletion, Failure>> {
        Box::pin(async { ECS.delete(door, "DeleteCluster", json!({"cluster": resource.physical_id})).await })
    }
}

/// What a cluster has besides its name and tags.
fn settings(properties: &Map<String, Value>) -> Map<String, Value> {
    let mut settings = to_api(PROPERTIES, properties);
    settings.retain(|name, _| name != "clusterName" && name != "tags");
    settings
}

fn made(name: &str, arn: &str) -> Made {
    Made { physical_id: name.to_owned(), attributes: attributes([("Arn", arn)]) }
}
