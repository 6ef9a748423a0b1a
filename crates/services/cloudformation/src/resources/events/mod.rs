//! `AWS::Events::..`: rules, buses with their policies, archives, connections.

mod api_destination;
mod archive;
mod connection;
mod event_bus;
mod event_bus_policy;
mod rule;

use serde_json::Value;
use types::Arn;

use super::client::Client;
use super::{Kind, Made, Property, ResourceType, attributes, input, text};
use crate::door::Door;

pub(super) use api_destination::ApiDestination;
pub(super) use archive::Archive;
pub(super) use connection::Connection;
pub(super) use event_bus::EventBus;
pub(super) use event_bus_policy::EventBusPolicy;
pub(super) use rule::Rule;

const EVENTS: Client = Client::new("events", "EventBridge");

fn arn(door: &Door, resource: String) -> String {
    Arn::new("events", &door.region, &door.account, resource).to_string()
}

/// A pattern or a policy as EventBridge takes it: text stays text.
fn document(value: &Value) -> Value {
    match value {
        Value::String(_) => value.clone(),
        other => other.to_string().into(),
    }
}
