//! One batch's way through a pipe: receive, filter, enrich, transform, deliver, delete.
//!
//! A message is deleted once the target has its event, or the filter does not want it. What failed stays in the queue,
//! which gives it again when its time is over, and has a redrive policy of its own.

use api::AwsError;
use event_pattern::EventPattern;
use serde_json::{Value, json};

use crate::call::Caller;
use crate::generated::types as model;
use crate::pipe::Pipe;
use crate::source::{self, Received};
use crate::target::{self, Outgoing};
use crate::template::{self, Variables};

/// Carries one batch.
///
/// # Errors
/// What a service answers that failed for all of it.
pub(crate) async fn carry(caller: &Caller, pipe: &Pipe, patterns: &[EventPattern]) -> Result<(), AwsError> {
    let definition = &pipe.definition;
    let received = source::receive(caller, definition).await?;
    let (wanted, others): (Vec<Received>, Vec<Received>) =
        received.into_iter().partition(|one| source::is_wanted(patterns, &one.event));
    let unwanted: Vec<&str> = others.iter().map(|one| one.receipt_handle.as_str()).collect();
    source::delete(caller, &definition.source, &unwanted).await?;
    if wanted.is_empty() {
        return Ok(());
    }
    let variables = variables(caller, pipe);
    let taken = match definition.enrichment.as_deref().filter(|arn| !arn.is_empty()) {
        None => {
            let template =
                definition.target_parameters.as_ref().and_then(|given| given.input_template.as_deref());
            let outgoing = outgoing(pipe, &wanted, template, &variables);
            target::deliver(caller, definition, &outgoing).await?
        }
        Some(enrichment) => enriched(caller, pipe, enrichment, &wanted, &variables).await?,
    };
    let done = wanted.iter().zip(taken).filter(|(_, taken)| *taken);
    let done: Vec<&str> = done.map(|(one, _)| one.receipt_handle.as_str()).collect();
    source::delete(caller, &definition.source, &done).await
}

/// Delivers what the enrichment makes of a batch. It cannot be said which message became which event: all of them are
/// taken, or none.
async fn enriched(
    caller: &Caller,
    pipe: &Pipe,
    enrichment: &str,
    wanted: &[Received],
    variables: &Variables,
) -> Result<Vec<bool>, AwsError> {
    let definition = &pipe.definition;
    let template =
        definition.enrichment_parameters.as_ref().and_then(|given| given.input_template.as_deref());
    let input = target::batch(&outgoing(pipe, wanted, template, variables));
    let request = json!({"stateMachineArn": enrichment, "input": input});
    let answer = caller.call("states", "StartSyncExecution", request, None).await?;
    if answer.get("status").and_then(Value::as_str) != Some("SUCCEEDED") {
        let text = format!("The enrichment {enrichment} did not succeed.");
        return Err(AwsError::new("InternalException", text));
    }
    let output = answer.get("output").and_then(Value::as_str).unwrap_or_default();
    let events = match serde_json::from_str(output) {
        Ok(Value::Array(events)) => events,
        Ok(Value::Null) | Err(_) => Vec::new(),
        Ok(single) => vec![single],
    };
    let template = definition.target_parameters.as_ref().and_then(|given| given.input_template.as_deref());
    let first = wanted.first().map(|one| one.message_id.as_str()).unwrap_or_default();
    let outgoing: Vec<Outgoing> = events
        .into_iter()
        .enumerate()
        .map(|(at, event)| one(pipe, event, template, variables, &format!("{first}/{at}")))
        .collect();
    let taken = match outgoing.is_empty() {
        true => Vec::new(),
        false => target::deliver(caller, definition, &outgoing).await?,
    };
    let all = taken.iter().all(|taken| *taken);
    Ok(vec![all; wanted.len()])
}

fn outgoing(
    pipe: &Pipe,
    received: &[Received],
    template: Option<&str>,
    variables: &Variables,
) -> Vec<Outgoing> {
    received
        .iter()
        .map(|one_of| one(pipe, one_of.event.clone(), template, variables, &one_of.message_id))
        .collect()
}

fn one(pipe: &Pipe, event: Value, template: Option<&str>, variables: &Variables, id: &str) -> Outgoing {
    let template = template.filter(|template| !template.is_empty());
    let text =
        template.map_or_else(|| event.to_string(), |template| template::render(template, &event, variables));
    Outgoing { event, text, key: format!("pipe/{}/{id}", pipe.name()) }
}

fn variables(caller: &Caller, pipe: &Pipe) -> Variables {
    let definition = &pipe.definition;
    Variables {
        pipe_arn: pipe.arn(),
        pipe_name: pipe.name().to_owned(),
        source_arn: definition.source.clone(),
        enrichment_arn: definition.enrichment.clone().unwrap_or_default(),
        target_arn: definition.target.clone(),
        ingestion_time: source::ingestion_time(caller.clock().now()),
    }
}

/// The patterns of a pipe's filter.
///
/// # Errors
/// What is wrong with the first that is no pattern.
pub(crate) fn patterns(definition: &model::CreatePipeInput) -> Result<Vec<EventPattern>, String> {
    let criteria = definition.source_parameters.as_ref().and_then(|given| given.filter_criteria.as_ref());
    let filters = criteria.and_then(|criteria| criteria.filters.as_ref()).into_iter().flatten();
    let read = |pattern: &str| EventPattern::parse(pattern).map_err(|error| error.to_string());
    filters.filter_map(|filter| filter.pattern.as_deref()).map(read).collect()
}
