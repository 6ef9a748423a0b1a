//! What a delivery is to each kind of target: one file per kind.

mod ecs;
mod logs;
mod states;

use api::{AwsError, Call, Dispatcher, Principal};
use serde_json::{Value, json};
use types::Arn;

use crate::delivery::Delivery;

/// The kinds of targets that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// A state machine, one of its versions or aliases.
    StateMachine,
    /// An ECS cluster: runs tasks.
    Ecs,
    /// A log group.
    LogGroup,
    /// Another event bus of the account and the region. `delivery` hands events over: no call is made.
    EventBus,
    /// Step Functions itself: `arn:P:states:R:::`, which only managed rules have.
    StepFunctions,
}

impl TargetKind {
    /// The kind of target that `arn` is, or `None` where it is not served.
    pub fn of(arn: &Arn) -> Option<Self> {
        match arn.service.as_str() {
            "states" if arn.resource.starts_with("stateMachine:") => Some(Self::StateMachine),
            "states" if arn.resource == ":" => Some(Self::StepFunctions),
            "ecs" if arn.resource.starts_with("cluster/") => Some(Self::Ecs),
            "events" if arn.resource.starts_with("event-bus/") => Some(Self::EventBus),
            "logs" if arn.resource.starts_with("log-group:") => Some(Self::LogGroup),
            _ => None,
        }
    }

    /// Whether EventBridge calls it as a role that the target names.
    pub fn needs_role(self) -> bool {
        matches!(self, Self::StateMachine | Self::Ecs)
    }
}

/// Hands the delivery to its target, once; returns what the target answered.
///
/// # Errors
/// Whatever the target's service answers.
pub async fn invoke(dispatcher: &Dispatcher, delivery: &Delivery) -> Result<Value, AwsError> {
    let arn: Option<Arn> = delivery.target.arn.parse().ok();
    match arn.as_ref().and_then(|arn| Some((arn, TargetKind::of(arn)?))) {
        Some((_, TargetKind::StateMachine)) => states::start_execution(dispatcher, delivery).await,
        Some((_, TargetKind::Ecs)) => ecs::run_task(dispatcher, delivery).await,
        Some((arn, TargetKind::LogGroup)) => logs::put_log_event(dispatcher, delivery, arn).await,
        Some((_, TargetKind::StepFunctions)) => deliver_event(dispatcher, delivery).await,
        Some((_, TargetKind::EventBus)) | None => {
            let text = format!("Runwright does not serve the target {}.", delivery.target.arn);
            Err(AwsError::new("InvalidTarget", text))
        }
    }
}

/// Step Functions waits for events of the jobs that it started.
async fn deliver_event(dispatcher: &Dispatcher, delivery: &Delivery) -> Result<Value, AwsError> {
    let service = Principal::service("events.amazonaws.com");
    let input = json!({"Event": delivery.input});
    call(dispatcher, delivery, service, "states", "internal:DeliverEvent", input).await
}

/// The principal that the target is called as: its role, in a session named after the event.
fn role(delivery: &Delivery) -> Principal {
    match &delivery.target.role_arn {
        Some(role) => Principal::role(role, delivery.event_id.replace('-', "")),
        None => Principal::service("events.amazonaws.com"),
    }
}

async fn call(
    dispatcher: &Dispatcher,
    delivery: &Delivery,
    principal: Principal,
    service: &str,
    operation: &str,
    input: Value,
) -> Result<Value, AwsError> {
    let call = Call::new(principal, &delivery.account, &delivery.region, service, operation, input);
    dispatcher.call(call).await
}
