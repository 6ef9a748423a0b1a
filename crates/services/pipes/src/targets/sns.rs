//! An SNS topic: each event is published.

use serde_json::json;

use super::{Outgoing, key, note};
use crate::line::Line;
use crate::shipment::Shipment;

/// Publishes events; says of each whether it was taken.
pub(super) async fn publish(line: &Line, shipment: &Shipment, events: &[Outgoing]) -> Vec<bool> {
    let mut taken = Vec::with_capacity(events.len());
    for (at, event) in events.iter().enumerate() {
        let input = json!({"TopicArn": line.pipe.definition.target, "Message": event.text});
        let answer = line.caller.call_once("sns", "Publish", input, &key(shipment, at)).await;
        taken.push(answer.inspect_err(|error| note(line, error)).is_ok());
        if line.is_ordered() && taken.contains(&false) {
            break;
        }
    }
    taken.resize(events.len(), false);
    taken
}
