//! `AWS::SNS::Subscription`.

use super::{
    Failure, Kind, Made, Map, Property, SNS, Value, attributes, input, json, set_changed, text, written_all,
};
use crate::door::Door;
use crate::resources::Deletion;
use crate::resources::client::Client;
use crate::resources::handler::Handler;
use crate::stack::{Request, Resource};

pub(in crate::resources) struct Subscription;

const ATTRIBUTES: [(&str, &str); 6] = [
    ("DeliveryPolicy", ""),
    ("FilterPolicy", ""),
    ("FilterPolicyScope", "MessageAttributes"),
    ("RawMessageDelivery", "false"),
    ("RedrivePolicy", ""),
    ("SubscriptionRoleArn", ""),
];

impl Handler for Subscription {
    const TYPE_NAME: &'static str = "AWS::SNS::Subscription";
    const PROPERTIES: &'static [Property] = &[
        Property::new("DeliveryPolicy", Kind::Json),
        Property::new("Endpoint", Kind::Text).replaces(),
        Property::new("FilterPolicy", Kind::Json),
        Property::new("FilterPolicyScope", Kind::Text),
        Property::new("Protocol", Kind::Text).required().replaces(),
        Property::new("RawMessageDelivery", Kind::Boolean),
        Property::new("RedrivePolicy", Kind::Json),
        Property::refused("Region"),
        Property::refused("ReplayPolicy"),
        Property::new("SubscriptionRoleArn", Kind::Text),
        Property::new("TopicArn", Kind::Text).required().replaces(),
    ];
    const ATTRIBUTES: &'static [&'static str] = &["Arn"];
    const CLIENT: Client = SNS;

    /// Subscribing the same endpoint again finds the subscription that is there.
    async fn make(door: &Door, request: &Request, _: bool) -> Result<Made, Failure> {
        let given = written_all(&ATTRIBUTES, &request.properties);
        let subscription = input([
            ("TopicArn", request.properties.get("TopicArn").cloned()),
            ("Protocol", request.properties.get("Protocol").cloned()),
            ("Endpoint", request.properties.get("Endpoint").cloned()),
            ("Attributes", (!given.is_empty()).then(|| given.into())),
            ("ReturnSubscriptionArn", Some(true.into())),
        ]);
        let answer = SNS.call(door, "Subscribe", subscription).await?;
        let arn = text(&answer, &["SubscriptionArn"]);
        Ok(Made { physical_id: arn.to_owned(), attributes: attributes([("Arn", arn)]) })
    }

    async fn configure(
        door: &Door,
        made: &Made,
        before: Option<&Map<String, Value>>,
        request: &Request,
    ) -> Result<(), Failure> {
        let Some(before) = before else { return Ok(()) };
        let arn = ("SubscriptionArn", made.physical_id.as_str());
        set_changed(door, "SetSubscriptionAttributes", arn, &ATTRIBUTES, before, &request.properties).await
    }

    async fn remove(door: &Door, subscription: &Resource) -> Result<Deletion, Failure> {
        SNS.delete(door, "Unsubscribe", json!({"SubscriptionArn": subscription.physical_id})).await
    }
}
