//! What the results of a Map Run say of one child.

use asl::map_run::{MapRunSpec, WriteTransformation};
use serde_json::{Map, Value, json};

use super::record::ChildRecord;
use crate::execution::ExecutionStatus;
use crate::name::{self, MapRunArn};

/// The results that a child contributes: one, or as many as its output has elements.
pub(super) fn results(spec: &MapRunSpec, child: &ChildRecord) -> Vec<Value> {
    let exports = spec.result_writer.as_ref().is_some_and(|writer| writer.destination.is_some());
    let transformation = match &spec.result_writer {
        Some(writer) => writer.transformation,
        None if exports => WriteTransformation::None,
        None => WriteTransformation::Compact,
    };
    let output = child.output.as_deref().and_then(|output| serde_json::from_str::<Value>(output).ok());
    match (transformation, output) {
        (WriteTransformation::Flatten, Some(Value::Array(elements))) => elements,
        (WriteTransformation::Compact | WriteTransformation::Flatten, Some(output)) => vec![output],
        // Whatever the transformation, of a child that has no output there is its description.
        (_, _) => vec![description(spec, child)],
    }
}

/// A child as `DescribeExecution` would describe it.
pub(super) fn description(spec: &MapRunSpec, child: &ChildRecord) -> Value {
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| {
        fields.insert(name.to_owned(), value);
    };
    if let Some(cause) = &child.failure.cause {
        set("Cause", cause.as_str().into());
    }
    if let Some(error) = &child.failure.error {
        set("Error", error.as_str().into());
    }
    set("ExecutionArn", child.execution.as_str().into());
    set("Input", child.input.as_str().into());
    set("InputDetails", json!({"Included": true}));
    set("Name", name::execution_name(&child.execution).into());
    if let Some(output) = &child.output {
        set("Output", output.as_str().into());
    }
    set("OutputDetails", json!({"Included": true}));
    set("RedriveCount", child.redrive_count.into());
    if child.status != ExecutionStatus::Running {
        set("StartDate", child.start_date.to_iso_millis().into());
    }
    if let Ok(arn) = MapRunArn::parse(&spec.arn) {
        set("StateMachineArn", arn.state_machine_arn.into());
    }
    set("Status", status(child).into());
    if let Some(stop_date) = child.stop_date {
        set("StopDate", stop_date.to_iso_millis().into());
    }
    Value::Object(fields)
}

fn status(child: &ChildRecord) -> &'static str {
    match child.status {
        ExecutionStatus::Running => "PENDING",
        ended => ended.as_str(),
    }
}
