//! One shipment's way through a pipe: enrich, transform, deliver, delete.
//!
//! What failed stays in the queue, which gives it again when its time is over, and has a redrive policy of its own.

use api::AwsError;
use event_pattern::EventPattern;
use serde_json::Value;

use crate::generated::types as model;
use crate::line::Line;
use crate::pipe::Pipe;
use crate::shipment::Shipment;
use crate::targets::{self, Outgoing, Taken, TargetKind};
use crate::template::{self, Variables};

/// Carries one shipment to its end; returns whether the target took all of it.
pub(crate) async fn carry(line: &Line, mut shipment: Shipment) -> bool {
    let count = shipment.messages.len();
    let taken = deliver(line, &mut shipment).await.unwrap_or_else(|error| {
        tracing::warn!(%error, pipe = line.pipe.name(), "a batch could not be delivered");
        vec![false; count]
    });
    if let Err(error) = line.end(&shipment, &taken).await {
        tracing::error!(%error, pipe = line.pipe.name(), "what became of a batch could not be kept");
        return false;
    }
    taken.iter().all(|taken| *taken)
}

/// Hands a shipment to the target; says of each message whether it was taken.
async fn deliver(line: &Line, shipment: &mut Shipment) -> Result<Vec<bool>, AwsError> {
    let outgoing = match line.pipe.enrichment() {
        None => of_messages(&line.pipe, shipment, line.pipe.target_template()),
        Some(enrichment) => enriched(line, shipment, enrichment).await?,
    };
    let count = shipment.messages.len();
    // An enrichment without an answer: nothing is left to deliver.
    if outgoing.is_empty() {
        return Ok(vec![true; count]);
    }
    let taken = match targets::deliver(line, shipment, &outgoing).await? {
        Taken::Each(each) if line.pipe.enrichment().is_none() => each,
        // It cannot be said which message became which event: all of them are taken, or none.
        Taken::Each(each) => vec![each.iter().all(|taken| *taken); count],
        Taken::AllBut(failed) => {
            let ids = || shipment.messages.iter().map(|message| message.message_id.as_str());
            let are_known = failed.iter().all(|failed| ids().any(|id| id == failed));
            ids().map(|id| are_known && !failed.contains(id)).collect()
        }
    };
    Ok(taken)
}

/// What the target is to get of what the enrichment made; that is asked once.
async fn enriched(line: &Line, shipment: &mut Shipment, arn: &str) -> Result<Vec<Outgoing>, AwsError> {
    let events = match &shipment.enriched {
        Some(events) => events.clone(),
        None => {
            let events = enrich(line, shipment, arn).await?;
            shipment.enriched = Some(events.clone());
            line.keep(shipment).await.map_err(AwsError::from)?;
            events
        }
    };
    let most = TargetKind::of(&line.pipe.definition.target).map_or(1, |kind| kind.batch_max());
    if events.len() > most {
        let text = format!("The enrichment's {} events are more than the target takes.", events.len());
        return Err(AwsError::new("ValidationException", text));
    }
    let (pipe, variables) = (&line.pipe, variables(&line.pipe, shipment));
    let template = pipe.target_template();
    Ok(events.into_iter().map(|event| outgoing(event, template, &variables)).collect())
}

/// Runs the enrichment on all messages.
async fn enrich(line: &Line, shipment: &Shipment, arn: &str) -> Result<Vec<Value>, AwsError> {
    let outgoing = of_messages(&line.pipe, shipment, line.pipe.enrichment_template());
    let output = match (TargetKind::of(arn), outgoing.as_slice()) {
        // An endpoint is given one event.
        (Some(TargetKind::ApiDestination), [event]) => {
            targets::api_destination::ask(line, arn, event).await?
        }
        (_, outgoing) => targets::states::run(line, arn, &shipment.id, targets::array(outgoing)).await?,
    };
    Ok(match output {
        Value::Array(events) => events,
        Value::Object(members) if members.is_empty() => Vec::new(),
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::Null => Vec::new(),
        single => vec![single],
    })
}

fn of_messages(pipe: &Pipe, shipment: &Shipment, template: Option<&str>) -> Vec<Outgoing> {
    let variables = variables(pipe, shipment);
    let events = shipment.messages.iter().map(|message| message.event.clone());
    events.map(|event| outgoing(event, template, &variables)).collect()
}

fn outgoing(event: Value, template: Option<&str>, variables: &Variables) -> Outgoing {
    let decoded = template::decoded(&event);
    let text = match template {
        None => event.to_string(),
        Some(template) => template::render(template, &event, &decoded, variables),
    };
    Outgoing { event: decoded, text }
}

fn variables(pipe: &Pipe, shipment: &Shipment) -> Variables {
    Variables {
        pipe_arn: pipe.arn(),
        pipe_name: pipe.name().to_owned(),
        source_arn: pipe.definition.source.clone(),
        enrichment_arn: pipe.enrichment().unwrap_or_default().to_owned(),
        target_arn: pipe.definition.target.clone(),
        ingestion_time: shipment.begun.to_iso_seconds(),
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
