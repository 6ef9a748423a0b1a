//! What a pipe may be. What AWS has and Runwright does not serve is refused here.

use crate::Error;
use crate::flow;
use crate::generated::types as model;
use crate::source::queue_url;
use crate::targets::{TargetKind, batch_max};

/// `SourceParameters.SqsQueueParameters.BatchSize`.
const BATCH_SIZE: &str = "SourceParameters.SqsQueueParameters.BatchSize";
/// `SourceParameters.SqsQueueParameters.MaximumBatchingWindowInSeconds`.
const WINDOW: &str = "SourceParameters.SqsQueueParameters.MaximumBatchingWindowInSeconds";

/// Checks a pipe's definition.
///
/// # Errors
/// The first thing that is wrong with it, or is not served.
pub(crate) fn definition(definition: &model::CreatePipeInput) -> Result<(), Error> {
    if queue_url(&definition.source).is_none() {
        return Err(Error::NotServed(format!("the source {}", definition.source)));
    }
    let Some(kind) = TargetKind::of(&definition.target) else {
        return Err(Error::NotServed(format!("the target {}", definition.target)));
    };
    not_served(definition)?;
    target_parameters(definition, kind)?;
    batching(definition, kind)?;
    flow::patterns(definition).map(drop).map_err(|reason| Error::Field {
        name: "SourceParameters.FilterCriteria",
        message: format!("Invalid filter pattern. {reason}"),
    })
}

fn not_served(definition: &model::CreatePipeInput) -> Result<(), Error> {
    let enrichment = definition.enrichment.as_deref().unwrap_or_default();
    let kind = TargetKind::of(enrichment);
    let is_served = matches!(kind, Some(TargetKind::StateMachine | TargetKind::ApiDestination));
    if !enrichment.is_empty() && !is_served {
        return Err(Error::NotServed(format!("the enrichment {enrichment}")));
    }
    let logs = definition.log_configuration.as_ref();
    if logs.is_some_and(|logs| logs.level != "OFF") {
        return Err(Error::NotServed("LogConfiguration".to_owned()));
    }
    if definition.kms_key_identifier.as_deref().is_some_and(|key| !key.is_empty()) {
        return Err(Error::NotServed("KmsKeyIdentifier".to_owned()));
    }
    let bus = definition.target_parameters.as_ref();
    let bus = bus.and_then(|given| given.event_bridge_event_bus_parameters.as_ref());
    match bus.is_some_and(|bus| bus.endpoint_id.is_some()) {
        true => Err(Error::NotServed("EndpointId".to_owned())),
        false => Ok(()),
    }
}

fn target_parameters(definition: &model::CreatePipeInput, kind: TargetKind) -> Result<(), Error> {
    let missing = |name| Err(Error::Field { name, message: "Missing required parameter.".to_owned() });
    let given = definition.target_parameters.as_ref();
    let tasks = given.and_then(|given| given.ecs_task_parameters.as_ref());
    if kind == TargetKind::Cluster && tasks.is_none() {
        return missing("TargetParameters.EcsTaskParameters");
    }
    let queue = given.and_then(|given| given.sqs_queue_parameters.as_ref());
    let is_fifo = kind == TargetKind::Queue && definition.target.ends_with(".fifo");
    if is_fifo && queue.is_none_or(|queue| queue.message_group_id.is_none()) {
        return missing("TargetParameters.SqsQueueParameters.MessageGroupId");
    }
    Ok(())
}

fn batching(definition: &model::CreatePipeInput, kind: TargetKind) -> Result<(), Error> {
    let sqs = definition.source_parameters.as_ref().and_then(|given| given.sqs_queue_parameters.as_ref());
    let Some(sqs) = sqs else { return Ok(()) };
    let wrong = |name, message: String| Err(Error::Field { name, message });
    let size = sqs.batch_size.and_then(|size| usize::try_from(size).ok()).unwrap_or(1);
    let window = sqs.maximum_batching_window_in_seconds.unwrap_or(0);
    let is_fifo = definition.source.ends_with(".fifo");
    if is_fifo && window > 0 {
        return wrong(WINDOW, "Batching window is not supported for FIFO queues.".to_owned());
    }
    if is_fifo && size > 10 {
        return wrong(BATCH_SIZE, "The maximum batch size for FIFO queues is 10.".to_owned());
    }
    if size > 10 && window == 0 {
        let text = "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10.";
        return wrong(WINDOW, text.to_owned());
    }
    if size > kind.batch_max() {
        return wrong(BATCH_SIZE, format!("The maximum batch size for the target is {}.", kind.batch_max()));
    }
    match batch_max(definition) {
        max if size > max => {
            wrong(BATCH_SIZE, format!("The maximum batch size for the enrichment is {max}."))
        }
        _ => Ok(()),
    }
}
