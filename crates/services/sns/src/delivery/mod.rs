//! Delivers messages to the endpoints of subscriptions.
//!
//! One message and one subscription make one delivery: a timer that is due now, and due again after each failure that may
//! pass, as the endpoint's retry policy says; what cannot be delivered goes to the subscription's dead-letter queue.
//! Deliveries of one subscription wait for each other only (`lanes`). Nothing here decides who wants a message.
//!
//! Source: SNS Developer Guide, "Amazon SNS message delivery retries", "Amazon SNS dead-letter queues".

mod http;
mod lanes;
mod sqs;

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use api::AwsError;
use clock::Clock;
use futures_util::FutureExt as _;
use http_client::HttpClient;
use sealed::SecretKey;
use serde::{Deserialize, Serialize};
use store::{Batch, Versioned};
use types::{Arn, Timestamp};

use crate::delivery_policy::Effective;
use crate::limits::STORE_PAUSE;
use crate::message::Message;
use crate::notification::{Envelope, Kind};
use crate::retry::RetryPolicy;
use crate::subscription::{Phase, Protocol, Subscription};
use crate::subscription_attributes::dead_letter_queue;
use crate::topic::Topic;
use crate::topic_attributes;
use crate::{Error, Inner};
use lanes::Lanes;

const QUEUE: &str = "sns/delivery";

/// One message for one subscription, as both were when the message came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// The subscription's key.
    subscription: String,
    subscription_arn: String,
    topic_arn: String,
    protocol: Protocol,
    endpoint: String,
    raw: bool,
    kind: Kind,
    message: Message,
    signature_version: String,
    policy: Effective,
    /// Where it goes to in the end.
    dead_letter_queue: Option<Arn>,
    /// It is on its way there.
    dead: bool,
    failed_attempts: u32,
    /// Whether the topic has a key: the row is sealed.
    #[serde(default)]
    is_sealed: bool,
}

/// What follows an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Nothing: it was delivered, or given up.
    Over,
    /// Another attempt after a pause.
    Again(Duration),
}

impl Delivery {
    /// A published message for a subscription.
    pub fn of(subscription: &Versioned<Subscription>, topic: &Topic, message: &Message) -> Self {
        Self::of_kind(subscription, topic, message, Kind::Notification)
    }

    /// A message of some kind for a subscription.
    pub fn of_kind(
        subscription: &Versioned<Subscription>,
        topic: &Topic,
        message: &Message,
        kind: Kind,
    ) -> Self {
        let Subscription { arn, topic_arn, protocol, endpoint, settings, .. } = &subscription.value;
        let is_notification = kind == Kind::Notification;
        let dead_letter_queue =
            settings.redrive_policy.as_deref().filter(|_| is_notification).and_then(dead_letter_queue);
        Self {
            subscription: subscription.key.clone(),
            subscription_arn: arn.clone(),
            topic_arn: topic_arn.clone(),
            protocol: *protocol,
            endpoint: endpoint.clone(),
            raw: settings.raw_message_delivery && is_notification,
            kind,
            message: message.clone(),
            signature_version: topic_attributes::signature_version(topic).to_owned(),
            policy: subscription.value.delivery_policy(topic),
            dead_letter_queue,
            dead: false,
            failed_attempts: 0,
            is_sealed: topic.attributes.contains_key(topic_attributes::KMS_KEY),
        }
    }

    /// Adds it to a batch, due at once.
    ///
    /// # Errors
    /// Where it cannot be sealed.
    pub fn plan(&self, batch: &mut Batch, now: Timestamp, key: Option<&SecretKey>) -> io::Result<()> {
        // Those with an order are due in the order in which they are written, whatever the clock does.
        let due = if self.is_ordered() { Timestamp::MIN } else { now };
        self.set_timer(batch, due, key)
    }

    fn set_timer(&self, batch: &mut Batch, due: Timestamp, key: Option<&SecretKey>) -> io::Result<()> {
        batch.set_timer(QUEUE, self.key(), due, self.payload(key)?);
        Ok(())
    }

    /// The row: JSON, or that sealed behind a letter with which no JSON begins.
    fn payload(&self, key: Option<&SecretKey>) -> io::Result<Vec<u8>> {
        // Plain data with text keys: it cannot fail to be written.
        let text = serde_json::to_vec(self).unwrap_or_default();
        match key.filter(|_| self.is_sealed) {
            Some(key) => Ok([b"s".as_slice(), &key.seal(QUEUE, &text)?].concat()),
            None => Ok(text),
        }
    }

    fn read(payload: &[u8], key: Option<&SecretKey>) -> Option<Self> {
        match (payload.split_first(), key) {
            (Some((b's', sealed)), Some(key)) => serde_json::from_slice(&key.open(QUEUE, sealed)?).ok(),
            _ => serde_json::from_slice(payload).ok(),
        }
    }

    fn key(&self) -> String {
        format!("{}/{}", self.subscription, self.message.id)
    }

    /// Whether deliveries of its group wait for it.
    fn is_ordered(&self) -> bool {
        self.message.sequence_number.is_some()
    }

    /// What it waits in.
    fn lane(&self) -> String {
        let group = self.message.group.as_deref().filter(|_| self.is_ordered()).unwrap_or_default();
        format!("{}!{group}", self.subscription)
    }

    fn text(&self, endpoint_url: &str) -> String {
        if self.raw {
            return self.message.body.clone();
        }
        let envelope = Envelope {
            kind: &self.kind,
            message: &self.message,
            topic_arn: &self.topic_arn,
            subscription_arn: &self.subscription_arn,
            signature_version: &self.signature_version,
            endpoint_url,
        };
        envelope.text()
    }

    fn retries(&self) -> &RetryPolicy {
        if self.dead || !self.protocol.is_http() { &RetryPolicy::SERVICE } else { &self.policy.retries }
    }

    /// Decides what follows a failed attempt.
    fn fail(&mut self, error: &AwsError) -> Next {
        self.failed_attempts = self.failed_attempts.saturating_add(1);
        let pause = self.retries().pause(self.failed_attempts).filter(|_| error.may_pass());
        let (subscription, message) = (&self.subscription_arn, &self.message.id);
        let next = match pause {
            Some(pause) => Next::Again(pause),
            None if !self.dead && self.dead_letter_queue.is_some() => {
                self.dead = true;
                self.failed_attempts = 0;
                Next::Again(Duration::ZERO)
            }
            None => Next::Over,
        };
        match next {
            Next::Over => tracing::warn!(subscription, message, %error, "a message was given up"),
            Next::Again(_) => {
                tracing::info!(subscription, message, %error, "an endpoint did not take a message")
            }
        }
        next
    }

    /// Whether the subscription still is what the message is for.
    fn is_wanted(&self, subscription: Option<&Subscription>) -> bool {
        let phase = subscription.map(|subscription| &subscription.phase);
        match (&self.kind, phase) {
            (Kind::Notification, Some(Phase::Confirmed { .. })) => true,
            (Kind::SubscriptionConfirmation { token }, Some(Phase::Pending { token: wanted }))
            | (Kind::UnsubscribeConfirmation { token }, Some(Phase::Unsubscribed { token: wanted })) => {
                token == wanted
            }
            _ => false,
        }
    }
}

/// What all deliveries share.
struct Deliveries {
    inner: Arc<Inner>,
    http: Option<HttpClient>,
    lanes: Lanes,
}

/// Delivers from now on, what was left from before included.
pub(crate) async fn start(inner: &Arc<Inner>) -> Result<(), Error> {
    let mut timers = inner.store.timers(QUEUE).await?;
    let http =
        HttpClient::new().inspect_err(|error| tracing::error!(error, "no HTTP endpoint can be reached")).ok();
    let deliveries = Arc::new(Deliveries { inner: Arc::clone(inner), http, lanes: Lanes::default() });
    let clock = inner.dispatcher.clock().clone();
    // What was left from before has the order of its numbers: all of it is there before the first is attempted.
    let mut left = Vec::new();
    while let Some(timer) = timers.next_due(clock.now()) {
        left.extend(read(&timer, inner.key.as_ref()));
    }
    left.sort_by_key(|delivery: &Delivery| delivery.message.sequence_number);
    tokio::spawn(async move {
        for delivery in left {
            deliveries.take(delivery);
        }
        while let Some(timer) = timers.next(&clock).await {
            if let Some(delivery) = read(&timer, deliveries.inner.key.as_ref()) {
                deliveries.take(delivery);
            }
        }
    });
    Ok(())
}

fn read(timer: &store::Timer, key: Option<&SecretKey>) -> Option<Delivery> {
    let read = Delivery::read(&timer.payload, key);
    if read.is_none() {
        tracing::error!(delivery = timer.key, "a delivery cannot be read");
    }
    read
}

impl Deliveries {
    /// Attempts a delivery when its lane has room.
    fn take(self: &Arc<Self>, delivery: Delivery) {
        let lane = delivery.lane();
        let Some(mut delivery) = self.lanes.enter(&lane, delivery) else { return };
        let deliveries = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                deliveries.deliver(delivery).await;
                match deliveries.lanes.leave(&lane) {
                    Some(next) => delivery = next,
                    None => return,
                }
            }
        });
    }

    /// Makes one attempt, or as many as it takes where others wait for this one, and keeps what came of it.
    async fn deliver(&self, mut delivery: Delivery) {
        let clock = self.inner.dispatcher.clock();
        loop {
            let next = self.attempt(&mut delivery, clock).await;
            let mut batch = Batch::new();
            match next {
                Next::Again(pause) if delivery.is_ordered() => {
                    clock.sleep_until(clock.now() + pause).await;
                    continue;
                }
                Next::Again(pause) => {
                    let key = self.inner.key.as_ref();
                    if let Err(error) = delivery.set_timer(&mut batch, clock.now() + pause, key) {
                        // The row stays as it was: it is attempted again after a restart.
                        return tracing::error!(%error, "a delivery could not be sealed");
                    }
                }
                Next::Over => drop(batch.clear_timer(QUEUE, delivery.key())),
            }
            return self.keep(batch, clock).await;
        }
    }

    /// Writes what came of an attempt, as often as the store has to be asked for that.
    async fn keep(&self, batch: Batch, clock: &Clock) {
        while let Err(error) = self.inner.store.submit(batch.clone()).durable().await.map_err(Error::from) {
            tracing::error!(%error, "what came of a delivery could not be kept");
            if !error.may_pass() {
                return;
            }
            clock.sleep_until(clock.now() + STORE_PAUSE).await;
        }
    }

    async fn attempt(&self, delivery: &mut Delivery, clock: &Clock) -> Next {
        match self.inner.subscriptions.get(&delivery.subscription).await {
            Ok(seen) if !delivery.is_wanted(seen.as_ref().map(|seen| &seen.value)) => return Next::Over,
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, "a subscription cannot be read");
                return Next::Again(STORE_PAUSE);
            }
        }
        if let Some(per_second) = delivery.policy.receives_per_second_max.filter(|_| !delivery.dead) {
            clock.sleep_until(self.lanes.turn(&delivery.subscription, per_second, clock.now())).await;
        }
        let attempt = AssertUnwindSafe(self.hand_over(delivery, clock)).catch_unwind().await;
        let answer = attempt.unwrap_or_else(|_| {
            Err(AwsError::internal("InternalError", &"a service panicked while it was given a message"))
        });
        match answer {
            Ok(()) => Next::Over,
            Err(error) => delivery.fail(&error),
        }
    }

    async fn hand_over(&self, delivery: &Delivery, clock: &Clock) -> Result<(), AwsError> {
        let text = delivery.text(&self.inner.endpoint_url);
        match (&delivery.dead_letter_queue, delivery.protocol) {
            (Some(queue), _) if delivery.dead => {
                sqs::send(&self.inner.dispatcher, delivery, queue, text).await
            }
            (_, Protocol::Sqs) => {
                let queue: Arn = delivery
                    .endpoint
                    .parse()
                    .map_err(|error: types::ArnError| AwsError::new("InvalidEndpoint", error.to_string()))?;
                sqs::send(&self.inner.dispatcher, delivery, &queue, text).await
            }
            (_, Protocol::Http | Protocol::Https) => {
                let unreachable =
                    || AwsError::new("Unreachable", "Runwright cannot send HTTP requests.").with_status(503);
                let client = self.http.as_ref().ok_or_else(unreachable)?;
                http::post(client, clock, delivery, text).await
            }
            (_, Protocol::Email | Protocol::EmailJson) => {
                Err(AwsError::new("NotServed", "Runwright sends no e-mail."))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Attributes;

    fn delivery(queue: Option<&str>) -> Delivery {
        Delivery {
            subscription: "s".to_owned(),
            subscription_arn: String::new(),
            topic_arn: String::new(),
            protocol: Protocol::Http,
            endpoint: String::new(),
            raw: false,
            kind: Kind::Notification,
            message: Message {
                id: "m".to_owned(),
                body: String::new(),
                subject: None,
                attributes: Attributes::default(),
                published: Timestamp::from_seconds(0),
                group: None,
                deduplication_id: None,
                sequence_number: None,
            },
            signature_version: "1".to_owned(),
            policy: crate::delivery_policy::DeliveryPolicy::effective(
                &crate::delivery_policy::DeliveryPolicy::default(),
                &crate::delivery_policy::DeliveryPolicy::default(),
            ),
            dead_letter_queue: queue.map(|queue| queue.parse().unwrap()),
            dead: false,
            failed_attempts: 0,
            is_sealed: false,
        }
    }

    #[test]
    fn a_topic_with_a_key_shows_nothing_in_its_rows() {
        let key = SecretKey::ephemeral().unwrap();
        let plain = delivery(None);
        let sealed = Delivery { is_sealed: true, ..plain.clone() };
        let rows = [&plain, &sealed].map(|delivery| delivery.payload(Some(&key)).unwrap());
        let shows = |row: &Vec<u8>| String::from_utf8_lossy(row).contains("failed_attempts");
        assert_eq!(rows.each_ref().map(shows), [true, false]);
        assert_eq!(rows.each_ref().map(|row| Delivery::read(row, Some(&key))), [Some(plain), Some(sealed)]);
        let [_, row] = &rows;
        assert_eq!(Delivery::read(row, Some(&SecretKey::ephemeral().unwrap())), None);
        assert_eq!(Delivery::read(row, None), None);
    }

    #[test]
    fn what_is_given_up_goes_to_the_dead_letter_queue_once() {
        let failing = AwsError::new("X", "").with_status(500);
        let refused = AwsError::new("X", "");
        let twenty = Next::Again(Duration::from_secs(20));
        let mut one = delivery(None);
        assert_eq!([0; 4].map(|_| one.fail(&failing)), [twenty, twenty, twenty, Next::Over]);
        assert_eq!(delivery(None).fail(&refused), Next::Over);

        let mut one = delivery(Some("arn:aws:sqs:us-east-1:0:dead"));
        assert_eq!(one.fail(&refused), Next::Again(Duration::ZERO));
        assert!(one.dead);
        assert_eq!(one.fail(&failing), Next::Again(Duration::ZERO));
        assert_eq!(one.fail(&refused), Next::Over);
    }
}
