//! Attributes of subscriptions: which can be set, and to what. Pure.
//!
//! Source: SNS API Reference, Subscribe, SetSubscriptionAttributes; recorded answers.

use std::collections::BTreeMap;

use serde_json::Value;
use types::Arn;

use crate::delivery_policy::DeliveryPolicy;
use crate::error::Giver;
use crate::filter_policy::{FilterPolicy, Scope};
use crate::names::{FIFO, TopicName};
use crate::subscription::{Protocol, Settings};
use crate::{Error, json_text};

/// What decides beside an attribute's own value whether it can be that.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) protocol: Protocol,
    pub(crate) endpoint: &'a str,
    pub(crate) topic: &'a TopicName,
    pub(crate) giver: Giver,
}

impl Place<'_> {
    /// Reads all attributes of a request.
    ///
    /// # Errors
    /// The first that cannot be.
    pub(crate) fn read(self, given: &BTreeMap<String, String>) -> Result<Settings, Error> {
        let mut settings = Settings::default();
        for (name, value) in given {
            self.set(&mut settings, name, value)?;
        }
        self.check_filter_policy(&settings)?;
        Ok(settings)
    }

    /// Sets an attribute. An empty policy is none. Whether a filter policy fits its scope is not looked at.
    ///
    /// # Errors
    /// Where there is no such attribute, or it cannot be that.
    pub(crate) fn set(self, settings: &mut Settings, name: &str, value: &str) -> Result<(), Error> {
        let given = || Some(value.to_owned()).filter(|value| !value.is_empty());
        match name {
            "RawMessageDelivery" => settings.raw_message_delivery = self.raw_message_delivery(value)?,
            // `{}` wants everything, in whatever scope.
            "FilterPolicy" => settings.filter_policy = given().filter(|policy| is_a_policy(policy)),
            "FilterPolicyScope" => {
                settings.filter_policy_scope = Scope::of(value).ok_or_else(|| {
                    self.giver.refuse(format!(
                        "FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or MessageAttributes"
                    ))
                })?;
            }
            "RedrivePolicy" => {
                settings.redrive_policy = given();
                if let Some(policy) = &settings.redrive_policy {
                    self.check_redrive_policy(policy).map_err(|problem| self.giver.refuse(problem))?;
                }
            }
            "DeliveryPolicy" => {
                settings.delivery_policy = given();
                if let Some(policy) = &settings.delivery_policy {
                    self.check_delivery_policy(policy).map_err(|problem| self.giver.refuse(problem))?;
                }
            }
            "SubscriptionRoleArn" => return Err(self.giver.not_served(name, "deliveries to Firehose")),
            "ReplayPolicy" => return Err(self.giver.not_served(name, "replays of archived messages")),
            _ => return Err(self.giver.refuse("AttributeName")),
        }
        Ok(())
    }

    /// Checks the filter policy against its scope; one that wants everything is none.
    ///
    /// # Errors
    /// What AWS says of it.
    pub(crate) fn check_filter_policy(self, settings: &Settings) -> Result<(), Error> {
        let Some(policy) = &settings.filter_policy else { return Ok(()) };
        FilterPolicy::parse(policy, settings.filter_policy_scope)
            .map(drop)
            .map_err(|problem| self.giver.refuse(problem))
    }

    fn raw_message_delivery(self, value: &str) -> Result<bool, Error> {
        let raw = match value.to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => {
                return Err(self
                    .giver
                    .refuse(format!("RawMessageDelivery: Invalid value [{value}]. Must be true or false.")));
            }
        };
        if raw && matches!(self.protocol, Protocol::Email | Protocol::EmailJson) {
            let protocol = self.protocol.as_str();
            return Err(self
                .giver
                .refuse(format!("Delivery protocol [{protocol}] does not support raw message delivery.")));
        }
        Ok(raw)
    }

    fn check_redrive_policy(self, policy: &str) -> Result<(), String> {
        if let Some(problem) = json_text::problem(policy) {
            return Err(format!("RedrivePolicy: {problem}"));
        }
        let Some(queue) = dead_letter_queue(policy) else {
            return Err("RedrivePolicy: deadLetterTargetArn is an invalid arn".to_owned());
        };
        let is_fifo = self.topic.is_fifo() && self.endpoint.ends_with(FIFO);
        if is_fifo && !queue.resource.ends_with(FIFO) {
            return Err(
                "RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic."
                    .to_owned(),
            );
        }
        Ok(())
    }

    fn check_delivery_policy(self, policy: &str) -> Result<(), String> {
        if !self.protocol.is_http() {
            let protocol = self.protocol.as_str();
            return Err(format!("DeliveryPolicy: the delivery protocol [{protocol}] has no delivery policy"));
        }
        DeliveryPolicy::of_subscription(policy).map(drop)
    }
}

fn is_a_policy(text: &str) -> bool {
    !matches!(FilterPolicy::parse(text, Scope::MessageBody), Ok(None))
}

/// The queue that a redrive policy names.
pub(crate) fn dead_letter_queue(policy: &str) -> Option<Arn> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    let arn: Arn = policy.get("deadLetterTargetArn")?.as_str()?.parse().ok()?;
    (arn.service == "sqs" && !arn.account.is_empty() && !arn.region.is_empty()).then_some(arn)
}
