//! An SNS topic: each event is published.

use api::{AwsError, Call, Dispatcher};
use serde_json::{Value, json};
use types::{AccountId, Arn, Region};

use super::role;
use crate::delivery::Delivery;

/// Publishes the delivery's input, under its id: a second attempt finds the first one's message.
pub async fn publish(dispatcher: &Dispatcher, delivery: &Delivery, arn: &Arn) -> Result<Value, AwsError> {
    let input = json!({"TopicArn": delivery.target.arn, "Message": delivery.input});
    let (account, region) = (AccountId::new(arn.account.as_str()), Region::new(arn.region.as_str()));
    let call = Call::new(role(delivery), &account, &region, "sns", "Publish", input);
    dispatcher.call(call.with_idempotency_key(format!("events/{}", delivery.id))).await
}
