//! Publish and PublishBatch: a message is checked, and becomes deliveries.
//!
//! Source: SNS API Reference, Publish, PublishBatch; recorded answers, whose order of checks this has.

use std::collections::{BTreeMap, BTreeSet};

use api::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{Batch, Versioned};

use crate::background::{self, Upkeep};
use crate::delivery::Delivery;
use crate::filter_policy::{FilterPolicy, Seen};
use crate::generated::types as model;
use crate::limits::{
    BATCH_ID_MAX, BATCH_MAX, DEDUPLICATION_TIME, FIFO_ID_MAX, MESSAGE_BYTES_MAX, SUBJECT_MAX,
};
use crate::message::{Attributes, Message};
use crate::names::TopicName;
use crate::subscription::{Protocol, Subscription};
use crate::topic::Topic;
use crate::{Error, Inner, fifo};

/// What the publisher of a message is told, kept for as long as the message is known again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    pub message_id: String,
    pub sequence_number: Option<u64>,
}

/// A message as a request has it.
struct Request {
    message: String,
    subject: Option<String>,
    structure: Option<String>,
    attributes: Option<BTreeMap<String, model::MessageAttributeValue>>,
    group: Option<String>,
    deduplication_id: Option<String>,
}

/// A message that has been checked, but for its topic.
struct Draft {
    text: String,
    is_json: bool,
    subject: Option<String>,
    attributes: Attributes,
    group: Option<String>,
    deduplication_id: Option<String>,
}

/// What a message says to the endpoints of each protocol.
enum Bodies {
    Same(String),
    ByProtocol { default: String, others: BTreeMap<String, String> },
}

/// The topic of a request, as it is now.
struct Place {
    name: TopicName,
    topic: Topic,
    subscribers: Vec<Subscriber>,
}

/// A subscription whose endpoint wants messages, and which.
struct Subscriber {
    subscription: Versioned<Subscription>,
    policy: Option<FilterPolicy>,
}

impl Request {
    fn check(self) -> Result<Draft, Error> {
        let is_subject = |subject: &str| {
            !subject.is_empty()
                && subject.chars().count() <= SUBJECT_MAX
                && !subject.chars().any(char::is_control)
                && !subject.starts_with(' ')
        };
        if !self.subject.as_deref().is_none_or(is_subject) {
            return Err(Error::Parameter("Subject".to_owned()));
        }
        if self.message.is_empty() {
            return Err(Error::Parameter("Empty message".to_owned()));
        }
        let attributes = Attributes::read(self.attributes.unwrap_or_default())?;
        let is_json = match self.structure.as_deref() {
            None => false,
            Some("json") => true,
            Some(_) => return Err(Error::Parameter("MessageStructure".to_owned())),
        };
        for (name, id) in
            [("MessageGroupId", &self.group), ("MessageDeduplicationId", &self.deduplication_id)]
        {
            if !id.as_deref().is_none_or(is_fifo_id) {
                let reason = format!(
                    "The {name} parameter can only include alphanumeric and punctuation characters. 1 to 128 in length."
                );
                return Err(Error::reason(name, reason));
            }
        }
        Ok(Draft {
            text: self.message,
            is_json,
            subject: self.subject,
            attributes,
            group: self.group,
            deduplication_id: self.deduplication_id,
        })
    }
}

fn is_fifo_id(id: &str) -> bool {
    (1..=FIFO_ID_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

impl Draft {
    fn bytes(&self) -> usize {
        self.text.len() + self.attributes.bytes()
    }

    /// Checks it against a FIFO topic's rules, or a standard topic's.
    fn check_for(&self, is_fifo: bool, deduplicates_by_content: bool) -> Result<(), Error> {
        match (is_fifo, &self.group, &self.deduplication_id) {
            (true, None, _) => {
                let text = "The MessageGroupId parameter is required for FIFO topics";
                Err(Error::Parameter(text.to_owned()))
            }
            (true, Some(_), None) if !deduplicates_by_content => {
                let text = "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId \
                            provided explicitly";
                Err(Error::Parameter(text.to_owned()))
            }
            (false, _, Some(_)) => {
                let reason = "The request includes MessageDeduplicationId parameter that is not valid for this topic type";
                Err(Error::reason("MessageDeduplicationId", reason))
            }
            (true, Some(_), _) | (false, _, None) => Ok(()),
        }
    }

    fn bodies(&self) -> Result<Bodies, Error> {
        if !self.is_json {
            return Ok(Bodies::Same(self.text.clone()));
        }
        let refuse = |problem: &str| Err(Error::Parameter(format!("Message Structure - {problem}")));
        let Ok(members) = serde_json::from_str::<Map<String, Value>>(&self.text) else {
            return refuse("JSON message body failed to parse");
        };
        let mut others: BTreeMap<String, String> = members
            .into_iter()
            .filter_map(|(protocol, body)| Some((protocol, body.as_str()?.to_owned())))
            .collect();
        match others.remove("default") {
            Some(default) => Ok(Bodies::ByProtocol { default, others }),
            None => refuse("No default entry in JSON message body"),
        }
    }
}

impl Bodies {
    fn of(&self, protocol: Protocol) -> &str {
        match self {
            Self::Same(body) => body,
            Self::ByProtocol { default, others } => others.get(protocol.as_str()).unwrap_or(default),
        }
    }
}

impl Inner {
    pub(crate) async fn publish_one(
        &self,
        cx: &Context,
        input: model::PublishInput,
    ) -> Result<Published, Error> {
        if input.phone_number.is_some() {
            return Err(Error::not_served("PhoneNumber", "text messages"));
        }
        let request = Request {
            message: input.message,
            subject: input.subject,
            structure: input.message_structure,
            attributes: input.message_attributes,
            group: input.message_group_id,
            deduplication_id: input.message_deduplication_id,
        };
        let draft = request.check()?;
        if draft.bytes() > MESSAGE_BYTES_MAX {
            return Err(Error::Parameter("Message too long".to_owned()));
        }
        let target = match (input.topic_arn, input.target_arn) {
            (Some(_), Some(_)) => {
                let text = "Only one of TopicArn and TargetArn can be specified";
                return Err(Error::Parameter(text.to_owned()));
            }
            (Some(arn), None) | (None, Some(arn)) => arn,
            (None, None) => {
                return Err(Error::reason("TopicArn or TargetArn", "no value for required parameter"));
            }
        };
        if target.contains(":endpoint/") {
            return Err(Error::reason("TargetArn", "No endpoint found for the target arn specified"));
        }
        let name = TopicName::parse(cx, &target)?;
        let mut published = self.send(cx, name, vec![(String::new(), draft)]).await?;
        published.pop().ok_or(Error::EmptyBatch)
    }

    pub(crate) async fn publish_several(
        &self,
        cx: &Context,
        input: model::PublishBatchInput,
    ) -> Result<Vec<model::PublishBatchResultEntry>, Error> {
        let entries = input.publish_batch_request_entries;
        if entries.len() > BATCH_MAX {
            return Err(Error::TooManyEntries);
        }
        let name = TopicName::parse(cx, &input.topic_arn)?;
        self.topic(&name).await?;
        check_ids(&entries)?;
        let mut drafts = Vec::with_capacity(entries.len());
        for entry in entries {
            let request = Request {
                message: entry.message,
                subject: entry.subject,
                structure: entry.message_structure,
                attributes: entry.message_attributes,
                group: entry.message_group_id,
                deduplication_id: entry.message_deduplication_id,
            };
            drafts.push((entry.id, request.check()?));
        }
        if drafts.iter().map(|(_, draft)| draft.bytes()).sum::<usize>() > MESSAGE_BYTES_MAX {
            return Err(Error::BatchTooLong);
        }
        let ids: Vec<String> = drafts.iter().map(|(id, _)| id.clone()).collect();
        let published = self.send(cx, name, drafts).await?;
        let answers = ids.into_iter().zip(published).map(|(id, published)| model::PublishBatchResultEntry {
            id: Some(id),
            message_id: Some(published.message_id),
            sequence_number: published.sequence_number.map(|number| number.to_string()),
        });
        Ok(answers.collect())
    }

    /// Publishes messages, each under its id in the request. They are there once, whole and in their order.
    async fn send(
        &self,
        cx: &Context,
        name: TopicName,
        drafts: Vec<(String, Draft)>,
    ) -> Result<Vec<Published>, Error> {
        let is_fifo = name.is_fifo();
        // What is in an order is written in that order.
        let _writer = if is_fifo { Some(self.writers.of(&name).await) } else { None };
        let found = self.topics.get(&name.key()).await?;
        let by_content = found.as_ref().is_some_and(|topic| topic.value.deduplicates_by_content());
        for (_, draft) in &drafts {
            if !is_fifo || found.is_some() {
                draft.check_for(is_fifo, by_content)?;
            }
        }
        let bodies: Vec<Bodies> = drafts.iter().map(|(_, draft)| draft.bodies()).collect::<Result<_, _>>()?;
        let topic = found.ok_or(Error::TopicNotFound)?.value;
        let subscribers = self.subscribers_of(&name).await?;
        let place = Place { name, topic, subscribers };
        match self.try_send(cx, &place, &drafts, &bodies).await {
            // Another try of the same call was faster: now it is known.
            Err(Error::Store(store::Error::Conflict { .. })) => {
                self.try_send(cx, &place, &drafts, &bodies).await
            }
            answer => answer,
        }
    }

    async fn subscribers_of(&self, name: &TopicName) -> Result<Vec<Subscriber>, Error> {
        let mut all = self.subscriptions_of(name).await?;
        all.retain(|one| one.value.is_confirmed());
        let with_policy = |subscription: Versioned<Subscription>| {
            let policy = subscription.value.filter_policy();
            Subscriber { subscription, policy }
        };
        Ok(all.into_iter().map(with_policy).collect())
    }

    async fn try_send(
        &self,
        cx: &Context,
        place: &Place,
        drafts: &[(String, Draft)],
        bodies: &[Bodies],
    ) -> Result<Vec<Published>, Error> {
        let mut writing = Writing { batch: Batch::new(), place, sequence: None, known: BTreeMap::new() };
        let mut published = Vec::with_capacity(drafts.len());
        for ((id, draft), bodies) in drafts.iter().zip(bodies) {
            published.push(self.write(cx, &mut writing, id, draft, bodies).await?);
        }
        let Writing { mut batch, sequence, .. } = writing;
        if let Some(sequence) = sequence {
            self.sequences.put(&mut batch, &place.name.key(), &sequence);
        }
        if !batch.is_empty() {
            self.store.submit(batch).durable().await?;
        }
        Ok(published)
    }

    /// Adds one message to what is written, unless it was there before.
    async fn write(
        &self,
        cx: &Context,
        writing: &mut Writing<'_>,
        entry: &str,
        draft: &Draft,
        bodies: &Bodies,
    ) -> Result<Published, Error> {
        let Place { name, topic, subscribers } = writing.place;
        let deduplication_id = name
            .is_fifo()
            .then(|| draft.deduplication_id.clone().unwrap_or_else(|| fifo::content_id(&draft.text)));
        let group = draft.group.as_deref().unwrap_or_default();
        let by_id = deduplication_id.as_ref().map(|id| fifo::repetition_key(name, topic, group, id));
        let by_call = cx.idempotency_key.as_ref().map(|key| fifo::retry_key(name, &format!("{key}/{entry}")));
        for key in by_id.iter().chain(&by_call) {
            if let Some(before) = writing.known.get(key) {
                return Ok(before.clone());
            }
            if let Some(before) = self.repetitions.get(key).await? {
                return Ok(before.value);
            }
        }
        let published = Published {
            message_id: api::ids::uuid(),
            sequence_number: match name.is_fifo() {
                true => Some(self.next_number(writing).await?),
                false => None,
            },
        };
        for key in by_id.into_iter().chain(by_call) {
            self.repetitions.create(&mut writing.batch, &key, &published);
            background::plan(
                &mut writing.batch,
                &Upkeep::Repetition { key: key.clone() },
                cx.now + DEDUPLICATION_TIME,
            );
            writing.known.insert(key, published.clone());
        }
        let mut message = Message {
            id: published.message_id.clone(),
            body: String::new(),
            subject: draft.subject.clone(),
            attributes: draft.attributes.clone(),
            published: cx.now,
            group: draft.group.clone(),
            deduplication_id,
            sequence_number: published.sequence_number,
        };
        let attributes = draft.attributes.as_event();
        let mut seen = Seen::new(&attributes);
        for Subscriber { subscription, policy } in subscribers {
            let body = bodies.of(subscription.value.protocol);
            if policy.as_ref().is_none_or(|policy| policy.accepts(body, &mut seen)) {
                body.clone_into(&mut message.body);
                Delivery::of(subscription, topic, &message).plan(
                    &mut writing.batch,
                    cx.now,
                    self.key.as_ref(),
                )?;
            }
        }
        Ok(published)
    }

    async fn next_number(&self, writing: &mut Writing<'_>) -> Result<u64, Error> {
        let last = match writing.sequence {
            Some(last) => last,
            None => {
                let kept = self.sequences.get(&writing.place.name.key()).await?;
                kept.map_or(fifo::SEQUENCE_BASE, |kept| kept.value)
            }
        };
        let next = last.saturating_add(1);
        writing.sequence = Some(next);
        Ok(next)
    }
}

/// What one request writes.
struct Writing<'a> {
    batch: Batch,
    place: &'a Place,
    /// The last number that was given.
    sequence: Option<u64>,
    /// Messages of this request that are known again.
    known: BTreeMap<String, Published>,
}

fn check_ids(entries: &[model::PublishBatchRequestEntry]) -> Result<(), Error> {
    if entries.is_empty() {
        return Err(Error::EmptyBatch);
    }
    let mut seen = BTreeSet::new();
    if !entries.iter().all(|entry| seen.insert(entry.id.as_str())) {
        return Err(Error::EntryIdsNotDistinct);
    }
    for id in seen {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let problem = match () {
            () if id.len() > BATCH_ID_MAX => "is too long",
            () if id.is_empty() || !id.bytes().all(is_letter) => "contains an impermissible character",
            () => continue,
        };
        return Err(Error::EntryId(format!("The Id of a batch entry in the batch request {problem}: {id}")));
    }
    Ok(())
}
