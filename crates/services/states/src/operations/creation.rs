//! What creating or updating a state machine checks and does elsewhere: the managed rule, the log group.
//!
//! Source: Step Functions Developer Guide, "IAM policies for calling Amazon ECS", "Logging using CloudWatch Logs".

use api::{AwsError, Context, Principal};
use asl::{MachineKind, StateMachine};
use serde_json::{Value, json};

use crate::Error;
use crate::delivery::{LOG_DELIVERY, STATES};
use crate::generated::types::{EncryptionConfiguration, TracingConfiguration};
use crate::integrations::Served;
use crate::logging::Logging;

/// The rule that tells Step Functions of stopped ECS tasks.
const ECS_RULE: &str = "StepFunctionsGetEventsForECSTaskRule";

/// The only type of encryption that is served.
const OWNED_KEY: &str = "AWS_OWNED_KEY";

/// The stream that shows that a log group can be written to.
const VALIDATION_STREAM: &str = "log_stream_created_by_aws_to_validate_log_delivery_subscriptions";

const VALIDATION_MESSAGE: &str = "Permissions are set correctly to allow AWS CloudWatch Logs to write into your logs \
                                  while creating a subscription.";

/// Compiles a definition for a machine of this kind.
///
/// # Errors
/// [`Error::InvalidDefinition`].
pub(crate) fn compile(cx: &Context, definition: &str, kind: MachineKind) -> Result<StateMachine, Error> {
    asl::parse_with(definition, kind, &Served(&cx.dispatcher))
        .map_err(|diagnostics| Error::InvalidDefinition(asl::invalid_definition_message(&diagnostics)))
}

/// Reads `type`.
pub(crate) fn kind(text: Option<&str>) -> MachineKind {
    match text {
        Some("EXPRESS") => MachineKind::Express,
        _ => MachineKind::Standard,
    }
}

/// Refuses what is not served of tracing and encryption.
pub(crate) fn check_served(
    tracing: Option<&TracingConfiguration>,
    encryption: Option<&EncryptionConfiguration>,
) -> Result<(), Error> {
    if tracing.is_some_and(|tracing| tracing.enabled == Some(true)) {
        return Err(Error::TracingNotServed);
    }
    check_encryption(encryption)
}

/// Refuses encryption with a key of the customer's own.
pub(crate) fn check_encryption(encryption: Option<&EncryptionConfiguration>) -> Result<(), Error> {
    match encryption {
        Some(encryption) if encryption.r#type != OWNED_KEY => Err(Error::EncryptionNotServed),
        Some(_) | None => Ok(()),
    }
}

/// `encryptionConfiguration` of every answer.
pub(crate) fn encryption() -> EncryptionConfiguration {
    EncryptionConfiguration { r#type: OWNED_KEY.to_owned(), ..EncryptionConfiguration::default() }
}

/// Puts the managed rule on the default bus, where the machine waits for ECS tasks.
pub(crate) async fn put_managed_rules(
    cx: &Context,
    machine: &StateMachine,
    role_arn: &str,
) -> Result<(), Error> {
    let waits = |resource: &&str| resource.ends_with(":states:::ecs:runTask.sync");
    if !machine.resources().iter().any(waits) {
        return Ok(());
    }
    let pattern = json!({
        "source": ["aws.ecs"],
        "detail-type": ["ECS Task State Change"],
        "detail": {
            "lastStatus": ["STOPPED"],
            "desiredStatus": ["STOPPED"],
            "startedBy": ["AWS Step Functions"],
        },
    });
    let input = json!({
        "Name": ECS_RULE,
        "Description": "This rule is used to notify Step Functions regarding AWS ECS Tasks",
        "EventPattern": pattern.to_string(),
        "ManagedBy": STATES,
        "RoleArn": role_arn,
        "Targets": [{
            "Id": format!("{ECS_RULE}-Id"),
            "Arn": format!("arn:{}:states:{}:::", cx.region.partition(), cx.region),
        }],
    });
    match cx.call(Principal::service(STATES), "events", "internal:PutManagedRule", input).await {
        Ok(_) => Ok(()),
        Err(error) if error.code == "AccessDeniedException" => Err(Error::ManagedRule(role_arn.to_owned())),
        Err(error) => Err(Error::Service(error)),
    }
}

/// Checks that the log group exists, and shows that it can be written to.
pub(crate) async fn check_log_group(cx: &Context, logging: &Logging) -> Result<(), Error> {
    let Some(log_group) = logging.log_group() else { return Ok(()) };
    let input = json!({"logGroupNamePrefix": log_group});
    let found = logs(cx, "DescribeLogGroups", input).await.map_err(Error::Service)?;
    let groups = found.get("logGroups").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    // The group itself comes first among those whose names begin with its name.
    if !groups.iter().any(|group| group.get("logGroupName").and_then(Value::as_str) == Some(&log_group)) {
        return Err(Error::LogDestinationNotFound);
    }
    let stream = json!({"logGroupName": log_group, "logStreamName": VALIDATION_STREAM});
    match logs(cx, "CreateLogStream", stream).await {
        Err(error) if error.code == "ResourceAlreadyExistsException" => return Ok(()),
        answer => answer.map_err(Error::Service)?,
    };
    let events = json!({
        "logGroupName": log_group,
        "logStreamName": VALIDATION_STREAM,
        "logEvents": [{"timestamp": cx.now.as_millis(), "message": VALIDATION_MESSAGE}],
    });
    logs(cx, "PutLogEvents", events).await.map_err(Error::Service)?;
    Ok(())
}

async fn logs(cx: &Context, operation: &str, input: Value) -> Result<Value, AwsError> {
    cx.call(Principal::service(LOG_DELIVERY), "logs", operation, input).await
}
