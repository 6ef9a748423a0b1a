//! A log group: each event becomes a log event, in the stream that the pipe names or in one of the shipment's own.

use api::AwsError;
use serde_json::{Value, json};

use super::{Outgoing, batch_key};
use crate::line::Line;
use crate::shipment::Shipment;
use crate::template::parameter;

/// Writes log events; says of each event whether it was taken.
///
/// # Errors
/// What CloudWatch Logs answers, of all of them.
pub(super) async fn put(
    line: &Line,
    shipment: &Shipment,
    events: &[Outgoing],
) -> Result<Vec<bool>, AwsError> {
    let definition = &line.pipe.definition;
    let group = definition.target.split(":log-group:").nth(1).unwrap_or_default().trim_end_matches(":*");
    let parameters = definition.target_parameters.as_ref();
    let given = parameters.and_then(|given| given.cloud_watch_logs_parameters.as_ref());
    let stream = given.and_then(|given| given.log_stream_name.as_deref()).unwrap_or(&shipment.id);
    let path = given.and_then(|given| given.timestamp.as_deref());
    ensure(line, group, stream).await?;
    let time = |event: &Outgoing| {
        let given = path.and_then(|path| parameter(path, &event.event)?.parse().ok());
        given.unwrap_or_else(|| shipment.begun.as_millis())
    };
    let mut timed: Vec<(i64, &Outgoing)> = events.iter().map(|event| (time(event), event)).collect();
    // Log events of one request are in the order of their times.
    timed.sort_by_key(|(time, _)| *time);
    let log_events: Vec<Value> =
        timed.iter().map(|(time, event)| json!({"timestamp": time, "message": event.text})).collect();
    let input = json!({"logGroupName": group, "logStreamName": stream, "logEvents": log_events});
    line.caller.call_once("logs", "PutLogEvents", input, &batch_key(shipment)).await?;
    Ok(vec![true; events.len()])
}

async fn ensure(line: &Line, group: &str, stream: &str) -> Result<(), AwsError> {
    let input = json!({"logGroupName": group, "logStreamName": stream});
    match line.caller.call("logs", "CreateLogStream", input).await {
        Err(error) if error.code != "ResourceAlreadyExistsException" => Err(error),
        _ => Ok(()),
    }
}
