//! What a delivery is to each kind of target: one file per kind.

mod api_destination;
mod ecs;
mod logs;
mod pace;
mod sns;
mod sqs;
mod states;

use std::time::Duration;

use api::{AwsError, Call, Dispatcher, Principal};
use serde_json::{Value, json};
use types::Arn;

use crate::Inner;
use crate::delivery::Delivery;

pub use self::pace::{Pace, Slot};
pub use self::sqs::{Together, concurrent_max, queue_url};

/// The kinds of targets that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// A state machine, one of its versions or aliases.
    StateMachine,
    /// An ECS cluster: runs tasks.
    Ecs,
    /// A log group.
    LogGroup,
    /// An SQS queue.
    Queue,
    /// An SNS topic.
    Topic,
    /// Another event bus of the account. `delivery` hands events over: no call is made.
    EventBus,
    /// An HTTP endpoint, called with what a connection knows of it.
    ApiDestination,
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
            "events" if arn.resource.starts_with("api-destination/") => Some(Self::ApiDestination),
            "logs" if arn.resource.starts_with("log-group:") => Some(Self::LogGroup),
            "sqs" if is_name(&arn.resource) => Some(Self::Queue),
            "sns" if is_name(&arn.resource) => Some(Self::Topic),
            _ => None,
        }
    }

    /// Whether EventBridge calls it as a role that the target names.
    pub fn needs_role(self) -> bool {
        matches!(self, Self::StateMachine | Self::Ecs | Self::ApiDestination)
    }
}

/// Whether a queue or a topic may have that name.
fn is_name(resource: &str) -> bool {
    !resource.is_empty() && !resource.contains([':', '/'])
}

/// What an attempt has led to.
#[derive(Clone, Debug)]
pub enum Attempt {
    /// The target took the event, and answered so.
    Taken(Value),
    /// It was not the delivery's turn: nothing was sent.
    Postponed(Slot),
}

/// Why an attempt failed, and what that means for another one.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The target's error.
    pub error: Box<AwsError>,
    /// Whether and when another attempt may succeed.
    pub retry: Retry,
}

/// Whether and when another attempt may succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The failure will not pass.
    Never,
    /// After the pause that is made after so many failures.
    BackOff,
    /// After so long at least: the target said so.
    After(Duration),
}

impl Failure {
    /// A failure after which another attempt is made as `retry` says.
    pub fn new(error: AwsError, retry: Retry) -> Self {
        Self { error: Box::new(error), retry }
    }
}

impl From<AwsError> for Failure {
    fn from(error: AwsError) -> Self {
        let retry = if error.may_pass() { Retry::BackOff } else { Retry::Never };
        Self::new(error, retry)
    }
}

/// Hands deliveries to their target, once; returns what came of each. Several go there together ([`Together`]).
pub async fn invoke(inner: &Inner, deliveries: &[Delivery]) -> Vec<Result<Attempt, Failure>> {
    match deliveries {
        [alone] => vec![invoke_one(inner, alone).await],
        together => {
            let sent = sqs::send_batch(&inner.dispatcher, together).await;
            sent.into_iter().map(|sent| sent.map(Attempt::Taken).map_err(Failure::from)).collect()
        }
    }
}

async fn invoke_one(inner: &Inner, delivery: &Delivery) -> Result<Attempt, Failure> {
    let dispatcher = &inner.dispatcher;
    let arn: Option<Arn> = delivery.target.arn.parse().ok();
    let answer = match arn.as_ref().and_then(|arn| Some((arn, TargetKind::of(arn)?))) {
        Some((_, TargetKind::StateMachine)) => states::start_execution(dispatcher, delivery).await,
        Some((_, TargetKind::Ecs)) => ecs::run_task(dispatcher, delivery).await,
        Some((arn, TargetKind::LogGroup)) => logs::put_log_event(dispatcher, delivery, arn).await,
        Some((arn, TargetKind::Queue)) => sqs::send(dispatcher, delivery, arn).await,
        Some((arn, TargetKind::Topic)) => sns::publish(dispatcher, delivery, arn).await,
        Some((arn, TargetKind::ApiDestination)) => return inner.invoke_destination(delivery, arn).await,
        Some((_, TargetKind::StepFunctions)) => deliver_event(dispatcher, delivery).await,
        Some((_, TargetKind::EventBus)) | None => {
            let text = format!("Runwright does not serve the target {}.", delivery.target.arn);
            Err(AwsError::new("InvalidTarget", text))
        }
    };
    Ok(Attempt::Taken(answer?))
}

/// Step Functions waits for events of the jobs that it started.
async fn deliver_event(dispatcher: &Dispatcher, delivery: &Delivery) -> Result<Value, AwsError> {
    let service = Principal::service(EVENTS);
    let input = json!({"Event": delivery.input});
    call(dispatcher, delivery, service, "states", "internal:DeliverEvent", input).await
}

/// EventBridge's own principal.
const EVENTS: &str = "events.amazonaws.com";

/// The principal that the target is called as: its role, in a session named after the event.
fn role(delivery: &Delivery) -> Principal {
    match &delivery.target.role_arn {
        Some(role) => Principal::role(role, delivery.event_id.replace('-', "")),
        None => Principal::service(EVENTS),
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
