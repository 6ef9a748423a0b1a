//! The event "Step Functions Execution Status Change": what EventBridge is told when an execution begins and ends.
//!
//! Source: Step Functions Developer Guide, "Automating Step Functions event delivery with EventBridge".

use api::Dispatcher;
use asl::Status;
use serde_json::{Value, json};
use types::{AccountId, Region};

use crate::execution::ExecutionRecord;
use crate::limits::EVENT_PAYLOAD_BYTES;
use crate::redrive::RedriveStatus;

const SOURCE: &str = "aws.states";
const DETAIL_TYPE: &str = "Step Functions Execution Status Change";

/// Whether a rule may want the event. Where none does now, the event need not be kept: rules see what happens while they
/// are there.
pub(crate) fn has_listeners(dispatcher: &Dispatcher, account: &AccountId, region: &Region) -> bool {
    dispatcher.may_deliver(account, region, SOURCE, DETAIL_TYPE)
}

/// The entry for `PutEvents`. Absent values are explicit nulls, times count milliseconds.
pub(crate) fn entry(execution: &str, record: &ExecutionRecord, input: &str, status: &Status) -> Value {
    let output = match status {
        Status::Succeeded { output } => Some(output.text()),
        Status::Running | Status::Failed(_) | Status::TimedOut | Status::Aborted(_) => None,
    };
    let fits = input.len() + output.map_or(0, |output| output.len()) <= EVENT_PAYLOAD_BYTES;
    let told_at = record.stop_date.or(record.redrives.date).unwrap_or(record.start_date);
    let redrive_status = RedriveStatus::of(record, told_at);
    let detail = json!({
        "executionArn": execution,
        "stateMachineArn": record.state_machine_arn,
        "name": record.name,
        "status": record.status.as_str(),
        "startDate": record.start_date.as_millis(),
        "stopDate": record.stop_date.map(|date| date.as_millis()),
        "input": fits.then_some(input),
        "output": output.filter(|_| fits).map(|output| output.as_ref()),
        "stateMachineVersionArn": record.state_machine_version_arn,
        "stateMachineAliasArn": record.state_machine_alias_arn,
        "redriveCount": record.redrives.count,
        "redriveDate": record.redrives.date.map(|date| date.as_millis()),
        "redriveStatus": redrive_status.as_str(),
        "redriveStatusReason": redrive_status.reason(),
        "inputDetails": {"included": fits},
        "outputDetails": output.map(|_| json!({"included": fits})),
        "error": record.failure.error.as_ref().map(|error| error.as_str()),
        "cause": record.failure.cause,
    });
    json!({
        "Source": SOURCE,
        "DetailType": DETAIL_TYPE,
        "Resources": [execution],
        "Time": told_at,
        "Detail": detail.to_string(),
    })
}
