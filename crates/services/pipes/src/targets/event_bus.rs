//! An event bus: each event is put on it, with the text as its detail.

use api::AwsError;
use serde_json::{Value, json};
use types::Timestamp;

use super::{Outgoing, batch_key, note};
use crate::generated::types::PipeTargetEventBridgeEventBusParameters;
use crate::limits::ENTRIES_MAX;
use crate::line::Line;
use crate::shipment::Shipment;
use crate::template::{find, parameter};

/// `DetailType` where the pipe does not say.
const DETAIL_TYPE: &str = "Event from aws:sqs";

/// Puts events, ten at a time; says of each whether it was taken.
///
/// # Errors
/// What EventBridge answers, of all of them.
pub(super) async fn put(
    line: &Line,
    shipment: &Shipment,
    events: &[Outgoing],
) -> Result<Vec<bool>, AwsError> {
    let parameters = line.pipe.definition.target_parameters.as_ref();
    let given = parameters.and_then(|given| given.event_bridge_event_bus_parameters.clone());
    let given = given.unwrap_or_default();
    let mut taken = Vec::with_capacity(events.len());
    for some in events.chunks(ENTRIES_MAX) {
        let entries: Vec<Value> = some.iter().map(|event| entry(line, &given, event)).collect();
        let (input, key) = (json!({"Entries": entries}), batch_key(shipment));
        let answer = line.caller.call_once("events", "PutEvents", input, &key).await?;
        let answers = answer.get("Entries").and_then(Value::as_array).cloned().unwrap_or_default();
        taken.extend(answers.iter().map(|answer| is_put(line, answer)));
    }
    taken.resize(events.len(), false);
    Ok(taken)
}

fn entry(line: &Line, given: &PipeTargetEventBridgeEventBusParameters, event: &Outgoing) -> Value {
    let pipe = &line.pipe;
    let of_event = |given: &Option<String>| given.as_deref().and_then(|given| parameter(given, &event.event));
    let resources = given.resources.iter().flatten();
    let resources: Vec<String> = resources.filter_map(|given| parameter(given, &event.event)).collect();
    let mut entry = json!({
        "EventBusName": pipe.definition.target,
        "Source": of_event(&given.source).unwrap_or_else(|| format!("Pipe {}", pipe.name())),
        "DetailType": of_event(&given.detail_type).unwrap_or_else(|| DETAIL_TYPE.to_owned()),
        "Detail": event.text,
        "Resources": resources,
    });
    if let Some(time) = given.time.as_deref().and_then(|path| time(find(&event.event, path)?.as_ref())) {
        entry["Time"] = time.as_seconds().into();
    }
    entry
}

/// A time that an event says: text of RFC 3339, or seconds since 1970.
fn time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => {
            let seconds = || Some(Timestamp::from_seconds(text.parse().ok()?));
            Timestamp::parse_rfc3339(text).ok().or_else(seconds)
        }
        value => Some(Timestamp::from_seconds(value.as_i64()?)),
    }
}

fn is_put(line: &Line, answer: &Value) -> bool {
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    if let Some(code) = text("ErrorCode") {
        note(line, &AwsError::new(code.to_owned(), text("ErrorMessage").unwrap_or_default()));
    }
    text("EventId").is_some()
}
