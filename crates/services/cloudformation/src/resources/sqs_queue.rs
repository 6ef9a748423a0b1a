//! `AWS::SQS::Queue`: `Ref` gives its URL.

use serde_json::{Map, Value, json};
use types::Arn;

use super::client::{Client, TAG_RESOURCE, TagForm, TagOperations};
use super::handler::Handler;
use super::schema::TAGS;
use super::{Deletion, Failure, Kind, Made, Naming, Property, attributes, input, tags, text};
use crate::door::Door;
use crate::stack::{Request, Resource};

pub(super) struct Queue;

pub(super) const SQS: Client = Client::new("sqs", "Sqs");

/// Attributes of queues, with what each is where a template does not say.
///
/// Source: SQS API, SetQueueAttributes.
const ATTRIBUTES: [(&str, &str); 13] = [
    ("ContentBasedDeduplication", "false"),
    ("DeduplicationScope", "queue"),
    ("DelaySeconds", "0"),
    ("FifoThroughputLimit", "perQueue"),
    ("KmsDataKeyReusePeriodSeconds", "300"),
    ("KmsMasterKeyId", ""),
    ("MaximumMessageSize", "1048576"),
    ("MessageRetentionPeriod", "345600"),
    ("ReceiveMessageWaitTimeSeconds", "0"),
    ("RedriveAllowPolicy", ""),
    ("RedrivePolicy", ""),
    ("SqsManagedSseEnabled", "true"),
    ("VisibilityTimeout", "30"),
];

impl Handler for Queue {
    const TYPE_NAME: &'static str = "AWS::SQS::Queue";
    const PROPERTIES: &'static [Property] = &[
        Property::new("ContentBasedDeduplication", Kind::Boolean),
        Property::new("DeduplicationScope", Kind::Text),
        Property::new("DelaySeconds", Kind::Integer),
        Property::new("FifoQueue", Kind::Boolean).replaces(),
        Property::new("FifoThroughputLimit", Kind::Text),
        Property::new("KmsDataKeyReusePeriodSeconds", Kind::Integer),
        Property::new("KmsMasterKeyId", Kind::Text),
        Property::new("MaximumMessageSize", Kind::Integer),
        Property::new("MessageRetentionPeriod", Kind::Integer),
        Property::new("QueueName", Kind::Text).replaces(),
        Property::new("ReceiveMessageWaitTimeSeconds", Kind::Integer),
        Property::new("RedriveAllowPolicy", Kind::Json),
        Property::new("RedrivePolicy", Kind::Json),
        Property::new("SqsManagedSseEnabled", Kind::Boolean),
        Property::new("Tags", TAGS),
        Property::new("VisibilityTimeout", Kind::Integer),
    ];
    const ATTRIBUTES: &'static [&'static str] = &["Arn", "QueueName", "QueueUrl"];
    /// Five characters are kept for `.fifo`.
    const NAMING: Naming =
        Naming { property: Some("QueueName"), length_max: 75, with_stack: true, is_unique: true };
    const CLIENT: Client = SQS;
    const TAGS: Option<TagOperations> =
        Some(TagOperations { set: "TagQueue", remove: "UntagQueue", form: TagForm::Map, ..TAG_RESOURCE });

    async fn look(door: &Door, request: &Request) -> Result<(), Failure> {
        // CreateQueue answers a queue with the same attributes as if it had made it.
        let name = name(request);
        match SQS.has(door, "GetQueueUrl", json!({"QueueName": name})).await? {
            true => Err(Failure::exists(Self::TYPE_NAME, &name)),
            false => Ok(()),
        }
    }

    async fn make(door: &Door, request: &Request, _: bool) -> Result<Made, Failure> {
        let mut given: Map<String, Value> = ATTRIBUTES
            .iter()
            .filter_map(|(name, _)| Some(((*name).to_owned(), written(request.properties.get(*name)?))))
            .collect();
        if is_fifo(request) {
            given.insert("FifoQueue".to_owned(), "true".into());
        }
        let name = name(request);
        let queue = input([
            ("QueueName", Some(name.clone().into())),
            ("Attributes", (!given.is_empty()).then(|| given.into())),
            ("tags", tags::mapped(&tags::merged(request))),
        ]);
        let answer = SQS.call(door, "CreateQueue", queue).await?;
        let url = text(&answer, &["QueueUrl"]);
        let arn = Arn::new("sqs", &door.region, &door.account, name.clone()).to_string();
        let attributes = attributes([("Arn", &arn), ("QueueName", &name), ("QueueUrl", url)]);
        Ok(Made { physical_id: url.to_owned(), attributes })
    }

    async fn configure(
        door: &Door,
        queue: &Made,
        before: Option<&Map<String, Value>>,
        request: &Request,
    ) -> Result<(), Failure> {
        let Some(before) = before else { return Ok(()) };
        let changed =
            ATTRIBUTES.iter().filter(|(name, _)| before.get(*name) != request.properties.get(*name));
        let changed: Map<String, Value> = changed
            .map(|(name, default)| {
                let value = request.properties.get(*name).map_or_else(|| (*default).into(), written);
                ((*name).to_owned(), value)
            })
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        let change = json!({"QueueUrl": queue.physical_id, "Attributes": changed});
        SQS.call(door, "SetQueueAttributes", change).await.map(drop)
    }

    async fn remove(door: &Door, queue: &Resource) -> Result<Deletion, Failure> {
        SQS.delete(door, "DeleteQueue", json!({"QueueUrl": queue.physical_id})).await
    }

    fn tagged(queue: &Made) -> Value {
        json!({"QueueUrl": queue.physical_id})
    }
}

fn is_fifo(request: &Request) -> bool {
    request.properties.get("FifoQueue").and_then(Value::as_bool).unwrap_or(false)
}

/// A name that is made up says what kind of a queue it is.
fn name(request: &Request) -> String {
    match is_fifo(request) && !request.properties.contains_key("QueueName") {
        true => format!("{}.fifo", request.name),
        false => request.name.clone(),
    }
}

/// An attribute's value, as SQS takes them all: a text.
fn written(value: &Value) -> Value {
    match value {
        Value::String(_) => value.clone(),
        other => other.to_string().into(),
    }
}
