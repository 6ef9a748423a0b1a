//! What a Task state can call: the grammar of `Resource`, and the one table of what is served.
//!
//! To serve another integration, add its row to [`INTEGRATIONS`]; calling it is the runner's business. What SDK
//! integrations there are, and what they take, is the runner's to say: a [`Catalogue`].

mod catalogue;
mod ecs_run_task;
mod events_put_events;
mod http_invoke;
mod parameters;
mod sns_publish;
mod sqs_send_message;
mod states_start_execution;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use catalogue::{Catalogue, ParameterForm};
pub use parameters::{ParameterField, ParameterKind};

use crate::error_name::{ErrorName, Failure};
use crate::payload::Payload;

/// `Resource` of a Task state, understood.
///
/// Source: Step Functions Developer Guide, "Integrating services with Step Functions".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Resource {
    arn: Arc<str>,
    target: ResourceTarget,
}

/// What a [`Resource`] names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceTarget {
    /// An optimised integration: `arn:aws:states:::ecs:runTask.sync`.
    Integration {
        /// `ecs`.
        service: Arc<str>,
        /// `runTask`.
        action: Arc<str>,
        /// How the state waits.
        pattern: Pattern,
    },
    /// An SDK integration: `arn:aws:states:::aws-sdk:dynamodb:putItem`.
    AwsSdk {
        /// `dynamodb`.
        service: Arc<str>,
        /// `putItem`.
        action: Arc<str>,
        /// How the state waits.
        pattern: Pattern,
    },
    /// A Lambda function, perhaps with a version or an alias.
    Lambda,
    /// An activity.
    Activity,
    /// None of these.
    Unknown,
}

/// How a Task state waits for the service that it calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// No suffix: until the service answers the request.
    RequestResponse,
    /// `.sync`: until the job that it started has ended.
    Sync,
    /// `.sync:2`: as `.sync`, with the job's output as JSON instead of text.
    Sync2,
    /// `.waitForTaskToken`: until the task's token comes back.
    WaitForTaskToken,
}

impl Pattern {
    /// The suffix of the resource: empty, `.sync`, `.sync:2` or `.waitForTaskToken`.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::RequestResponse => "",
            Self::Sync => ".sync",
            Self::Sync2 => ".sync:2",
            Self::WaitForTaskToken => ".waitForTaskToken",
        }
    }

    fn split(action: &str) -> Option<(&str, Self)> {
        match action.split_once('.') {
            None => Some((action, Self::RequestResponse)),
            Some((action, "sync")) => Some((action, Self::Sync)),
            Some((action, "sync:2")) => Some((action, Self::Sync2)),
            Some((action, "waitForTaskToken")) => Some((action, Self::WaitForTaskToken)),
            Some(_) => None,
        }
    }
}

/// Which family of history events a resource has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceFamily {
    /// `TaskScheduled` and so on.
    Integration,
    /// `LambdaFunctionScheduled` and so on.
    Lambda,
    /// `ActivityScheduled` and so on.
    Activity,
}

impl Resource {
    /// Reads the text of `Resource`. Whether it can be called is another question: [`Self::is_supported`].
    pub fn parse(arn: &str) -> Self {
        Self { arn: arn.into(), target: target(arn).unwrap_or(ResourceTarget::Unknown) }
    }

    /// The text as it is written in the definition.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// What it names.
    pub fn target(&self) -> &ResourceTarget {
        &self.target
    }

    /// How the state waits. A Lambda function is asked and answers; an activity returns its token.
    pub fn pattern(&self) -> Pattern {
        match &self.target {
            ResourceTarget::Integration { pattern, .. } | ResourceTarget::AwsSdk { pattern, .. } => *pattern,
            ResourceTarget::Activity => Pattern::WaitForTaskToken,
            ResourceTarget::Lambda | ResourceTarget::Unknown => Pattern::RequestResponse,
        }
    }

    /// Which events tell of it.
    pub fn family(&self) -> ResourceFamily {
        match &self.target {
            ResourceTarget::Integration { .. } | ResourceTarget::AwsSdk { .. } | ResourceTarget::Unknown => {
                ResourceFamily::Integration
            }
            ResourceTarget::Lambda => ResourceFamily::Lambda,
            ResourceTarget::Activity => ResourceFamily::Activity,
        }
    }

    /// `resource` of history events: the action with its suffix, such as `runTask.sync`.
    pub fn history_resource(&self) -> String {
        match &self.target {
            ResourceTarget::Integration { action, pattern, .. }
            | ResourceTarget::AwsSdk { action, pattern, .. } => {
                format!("{action}{}", pattern.suffix())
            }
            ResourceTarget::Lambda | ResourceTarget::Activity | ResourceTarget::Unknown => {
                self.arn.to_string()
            }
        }
    }

    /// `resourceType` of history events: the service, such as `ecs` or `aws-sdk:dynamodb`.
    pub fn history_resource_type(&self) -> String {
        match &self.target {
            ResourceTarget::Integration { service, .. } => service.to_string(),
            ResourceTarget::AwsSdk { service, .. } => format!("aws-sdk:{service}"),
            ResourceTarget::Lambda => "lambda".to_owned(),
            ResourceTarget::Activity => "activity".to_owned(),
            ResourceTarget::Unknown => String::new(),
        }
    }

    /// Whether the table has it: then a definition may name it, whatever the server serves.
    pub fn is_supported(&self) -> bool {
        match &self.target {
            ResourceTarget::Integration { pattern, .. } => {
                self.integration().is_some_and(|row| row.patterns.contains(pattern))
            }
            ResourceTarget::Activity => true,
            ResourceTarget::AwsSdk { .. } | ResourceTarget::Lambda | ResourceTarget::Unknown => false,
        }
    }

    /// The table's row, for an optimised integration that is served.
    pub fn integration(&self) -> Option<&'static Integration> {
        let ResourceTarget::Integration { service, action, .. } = &self.target else { return None };
        INTEGRATIONS.iter().find(|row| *row.service == **service && *row.action == **action)
    }

    /// Whether Step Functions itself adds to the parameters of a call.
    pub(crate) fn completes_parameters(&self) -> bool {
        self.pattern() == Pattern::Sync && self.integration().is_some_and(|row| row.adds_started_by)
    }

    /// Adds what Step Functions itself adds to the parameters of a call.
    pub(crate) fn complete(&self, parameters: &mut Value) {
        if let (true, Some(fields)) = (self.completes_parameters(), parameters.as_object_mut()) {
            fields.insert("StartedBy".to_owned(), "AWS Step Functions".into());
        }
    }

    /// Refuses parameters that the integration cannot take: the task is not even scheduled. `form` is what an SDK
    /// integration takes.
    pub(crate) fn check(
        &self,
        form: Option<&dyn ParameterForm>,
        parameters: &Payload,
    ) -> Result<(), Failure> {
        let problems = match (self.integration(), form) {
            (Some(integration), _) => integration.problems(parameters.value()),
            (None, Some(form)) => form.problems(parameters.value()),
            (None, None) => Vec::new(),
        };
        if problems.is_empty() {
            return Ok(());
        }
        let cause = format!(
            "The Parameters '{}' could not be used to start the Task: [{}]",
            parameters.text(),
            problems.join(", ")
        );
        Err(Failure::new(ErrorName::Runtime, cause))
    }
}

impl From<String> for Resource {
    fn from(arn: String) -> Self {
        Self::parse(&arn)
    }
}

impl From<Resource> for String {
    fn from(resource: Resource) -> Self {
        resource.arn.to_string()
    }
}

fn target(arn: &str) -> Option<ResourceTarget> {
    let mut parts = arn.splitn(6, ':');
    let ("arn", _partition, service) = (parts.next()?, parts.next()?, parts.next()?) else { return None };
    let (_region, _account, name) = (parts.next()?, parts.next()?, parts.next()?);
    match service {
        "lambda" if name.starts_with("function:") => Some(ResourceTarget::Lambda),
        "states" => states_target(name),
        _ => None,
    }
}

fn states_target(name: &str) -> Option<ResourceTarget> {
    let (service, action) = name.split_once(':')?;
    if service == "activity" {
        return Some(ResourceTarget::Activity);
    }
    if service == "aws-sdk" {
        let (service, action) = action.split_once(':')?;
        let (action, pattern) = Pattern::split(action)?;
        return Some(ResourceTarget::AwsSdk { service: service.into(), action: action.into(), pattern });
    }
    let (action, pattern) = Pattern::split(action)?;
    Some(ResourceTarget::Integration { service: service.into(), action: action.into(), pattern })
}

/// One optimised integration.
#[derive(Debug)]
pub struct Integration {
    /// `ecs`.
    pub service: &'static str,
    /// `runTask`.
    pub action: &'static str,
    /// The patterns that it has.
    pub patterns: &'static [Pattern],
    /// What `Parameters` may have. Another name is refused when the machine is created, another value when the state is
    /// entered.
    pub parameters: &'static [ParameterField],
    /// Whether `.sync` adds `"StartedBy": "AWS Step Functions"` to the parameters.
    pub adds_started_by: bool,
    /// What is wrong with the values of parameters whose form is right: a sentence for each.
    pub check_values: fn(&Value) -> Vec<String>,
}

/// The optimised integrations that are served.
pub const INTEGRATIONS: &[Integration] = &[
    Integration {
        service: "ecs",
        action: "runTask",
        patterns: &[Pattern::RequestResponse, Pattern::Sync, Pattern::WaitForTaskToken],
        parameters: ecs_run_task::PARAMETERS,
        adds_started_by: true,
        check_values: any_values,
    },
    Integration {
        service: "events",
        action: "putEvents",
        patterns: &[Pattern::RequestResponse, Pattern::WaitForTaskToken],
        parameters: events_put_events::PARAMETERS,
        adds_started_by: false,
        check_values: any_values,
    },
    Integration {
        service: "http",
        action: "invoke",
        patterns: &[Pattern::RequestResponse],
        parameters: http_invoke::PARAMETERS,
        adds_started_by: false,
        check_values: http_invoke::check_values,
    },
    Integration {
        service: "sns",
        action: "publish",
        patterns: &[Pattern::RequestResponse, Pattern::WaitForTaskToken],
        parameters: sns_publish::PARAMETERS,
        adds_started_by: false,
        check_values: any_values,
    },
    Integration {
        service: "sqs",
        action: "sendMessage",
        patterns: &[Pattern::RequestResponse, Pattern::WaitForTaskToken],
        parameters: sqs_send_message::PARAMETERS,
        adds_started_by: false,
        check_values: any_values,
    },
    Integration {
        service: "states",
        action: "startExecution",
        patterns: &[Pattern::RequestResponse, Pattern::Sync, Pattern::Sync2, Pattern::WaitForTaskToken],
        parameters: states_start_execution::PARAMETERS,
        adds_started_by: false,
        check_values: any_values,
    },
];

/// The service says what it makes of values.
fn any_values(_parameters: &Value) -> Vec<String> {
    Vec::new()
}

impl Integration {
    /// What is wrong with a call's parameters, in AWS's words.
    fn problems(&self, parameters: &Value) -> Vec<String> {
        let problems = parameters::problems(self.parameters, parameters);
        if problems.is_empty() { (self.check_values)(parameters) } else { problems }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_service_action_and_pattern() {
        let resource = Resource::parse("arn:aws:states:::ecs:runTask.sync");
        assert_eq!(resource.history_resource(), "runTask.sync");
        assert_eq!(resource.history_resource_type(), "ecs");
        assert_eq!(resource.pattern(), Pattern::Sync);
        assert!(resource.is_supported());
        let resource = Resource::parse("arn:aws:states:::aws-sdk:dynamodb:putItem");
        assert_eq!(
            (resource.history_resource_type().as_str(), resource.is_supported()),
            ("aws-sdk:dynamodb", false)
        );
    }

    #[test]
    fn refuses_what_is_not_in_the_table() {
        for arn in [
            "",
            "arn",
            "arn:aws:states:::ecs:runTask.sync:2",
            "arn:aws:states:::ecs:stopTask",
            "arn:aws:s3:::b",
        ] {
            assert!(!Resource::parse(arn).is_supported(), "{arn}");
        }
    }
}
