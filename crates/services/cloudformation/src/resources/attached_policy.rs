//! `AWS::IAM::Policy`, `AWS::SQS::QueuePolicy` and `AWS::SNS::TopicPolicy`: one policy on several roles, queues or topics.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::sns::SNS;
use super::sqs_queue::SQS;
use super::{
    Deletion, Failure, HandlerErrorCode, Kind, Made, Naming, Property, ResourceType, attributes, iam_role,
};
use crate::door::Door;
use crate::stack::{Request, Resource, Sighting};

/// A type of policies that are attached to something.
pub(super) struct AttachedPolicy {
    type_name: &'static str,
    properties: &'static [Property],
    client: Client,
    /// The property that lists what has the policy.
    holders: &'static str,
    /// The call that puts the policy on one of them.
    put: fn(&str, &Map<String, Value>) -> (&'static str, Value),
    /// The call that takes it away again.
    take_away: fn(&str, &Map<String, Value>) -> (&'static str, Value),
}

/// Inline policies of roles.
pub(super) static IAM_POLICY: AttachedPolicy = AttachedPolicy {
    type_name: "AWS::IAM::Policy",
    properties: &[
        Property::refused("Groups"),
        Property::new("PolicyDocument", Kind::Json).required(),
        Property::new("PolicyName", Kind::Text).required(),
        Property::new("Roles", Kind::List(&Kind::Text)),
        Property::refused("Users"),
    ],
    client: Client::new("iam", "Iam"),
    holders: "Roles",
    put: |role, properties| {
        let (name, document) = (properties.get("PolicyName"), document(properties));
        ("PutRolePolicy", json!({"RoleName": role, "PolicyName": name, "PolicyDocument": document}))
    },
    take_away: |role, properties| {
        let name = properties.get("PolicyName");
        ("DeleteRolePolicy", json!({"RoleName": role, "PolicyName": name}))
    },
};

/// Access policies of queues.
pub(super) static QUEUE_POLICY: AttachedPolicy = AttachedPolicy {
    type_name: "AWS::SQS::QueuePolicy",
    properties: &[
        Property::new("PolicyDocument", Kind::Json).required(),
        Property::new("Queues", Kind::List(&Kind::Text)).required(),
    ],
    client: SQS,
    holders: "Queues",
    put: |queue, properties| {
        let attributes = json!({"Policy": document(properties)});
        ("SetQueueAttributes", json!({"QueueUrl": queue, "Attributes": attributes}))
    },
    take_away: |queue, _| ("SetQueueAttributes", json!({"QueueUrl": queue, "Attributes": {"Policy": ""}})),
};

/// Access policies of topics, which always have one.
pub(super) static TOPIC_POLICY: AttachedPolicy = AttachedPolicy {
    type_name: "AWS::SNS::TopicPolicy",
    properties: &[
        Property::new("PolicyDocument", Kind::Json).required(),
        Property::new("Topics", Kind::List(&Kind::Text)).required(),
    ],
    client: SNS,
    holders: "Topics",
    put: |topic, properties| {
        ("SetTopicAttributes", policy_of(topic, document(properties).unwrap_or_default()))
    },
    take_away: |topic, _| ("SetTopicAttributes", policy_of(topic, owners_policy(topic).into())),
};

fn policy_of(topic: &str, policy: Value) -> Value {
    json!({"TopicArn": topic, "AttributeName": "Policy", "AttributeValue": policy})
}

/// The policy that a topic has before it is given another: its owner may do everything.
fn owners_policy(topic: &str) -> String {
    let account = topic.split(':').nth(4).unwrap_or_default();
    let actions = [
        "GetTopicAttributes",
        "SetTopicAttributes",
        "AddPermission",
        "RemovePermission",
        "DeleteTopic",
        "Subscribe",
        "ListSubscriptionsByTopic",
        "Publish",
    ]
    .map(|action| format!("SNS:{action}"));
    let statement = json!({
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": actions,
        "Resource": topic,
        "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
    });
    let policy = json!({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]});
    policy.to_string()
}

impl ResourceType for AttachedPolicy {
    fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn properties(&self) -> &'static [Property] {
        self.properties
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["Id"]
    }

    fn naming(&self) -> Naming {
        // A policy's own name does not say which policy of a stack it is: AWS makes an id, such as `Stack-Polic-1A2B3C4D5E6F`.
        Naming { property: None, length_max: 24, with_stack: true, is_unique: false }
    }

    fn takes_tags(&self) -> bool {
        false
    }

    fn look<'a>(&'a self, _: &'a Door, _: &'a Request) -> BoxFuture<'a, Result<Sighting, Failure>> {
        Box::pin(async { Ok(Sighting::default()) })
    }

    fn create<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        _: &'a Sighting,
        _: bool,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async {
            let put = self.put_on_all(door, &request.properties).await;
            put.map_err(|failure| failure.leaving(&request.name))?;
            Ok(made(&request.name))
        })
    }

    fn update<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        current: &'a Resource,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async {
            self.put_on_all(door, &request.properties).await?;
            let taken = |properties| -> Vec<(&'static str, Value)> {
                self.holders(properties).map(|holder| (self.take_away)(holder, properties)).collect()
            };
            let kept = taken(&request.properties);
            for (operation, input) in taken(&current.properties) {
                if !kept.contains(&(operation, input.clone())) {
                    self.client.delete(door, operation, input).await?;
                }
            }
            Ok(made(current.physical_id.as_deref().unwrap_or_default()))
        })
    }

    fn delete<'a>(
        &'a self,
        door: &'a Door,
        resource: &'a Resource,
    ) -> BoxFuture<'a, Result<Deletion, Failure>> {
        Box::pin(async {
            for holder in self.holders(&resource.properties) {
                let (operation, input) = (self.take_away)(holder, &resource.properties);
                self.client.delete(door, operation, input).await?;
            }
            Ok(Deletion::Done)
        })
    }
}

impl AttachedPolicy {
    fn holders<'p>(&self, properties: &'p Map<String, Value>) -> impl Iterator<Item = &'p str> + use<'p> {
        let holders = properties.get(self.holders).and_then(Value::as_array).into_iter().flatten();
        holders.filter_map(Value::as_str)
    }

    async fn put_on_all(&self, door: &Door, properties: &Map<String, Value>) -> Result<(), Failure> {
        if self.holders(properties).next().is_none() && self.holders == "Roles" {
            let text = "At least one of [Groups,Roles,Users] must be non-empty.";
            return Err(Failure::handler(text, HandlerErrorCode::InvalidRequest));
        }
        for holder in self.holders(properties) {
            let (operation, input) = (self.put)(holder, properties);
            self.client.call(door, operation, input).await?;
        }
        Ok(())
    }
}

fn document(properties: &Map<String, Value>) -> Option<Value> {
    properties.get("PolicyDocument").map(iam_role::document)
}

fn made(id: &str) -> Made {
    Made { physical_id: id.to_owned(), attributes: attributes([("Id", id)]) }
}
