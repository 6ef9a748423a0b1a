//! Topics as they are kept, and the operations that make, show and delete them.

use std::collections::BTreeMap;

use api::Context;
use serde::{Deserialize, Serialize};
use store::{Batch, Range, Versioned};
use types::Timestamp;

use crate::error::Giver;
use crate::generated::types as model;
use crate::limits::TOPICS_MAX;
use crate::names::{self, TopicName};
use crate::subscription::{self, Phase};
use crate::topic_attributes::{self, CONTENT_BASED_DEDUPLICATION, FIFO_TOPIC, KMS_KEY};
use crate::{Error, Inner, fifo, page, tag};

/// Topics, by account, region and name.
pub const TABLE: &str = "sns/topic";

/// A topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Topic {
    pub arn: String,
    pub created: Timestamp,
    /// What was set, by name; what was not has the default of `topic_attributes`.
    pub attributes: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    /// Subscriptions that there were once.
    pub subscriptions_deleted: u64,
}

impl Topic {
    /// Whether messages without an id of their own are known again by what they say.
    pub fn deduplicates_by_content(&self) -> bool {
        self.attributes.get(CONTENT_BASED_DEDUPLICATION).is_some_and(|value| value == "true")
    }
}

impl Inner {
    /// The topic of that name.
    ///
    /// # Errors
    /// [`Error::TopicNotFound`].
    pub(crate) async fn topic(&self, name: &TopicName) -> Result<Versioned<Topic>, Error> {
        self.topics.get(&name.key()).await?.ok_or(Error::TopicNotFound)
    }

    pub(crate) async fn make_topic(
        &self,
        cx: &Context,
        input: model::CreateTopicInput,
    ) -> Result<String, Error> {
        if input.data_protection_policy.is_some() {
            return Err(Error::not_served("DataProtectionPolicy", "data protection policies"));
        }
        let given = input.attributes.unwrap_or_default();
        let is_fifo = given.get(FIFO_TOPIC).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        names::check(&input.name, is_fifo)?;
        let attributes = topic_attributes::read(given, is_fifo)?;
        self.check_key(&attributes, Giver::Creation)?;
        let tags = tag::added(BTreeMap::new(), input.tags.unwrap_or_default())?;
        let name = TopicName::of(cx, &input.name);
        let _writer = self.writers.of(&name).await;
        if let Some(topic) = self.topics.get(&name.key()).await? {
            is_the_same(&topic.value, &attributes, &tags)?;
            return Ok(topic.value.arn);
        }
        if self.topics.list(Range::prefix(&names::prefix(cx))).await?.len() >= TOPICS_MAX {
            return Err(Error::TooManyTopics);
        }
        let topic = Topic { arn: name.arn(), created: cx.now, attributes, tags, subscriptions_deleted: 0 };
        let mut batch = Batch::new();
        self.topics.create(&mut batch, &name.key(), &topic);
        self.store.submit(batch).durable().await?;
        Ok(topic.arn)
    }

    /// Deletes a topic and its subscriptions. One that is not there is none that is left.
    pub(crate) async fn remove_topic(&self, cx: &Context, arn: &str) -> Result<(), Error> {
        let name = TopicName::parse(cx, arn)?;
        let _writer = self.writers.of(&name).await;
        let mut batch = Batch::new();
        self.topics.delete(&mut batch, &name.key());
        batch.delete_prefix(subscription::TABLE, name.subscriptions_prefix());
        batch.delete(fifo::SEQUENCES_TABLE, name.key());
        batch.delete_prefix(fifo::REPETITIONS_TABLE, fifo::repetitions_prefix(&name));
        self.store.submit(batch).durable().await?;
        Ok(())
    }

    pub(crate) async fn topic_attributes(
        &self,
        cx: &Context,
        arn: &str,
    ) -> Result<BTreeMap<String, String>, Error> {
        let name = TopicName::parse(cx, arn)?;
        let topic = self.topic(&name).await?.value;
        let (mut confirmed, mut pending) = (0_u64, 0_u64);
        for subscription in self.subscriptions_of(&name).await? {
            match subscription.value.phase {
                Phase::Confirmed { .. } => confirmed += 1,
                Phase::Pending { .. } => pending += 1,
                Phase::Unsubscribed { .. } => {}
            }
        }
        let mut shown = topic_attributes::shown(&name, &topic);
        for (attribute, count) in [
            ("SubscriptionsConfirmed", confirmed),
            ("SubscriptionsPending", pending),
            ("SubscriptionsDeleted", topic.subscriptions_deleted),
        ] {
            shown.insert(attribute.to_owned(), count.to_string());
        }
        Ok(shown)
    }

    pub(crate) async fn change_topic_attribute(
        &self,
        cx: &Context,
        input: model::SetTopicAttributesInput,
    ) -> Result<(), Error> {
        let name = TopicName::parse(cx, &input.topic_arn)?;
        let value = input.attribute_value.unwrap_or_default();
        self.change_topic(&name, |topic| {
            if input.attribute_name == FIFO_TOPIC {
                return Err(Error::Parameter("AttributeName".to_owned()));
            }
            topic_attributes::set(
                &mut topic.attributes,
                &input.attribute_name,
                &value,
                name.is_fifo(),
                Giver::Change,
            )?;
            self.check_key(&topic.attributes, Giver::Change)
        })
        .await
    }

    /// Checks that there is something to seal messages with, where the topic wants that.
    fn check_key(&self, attributes: &BTreeMap<String, String>, giver: Giver) -> Result<(), Error> {
        match attributes.contains_key(KMS_KEY) && self.key.is_none() {
            true => Err(giver.not_served(KMS_KEY, "encryption without a key of its own")),
            false => Ok(()),
        }
    }

    /// Changes a topic that is there.
    pub(crate) async fn change_topic(
        &self,
        name: &TopicName,
        change: impl FnOnce(&mut Topic) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let _writer = self.writers.of(name).await;
        let seen = self.topic(name).await?;
        let mut topic = seen.value.clone();
        change(&mut topic)?;
        let mut batch = Batch::new();
        self.topics.replace(&mut batch, &seen, &topic);
        self.store.submit(batch).durable().await?;
        Ok(())
    }

    pub(crate) async fn topics_page(
        &self,
        cx: &Context,
        token: Option<&str>,
    ) -> Result<model::ListTopicsOutput, Error> {
        let found = self.topics.list(Range::prefix(&names::prefix(cx))).await?;
        let (page, next_token) = page::cut(found, token, |topic| topic.key.clone())?;
        let topics = page.into_iter().map(|topic| model::Topic { topic_arn: Some(topic.value.arn) });
        Ok(model::ListTopicsOutput { topics: Some(topics.collect()), next_token })
    }
}

/// Whether a request for a topic that is there asks for what is there.
fn is_the_same(
    topic: &Topic,
    attributes: &BTreeMap<String, String>,
    tags: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let value = |of: &BTreeMap<String, String>, name: &str| {
        of.get(name).cloned().unwrap_or_else(|| topic_attributes::default(name).to_owned())
    };
    if attributes.keys().any(|name| value(attributes, name) != value(&topic.attributes, name)) {
        return Err(Giver::Creation.refuse("Topic already exists with different attributes"));
    }
    if tags.iter().any(|(key, value)| topic.tags.get(key) != Some(value)) {
        return Err(Error::reason("Tags", "Topic already exists with different tags"));
    }
    Ok(())
}
