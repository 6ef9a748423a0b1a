//! What a pipe may be. What AWS has and Runwright does not serve is refused here.

use crate::Error;
use crate::flow;
use crate::generated::types as model;
use crate::source::queue_url;
use crate::target::TargetKind;

/// Checks a pipe's definition.
///
/// # Errors
/// [`Error::Validation`].
pub(crate) fn definition(definition: &model::CreatePipeInput) -> Result<(), Error> {
    let refused = |what: String| Err(Error::Validation(what));
    if queue_url(&definition.source).is_none() {
        return refused(format!("Runwright does not serve the source {} of pipes.", definition.source));
    }
    if TargetKind::of(&definition.target).is_none() {
        return refused(format!("Runwright does not serve the target {} of pipes.", definition.target));
    }
    let enrichment = definition.enrichment.as_deref().unwrap_or_default();
    let is_machine = enrichment.contains(":states:") && enrichment.contains(":stateMachine:");
    if !enrichment.is_empty() && !is_machine {
        return refused(format!("Runwright does not serve the enrichment {enrichment} of pipes."));
    }
    if definition.log_configuration.is_some() {
        return refused("Runwright does not serve LogConfiguration of pipes.".to_owned());
    }
    if definition.kms_key_identifier.as_deref().is_some_and(|key| !key.is_empty()) {
        return refused("Runwright does not serve KmsKeyIdentifier of pipes.".to_owned());
    }
    let cluster = TargetKind::of(&definition.target) == Some(TargetKind::Cluster);
    let parameters = definition.target_parameters.as_ref();
    if cluster && parameters.is_none_or(|given| given.ecs_task_parameters.is_none()) {
        return refused("EcsTaskParameters are required for a target that is an ECS cluster.".to_owned());
    }
    batching(definition)?;
    match flow::patterns(definition) {
        Ok(_) => Ok(()),
        Err(reason) => refused(format!("Invalid filter pattern. {reason}")),
    }
}

fn batching(definition: &model::CreatePipeInput) -> Result<(), Error> {
    let sqs = definition.source_parameters.as_ref().and_then(|given| given.sqs_queue_parameters.as_ref());
    let Some(sqs) = sqs else { return Ok(()) };
    let (size, window) = (sqs.batch_size.unwrap_or(10), sqs.maximum_batching_window_in_seconds.unwrap_or(0));
    let is_fifo = definition.source.ends_with(".fifo");
    if is_fifo && (size > 10 || window > 0) {
        let text = "Batching window is not supported for FIFO queues, and batch size is 10 at most.";
        return Err(Error::Validation(text.to_owned()));
    }
    if size > 10 && window == 0 {
        let text =
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10";
        return Err(Error::Validation(text.to_owned()));
    }
    Ok(())
}
