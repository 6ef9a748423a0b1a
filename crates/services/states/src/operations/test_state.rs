//! `TestState`: performs one state and keeps nothing of it.
//!
//! A Task state without a mock calls its service as the role. Only services that answer at once are called: a test does
//! not wait for jobs and tokens.

use api::Context;
use asl::test_state::{
    Configuration, ErrorDetails, Inspection, Mock, Place, Progress, Refusal, Report, Setup, StateTest,
    TestedState,
};
use asl::{Catalogue as _, ErrorName, Failure, Pattern, Payload};
use serde_json::{Map, Value};

use crate::Error;
use crate::generated::types::{
    InspectionData, InspectionErrorDetails, MockErrorOutput, MockInput, TestStateConfiguration,
    TestStateInput, TestStateOutput,
};
use crate::integrations::{self, Answer, Attempt, Served};
use crate::{json_text, mock_result, name};

pub(super) async fn test(cx: &Context, input: TestStateInput) -> Result<TestStateOutput, Error> {
    if let Some(role_arn) = &input.role_arn {
        name::check_role_arn(role_arn)?;
    }
    if input.reveal_secrets == Some(true) && input.mock.is_some() {
        return Err(invalid("TestState does not support RevealSecrets when a mock is specified."));
    }
    let tested = TestedState::parse(&input.definition, input.state_name.as_deref()).map_err(refused)?;
    if input.mock.is_none() {
        check_callable(cx, &tested)?;
    }
    let level = Level::of(input.inspection_level.as_deref());
    let mode =
        mock_result::Mode::of(input.mock.as_ref().and_then(|mock| mock.field_validation_mode.as_deref()));
    let setup = setup(cx, input)?;
    let role_arn = setup.place.role_arn.clone().unwrap_or_default();
    let mocked = match &setup.mock {
        Some(Mock::Result(result)) => Some(result.clone()),
        Some(Mock::Error(_)) | None => None,
    };
    let resource = tested.resource().cloned();
    let progress = StateTest::begin(tested, setup, cx.now).map_err(refused)?;
    if let (Some(result), Some(resource)) = (mocked, resource) {
        mock_result::check(&cx.dispatcher, &resource, result.value(), mode).map_err(Error::InvalidTest)?;
    }
    let report = match progress {
        Progress::Over(report) => *report,
        Progress::Calls(test) => {
            let answer = call(cx, &test, &role_arn).await;
            test.conclude(answer)
        }
    };
    Ok(output(report, level))
}

/// How much is told. `TRACE` adds the requests of HTTP tasks, which are not served.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Info,
    Debug,
}

impl Level {
    fn of(text: Option<&str>) -> Self {
        match text {
            Some("DEBUG" | "TRACE") => Self::Debug,
            _ => Self::Info,
        }
    }
}

/// Refuses a Task state that cannot be called.
fn check_callable(cx: &Context, tested: &TestedState) -> Result<(), Error> {
    let Some(resource) = tested.resource() else { return Ok(()) };
    if !Served(&cx.dispatcher).is_served(resource) {
        let arn = resource.arn();
        return Err(invalid(format!("Runwright does not serve the resource {arn}; specify a mock.")));
    }
    if resource.pattern() != Pattern::RequestResponse {
        let text = "Runwright tests tasks of '.sync' and '.waitForTaskToken' with a mock only; specify one.";
        return Err(invalid(text));
    }
    Ok(())
}

fn setup(cx: &Context, input: TestStateInput) -> Result<Setup, Error> {
    let text = input.input.unwrap_or_else(|| "{}".to_owned());
    json_text::check(&text).map_err(Error::InvalidExecutionInput)?;
    let payload =
        Payload::parse(text.into()).map_err(|error| Error::InvalidExecutionInput(error.to_string()))?;
    let context = input.context.map(|text| {
        object(&text).ok_or_else(|| invalid("Invalid Context object provided: it must be a JSON object"))
    });
    let variables =
        input.variables.map(|text| object(&text).ok_or_else(|| invalid("Variables must be a JSON object")));
    Ok(Setup {
        place: Place {
            partition: cx.region.partition().to_owned(),
            region: cx.region.to_string(),
            account: cx.account.to_string(),
            role_arn: input.role_arn,
            names: [api::ids::uuid(), api::ids::uuid()],
            seed: api::ids::seed(),
        },
        input: payload,
        context: context.transpose()?,
        variables: variables.transpose()?.unwrap_or_default(),
        configuration: input.state_configuration.map(configuration).unwrap_or_default(),
        mock: input.mock.map(mock).transpose()?,
    })
}

fn object(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}

fn configuration(given: TestStateConfiguration) -> Configuration {
    // The model has no negative ones.
    let count = |count: Option<i64>| count.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    Configuration {
        retrier_retry_count: count(given.retrier_retry_count),
        error_caused_by_state: given.error_caused_by_state,
        map_iteration_failure_count: count(given.map_iteration_failure_count).map(u64::from),
        map_item_reader_data: given.map_item_reader_data,
    }
}

fn mock(given: MockInput) -> Result<Mock, Error> {
    match (given.result, given.error_output) {
        (Some(result), None) => {
            let result = Payload::parse(result.into());
            result.map(Mock::Result).map_err(|_| invalid("Mocked result must be valid JSON"))
        }
        (None, Some(MockErrorOutput { error, cause })) => {
            Ok(Mock::Error(Failure { error: error.as_deref().map(ErrorName::from), cause }))
        }
        (Some(_), Some(_)) | (None, None) => {
            Err(invalid("A mock must have exactly one of these fields: [result, errorOutput]"))
        }
    }
}

/// Calls the service of a Task state.
async fn call(cx: &Context, test: &StateTest, role_arn: &str) -> Mock {
    let Some(task) = test.task() else { return Mock::Error(Failure::default()) };
    let attempt = Attempt {
        dispatcher: &cx.dispatcher,
        execution: test.execution_arn(),
        task: task.task,
        seed: test.seed(),
        role_arn: task.credentials.as_deref().unwrap_or(role_arn),
        region: &cx.region,
        account: &cx.account,
        resource: &task.resource,
        parameters: task.parameters.value(),
    };
    match integrations::invoke(&attempt).await {
        Answer::Succeeded(output) | Answer::Submitted { output } => Mock::Result(Payload::new(output)),
        Answer::Failed(failure) => Mock::Error(failure.failure),
    }
}

fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Definition(diagnostics) => {
            Error::InvalidDefinition(asl::invalid_definition_message(&diagnostics))
        }
        Refusal::StateNotFound => invalid("State not found in definition"),
        Refusal::NeedsMock => Error::InvalidDefinition(
            "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, \
             Succeed, Fail, Choice]"
                .to_owned(),
        ),
        Refusal::Invalid(message) => Error::InvalidTest(message),
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::InvalidTest(message.into())
}

fn output(report: Report, level: Level) -> TestStateOutput {
    let Failure { error, cause } = report.failure.unwrap_or_default();
    TestStateOutput {
        output: text(report.output),
        error: error.map(String::from),
        cause,
        inspection_data: (level == Level::Debug).then(|| inspection(report.inspection)),
        next_state: report.next_state.map(|name| name.as_ref().to_owned()),
        status: Some(report.status.as_str().to_owned()),
    }
}

fn inspection(told: Inspection) -> InspectionData {
    InspectionData {
        input: text(told.input),
        after_arguments: text(told.after_arguments),
        after_input_path: text(told.after_input_path),
        after_parameters: text(told.after_parameters),
        result: text(told.result),
        after_result_selector: text(told.after_result_selector),
        after_result_path: text(told.after_result_path),
        variables: text(told.variables),
        error_details: told.error_details.map(details),
        after_items_path: text(told.after_items_path),
        after_item_selector: text(told.after_item_selector),
        after_item_batcher: text(told.after_item_batcher),
        after_items_pointer: text(told.after_items_pointer),
        tolerated_failure_count: number(told.tolerated_failure_count),
        tolerated_failure_percentage: told.tolerated_failure_percentage,
        max_concurrency: number(told.max_concurrency),
        ..InspectionData::default()
    }
}

fn details(told: ErrorDetails) -> InspectionErrorDetails {
    let place = |place: Option<usize>| place.and_then(|place| i64::try_from(place).ok());
    InspectionErrorDetails {
        catch_index: place(told.catch_index),
        retry_index: place(told.retry_index),
        retry_backoff_interval_seconds: number(told.retry_backoff_interval_seconds),
    }
}

fn text(payload: Option<Payload>) -> Option<String> {
    payload.map(|payload| payload.text().as_ref().to_owned())
}

fn number(number: Option<u64>) -> Option<i64> {
    number.and_then(|number| i64::try_from(number).ok())
}
