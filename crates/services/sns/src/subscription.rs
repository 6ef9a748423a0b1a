//! Subscriptions as they are kept and as answers show them.

use std::collections::BTreeMap;

use api::Context;
use serde::{Deserialize, Serialize};
use store::{Batch, Range, Versioned};

use crate::delivery_policy::{DeliveryPolicy, Effective};
use crate::error::Giver;
use crate::filter_policy::{FilterPolicy, Scope};
use crate::generated::types as model;
use crate::names::{self, SubscriptionName, TopicName};
use crate::topic::Topic;
use crate::{Error, Inner, page, subscription_attributes, topic_attributes};

/// Subscriptions, by account, region, topic and id.
pub const TABLE: &str = "sns/subscription";

/// A subscription of a topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    pub arn: String,
    pub topic_arn: String,
    pub protocol: Protocol,
    pub endpoint: String,
    /// The account that subscribed.
    pub owner: String,
    /// Who subscribed.
    pub principal: String,
    pub phase: Phase,
    #[serde(default)]
    pub settings: Settings,
}

/// How messages reach an endpoint. `Email` endpoints are never sent anything: nobody confirms them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    Sqs,
    Http,
    Https,
    Email,
    EmailJson,
}

/// Whether the endpoint wants to be subscribed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// It is yet to say so, with this token.
    Pending { token: String },
    /// It does.
    Confirmed {
        /// Whoever confirmed has shown who it is.
        authenticated: bool,
        /// Whether only somebody who shows that may end the subscription.
        authenticate_on_unsubscribe: bool,
    },
    /// Somebody has followed the link that ends the subscription; with this token it can be had again for a while.
    Unsubscribed { token: String },
}

/// The attributes that can be set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub raw_message_delivery: bool,
    pub filter_policy: Option<String>,
    pub filter_policy_scope: Scope,
    pub redrive_policy: Option<String>,
    pub delivery_policy: Option<String>,
}

impl Protocol {
    /// By its name.
    pub fn of(name: &str) -> Option<Self> {
        use Protocol::{Email, EmailJson, Http, Https, Sqs};
        [Sqs, Http, Https, Email, EmailJson].into_iter().find(|protocol| protocol.as_str() == name)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqs => "sqs",
            Self::Http => "http",
            Self::Https => "https",
            Self::Email => "email",
            Self::EmailJson => "email-json",
        }
    }

    /// Whether it is one of those that answer.
    pub fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }
}

impl Subscription {
    /// Whether its endpoint wants to be subscribed.
    pub fn is_confirmed(&self) -> bool {
        matches!(self.phase, Phase::Confirmed { .. })
    }

    /// Whether somebody has ended it.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Unsubscribed { .. })
    }

    /// Its filter policy. It was checked when it was set: one that a release reads otherwise wants nothing that is lost.
    pub fn filter_policy(&self) -> Option<FilterPolicy> {
        let text = self.settings.filter_policy.as_deref()?;
        FilterPolicy::parse(text, self.settings.filter_policy_scope).unwrap_or_else(|problem| {
            tracing::error!(subscription = self.arn, problem, "a filter policy cannot be read");
            None
        })
    }

    /// How it is delivered to.
    pub fn delivery_policy(&self, topic: &Topic) -> Effective {
        let own = self.settings.delivery_policy.as_deref();
        let own = own.and_then(|own| DeliveryPolicy::of_subscription(own).ok()).unwrap_or_default();
        DeliveryPolicy::effective(&topic_attributes::delivery_policy(topic), &own)
    }

    /// The endpoint as answers show it: without a password.
    fn shown_endpoint(&self) -> String {
        let Some((scheme, rest)) = self.endpoint.split_once("://") else { return self.endpoint.clone() };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        match authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')) {
            Some((user, secret)) => {
                let rest = rest.get(user.len() + 1 + secret.len()..).unwrap_or_default();
                format!("{scheme}://{user}:****{rest}")
            }
            None => self.endpoint.clone(),
        }
    }

    /// As lists show it.
    fn listed(self) -> model::Subscription {
        let arn = if self.is_confirmed() { self.arn.clone() } else { "PendingConfirmation".to_owned() };
        model::Subscription {
            endpoint: Some(self.shown_endpoint()),
            subscription_arn: Some(arn),
            owner: Some(self.owner),
            protocol: Some(self.protocol.as_str().to_owned()),
            topic_arn: Some(self.topic_arn),
        }
    }

    /// As GetSubscriptionAttributes shows it.
    fn attributes(&self, topic: Option<&Topic>) -> BTreeMap<String, String> {
        let authenticated = matches!(self.phase, Phase::Confirmed { authenticated: true, .. });
        let mut shown = vec![
            ("ConfirmationWasAuthenticated", authenticated.to_string()),
            ("Endpoint", self.shown_endpoint()),
            ("Owner", self.owner.clone()),
            ("PendingConfirmation", (!self.is_confirmed()).to_string()),
            ("Protocol", self.protocol.as_str().to_owned()),
            ("RawMessageDelivery", self.settings.raw_message_delivery.to_string()),
            ("SubscriptionArn", self.arn.clone()),
            ("SubscriptionPrincipal", self.principal.clone()),
            ("TopicArn", self.topic_arn.clone()),
        ];
        if let Some(policy) = &self.settings.filter_policy {
            shown.push(("FilterPolicy", policy.clone()));
            shown.push(("FilterPolicyScope", self.settings.filter_policy_scope.as_str().to_owned()));
        }
        if let Some(policy) = &self.settings.redrive_policy {
            shown.push(("RedrivePolicy", policy.clone()));
        }
        if let Some(policy) = &self.settings.delivery_policy {
            shown.push(("DeliveryPolicy", policy.clone()));
        }
        if let Some(topic) = topic.filter(|_| self.protocol.is_http()) {
            shown.push(("EffectiveDeliveryPolicy", self.delivery_policy(topic).shown()));
        }
        shown.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl Inner {
    /// The subscriptions of a topic, those included that are over.
    pub(crate) async fn subscriptions_of(
        &self,
        topic: &TopicName,
    ) -> Result<Vec<Versioned<Subscription>>, Error> {
        Ok(self.subscriptions.list(Range::prefix(&topic.subscriptions_prefix())).await?)
    }

    /// The subscription of that name.
    ///
    /// # Errors
    /// [`Error::SubscriptionNotFound`].
    pub(crate) async fn subscription(
        &self,
        name: &SubscriptionName,
    ) -> Result<Versioned<Subscription>, Error> {
        let found = self.subscriptions.get(&name.key()).await?;
        found.filter(|found| !found.value.is_over()).ok_or(Error::SubscriptionNotFound)
    }

    pub(crate) async fn subscription_attributes(
        &self,
        cx: &Context,
        arn: &str,
    ) -> Result<BTreeMap<String, String>, Error> {
        let name = SubscriptionName::parse(cx, arn)?;
        let subscription = self.subscription(&name).await?.value;
        let topic = self.topics.get(&name.topic.key()).await?;
        Ok(subscription.attributes(topic.as_ref().map(|topic| &topic.value)))
    }

    pub(crate) async fn change_subscription_attribute(
        &self,
        cx: &Context,
        input: model::SetSubscriptionAttributesInput,
    ) -> Result<(), Error> {
        let name = SubscriptionName::parse(cx, &input.subscription_arn)?;
        let value = input.attribute_value.unwrap_or_default();
        let _writer = self.writers.of(&name.topic).await;
        let seen = self.subscription(&name).await?;
        let mut changed = seen.value.clone();
        let place = subscription_attributes::Place {
            protocol: changed.protocol,
            endpoint: &seen.value.endpoint,
            topic: &name.topic,
            giver: Giver::Change,
        };
        place.set(&mut changed.settings, &input.attribute_name, &value)?;
        place.check_filter_policy(&changed.settings)?;
        if seen.value.settings.filter_policy.is_none() && changed.settings.filter_policy.is_some() {
            self.check_filter_policies(&name.topic).await?;
        }
        let mut batch = Batch::new();
        self.subscriptions.replace(&mut batch, &seen, &changed);
        self.store.submit(batch).durable().await?;
        Ok(())
    }

    pub(crate) async fn subscriptions_page(
        &self,
        cx: &Context,
        token: Option<&str>,
    ) -> Result<(Vec<model::Subscription>, Option<String>), Error> {
        listed(self.subscriptions.list(Range::prefix(&names::prefix(cx))).await?, token)
    }

    pub(crate) async fn subscriptions_page_of_topic(
        &self,
        cx: &Context,
        arn: &str,
        token: Option<&str>,
    ) -> Result<(Vec<model::Subscription>, Option<String>), Error> {
        let name = TopicName::parse(cx, arn)?;
        self.topic(&name).await?;
        listed(self.subscriptions_of(&name).await?, token)
    }
}

fn listed(
    found: Vec<Versioned<Subscription>>,
    token: Option<&str>,
) -> Result<(Vec<model::Subscription>, Option<String>), Error> {
    let found = found.into_iter().filter(|one| !one.value.is_over()).collect();
    let (page, next_token) = page::cut(found, token, |one: &Versioned<Subscription>| one.key.clone())?;
    Ok((page.into_iter().map(|one| one.value.listed()).collect(), next_token))
}
