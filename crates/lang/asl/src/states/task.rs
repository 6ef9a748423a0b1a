//! Task states: a service, a Lambda function or an activity does the work.
//!
//! The state schedules its task and waits. What becomes of the task is told by wakes, and by the timers of its timeout and
//! its heartbeats. Each attempt is a task of its own.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::definition::State;
use crate::error_name::{ErrorName, Failure};
use crate::execution::OpenTask;
use crate::expression::{QueryPath, Scope};
use crate::frame::{Calling, Frame, Phase};
use crate::history::{EventDetails, TaskStage};
use crate::ids::{FrameId, TaskId, TimerId};
use crate::integrations::{ParameterForm, Pattern, Resource, ResourceFamily};
use crate::jsonata::{Produced, Script, value_fault};
use crate::limits::SECONDS_MAX;
use crate::payload::Payload;
use crate::run::{ContextParts, Fault, Outcome, Run, too_large};
use crate::states::map::Selector;
use crate::token::task_token;
use crate::wake::{FailurePhase, TaskFailure};

/// What a Task state has of its own.
#[derive(Debug)]
pub(crate) struct TaskState {
    pub(crate) resource: Resource,
    /// What the resource takes, where that is not in the table of integrations.
    pub(crate) form: Option<Arc<dyn ParameterForm>>,
    pub(crate) timeout: Seconds,
    pub(crate) heartbeat: Seconds,
    /// `Credentials`, an object with `RoleArn`.
    pub(crate) credentials: Option<Selector>,
}

/// `TimeoutSeconds` or `TimeoutSecondsPath`, `HeartbeatSeconds` or `HeartbeatSecondsPath`.
#[derive(Debug, Default)]
pub(crate) enum Seconds {
    #[default]
    Absent,
    Literal(u64),
    Path(QueryPath),
    Query(Script),
}

/// Schedules an attempt.
pub(crate) fn perform(
    run: &mut Run<'_>,
    frame: FrameId,
    state: &State,
    task: &TaskState,
) -> Result<Outcome, Fault> {
    let raw = run.raw_input(frame);
    let id = TaskId(run.execution.head.new_id());
    let spec = &run.execution.spec;
    // Tasks of `.sync` have a token too.
    let token =
        (task.resource.pattern() != Pattern::RequestResponse).then(|| task_token(&spec.arn, id, spec.seed));
    let parts = ContextParts { token: token.as_deref(), item: None };
    let mut open = run.evaluate(frame, &raw, parts, |scope| task.open(id, state, &raw, scope))?;
    run.check_size(&open.parameters, &state.name)?;
    open.resource.check(task.form.as_deref(), &open.parameters)?;
    open.token = token;
    schedule(run, frame, open);
    Ok(Outcome::Blocked)
}

fn schedule(run: &mut Run<'_>, frame: FrameId, open: OpenTask) {
    let stage = TaskStage::Scheduled {
        parameters: open.parameters.clone(),
        region: Arc::clone(&run.execution.spec.region),
        timeout_seconds: open.timeout_seconds,
        heartbeat_seconds: open.heartbeat_seconds,
        credentials: open.credentials.clone(),
    };
    record(run, frame, &open.resource, stage);
    run.effects.push(open.invocation());
    run.execution.frames.watch_task(open.task, frame);
    let timeout = open.timeout_seconds.map(|seconds| timer(run, frame, seconds));
    // An activity's heartbeats begin when a worker has taken it.
    let beats_already = open.resource.family() != ResourceFamily::Activity;
    let heartbeat =
        open.heartbeat_seconds.filter(|_| beats_already).map(|seconds| timer(run, frame, seconds));
    let calling = Calling { task: open, started: false, timeout, heartbeat };
    run.set_phase(frame, Phase::Calling(Box::new(calling)));
}

/// The task has begun.
pub(crate) fn started(run: &mut Run<'_>, frame: FrameId, worker_name: Option<String>) {
    let Some(calling) = change(run, frame) else { return };
    if calling.started {
        return;
    }
    calling.started = true;
    let open = calling.task.clone();
    record(run, frame, &open.resource, TaskStage::Started { worker_name });
    if open.resource.family() == ResourceFamily::Activity {
        reset_heartbeat(run, frame);
    }
}

/// The service has accepted the request, and the task goes on.
pub(crate) fn submitted(run: &mut Run<'_>, frame: FrameId, output: Value) {
    let Some(calling) = calling(run, frame) else { return };
    let resource = calling.task.resource.clone();
    let goes_on =
        resource.family() == ResourceFamily::Integration && resource.pattern() != Pattern::RequestResponse;
    // A second answer: the request was sent again after a crash.
    if !goes_on || calling.task.submitted.is_some() {
        return;
    }
    started(run, frame, None);
    let output = Payload::new(output);
    if output.exceeds_limit() {
        let failure = too_large(&origin(&resource));
        return end(run, frame, TaskStage::Failed(failure.clone()), failure, true);
    }
    record(run, frame, &resource, TaskStage::Submitted { output: output.clone() });
    if let Some(calling) = change(run, frame) {
        calling.task.submitted = Some(output);
    }
}

/// The task has ended well.
pub(crate) fn succeeded(run: &mut Run<'_>, frame: FrameId, output: Value) {
    started(run, frame, None);
    let Some(resource) = calling(run, frame).map(|calling| calling.task.resource.clone()) else { return };
    let output = Payload::new(output);
    if output.exceeds_limit() {
        let failure = too_large(&origin(&resource));
        return end(run, frame, TaskStage::Failed(failure.clone()), failure, false);
    }
    record(run, frame, &resource, TaskStage::Succeeded { output: output.clone() });
    close(run, frame);
    let Some(state) = run.state(frame) else { return };
    let outcome = run.left(frame, state, output, state.transition);
    run.conclude(frame, outcome);
}

/// The task has failed.
pub(crate) fn failed(run: &mut Run<'_>, frame: FrameId, failure: TaskFailure) {
    let TaskFailure { failure, phase } = failure;
    let stage = match phase {
        FailurePhase::Schedule => TaskStage::ScheduleFailed(failure.clone()),
        FailurePhase::Start => TaskStage::StartFailed(failure.clone()),
        FailurePhase::Submit => TaskStage::SubmitFailed(failure.clone()),
        FailurePhase::Run => TaskStage::Failed(failure.clone()),
    };
    if matches!(phase, FailurePhase::Submit | FailurePhase::Run) {
        started(run, frame, None);
    }
    end(run, frame, stage, failure, false);
}

/// One of the task's timers has fired.
pub(crate) fn timed_out(run: &mut Run<'_>, frame: FrameId, timer: TimerId) {
    let Some(calling) = change(run, frame) else { return };
    let error =
        if calling.heartbeat == Some(timer) { ErrorName::HeartbeatTimeout } else { ErrorName::Timeout };
    // An activity that no worker took never began.
    if calling.task.resource.family() != ResourceFamily::Activity {
        started(run, frame, None);
    }
    let failure = Failure { error: Some(error), cause: None };
    end(run, frame, TaskStage::TimedOut(failure.clone().shown()), failure, true);
}

/// The worker is alive.
pub(crate) fn heartbeat(run: &mut Run<'_>, frame: FrameId) {
    reset_heartbeat(run, frame);
}

fn reset_heartbeat(run: &mut Run<'_>, frame: FrameId) {
    let Some(calling) = calling(run, frame) else { return };
    let (Some(seconds), previous) = (calling.task.heartbeat_seconds, calling.heartbeat) else { return };
    if let Some(previous) = previous {
        run.clear_timer(previous);
    }
    let next = timer(run, frame, seconds);
    if let Some(calling) = change(run, frame) {
        calling.heartbeat = Some(next);
    }
}

/// The attempt is over, and has failed. What may still run is cancelled.
fn end(run: &mut Run<'_>, frame: FrameId, stage: TaskStage, failure: Failure, cancel: bool) {
    let Some(open) = calling(run, frame).map(|calling| calling.task.clone()) else { return };
    record(run, frame, &open.resource, stage);
    close(run, frame);
    if cancel {
        run.effects.push(open.cancellation());
    }
    run.fail(frame, failure);
}

/// The attempt is over: nothing waits for it any more.
fn close(run: &mut Run<'_>, frame: FrameId) {
    let Some(visit) = run.visit(frame) else { return };
    let timers: Vec<TimerId> = visit.timers().collect();
    let task = visit.calling().map(|calling| calling.task.task);
    timers.into_iter().for_each(|timer| run.clear_timer(timer));
    if let Some(task) = task {
        run.execution.frames.take_task(task);
    }
    run.set_phase(frame, Phase::Running);
}

fn timer(run: &mut Run<'_>, frame: FrameId, seconds: u64) -> TimerId {
    run.set_timer(frame, run.now + Duration::from_secs(seconds))
}

fn calling<'r>(run: &'r Run<'_>, frame: FrameId) -> Option<&'r Calling> {
    run.visit(frame)?.calling()
}

fn change<'r>(run: &'r mut Run<'_>, frame: FrameId) -> Option<&'r mut Calling> {
    match &mut run.execution.frames.change(frame).and_then(Frame::visit_mut)?.phase {
        Phase::Calling(calling) => Some(calling),
        _ => None,
    }
}

fn record(run: &mut Run<'_>, frame: FrameId, resource: &Resource, stage: TaskStage) {
    let details = EventDetails::Task { resource: resource.clone(), stage: Box::new(stage) };
    run.record_on(frame, details);
}

/// What gave a result, as the text about its size names it.
fn origin(resource: &Resource) -> String {
    match resource.family() {
        ResourceFamily::Integration => resource.history_resource_type(),
        ResourceFamily::Lambda | ResourceFamily::Activity => resource.arn().to_owned(),
    }
}

impl TaskState {
    /// The attempt, without its token.
    fn open(&self, task: TaskId, state: &State, raw: &Payload, scope: &Scope<'_>) -> Result<OpenTask, Fault> {
        let input = state.flow.input(raw, scope)?;
        let scope = scope.with_input(input.value());
        let timeout_seconds = self.timeout.resolve("TimeoutSecondsPath", &scope)?;
        let heartbeat_seconds = self.heartbeat.resolve("HeartbeatSecondsPath", &scope)?;
        check_heartbeat(heartbeat_seconds, timeout_seconds)?;
        let mut parameters = state.flow.parameters(&input, &scope)?;
        if self.resource.completes_parameters() {
            let mut value = parameters.value().clone();
            self.resource.complete(&mut value);
            parameters = Payload::new(value);
        }
        Ok(OpenTask {
            task,
            state: Arc::clone(&state.name),
            resource: self.resource.clone(),
            parameters,
            submitted: None,
            token: None,
            credentials: self.role(&scope)?,
            timeout_seconds,
            heartbeat_seconds,
        })
    }

    fn role(&self, scope: &Scope<'_>) -> Result<Option<String>, Fault> {
        let Some(credentials) = &self.credentials else { return Ok(None) };
        match credentials.evaluate(scope)?.value().get("RoleArn") {
            Some(Value::String(role)) => Ok(Some(role.clone())),
            other => {
                let shown = other.map(ToString::to_string).unwrap_or_default();
                let cause =
                    format!("The field 'RoleArn' of 'Credentials' must be a string, but was: {shown}");
                Err(Failure::new(ErrorName::Runtime, cause).into())
            }
        }
    }
}

/// Refuses heartbeats that are not more frequent than the timeout, which definitions with literal numbers cannot have.
fn check_heartbeat(heartbeat: Option<u64>, timeout: Option<u64>) -> Result<(), Failure> {
    match (heartbeat, timeout) {
        (Some(heartbeat), Some(timeout)) if heartbeat >= timeout => {
            let cause = format!(
                "The value of 'HeartbeatSeconds', {heartbeat}, must be smaller than that of 'TimeoutSeconds', {timeout}."
            );
            Err(Failure::new(ErrorName::Runtime, cause))
        }
        _ => Ok(()),
    }
}

impl Seconds {
    fn resolve(&self, field: &str, scope: &Scope<'_>) -> Result<Option<u64>, Fault> {
        match self {
            Self::Absent => Ok(None),
            Self::Literal(seconds) => Ok(Some(*seconds)),
            Self::Path(path) => {
                let value = path.resolve(scope)?;
                let seconds = value.as_u64().or_else(|| value.as_str()?.parse().ok());
                let wrong = match seconds {
                    Some(seconds @ 1..=SECONDS_MAX) => return Ok(Some(seconds)),
                    Some(seconds) if seconds > SECONDS_MAX => format!("an integer up to {SECONDS_MAX}"),
                    Some(_) | None => "a positive integer".to_owned(),
                };
                let cause =
                    format!("The {field} parameter does not reference {wrong}: {} == {value}", path.text());
                Err(Failure::new(ErrorName::Runtime, cause).into())
            }
            Self::Query(script) => {
                let value = script.evaluate(Produced::Nothing, scope)?;
                let seconds = value.as_u64().filter(|seconds| (1..=SECONDS_MAX).contains(seconds));
                seconds.map(Some).ok_or_else(|| match &value {
                    Value::Number(_) => {
                        let field = script.field();
                        let cause = format!(
                            "The {field} field must be an integer from 1 to {SECONDS_MAX}, but was: {value}"
                        );
                        value_fault(cause, field)
                    }
                    _ => script.unexpected("number", &value),
                })
            }
        }
    }
}
