//! The targets: what becomes of a shipment's events at each kind.
//!
//! Source: EventBridge User Guide, "Amazon EventBridge Pipes targets", "Amazon EventBridge Pipes batching and concurrency".

pub(crate) mod api_destination;
mod ecs;
mod event_bus;
mod logs;
mod sns;
mod sqs;
pub(crate) mod states;

use std::collections::HashSet;

use api::AwsError;
use serde_json::Value;
use types::Arn;

use crate::generated::types::CreatePipeInput;
use crate::limits::{ENTRIES_MAX, LOG_EVENTS_MAX};
use crate::line::Line;
use crate::shipment::Shipment;

/// An event on its way: what it was, with its body read, and what the target is to get.
pub(crate) struct Outgoing {
    pub(crate) event: Value,
    pub(crate) text: String,
}

/// What the target took.
pub(crate) enum Taken {
    /// Of each event whether it did.
    Each(Vec<bool>),
    /// All, but the messages with these ids.
    AllBut(HashSet<String>),
}

/// The kinds of targets that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TargetKind {
    Queue,
    Topic,
    StateMachine,
    EventBus,
    LogGroup,
    Cluster,
    ApiDestination,
}

impl TargetKind {
    /// The kind of the target with that ARN; `None` where it is not served.
    pub(crate) fn of(arn: &str) -> Option<Self> {
        let arn: Arn = arn.parse().ok()?;
        let is_name = !arn.resource.is_empty() && !arn.resource.contains([':', '/']);
        match arn.service.as_str() {
            "sqs" if is_name => Some(Self::Queue),
            // AWS has no pipes to FIFO topics.
            "sns" if is_name && !arn.resource.ends_with(".fifo") => Some(Self::Topic),
            "states" if arn.resource.starts_with("stateMachine:") => Some(Self::StateMachine),
            "events" if arn.resource.starts_with("event-bus/") => Some(Self::EventBus),
            "events" if arn.resource.starts_with("api-destination/") => Some(Self::ApiDestination),
            "logs" if arn.resource.starts_with("log-group:") => Some(Self::LogGroup),
            "ecs" if arn.resource.starts_with("cluster/") => Some(Self::Cluster),
            _ => None,
        }
    }

    /// How many events it takes together.
    pub(crate) fn batch_max(self) -> usize {
        match self {
            Self::Queue | Self::Topic | Self::EventBus => ENTRIES_MAX,
            Self::LogGroup => LOG_EVENTS_MAX,
            Self::StateMachine => usize::MAX,
            Self::Cluster | Self::ApiDestination => 1,
        }
    }
}

/// How many messages a pipe takes together: as many as its target does, and its enrichment.
pub(crate) fn batch_max(definition: &CreatePipeInput) -> usize {
    let max = |arn: &str| TargetKind::of(arn).map_or(1, TargetKind::batch_max);
    let enrichment = definition.enrichment.as_deref().filter(|arn| !arn.is_empty());
    max(&definition.target).min(enrichment.map_or(usize::MAX, max))
}

/// Hands events to the target of a pipe.
///
/// # Errors
/// What the target's service answers, of all of them.
pub(crate) async fn deliver(
    line: &Line,
    shipment: &Shipment,
    events: &[Outgoing],
) -> Result<Taken, AwsError> {
    let arn = line.pipe.definition.target.as_str();
    let each = match TargetKind::of(arn) {
        Some(TargetKind::StateMachine) => return states::start(line, shipment, events).await,
        Some(TargetKind::Queue) => sqs::send(line, shipment, events).await?,
        Some(TargetKind::Topic) => sns::publish(line, shipment, events).await,
        Some(TargetKind::EventBus) => event_bus::put(line, shipment, events).await?,
        Some(TargetKind::LogGroup) => logs::put(line, shipment, events).await?,
        Some(TargetKind::Cluster) => ecs::run(line, shipment, events).await,
        Some(TargetKind::ApiDestination) => api_destination::send(line, events).await,
        None => {
            let text = format!("Runwright does not serve the target {arn}.");
            return Err(AwsError::new("ValidationException", text));
        }
    };
    Ok(Taken::Each(each))
}

/// The texts of events as a JSON array: what is JSON as it is, what is not as a string.
pub(crate) fn array(events: &[Outgoing]) -> String {
    let one = |event: &Outgoing| {
        serde_json::from_str::<Value>(&event.text).unwrap_or_else(|_| Value::from(event.text.as_str()))
    };
    Value::Array(events.iter().map(one).collect()).to_string()
}

/// The key of a call for one event of a shipment: the same for all tries of it.
fn key(shipment: &Shipment, at: usize) -> String {
    format!("{}/{at}", batch_key(shipment))
}

/// The key of a call for all events of a shipment; that of an entry is this one, a slash, and its id.
fn batch_key(shipment: &Shipment) -> String {
    format!("pipe/{}", shipment.id)
}

/// Says in the log that an event was not taken.
fn note(line: &Line, error: &AwsError) {
    let (pipe, target) = (line.pipe.name(), line.pipe.definition.target.as_str());
    tracing::warn!(%error, pipe, target, "the target did not take an event of a pipe");
}
