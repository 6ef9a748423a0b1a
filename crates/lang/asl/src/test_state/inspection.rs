//! What the data was after each stage of a state.
//!
//! A stage that can be told apart from the state's own evaluation is evaluated once more, at the same time and with the
//! same random numbers, and gives the same.

use serde_json::{Map, Value};

use super::StateTest;
use crate::data_flow::Flow;
use crate::definition::{Body, State};
use crate::payload::Payload;
use crate::run::ContextParts;

/// What the data was at each stage; a stage that the state does not have, or did not reach, is absent.
///
/// Source: shape `InspectionData`.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "AWS's own names")]
pub struct Inspection {
    pub input: Option<Payload>,
    pub after_arguments: Option<Payload>,
    pub after_input_path: Option<Payload>,
    pub after_parameters: Option<Payload>,
    pub result: Option<Payload>,
    pub after_result_selector: Option<Payload>,
    pub after_result_path: Option<Payload>,
    pub variables: Option<Payload>,
    pub error_details: Option<ErrorDetails>,
    pub after_items_path: Option<Payload>,
    pub after_item_selector: Option<Payload>,
    pub after_item_batcher: Option<Payload>,
    pub after_items_pointer: Option<Payload>,
    pub tolerated_failure_count: Option<u64>,
    pub tolerated_failure_percentage: Option<f64>,
    pub max_concurrency: Option<u64>,
}

/// What a failure met.
///
/// Source: shape `InspectionErrorDetails`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErrorDetails {
    /// Place of the catcher that caught it.
    pub catch_index: Option<usize>,
    /// Place of the retrier that names it.
    pub retry_index: Option<usize>,
    /// Seconds until the retry.
    pub retry_backoff_interval_seconds: Option<u64>,
}

impl StateTest {
    /// The stages before the state does its work.
    pub(super) fn inspect_input(&mut self, state: &State, token: Option<&str>) {
        let raw = self.raw();
        self.inspection.input = Some(raw.clone());
        // A result of its own makes a Pass state forget its input.
        if matches!(&state.body, Body::Pass(pass) if pass.result.is_some()) {
            return;
        }
        let parts = ContextParts { token, item: None };
        let input = self.evaluate(&raw, parts, |scope| state.flow.input(&raw, scope)).ok();
        let parameters = match (&input, &state.body) {
            (Some(input), Body::Pass(_) | Body::Task(_) | Body::Parallel(_)) => {
                self.evaluate(&raw, parts, |scope| state.flow.parameters(input, scope)).ok()
            }
            _ => None,
        };
        match (&state.flow, &state.body) {
            (Flow::JsonPath(_), _) => {
                self.inspection.after_input_path = input;
                self.inspection.after_parameters = parameters;
            }
            (Flow::Jsonata(_), Body::Task(_) | Body::Parallel(_)) => {
                self.inspection.after_arguments = parameters;
            }
            (Flow::Jsonata(_), _) => {}
        }
    }

    /// The stages after the state has done its work.
    pub(super) fn inspect_result(&mut self, state: &State, result: &Payload) {
        let is_told = match &state.body {
            Body::Task(_) => true,
            Body::Pass(pass) => pass.result.is_some(),
            _ => false,
        };
        if is_told {
            self.inspection.result = Some(result.clone());
        }
        let (Flow::JsonPath(flow), Body::Pass(_) | Body::Task(_) | Body::Parallel(_) | Body::Map(_)) =
            (&state.flow, &state.body)
        else {
            return;
        };
        let raw = self.raw();
        let before = self.execution.head.random;
        let selected = self
            .evaluate(&raw, ContextParts::default(), |scope| Ok(flow.select(result.clone(), scope)?))
            .ok();
        self.execution.head.random = before;
        let placed = selected.clone().and_then(|selected| flow.result_path.place(&raw, selected).ok());
        self.inspection.after_result_selector = selected;
        self.inspection.after_result_path = placed;
    }

    /// The variables as the state leaves them.
    pub(super) fn inspect_variables(&mut self) {
        let Some(frame) = self.execution.frames.get(self.frame) else { return };
        let variables: Map<String, Value> = frame
            .variables
            .iter()
            .map(|(name, value)| (name.as_ref().to_owned(), value.value().clone()))
            .collect();
        if !variables.is_empty() {
            self.inspection.variables = Some(Payload::new(Value::Object(variables)));
        }
    }
}
