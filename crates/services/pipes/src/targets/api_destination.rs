//! An API destination: each event is a request to an HTTP endpoint.

use std::collections::BTreeMap;

use api::AwsError;
use serde_json::{Value, json};

use super::{Outgoing, note};
use crate::generated::types::{PipeEnrichmentHttpParameters, PipeTargetHttpParameters};
use crate::line::Line;
use crate::template::parameter;

/// Sends each event; says of each whether the endpoint took it.
pub(super) async fn send(line: &Line, events: &[Outgoing]) -> Vec<bool> {
    let parameters = line.pipe.definition.target_parameters.as_ref();
    let given = parameters.and_then(|given| given.http_parameters.clone()).unwrap_or_default();
    let mut taken = Vec::with_capacity(events.len());
    for event in events {
        let answer = invoke(line, &line.pipe.definition.target, &given, event).await;
        taken.push(answer.inspect_err(|error| note(line, error)).is_ok());
        if line.is_ordered() && taken.contains(&false) {
            break;
        }
    }
    taken.resize(events.len(), false);
    taken
}

/// Asks the endpoint of an enrichment; returns what it answers, read where it is JSON.
///
/// # Errors
/// Where it does not answer well.
pub(crate) async fn ask(line: &Line, arn: &str, event: &Outgoing) -> Result<Value, AwsError> {
    let parameters = line.pipe.definition.enrichment_parameters.as_ref();
    let given = parameters.and_then(|given| given.http_parameters.clone()).unwrap_or_default();
    let PipeEnrichmentHttpParameters { path_parameter_values, header_parameters, query_string_parameters } =
        given;
    let given =
        PipeTargetHttpParameters { path_parameter_values, header_parameters, query_string_parameters };
    let answer = invoke(line, arn, &given, event).await?;
    let body = answer.get("Body").and_then(Value::as_str).unwrap_or_default();
    Ok(serde_json::from_str(body).unwrap_or_else(|_| Value::from(body)))
}

async fn invoke(
    line: &Line,
    arn: &str,
    given: &PipeTargetHttpParameters,
    event: &Outgoing,
) -> Result<Value, AwsError> {
    let resolved = |given: &Option<BTreeMap<String, String>>| -> BTreeMap<String, String> {
        let given = given.iter().flatten();
        given.filter_map(|(name, value)| Some((name.clone(), parameter(value, &event.event)?))).collect()
    };
    let path = given.path_parameter_values.iter().flatten();
    let path: Vec<String> = path.map(|value| parameter(value, &event.event).unwrap_or_default()).collect();
    let input = json!({
        "Arn": arn,
        "Input": event.text,
        "HttpParameters": {
            "PathParameterValues": path,
            "HeaderParameters": resolved(&given.header_parameters),
            "QueryStringParameters": resolved(&given.query_string_parameters),
        },
    });
    line.caller.call_internal("events", "internal:InvokeApiDestination", input).await
}
