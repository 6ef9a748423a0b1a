//! The envelope that an event travels in.

use serde::Serialize;
use serde_json::value::RawValue;
use types::Timestamp;

use crate::names::BusName;

/// An event as it is delivered: these members in this order.
#[derive(Debug, Serialize)]
pub struct Envelope<'a> {
    /// Always `0`.
    pub version: &'static str,
    /// A UUID: what `PutEvents` answers as `EventId`.
    pub id: &'a str,
    /// What kind of event it is.
    #[serde(rename = "detail-type")]
    pub detail_type: &'a str,
    /// Who sent it.
    pub source: &'a str,
    /// The account that it was put in.
    pub account: &'a str,
    /// ISO 8601, whole seconds.
    pub time: String,
    /// The region that it was put in.
    pub region: &'a str,
    /// ARNs that it is about.
    pub resources: &'a [String],
    /// A JSON object, as it was given.
    pub detail: &'a RawValue,
}

impl<'a> Envelope<'a> {
    /// The envelope of an event that was put where `bus` is.
    pub fn new(
        bus: &'a BusName,
        id: &'a str,
        source: &'a str,
        detail_type: &'a str,
        time: Timestamp,
        resources: &'a [String],
        detail: &'a RawValue,
    ) -> Self {
        Self {
            version: "0",
            id,
            detail_type,
            source,
            account: bus.account.as_str(),
            time: time.to_iso_seconds(),
            region: bus.region.as_str(),
            resources,
            detail,
        }
    }

    /// The event as JSON.
    pub fn to_json(&self) -> String {
        // Texts and a raw JSON value: there is nothing in it that could fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The event of a schedule's rule.
pub fn scheduled(bus: &BusName, rule_arn: &str, id: &str, due: Timestamp) -> String {
    let resources = [rule_arn.to_owned()];
    Envelope::new(bus, id, "aws.events", "Scheduled Event", due, &resources, empty_object()).to_json()
}

fn empty_object() -> &'static RawValue {
    serde_json::from_str("{}").unwrap_or(RawValue::NULL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{AccountId, Region};

    #[test]
    fn a_scheduled_event_looks_as_on_aws() {
        let bus = BusName {
            account: AccountId::new("123456789012"),
            region: Region::new("us-east-1"),
            name: "default".to_owned(),
        };
        let arn = bus.rule_arn("nightly").to_string();
        assert_eq!(
            scheduled(&bus, &arn, "id", Timestamp::from_millis(1_700_000_000_999)),
            "{\"version\":\"0\",\"id\":\"id\",\"detail-type\":\"Scheduled Event\",\"source\":\"aws.events\",\
             \"account\":\"123456789012\",\"time\":\"2023-11-14T22:13:20Z\",\"region\":\"us-east-1\",\
             \"resources\":[\"arn:aws:events:us-east-1:123456789012:rule/nightly\"],\"detail\":{}}"
        );
    }
}
