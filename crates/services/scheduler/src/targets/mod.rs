//! What an invocation is to each kind of target: one file per kind.

pub mod dead_letter;
mod ecs;
mod events;
mod queue;
mod states;
mod universal;

use api::{AwsError, Call, Dispatcher, Principal};
use serde_json::{Value, json};

use crate::Error;
use crate::generated::types as model;
use crate::invocation::Invocation;
use crate::target::TargetKind;

/// Invokes the target, once; returns what it answered.
///
/// # Errors
/// Whatever the target's service answers; `UnknownOperationException` for a service that is not served.
pub async fn invoke(dispatcher: &Dispatcher, invocation: &Invocation) -> Result<Value, AwsError> {
    match TargetKind::of(&invocation.target.arn)? {
        TargetKind::StateMachine => states::start_execution(dispatcher, invocation).await,
        TargetKind::EcsCluster => ecs::run_task(dispatcher, invocation).await,
        TargetKind::EventBus => events::put_event(dispatcher, invocation).await,
        TargetKind::Queue => queue::send_message(dispatcher, invocation).await,
        TargetKind::Topic => queue::publish(dispatcher, invocation).await,
        TargetKind::Universal { service, action } => {
            universal::call_operation(dispatcher, invocation, &service, &action).await
        }
        TargetKind::Function => {
            let text = format!("Runwright does not serve Lambda: {} was not invoked.", invocation.target.arn);
            Err(AwsError::new("UnknownOperationException", text))
        }
    }
}

/// Refuses an operation that is not served.
///
/// # Errors
/// [`Error::OperationNotServed`].
pub fn refuse_unserved(dispatcher: &Dispatcher, target: &model::Target) -> Result<(), Error> {
    match TargetKind::of(&target.arn)? {
        TargetKind::Universal { service, action }
            if universal::find(dispatcher, &service, &action).is_none() =>
        {
            Err(Error::OperationNotServed(format!("{service}:{action}")))
        }
        _ => Ok(()),
    }
}

/// Calls an operation as the target's role, in a session named after the invocation.
async fn call(
    dispatcher: &Dispatcher,
    invocation: &Invocation,
    service: &str,
    operation: &str,
    input: Value,
) -> Result<Value, AwsError> {
    let call = Call::new(
        Principal::role(&invocation.target.role_arn, invocation.id.replace('-', "")),
        &invocation.schedule.group.account,
        &invocation.schedule.group.region,
        service,
        operation,
        input,
    );
    dispatcher.call(call.with_idempotency_key(&invocation.id)).await
}

/// The input that a target is given where the schedule has none: a notification in the form of an event.
///
/// Source: EventBridge Scheduler API, `Target`, "Input".
fn input_or_notification(invocation: &Invocation) -> String {
    invocation.input().unwrap_or_else(|| {
        let group = &invocation.schedule.group;
        json!({
            "version": "0",
            "id": invocation.id,
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": group.account,
            "time": invocation.scheduled.to_iso_seconds(),
            "region": group.region,
            "resources": [invocation.schedule.arn()],
            "detail": "{}",
        })
        .to_string()
    })
}
