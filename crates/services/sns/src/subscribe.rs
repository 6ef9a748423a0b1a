//! Subscribe, ConfirmSubscription, Unsubscribe: how subscriptions come and go.
//!
//! Queues are subscribed at once. HTTP endpoints are asked first; links of the messages that ask them, and those of every
//! notification, are followed without a signature.
//!
//! Source: SNS API Reference; SNS Developer Guide, "HTTP/HTTPS subscription confirmation JSON format"; recorded answers.

use api::{Context, Principal};
use store::{Batch, Versioned};
use types::Arn;

use crate::background::{self, Upkeep};
use crate::delivery::Delivery;
use crate::error::Giver;
use crate::generated::types as model;
use crate::limits::{CONFIRMATION_TIME, FILTER_POLICIES_MAX};
use crate::message::{Attributes, Message};
use crate::names::{FIFO, SubscriptionName, TopicName};
use crate::notification::{self, Kind};
use crate::subscription::{Phase, Protocol, Settings, Subscription};
use crate::subscription_attributes::Place;
use crate::topic::Topic;
use crate::{Error, Inner};

/// What Subscribe answers where the ARN is yet to be deserved.
const PENDING: &str = "pending confirmation";
/// Hexadecimal digits of a token.
const TOKEN_LENGTH: usize = 288;

impl Inner {
    pub(crate) async fn make_subscription(
        &self,
        cx: &Context,
        input: model::SubscribeInput,
    ) -> Result<String, Error> {
        let name = TopicName::parse(cx, &input.topic_arn)?;
        let endpoint = input.endpoint.unwrap_or_default();
        let protocol = protocol(&input.protocol)?;
        let _writer = self.writers.of(&name).await;
        let topic = self.topic(&name).await?.value;
        check_endpoint(&name, protocol, &endpoint)?;
        let place = Place { protocol, endpoint: &endpoint, topic: &name, giver: Giver::Creation };
        let given = input.attributes.unwrap_or_default();
        let settings = place.read(&given)?;
        let is_same = |one: &Versioned<Subscription>| {
            one.value.protocol == protocol && one.value.endpoint == endpoint && !one.value.is_over()
        };
        let shown = |subscription: &Subscription| match subscription.is_confirmed()
            || input.return_subscription_arn == Some(true)
        {
            true => subscription.arn.clone(),
            false => PENDING.to_owned(),
        };
        let mut batch = Batch::new();
        if let Some(seen) = self.subscriptions_of(&name).await?.into_iter().find(is_same) {
            if !given.is_empty() && settings != seen.value.settings {
                return Err(Giver::Creation.refuse("Subscription already exists with different attributes"));
            }
            self.invite(&mut batch, cx, &topic, &seen)?;
            if !batch.is_empty() {
                self.store.submit(batch).durable().await?;
            }
            return Ok(shown(&seen.value));
        }
        if settings.filter_policy.is_some() {
            self.check_filter_policies(&name).await?;
        }
        let made = subscription(cx, &name, protocol, endpoint, settings);
        self.subscriptions.create(&mut batch, &made.key, &made.value);
        self.invite(&mut batch, cx, &topic, &made)?;
        self.store.submit(batch).durable().await?;
        Ok(shown(&made.value))
    }

    /// Checks that a topic's subscriptions may have one filter policy more.
    pub(crate) async fn check_filter_policies(&self, topic: &TopicName) -> Result<(), Error> {
        let all = self.subscriptions_of(topic).await?;
        let count = all.iter().filter(|one| one.value.settings.filter_policy.is_some()).count();
        if count >= FILTER_POLICIES_MAX { Err(Error::TooManyFilterPolicies) } else { Ok(()) }
    }

    pub(crate) async fn confirm(
        &self,
        cx: &Context,
        input: model::ConfirmSubscriptionInput,
    ) -> Result<String, Error> {
        let name =
            TopicName::parse(cx, &input.topic_arn).map_err(|_| Error::Parameter("Topic".to_owned()))?;
        if input.token.len() != TOKEN_LENGTH || !input.token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Error::Invalid("Invalid token".to_owned()));
        }
        let _writer = self.writers.of(&name).await;
        let all = self.subscriptions_of(&name).await?;
        let seen = all.into_iter().find(|one| one.value.arn.ends_with(&id_of(&input.token)));
        let seen = seen.ok_or_else(|| Error::Parameter("Token".to_owned()))?;
        match &seen.value.phase {
            // A link may be followed twice.
            Phase::Confirmed { .. } => return Ok(seen.value.arn),
            Phase::Pending { token } | Phase::Unsubscribed { token } if *token == input.token => {}
            Phase::Pending { .. } | Phase::Unsubscribed { .. } => {
                return Err(Error::Parameter("Token".to_owned()));
            }
        }
        let authenticated = cx.principal != Principal::Anonymous;
        let wants_authentication =
            input.authenticate_on_unsubscribe.is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let phase = Phase::Confirmed {
            authenticated,
            authenticate_on_unsubscribe: authenticated && wants_authentication,
        };
        let confirmed = Subscription { phase, ..seen.value.clone() };
        let mut batch = Batch::new();
        self.subscriptions.replace(&mut batch, &seen, &confirmed);
        background::cancel(&mut batch, &Upkeep::Subscription { key: seen.key.clone() });
        self.store.submit(batch).durable().await?;
        Ok(confirmed.arn)
    }

    /// Ends a subscription. One that is not there is over.
    pub(crate) async fn unsubscribe_from(&self, cx: &Context, arn: &str) -> Result<(), Error> {
        let name = SubscriptionName::parse(cx, arn)?;
        let _writer = self.writers.of(&name.topic).await;
        let Some(seen) = self.subscriptions.get(&name.key()).await?.filter(|seen| !seen.value.is_over())
        else {
            return Ok(());
        };
        let topic = self.topics.get(&name.topic.key()).await?;
        let mut batch = Batch::new();
        match (&seen.value.phase, &topic) {
            (Phase::Confirmed { authenticate_on_unsubscribe: true, .. }, _)
                if cx.principal == Principal::Anonymous =>
            {
                return Err(Error::Unauthenticated);
            }
            // Whoever followed the link may not be who is to decide: the endpoint can take it back.
            (Phase::Confirmed { .. }, Some(topic))
                if cx.principal == Principal::Anonymous && seen.value.protocol.is_http() =>
            {
                self.deactivate(&mut batch, cx, &topic.value, &seen)?;
            }
            _ => self.subscriptions.delete(&mut batch, &seen.key),
        }
        if let Some(seen) = topic {
            let mut topic = seen.value.clone();
            topic.subscriptions_deleted += 1;
            self.topics.replace(&mut batch, &seen, &topic);
        }
        self.store.submit(batch).durable().await?;
        Ok(())
    }

    fn deactivate(
        &self,
        batch: &mut Batch,
        cx: &Context,
        topic: &Topic,
        seen: &Versioned<Subscription>,
    ) -> Result<(), Error> {
        let token = new_token(&seen.value.arn);
        let phase = Phase::Unsubscribed { token: token.clone() };
        let over = Versioned { value: Subscription { phase, ..seen.value.clone() }, ..seen.clone() };
        self.subscriptions.replace(batch, seen, &over.value);
        let upkeep = Upkeep::Subscription { key: seen.key.clone() };
        background::plan(batch, &upkeep, cx.now + CONFIRMATION_TIME);
        let message = message(cx, notification::farewell(&seen.value.arn));
        Delivery::of_kind(&over, topic, &message, Kind::UnsubscribeConfirmation { token }).plan(
            batch,
            cx.now,
            self.key.as_ref(),
        )?;
        Ok(())
    }

    /// Asks the endpoint of a subscription that waits for its confirmation. Nobody else is asked, e-mail addresses neither.
    fn invite(
        &self,
        batch: &mut Batch,
        cx: &Context,
        topic: &Topic,
        subscription: &Versioned<Subscription>,
    ) -> Result<(), Error> {
        let Phase::Pending { token } = &subscription.value.phase else { return Ok(()) };
        let upkeep = Upkeep::Subscription { key: subscription.key.clone() };
        background::plan(batch, &upkeep, cx.now + CONFIRMATION_TIME);
        if subscription.value.protocol.is_http() {
            let kind = Kind::SubscriptionConfirmation { token: token.clone() };
            let message = message(cx, notification::invitation(&topic.arn));
            let delivery = Delivery::of_kind(subscription, topic, &message, kind);
            delivery.plan(batch, cx.now, self.key.as_ref())?;
        }
        Ok(())
    }
}

fn subscription(
    cx: &Context,
    topic: &TopicName,
    protocol: Protocol,
    endpoint: String,
    settings: Settings,
) -> Versioned<Subscription> {
    let name = SubscriptionName { topic: topic.clone(), id: api::ids::uuid() };
    let phase = match protocol {
        Protocol::Sqs => Phase::Confirmed { authenticated: true, authenticate_on_unsubscribe: false },
        Protocol::Http | Protocol::Https | Protocol::Email | Protocol::EmailJson => {
            Phase::Pending { token: new_token(&name.arn()) }
        }
    };
    let value = Subscription {
        arn: name.arn(),
        topic_arn: topic.arn(),
        protocol,
        endpoint,
        owner: cx.account.to_string(),
        principal: cx.principal.arn(),
        phase,
        settings,
    };
    Versioned { key: name.key(), version: 1, value }
}

/// A token that begins with the subscription's id, so that a confirmed one is found by it too.
fn new_token(subscription_arn: &str) -> String {
    let id = subscription_arn.rsplit(':').next().unwrap_or_default().replace('-', "");
    let rest = std::iter::repeat_with(api::ids::hex32).take(TOKEN_LENGTH / 32 - 1);
    std::iter::once(id).chain(rest).collect()
}

/// The subscription's id at the beginning of a token, as a UUID.
fn id_of(token: &str) -> String {
    let part = |from: usize, to: usize| token.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

fn message(cx: &Context, body: String) -> Message {
    Message {
        id: api::ids::uuid(),
        body,
        subject: None,
        attributes: Attributes::default(),
        published: cx.now,
        group: None,
        deduplication_id: None,
        sequence_number: None,
    }
}

fn protocol(name: &str) -> Result<Protocol, Error> {
    match (Protocol::of(name), name) {
        (Some(protocol), _) => Ok(protocol),
        (None, "sms" | "application" | "lambda" | "firehose") => {
            Err(Error::not_served("Protocol", &format!("subscriptions of the protocol {name}")))
        }
        (None, _) => {
            let text = format!("Amazon SNS does not support this protocol string: {name}");
            Err(Error::Parameter(text))
        }
    }
}

fn check_endpoint(topic: &TopicName, protocol: Protocol, endpoint: &str) -> Result<(), Error> {
    let refuse = |text: &str| Err(Error::Parameter(text.to_owned()));
    let of_fifo =
        |reason: &str| Err(Error::Parameter(format!("Invalid parameter: Endpoint Reason: {reason}")));
    match protocol {
        _ if endpoint.is_empty() => refuse("Endpoint"),
        Protocol::Sqs => {
            let queue: Option<Arn> = endpoint.parse().ok();
            let queue = queue.filter(|queue| queue.service == "sqs" && !queue.account.is_empty());
            match queue {
                None => refuse("SQS endpoint ARN"),
                Some(queue) if queue.resource.ends_with(FIFO) && !topic.is_fifo() => {
                    of_fifo("FIFO SQS Queues can not be subscribed to standard SNS topics")
                }
                Some(_) => Ok(()),
            }
        }
        _ if topic.is_fifo() => of_fifo("Please use FIFO SQS queue"),
        Protocol::Http | Protocol::Https => {
            let rest = endpoint.strip_prefix(protocol.as_str()).and_then(|rest| rest.strip_prefix("://"));
            match rest {
                Some(rest) if !rest.starts_with('/') && is_url(rest) => Ok(()),
                Some(_) => refuse("Unable to parse the endpoint as a URL"),
                None => refuse("Endpoint must match the specified protocol"),
            }
        }
        Protocol::Email | Protocol::EmailJson => match endpoint.split_once('@') {
            Some((user, domain)) if !user.is_empty() && !domain.is_empty() => Ok(()),
            _ => refuse("Email address"),
        },
    }
}

fn is_url(rest: &str) -> bool {
    !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic())
}
