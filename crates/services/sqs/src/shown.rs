//! A message as a receiver sees it: its attributes, as far as they are asked for.
//!
//! Source: SQS API Reference, "ReceiveMessage".

use std::collections::{BTreeMap, BTreeSet};

use crate::Error;
use crate::digest;
use crate::generated::types as model;
use crate::index::Place;
use crate::message::{Message, sequence_number};
use crate::queue::Queue;
use crate::receive::Given;

/// The system attributes that there are.
const SYSTEM_ATTRIBUTES: [&str; 9] = [
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
];

/// Attributes of queues, which the older of the two lists takes too, to no effect.
const IGNORED: [&str; 3] = ["Policy", "VisibilityTimeout", "QueueArn"];

/// What a receiver wants to see.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    system: BTreeSet<String>,
    attributes: Vec<String>,
}

impl Selection {
    /// From the names that a request gives.
    ///
    /// # Errors
    /// [`Error::UnknownAttribute`].
    pub(crate) fn of(
        system: impl Iterator<Item = String>,
        attributes: Option<Vec<String>>,
    ) -> Result<Self, Error> {
        let system: BTreeSet<String> = system.collect();
        let is_known =
            |name: &str| name == "All" || SYSTEM_ATTRIBUTES.contains(&name) || IGNORED.contains(&name);
        match system.iter().find(|name| !is_known(name)) {
            Some(unknown) => Err(Error::UnknownAttribute(unknown.clone())),
            None => Ok(Self { system, attributes: attributes.unwrap_or_default() }),
        }
    }

    fn has_system(&self, name: &str) -> bool {
        self.system.contains("All") || self.system.contains(name)
    }

    fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|wanted| match wanted.strip_suffix(".*") {
            Some(prefix) => prefix.is_empty() || name.starts_with(prefix),
            None => wanted == "All" || wanted == name,
        })
    }
}

/// The message.
pub(crate) fn message(
    queue: &Queue,
    place: Place,
    message: Message,
    given: Given,
    handle: String,
    selection: &Selection,
) -> model::Message {
    let system = system_attributes(queue, place, &message, given, selection);
    let attributes: BTreeMap<_, _> =
        message.attributes.into_iter().filter(|(name, _)| selection.has(name)).collect();
    model::Message {
        message_id: Some(message.id),
        receipt_handle: Some(handle),
        md5_of_body: Some(digest::of_text(&message.body)),
        body: Some(message.body),
        attributes: (!system.is_empty()).then_some(system),
        md5_of_message_attributes: digest::of_attributes(&attributes),
        message_attributes: (!attributes.is_empty()).then_some(attributes),
    }
}

fn system_attributes(
    queue: &Queue,
    place: Place,
    message: &Message,
    given: Given,
    selection: &Selection,
) -> BTreeMap<String, String> {
    let is_fifo = queue.attributes.is_fifo();
    let all = [
        ("SenderId", Some(message.sender.clone())),
        ("SentTimestamp", Some(message.sent.as_millis().to_string())),
        ("ApproximateReceiveCount", Some(given.receives.to_string())),
        ("ApproximateFirstReceiveTimestamp", Some(given.first.as_millis().to_string())),
        ("SequenceNumber", is_fifo.then(|| sequence_number(place))),
        ("MessageDeduplicationId", message.deduplication_id.clone()),
        ("MessageGroupId", message.group.clone()),
        ("AWSTraceHeader", message.trace.clone()),
        ("DeadLetterQueueSourceArn", message.source_arn.clone()),
    ];
    all.into_iter()
        .filter(|(name, _)| selection.has_system(name))
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}
