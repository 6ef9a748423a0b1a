//! `AWS::SNS::Topic`, with the subscriptions that are written in it.

use types::Arn;

use super::{
    Failure, Kind, Made, Map, Property, SNS, Value, attributes, input, json, set_changed, text, written_all,
};
use crate::door::Door;
use crate::resources::client::{Client, TAG_RESOURCE, TagOperations};
use crate::resources::handler::Handler;
use crate::resources::schema::TAGS;
use crate::resources::{Deletion, Naming, tags};
use crate::stack::{Request, Resource};

pub(in crate::resources) struct Topic;

const ATTRIBUTES: [(&str, &str); 6] = [
    ("ContentBasedDeduplication", "false"),
    ("DisplayName", ""),
    ("FifoThroughputScope", "Topic"),
    ("KmsMasterKeyId", ""),
    ("SignatureVersion", "1"),
    ("TracingConfig", "PassThrough"),
];

impl Handler for Topic {
    const TYPE_NAME: &'static str = "AWS::SNS::Topic";
    const PROPERTIES: &'static [Property] = &[
        Property::refused("ArchivePolicy"),
        Property::new("ContentBasedDeduplication", Kind::Boolean),
        Property::refused("DataProtectionPolicy"),
        Property::refused("DeliveryStatusLogging"),
        Property::new("DisplayName", Kind::Text),
        Property::new("FifoThroughputScope", Kind::Text),
        Property::new("FifoTopic", Kind::Boolean).replaces(),
        Property::new("KmsMasterKeyId", Kind::Text),
        Property::new("SignatureVersion", Kind::Text),
        Property::new(
            "Subscription",
            Kind::List(&Kind::Object(&[
                Property::new("Endpoint", Kind::Text).required(),
                Property::new("Protocol", Kind::Text).required(),
            ])),
        ),
        Property::new("Tags", TAGS),
        Property::new("TopicName", Kind::Text).replaces(),
        Property::new("TracingConfig", Kind::Text),
    ];
    const ATTRIBUTES: &'static [&'static str] = &["TopicArn", "TopicName"];
    /// Five characters are kept for `.fifo`.
    const NAMING: Naming =
        Naming { property: Some("TopicName"), length_max: 251, with_stack: true, is_unique: true };
    const CLIENT: Client = SNS;
    const TAGS: Option<TagOperations> = Some(TAG_RESOURCE);

    async fn look(door: &Door, request: &Request) -> Result<(), Failure> {
        // CreateTopic answers a topic with the same attributes as if it had made it.
        let arn = arn(door, &name(request));
        match SNS.has(door, "GetTopicAttributes", json!({"TopicArn": arn})).await? {
            true => Err(Failure::exists(Self::TYPE_NAME, &arn)),
            false => Ok(()),
        }
    }

    async fn make(door: &Door, request: &Request, _: bool) -> Result<Made, Failure> {
        let mut given = written_all(&ATTRIBUTES, &request.properties);
        if is_fifo(request) {
            given.insert("FifoTopic".to_owned(), "true".into());
        }
        let name = name(request);
        let topic = input([
            ("Name", Some(name.clone().into())),
            ("Attributes", (!given.is_empty()).then(|| given.into())),
            ("Tags", tags::listed(&tags::merged(request), "Key", "Value")),
        ]);
        let answer = SNS.call(door, "CreateTopic", topic).await?;
        let arn = text(&answer, &["TopicArn"]);
        let attributes = attributes([("TopicArn", arn), ("TopicName", &name)]);
        Ok(Made { physical_id: arn.to_owned(), attributes })
    }

    async fn configure(
        door: &Door,
        topic: &Made,
        before: Option<&Map<String, Value>>,
        request: &Request,
    ) -> Result<(), Failure> {
        let none = Map::new();
        if let Some(before) = before {
            let arn = ("TopicArn", topic.physical_id.as_str());
            set_changed(door, "SetTopicAttributes", arn, &ATTRIBUTES, before, &request.properties).await?;
        }
        let (had, wanted) = (subscribers(before.unwrap_or(&none)), subscribers(&request.properties));
        for (protocol, endpoint) in wanted.iter().filter(|one| !had.contains(one)) {
            let subscription =
                json!({"TopicArn": topic.physical_id, "Protocol": protocol, "Endpoint": endpoint});
            SNS.call(door, "Subscribe", subscription).await?;
        }
        for subscriber in had.iter().filter(|one| !wanted.contains(one)) {
            unsubscribe(door, &topic.physical_id, *subscriber).await?;
        }
        Ok(())
    }

    async fn remove(door: &Door, topic: &Resource) -> Result<Deletion, Failure> {
        SNS.delete(door, "DeleteTopic", json!({"TopicArn": topic.physical_id})).await
    }

    fn tagged(topic: &Made) -> Value {
        json!({"ResourceArn": topic.physical_id})
    }
}

fn is_fifo(request: &Request) -> bool {
    request.properties.get("FifoTopic").and_then(Value::as_bool).unwrap_or(false)
}

/// A name that is made up says what kind of a topic it is.
fn name(request: &Request) -> String {
    match is_fifo(request) && !request.properties.contains_key("TopicName") {
        true => format!("{}.fifo", request.name),
        false => request.name.clone(),
    }
}

fn arn(door: &Door, name: &str) -> String {
    Arn::new("sns", &door.region, &door.account, name.to_owned()).to_string()
}

/// Protocols and endpoints.
fn subscribers(properties: &Map<String, Value>) -> Vec<(&str, &str)> {
    let subscriptions = properties.get("Subscription").and_then(Value::as_array).into_iter().flatten();
    subscriptions.map(|one| (text(one, &["Protocol"]), text(one, &["Endpoint"]))).collect()
}

async fn unsubscribe(door: &Door, topic: &str, subscriber: (&str, &str)) -> Result<(), Failure> {
    let mut token = None;
    loop {
        let page = input([("TopicArn", Some(topic.into())), ("NextToken", token)]);
        let answer = SNS.call(door, "ListSubscriptionsByTopic", page).await?;
        for one in answer.get("Subscriptions").and_then(Value::as_array).into_iter().flatten() {
            if (text(one, &["Protocol"]), text(one, &["Endpoint"])) == subscriber {
                let subscription = json!({"SubscriptionArn": text(one, &["SubscriptionArn"])});
                SNS.delete(door, "Unsubscribe", subscription).await?;
            }
        }
        token = answer.get("NextToken").filter(|token| token.is_string()).cloned();
        if token.is_none() {
            return Ok(());
        }
    }
}
