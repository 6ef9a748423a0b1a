//! Performs the state under test, and tells what became of it.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use types::Timestamp;

use super::definition::STATE_NAME;
use super::inspection::{ErrorDetails, Inspection};
use super::{Mock, Place, Progress, Refusal, Report, Setup, StateTest, TestStatus, TestedState, checks};
use crate::catch::catcher;
use crate::data_flow::Given;
use crate::definition::{Body, MachineKind, State, StateId, Transition};
use crate::error_name::Failure;
use crate::execution::{Execution, ExecutionSpec};
use crate::expression::Scope;
use crate::frame::{Activity, Frame, Phase};
use crate::payload::Payload;
use crate::retry::retrier;
use crate::run::{ContextParts, Fault, Outcome, Run};

impl StateTest {
    /// Performs the state: to its end, or to the service that a Task state without a mock calls.
    ///
    /// # Errors
    /// Why the state cannot be tested so.
    pub fn begin(tested: TestedState, mut setup: Setup, now: Timestamp) -> Result<Progress, Refusal> {
        checks::check(&tested, &setup)?;
        let mock = setup.mock.take();
        let mut test = Self::enter(tested, setup, now);
        let machine = Arc::clone(&test.tested.machine);
        let state = machine.state(test.tested.id).ok_or(Refusal::StateNotFound)?;
        let outcome = match &state.body {
            Body::Map(map) => test.iterate(state, map)?.map(|()| Outcome::Blocked),
            _ => test.run(|run, frame| run.outcome(frame, state)),
        };
        test.inspect_entry(state);
        let over = match (outcome, mock) {
            (Err(fault), _) => test.failed(state, fault),
            (Ok(Outcome::Left { given, transition }), _) => {
                if let Some(result) = own_result(state, &test) {
                    test.inspect_result(state, &result);
                }
                test.left(state, given, transition)
            }
            (Ok(Outcome::Blocked), Some(mock)) => test.conclude(mock),
            (Ok(Outcome::Blocked), None) => match test.waited_with() {
                Some(input) => test.gave(state, input),
                None => return Ok(Progress::Calls(Box::new(test))),
            },
        };
        Ok(Progress::Over(Box::new(over)))
    }

    /// What the state called has ended.
    pub fn conclude(mut self, answer: Mock) -> Report {
        let machine = Arc::clone(&self.tested.machine);
        let Some(state) = machine.state(self.tested.id) else {
            return self.report(TestStatus::Failed, None, None, None);
        };
        match answer {
            Mock::Error(failure) => self.failed(state, Fault::Passed(failure)),
            Mock::Result(result) => {
                self.inspect_result(state, &result);
                self.gave(state, result)
            }
        }
    }

    fn enter(tested: TestedState, setup: Setup, now: Timestamp) -> Self {
        let spec = spec(&setup.place, &setup.input, now);
        let made_up = || context(&setup, &tested, &spec);
        let context = setup.context.clone().unwrap_or_else(made_up);
        let mut execution = Execution::new(Arc::clone(&tested.machine), spec);
        execution.given_context = Some(context);
        let variables = setup.variables.into_iter().map(|(name, value)| (name.into(), Payload::new(value)));
        let (machine, id) = (Arc::clone(&tested.machine), tested.id);
        let mut effects = Vec::new();
        let mut run = Run::new(&machine, &mut execution, now, &mut effects);
        let frame = run.add_frame(Frame {
            parent: None,
            variables: Arc::new(variables.collect()),
            last_event: 0,
            activity: Activity::Ready { state: id, input: setup.input.clone() },
        });
        run.begin_visit(frame, id, setup.input, [0, 0]);
        let random = execution.head.random;
        let configuration = setup.configuration;
        Self { tested, execution, frame, now, configuration, inspection: Inspection::default(), random }
    }

    /// The first stages, evaluated with the random numbers that the state itself has had.
    fn inspect_entry(&mut self, state: &State) {
        let after = std::mem::replace(&mut self.execution.head.random, self.random);
        let token = self.task().and_then(|task| task.token.clone());
        self.inspect_input(state, token.as_deref());
        self.execution.head.random = after;
    }

    /// The input of a Wait state whose time has not come. A test does not wait for it.
    fn waited_with(&self) -> Option<Payload> {
        match &self.execution.frames.get(self.frame)?.visit()?.phase {
            Phase::Waiting { input, .. } => Some(input.clone()),
            _ => None,
        }
    }

    /// The state's work gave a result.
    fn gave(mut self, state: &State, result: Payload) -> Report {
        match self.run(|run, frame| run.left(frame, state, result, state.transition)) {
            Ok(Outcome::Left { given, transition }) => self.left(state, given, transition),
            Ok(Outcome::Blocked) => self.report(TestStatus::Failed, None, None, None),
            Err(fault) => self.failed(state, fault),
        }
    }

    fn left(mut self, state: &State, given: Given, transition: Transition) -> Report {
        match self.run(|run, frame| run.settle(frame, state, given)) {
            Err(fault) => self.failed(state, fault),
            Ok((output, _)) => {
                let next = match transition {
                    Transition::Next(next) => Some(next),
                    Transition::End => None,
                };
                self.report(TestStatus::Succeeded, Some(output), None, next)
            }
        }
    }

    /// The state failed: it would be tried again, or the failure is caught, or the execution would fail.
    fn failed(mut self, state: &State, fault: Fault) -> Report {
        let failure = failure_of(fault);
        let mut details = ErrorDetails::default();
        if let Some((index, retrier)) = retrier(&state.retry, &failure) {
            details.retry_index = Some(index);
            let earlier = self.configuration.retrier_retry_count.unwrap_or(0);
            let random = &mut self.execution.head.random;
            if let Some(delay) = retrier.delay_after(earlier, random) {
                details.retry_backoff_interval_seconds = Some(delay.as_secs());
                self.inspection.error_details = Some(details);
                return self.report(TestStatus::Retriable, None, Some(failure), None);
            }
        }
        let caught = catcher(&state.catch, &failure);
        details.catch_index = caught.map(|(index, _)| index);
        self.inspection.error_details = Some(details).filter(|details| *details != ErrorDetails::default());
        let Some((_, catcher)) = caught else {
            return self.report(TestStatus::Failed, None, Some(failure), None);
        };
        match self.run(|run, frame| run.caught(frame, state, catcher, &failure)) {
            Ok((output, _)) => {
                self.report(TestStatus::CaughtError, Some(output), Some(failure), Some(catcher.next))
            }
            Err(fault) => self.report(TestStatus::Failed, None, Some(failure_of(fault)), None),
        }
    }

    fn report(
        mut self,
        status: TestStatus,
        output: Option<Payload>,
        failure: Option<Failure>,
        next: Option<StateId>,
    ) -> Report {
        self.inspect_variables();
        let next_state = next.and_then(|next| Some(Arc::clone(&self.tested.machine.state(next)?.name)));
        let failure = failure.map(Failure::shown);
        Report { status, output, failure, next_state, inspection: self.inspection }
    }

    fn run<T>(&mut self, act: impl FnOnce(&mut Run<'_>, crate::ids::FrameId) -> T) -> T {
        let (machine, mut effects) = (Arc::clone(&self.tested.machine), Vec::new());
        act(&mut Run::new(&machine, &mut self.execution, self.now, &mut effects), self.frame)
    }

    pub(super) fn raw(&mut self) -> Payload {
        self.run(|run, frame| run.raw_input(frame))
    }

    pub(super) fn evaluate<T>(
        &mut self,
        input: &Payload,
        parts: ContextParts<'_>,
        evaluate: impl FnOnce(&Scope<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.run(|run, frame| run.evaluate(frame, input, parts, evaluate))
    }
}

/// The result of a Pass state.
fn own_result(state: &State, test: &StateTest) -> Option<Payload> {
    match &state.body {
        Body::Pass(pass) => pass.result.clone().or_else(|| test.inspection.after_parameters.clone()),
        _ => None,
    }
}

/// The failure in its own words: a test has no event that an execution's history would name.
fn failure_of(fault: Fault) -> Failure {
    match fault {
        Fault::Passed(failure) | Fault::Evaluation(failure) | Fault::Query { failure, .. } => failure,
    }
}

fn spec(place: &Place, input: &Payload, now: Timestamp) -> ExecutionSpec {
    let Place { partition, region, account, role_arn, names: [machine, execution], seed } = place;
    ExecutionSpec {
        arn: format!("arn:{partition}:states:{region}:{account}:express:{machine}:{execution}"),
        name: execution.clone(),
        state_machine_arn: format!("arn:{partition}:states:{region}:{account}:stateMachine:{machine}"),
        state_machine_version_arn: None,
        state_machine_alias_arn: None,
        state_machine_name: machine.clone(),
        role_arn: role_arn.as_deref().unwrap_or_default().into(),
        region: region.as_str().into(),
        account: account.clone(),
        input: Arc::clone(input.text()),
        start_time: now,
        seed: *seed,
        kind: MachineKind::Express,
        redrive_count: 0,
        redrive_time: None,
        map_run: None,
    }
}

/// The context object of a test that gives none. The state is not named as the definition names it.
fn context(setup: &Setup, tested: &TestedState, spec: &ExecutionSpec) -> Map<String, Value> {
    let now = spec.start_time.to_iso_millis();
    let mut state = json!({"Name": STATE_NAME, "EnteredTime": now});
    if tested.state().is_some_and(|state| state.kind().is_retryable()) {
        state["RetryCount"] = setup.configuration.retrier_retry_count.unwrap_or(0).into();
    }
    let mut context = Map::new();
    context.insert(
        "Execution".to_owned(),
        json!({
            "Id": spec.arn,
            "Input": setup.input.value(),
            "Name": spec.name,
            "RoleArn": setup.place.role_arn,
            "StartTime": now,
        }),
    );
    let machine = json!({"Id": spec.state_machine_arn, "Name": spec.state_machine_name});
    context.insert("StateMachine".to_owned(), machine);
    context.insert("State".to_owned(), state);
    context
}
