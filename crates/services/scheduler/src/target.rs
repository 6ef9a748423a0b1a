//! What a schedule may invoke, and what a request must say of it.
//!
//! Source: EventBridge Scheduler User Guide, "Using templated targets" and "Using universal targets".

use serde_json::Value;
use types::Arn;

use crate::Error;
use crate::context_attributes::ContextAttributes;
use crate::generated::types as model;
use crate::limits::{EVENT_AGE_SECONDS_MAX, INPUT_BYTES_MAX, RETRY_ATTEMPTS_MAX};

/// What a target's ARN stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// A state machine, one of its versions or aliases: starts an execution.
    StateMachine,
    /// An ECS cluster: runs tasks.
    EcsCluster,
    /// An event bus: puts an event.
    EventBus,
    /// An SQS queue: sends a message.
    Queue,
    /// An SNS topic: publishes a message.
    Topic,
    /// Any operation of any service: `arn:aws:scheduler:::aws-sdk:<service>:<apiAction>`.
    Universal {
        /// The SDKs' identifier of the service, in lower case.
        service: String,
        /// The operation, in camel case.
        action: String,
    },
    /// A Lambda function. Runwright keeps the schedule, as AWS does without looking whether there is such a function, and
    /// its invocations fail.
    Function,
}

/// What read-only operations begin with: AWS does not take them as universal targets.
const READ_ONLY: [&str; 25] = [
    "get",
    "describe",
    "list",
    "poll",
    "receive",
    "search",
    "scan",
    "query",
    "select",
    "read",
    "lookup",
    "discover",
    "validate",
    "batchGet",
    "batchDescribe",
    "batchRead",
    "transactGet",
    "adminGet",
    "adminList",
    "testMigration",
    "retrieve",
    "testConnection",
    "translateDocument",
    "isAuthorized",
    "invokeModel",
];

/// The services whose resources are invoked.
const INVOKED: [&str; 3] = ["states", "ecs", "events"];

/// The services of AWS's other templated targets.
const TEMPLATED: [(&str, &str); 7] = [
    ("codebuild", "CodeBuild"),
    ("codepipeline", "CodePipeline"),
    ("firehose", "Firehose"),
    ("inspector", "Inspector"),
    ("inspector2", "Inspector"),
    ("kinesis", "Kinesis"),
    ("sagemaker", "SageMaker"),
];

impl TargetKind {
    /// What `arn` stands for.
    ///
    /// # Errors
    /// [`Error::InvalidTargetArn`]; [`Error::Invalid`] for what AWS does not take as a target.
    pub fn of(arn: &str) -> Result<Self, Error> {
        let arn: Arn = arn.parse().map_err(|_| Error::InvalidTargetArn)?;
        match (arn.service.as_str(), arn.resource.as_str()) {
            ("states", resource) if resource.starts_with("stateMachine:") => Ok(Self::StateMachine),
            ("ecs", resource) if resource.starts_with("cluster/") => Ok(Self::EcsCluster),
            ("events", resource) if resource.starts_with("event-bus/") => Ok(Self::EventBus),
            ("sqs", _) => Ok(Self::Queue),
            ("sns", _) => Ok(Self::Topic),
            ("scheduler", resource) if resource.starts_with("aws-sdk:") => universal(resource),
            ("lambda", _) => Ok(Self::Function),
            (service, _) => match TEMPLATED.iter().find(|(templated, _)| *templated == service) {
                Some((_, name)) => Err(Error::TargetNotServed(name)),
                // Invoked, but not by an ARN like this.
                None if INVOKED.contains(&service) => Err(Error::InvalidTargetArn),
                None => Err(Error::TargetServiceUnsupported(service.to_owned())),
            },
        }
    }
}

fn universal(resource: &str) -> Result<TargetKind, Error> {
    let mut parts = resource.split(':');
    let (Some("aws-sdk"), Some(service), Some(action), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Error::InvalidTargetArn);
    };
    if service.is_empty() || action.is_empty() {
        return Err(Error::InvalidTargetArn);
    }
    if is_read_only(action) {
        return Err(Error::Invalid(format!("{service}:{action} is not a supported API action.")));
    }
    Ok(TargetKind::Universal { service: service.to_owned(), action: action.to_owned() })
}

/// Operations are written in camel case; one whose first letter is large is the same operation.
fn is_read_only(action: &str) -> bool {
    READ_ONLY.iter().any(|read_only| {
        action.starts_with(read_only)
            || action.get(..1).zip(action.get(1..)).is_some_and(|(first, rest)| {
                read_only.starts_with(&first.to_ascii_lowercase())
                    && read_only.get(1..).is_some_and(|end| rest.starts_with(end))
            })
    })
}

/// The target, checked and with AWS's defaults.
///
/// # Errors
/// What is wrong with it, or what of it Runwright does not serve.
pub fn checked(mut target: model::Target) -> Result<model::Target, Error> {
    refuse_unserved(&target)?;
    let kind = TargetKind::of(&target.arn)?;
    check_dead_letters(&target)?;
    check_parameters(&kind, &target)?;
    if let Some(input) = &target.input {
        check_input(&kind, input)?;
    }
    let policy = target.retry_policy.get_or_insert_default();
    policy.maximum_event_age_in_seconds.get_or_insert(EVENT_AGE_SECONDS_MAX.into());
    policy.maximum_retry_attempts.get_or_insert(RETRY_ATTEMPTS_MAX.into());
    Ok(target)
}

fn refuse_unserved(target: &model::Target) -> Result<(), Error> {
    for (is_given, what) in [
        (target.kinesis_parameters.is_some(), "KinesisParameters"),
        (target.sage_maker_pipeline_parameters.is_some(), "SageMakerPipelineParameters"),
        (target.event_bridge_put_events_v2_parameters.is_some(), "EventBridgePutEventsV2Parameters"),
        (target.event_bridge_put_raw_events_parameters.is_some(), "EventBridgePutRawEventsParameters"),
    ] {
        if is_given {
            return Err(Error::NotServed(what));
        }
    }
    Ok(())
}

/// Dead letters go to a standard queue.
fn check_dead_letters(target: &model::Target) -> Result<(), Error> {
    let Some(arn) = target.dead_letter_config.as_ref().and_then(|config| config.arn.as_deref()) else {
        return Ok(());
    };
    // That it is no FIFO queue is checked with the model.
    if TargetKind::of(arn)? == TargetKind::Queue { Ok(()) } else { Err(Error::InvalidTargetArn) }
}

/// Parameters belong to one kind of target, which may need them.
fn check_parameters(kind: &TargetKind, target: &model::Target) -> Result<(), Error> {
    let is_fifo = target.arn.ends_with(".fifo");
    for (name, is_given, is_of_kind, is_needed) in [
        ("EcsParameters", target.ecs_parameters.is_some(), *kind == TargetKind::EcsCluster, true),
        (
            "EventBridgeParameters",
            target.event_bridge_parameters.is_some(),
            *kind == TargetKind::EventBus,
            true,
        ),
        ("SqsParameters", target.sqs_parameters.is_some(), *kind == TargetKind::Queue, is_fifo),
    ] {
        if is_of_kind && is_needed && !is_given {
            return Err(Error::Invalid(format!("{name} must be specified for the target {}.", target.arn)));
        }
        if is_given && !is_of_kind {
            return Err(Error::Invalid(format!("{name} is not supported for the target {}.", target.arn)));
        }
    }
    // The model forbids it, too, but in a pattern that is not checked there.
    let source = target.event_bridge_parameters.as_ref().map(|parameters| parameters.source.as_str());
    if source.is_some_and(|source| source.starts_with("aws.")) {
        return Err(Error::Invalid("Source must not begin with aws.".to_owned()));
    }
    if source.is_some_and(|source| source.starts_with('$')) {
        return Err(Error::NotServed("a JSON path as Source"));
    }
    Ok(())
}

fn check_input(kind: &TargetKind, input: &str) -> Result<(), Error> {
    if input.len() > INPUT_BYTES_MAX {
        return Err(Error::Invalid(format!("Input can have at most {INPUT_BYTES_MAX} bytes.")));
    }
    let sample =
        ContextAttributes { schedule_arn: "", scheduled_time: "", execution_id: "", attempt_number: 1 };
    let parsed: Option<Value> = serde_json::from_str(&sample.fill(input)).ok();
    let is_right = match kind {
        TargetKind::StateMachine => parsed.is_some(),
        TargetKind::EventBus | TargetKind::EcsCluster | TargetKind::Universal { .. } => {
            parsed.is_some_and(|input| input.is_object())
        }
        TargetKind::Queue | TargetKind::Topic | TargetKind::Function => true,
    };
    if is_right { Ok(()) } else { Err(Error::Invalid("Input is not valid JSON for the target.".to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_say_what_is_invoked() {
        let kind = |arn| TargetKind::of(arn).ok();
        assert_eq!(kind("arn:aws:states:r:a:stateMachine:m"), Some(TargetKind::StateMachine));
        assert_eq!(kind("arn:aws:ecs:r:a:cluster/c"), Some(TargetKind::EcsCluster));
        assert_eq!(kind("arn:aws:events:r:a:event-bus/default"), Some(TargetKind::EventBus));
        assert_eq!(kind("arn:aws:sqs:us-east-1:000000000000:none"), Some(TargetKind::Queue));
        assert_eq!(kind("arn:aws:sns:us-east-1:000000000000:none"), Some(TargetKind::Topic));
        assert_eq!(kind("arn:aws:lambda:us-east-1:000000000000:function:f"), Some(TargetKind::Function));
        let (service, action) = ("sfn".to_owned(), "startExecution".to_owned());
        let universal = TargetKind::Universal { service, action };
        assert_eq!(kind("arn:aws:scheduler:::aws-sdk:sfn:startExecution"), Some(universal));
        for refused in [
            "nonsense",
            "arn:aws:s3:::bucket",
            "arn:aws:scheduler:::aws-sdk:sfn",
            "arn:aws:scheduler:::aws-sdk::x",
            "arn:aws:scheduler:::aws-sdk:sqs:getQueueURL",
            "arn:aws:scheduler:::aws-sdk:mq:listBrokers",
            "arn:aws:scheduler:::aws-sdk:mq:ListBrokers",
            "arn:aws:kinesis:us-east-1:000000000000:stream/s",
            "arn:aws:scheduler:::aws-sdk:dynamodb:batchGetItem",
        ] {
            assert_eq!(kind(refused), None, "{refused}");
        }
    }
}
